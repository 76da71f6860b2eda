"""Random steps of a Pipeline, which transform training images in every epoch.

Behind them, `CNNClassifier` draws afresh for each image and epoch. Steps of one's own
are subclasses of `BaseAugmentation` that return a stage: `Warp` moves pixels, `Recolor`
mixes channels, `Pixelwise` calls a function.
"""

from sklcnn._pixels import ImageFormat
from sklcnn.augmentation._base import BaseAugmentation
from sklcnn.augmentation._color import (
    RandomBrightness,
    RandomContrast,
    RandomGamma,
    RandomSaturation,
)
from sklcnn.augmentation._geometric import (
    RandomPerspective,
    RandomResizedCrop,
    RandomRotation,
    RandomScale,
    RandomShear,
    RandomTranslation,
)
from sklcnn.augmentation._noise import RandomBlur, RandomErasing, RandomNoise
from sklcnn.augmentation._policies import RandAugment
from sklcnn.augmentation._stages import Pixelwise, Recolor, Stage, Warp
from sklcnn.augmentation._whole_pixels import RandomCrop, RandomFlip
from sklcnn.images._random import RowRandom

__all__ = [
    "BaseAugmentation",
    "ImageFormat",
    "Pixelwise",
    "RandAugment",
    "RandomBlur",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomGamma",
    "RandomNoise",
    "RandomPerspective",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomSaturation",
    "RandomScale",
    "RandomShear",
    "RandomTranslation",
    "Recolor",
    "RowRandom",
    "Stage",
    "Warp",
]

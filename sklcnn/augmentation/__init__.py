"""Random transforms: steps of a Pipeline that redraw training images in every epoch."""

from sklcnn.augmentation._color import (
    RandomBrightness,
    RandomContrast,
    RandomGamma,
    RandomSaturation,
)
from sklcnn.augmentation._geometric import (
    RandomPerspective,
    RandomRotation,
    RandomScale,
    RandomShear,
    RandomTranslation,
)
from sklcnn.augmentation._noise import RandomBlur, RandomErasing, RandomNoise
from sklcnn.augmentation._whole_pixels import RandomCrop, RandomFlip

__all__ = [
    "RandomBlur",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomGamma",
    "RandomNoise",
    "RandomPerspective",
    "RandomRotation",
    "RandomSaturation",
    "RandomScale",
    "RandomShear",
    "RandomTranslation",
]

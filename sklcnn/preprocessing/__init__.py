"""Deterministic steps, which do the same in `fit` and `predict`."""

from sklcnn.preprocessing._color import EqualizeHistogram, Grayscale
from sklcnn.preprocessing._denoise import Denoise
from sklcnn.preprocessing._features import HOG, Flatten
from sklcnn.preprocessing._function import ImageFunction
from sklcnn.preprocessing._geometric import CenterCrop, Flip, Rotate
from sklcnn.preprocessing._read import ReadImages
from sklcnn.preprocessing._resize import Resize, ResizeByFactor

__all__ = [
    "HOG",
    "CenterCrop",
    "Denoise",
    "EqualizeHistogram",
    "Flatten",
    "Flip",
    "Grayscale",
    "ImageFunction",
    "ReadImages",
    "Resize",
    "ResizeByFactor",
    "Rotate",
]

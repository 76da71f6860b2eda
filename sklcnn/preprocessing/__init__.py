"""Steps that change images without chance, the same in `fit` and `predict`."""

from sklcnn.preprocessing._geometric import CenterCrop, Flip, Rotate
from sklcnn.preprocessing._resize import Rescale, Resize

__all__ = [
    "CenterCrop",
    "Flip",
    "Rescale",
    "Resize",
    "Rotate",
]

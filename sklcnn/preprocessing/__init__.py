"""Steps that change images without chance, the same in `fit` and `predict`."""

from sklcnn.preprocessing._resize import Rescale, Resize

__all__ = [
    "Rescale",
    "Resize",
]

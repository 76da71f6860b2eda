"""Steps that change images alike in training and in prediction."""

from sklcnn.preprocessing._read import ReadImages

__all__ = ["ReadImages"]

"""Convolutional networks as scikit-learn estimators."""

from sklcnn._classifier import CNNClassifier

__version__ = "0.1.0"

__all__ = ["CNNClassifier", "__version__"]

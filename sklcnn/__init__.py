"""Convolutional networks as scikit-learn estimators."""

from sklcnn._classifier import CNNClassifier
from sklcnn._features import CNNFeatures
from sklcnn.network import available_networks

__version__ = "0.1.0"

__all__ = ["CNNClassifier", "CNNFeatures", "__version__", "available_networks"]

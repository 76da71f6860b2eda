"""Convolutional networks as scikit-learn estimators."""

from sklcnn._classifier import CNNClassifier
from sklcnn._features import CNNFeatures
from sklcnn._test_time import TestTimeAugmentation
from sklcnn._versions import show_versions
from sklcnn.network import available_networks

__version__ = "0.1.0"

__all__ = [
    "CNNClassifier",
    "CNNFeatures",
    "TestTimeAugmentation",
    "__version__",
    "available_networks",
    "show_versions",
]

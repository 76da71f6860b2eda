"""Files of fitted estimators that hold no code, and checkpoints of trainings."""

from sklcnn.checkpoints import clear_checkpoints
from sklcnn.persistence._description import describe
from sklcnn.persistence._files import dump, load
from sklcnn.persistence._onnx import to_onnx
from sklcnn.persistence._predictor import Predictor, load_predictor
from sklcnn.persistence._trusted import trusted_types

__all__ = [
    "Predictor",
    "clear_checkpoints",
    "describe",
    "dump",
    "load",
    "load_predictor",
    "to_onnx",
    "trusted_types",
]

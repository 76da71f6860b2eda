"""Files of fitted estimators that hold no code, and checkpoints of trainings."""

from sklcnn.checkpoints import clear_checkpoints
from sklcnn.persistence._files import dump, load

__all__ = ["clear_checkpoints", "dump", "load"]

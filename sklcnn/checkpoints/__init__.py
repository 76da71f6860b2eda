"""Checkpoints of trainings, addressed by content."""

from sklcnn.checkpoints._folder import clear_checkpoints
from sklcnn.checkpoints._lookup import find_checkpoints, resume, save_first, saver

__all__ = ["clear_checkpoints", "find_checkpoints", "resume", "save_first", "saver"]

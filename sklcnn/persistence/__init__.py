"""Files of fitted estimators that hold no code."""

from sklcnn.persistence._files import dump, load

__all__ = ["dump", "load"]

"""Searches and trainings over many processes and machines."""

from sklcnn.parallel._dask import register_dask
from sklcnn.parallel._sharing import ShareBatches

__all__ = ["ShareBatches", "register_dask"]

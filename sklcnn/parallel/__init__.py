"""Searches over many processes and machines."""

from sklcnn.parallel._dask import register_dask

__all__ = ["register_dask"]

"""Images to begin with, and tables that list images."""

from sklcnn.datasets._drawings import make_image_folder
from sklcnn.datasets._table import load_image_table

__all__ = ["load_image_table", "make_image_folder"]

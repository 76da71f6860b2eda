"""Images: where they come from and what may happen to them."""

from sklcnn.images._augmented import AugmentedImages
from sklcnn.images._files import ImageFiles
from sklcnn.images._folder import load_image_folder
from sklcnn.images._report import find_bad_images, group_duplicates

__all__ = [
    "AugmentedImages",
    "ImageFiles",
    "find_bad_images",
    "group_duplicates",
    "load_image_folder",
]

"""Images: where they come from and what may happen to them."""

from sklcnn.images._augmented import AugmentedImages

__all__ = ["AugmentedImages"]

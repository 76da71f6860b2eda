"""Warping by scikit-image, which that of tensors is compared with."""

import numpy as np
from skimage.transform import warp

from sklcnn.images._matrices import translation


def about_center(matrices, height, width):
    """Move the origin from the center of the image to its first pixel."""
    x, y = np.array([(width - 1) / 2]), np.array([(height - 1) / 2])
    return translation(-x, -y) @ matrices @ translation(x, y)


def warp_array(images, matrices, **settings):
    """Warp images one after another, by matrices whose origin is the center."""
    matrices = about_center(matrices, *images.shape[1:3])
    pairs = zip(images, matrices, strict=True)
    return np.stack(
        [warp(image, matrix, clip=False, **settings) for image, matrix in pairs]
    )

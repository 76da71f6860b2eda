"""The border of images: its color, and padding beyond it."""

from numbers import Real

import numpy as np

from sklcnn._pixels import check_fill_value


def border_colors(images):
    """Find the median color of the pixels at the border of each image.

    Parameters
    ----------
    images : ndarray of shape (n, height, width[, n_channels])
        Images of any numeric dtype.

    Returns
    -------
    colors : ndarray of shape (n, 1, 1[, n_channels])
        The lower median of each channel, which is the value of some pixel. The same
        that random steps compute on tensors.
    """
    sides = images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]
    border = np.concatenate(sides, axis=1)
    middle = (border.shape[1] - 1) // 2
    return np.partition(border, middle, axis=1)[:, middle, np.newaxis, np.newaxis]


def pad_center(images, height, width, value):
    """Put images into the middle of larger ones.

    Parameters
    ----------
    images : ndarray of shape (n, rows, columns[, n_channels])
        Images of any numeric dtype.
    height, width : int
        The new size, at least the old one.
    value : float or "border"
        Pixel value beside the images, or the median color of each image's border.

    Returns
    -------
    padded : ndarray of shape (n, height, width[, n_channels])
        The very same array where the size is the same.
    """
    n, rows, columns = images.shape[:3]
    if (rows, columns) == (height, width):
        return images
    padded = np.empty((n, height, width, *images.shape[3:]), dtype=images.dtype)
    padded[...] = border_colors(images) if value == "border" else value
    top, left = (height - rows) // 2, (width - columns) // 2
    padded[:, top : top + rows, left : left + columns] = images
    return padded


def check_pad_value(pad_value, dtype, *, name):
    """Check a pixel value to pad with, which images of a dtype have to hold."""
    if isinstance(pad_value, str) and pad_value == "border":
        return pad_value
    is_number = isinstance(pad_value, Real) and not isinstance(pad_value, bool)
    if not is_number or not np.isfinite(pad_value):
        raise ValueError(
            f'{name} expects pad_value to be a number or "border". Got {pad_value!r} '
            "instead."
        )
    check_fill_value(pad_value, dtype, name=name, parameter="pad_value")
    return pad_value

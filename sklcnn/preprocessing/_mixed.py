"""Lists of images of several sizes."""

import os
from numbers import Number

import numpy as np

from sklcnn._arrays import image_as_array


def images_of_mixed_sizes(X, name):
    """Find out whether `X` is a list of images of several sizes.

    Parameters
    ----------
    X : object
        Whatever a step was given.
    name : str
        Name of the step, for messages.

    Returns
    -------
    images : list of ndarray of shape (height, width[, n_channels]), or None
        None for everything else: arrays, lists of images of one size, no images at all.

    Raises
    ------
    ValueError
        If the images have different numbers of channels or different dtypes, of which
        one size is no exception.
    """
    if isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1:
        X = list(X)
    if not isinstance(X, (list, tuple)) or not all(map(_may_be_image, X)):
        return None
    try:
        images = [image_as_array(image, name) for image in X]
    except ValueError:
        return None
    if any(image.ndim not in (2, 3) for image in images):
        return None
    of_one_size = len({image.shape for image in images}) < 2
    # the dtype of nested lists of numbers is no choice of the user's
    if not (of_one_size and any(isinstance(image, (list, tuple)) for image in X)):
        _check_alike(images, name)
    if of_one_size:
        return None
    if len({image.ndim for image in images}) > 1:
        images = [np.atleast_3d(image) for image in images]
    return images


def _may_be_image(image):
    return image is not None and not isinstance(
        image, (str, bytes, os.PathLike, Number)
    )


def _check_alike(images, name):
    """Check that images differ in their sizes only."""
    channels = sorted({np.atleast_3d(image).shape[2] for image in images})
    if len(channels) > 1:
        raise ValueError(
            f"{name} expects images with one number of channels. Found images with "
            f"{', '.join(map(str, channels))} channels in X. Convert them first, for "
            "example with `skimage.color.gray2rgb` or `skimage.color.rgb2gray`."
        )
    dtypes = sorted({image.dtype.name for image in images})
    if len(dtypes) > 1:
        raise ValueError(
            f"{name} expects images of one dtype. Found {', '.join(dtypes)} in X, "
            "whose pixels may have different ranges. Convert them first, for example "
            "with `skimage.util.img_as_ubyte`."
        )

"""Range, mean and standard deviation of pixels."""

import math

import numpy as np

from sklcnn._pixels import pixel_scale
from sklcnn._rows import evenly_spaced
from sklcnn._warnings import warn_user
from sklcnn.network._batches import read_ahead

PIXELS_READ = 2**20
"""Number of pixels that are converted to floats at a time."""

LAZY_ROWS_READ = 4096
"""Number of lazy images whose statistics stand for those of all."""


def pixel_extremes(pixels):
    """Find the least and the greatest pixel of an array, after `pixel_scale`."""
    scale = pixel_scale(pixels.dtype)
    return float(pixels.min()) * scale, float(pixels.max()) * scale


def channel_statistics(images, weights, image_shape):
    """Compute range, mean and standard deviation of the pixels, block by block.

    Lazy images are expensive to read: 4,096 of them, evenly spaced, stand for all.

    Parameters
    ----------
    images : array or lazy images of shape (n_samples, ...)
        The images.
    weights : ndarray of shape (n_samples,)
        How much they count; those of weight 0 are not read.
    image_shape : tuple of three ints
        Height, width and number of channels.

    Returns
    -------
    pixel_range : tuple of two floats
        Smallest and largest pixel, after `pixel_scale`.
    mean, std : ndarray of shape (n_channels,)
        After `pixel_scale`; `std` is 1 where a channel is constant.

    Raises
    ------
    ValueError
        If the variance overflows float32.
    """
    rows = np.flatnonzero(weights)
    if not isinstance(images, np.ndarray):
        rows = evenly_spaced(rows, LAZY_ROWS_READ)
    low, high = np.inf, -np.inf
    total, shift = 0.0, None
    sums = squares = 0.0
    scale = pixel_scale(np.dtype(images.dtype))
    n_rows_read = max(1, PIXELS_READ // max(1, math.prod(image_shape)))
    blocks = np.array_split(rows, -(-len(rows) // n_rows_read))
    for block, pixels in zip(
        blocks, read_ahead(images, blocks, image_shape), strict=True
    ):
        pixels = pixels.reshape(len(block), -1, image_shape[2]).astype(np.float64)
        pixels *= scale
        # as a matrix product, which takes a tenth of the time of mean() for colors
        average = np.full(pixels.shape[1], 1 / pixels.shape[1])
        low, high = min(low, pixels.min()), max(high, pixels.max())
        if shift is None:
            shift = (average @ pixels).mean(0)
        pixels -= shift
        weight = weights[block]
        sums = sums + weight @ (average @ pixels)
        squares = squares + weight @ (average @ np.square(pixels, out=pixels))
        total += weight.sum()
    mean = sums / total
    variance = squares / total - mean**2
    if not np.all(variance < np.finfo(np.float32).max):
        raise ValueError(
            "The variance of X is infinity or a value too large for dtype('float32'): "
            f"its pixels range from {low:g} to {high:g}. Scale them to a smaller range."
        )
    std = np.sqrt(np.maximum(variance, 0))
    std[std <= 1e-8 * np.maximum(np.abs(mean + shift), 1e-30)] = 1.0
    return (float(low), float(high)), mean + shift, std


LEAST_RANGE = 0.25
"""Share of the range of pixels that weights expect which other pixels fill."""


def choose_statistics(measured, of_weights, standardize, *, name):
    """Choose the mean and the standard deviation by which pixels are standardized.

    Parameters
    ----------
    measured : tuple
        Range, mean and standard deviation of the training pixels.
    of_weights : tuple or None
        The same of the pixels that the network's first weights expect.
    standardize : {"auto", "weights", "images"}
        Parameter of the estimator.
    name : str
        Name of the estimator, for messages.

    Returns
    -------
    pixel_range, mean, std : tuple
        What to use.
    """
    if of_weights is None or standardize == "images":
        return measured
    (low, high), (least, most) = measured[0], of_weights[0]
    room = 0.25 * (most - least)  # other images of the same kind reach further
    is_within = least - room <= low and high <= most + room
    fits = is_within and high - least >= LEAST_RANGE * (most - least)
    if standardize == "auto" and not fits:
        warn_user(
            f"{name}: the weights expect pixels from {least:g} to {most:g}, and those "
            f"in training range from {low:g} to {high:g}. They are standardized by "
            "their own mean and standard deviation instead, as with "
            "standardize='images'. Scale X to that range (uint8 counts as 0 to 1) for "
            "what the weights were trained on."
        )
        return measured
    return (measured[0], *of_weights[1:])

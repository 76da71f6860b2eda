"""Feeding: one pass over the rows is one epoch, and a batch is made whole."""

import math

import numpy as np
import torch

from sklcnn._pixels import pixel_scale

PIXELS_READ = 2**20
"""How many pixels are made floats at a time where all training images are read."""


class Batch(tuple):
    """Images and targets, as skorch's callbacks unpack them, and the rows' weights."""

    def __new__(cls, images, targets, weights):
        """Make a pair of images and targets that also carries weights."""
        batch = super().__new__(cls, (images, targets))
        batch.weights = weights
        return batch


class Batches:
    """The rows of an array of images that one training or validation pass reads.

    Nothing is copied but the batch at hand: rows are picked by index, keep their dtype
    on the way to the device, and become floats in the network's first layer.

    Parameters
    ----------
    images : array or lazy images of shape (n_samples, ...)
        Where the rows are read from.
    targets : ndarray of shape (n_samples,)
        Class numbers.
    weights : ndarray of shape (n_samples,)
        Weights of the rows.
    rows : ndarray of shape (n_rows,)
        The rows that belong to this pass.
    image_shape : tuple of three ints
        Height, width and number of channels.
    batch_size : int
        Largest number of rows in a batch. The batches of an epoch differ by one row at
        most, so no small last batch disturbs normalization.
    device : str
        Where the batches go.
    dtype : torch.dtype
        The dtype of the weights in the loss.
    """

    def __init__(
        self, images, targets, weights, rows, *, image_shape, batch_size, device, dtype
    ):
        self.images = images
        self.image_shape = image_shape
        self.rows = rows
        self.batch_size = batch_size
        self.device = device
        self.targets = torch.as_tensor(targets, device=device)
        self.weights = torch.as_tensor(weights, dtype=dtype, device=device)
        self.order = rows

    def __len__(self):
        return -(-len(self.rows) // self.batch_size)

    def shuffle(self, seed, epoch):
        """Order the rows of the coming pass by a seed and the number of the epoch."""
        rng = np.random.default_rng((seed, epoch))
        self.order = rng.permutation(self.rows)

    def __iter__(self):
        for rows in np.array_split(self.order, len(self)):
            index = torch.as_tensor(rows, device=self.device)
            yield Batch(
                to_device(read(self.images, rows, self.image_shape), self.device),
                self.targets[index],
                self.weights[index],
            )


def read(images, rows, image_shape):
    """Read rows of images as an array of shape (n, height, width, n_channels)."""
    return np.asarray(images[rows]).reshape(-1, *image_shape)


def to_device(images, device):
    """Move an array of images to a device, in its own dtype where torch has that."""
    images = np.require(images, requirements=["C", "W"])
    if not images.dtype.isnative:
        images = images.astype(images.dtype.newbyteorder("="))
    if images.dtype.kind == "u" and images.itemsize > 2:
        images = images.astype(np.int64 if images.itemsize == 4 else np.float64)
    elif images.dtype.kind == "f" and images.itemsize > 8:
        images = images.astype(np.float64)
    tensor = torch.from_numpy(images)
    if device.startswith("cuda"):
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def padded_batches(images, size, *, image_shape, device):
    """Cut images into batches of one fixed size, the last padded with zeros.

    The same size always means the same kernels, so that what is computed for a row
    does not depend on which rows are beside it.

    Yields
    ------
    batch : tensor of shape (size, height, width, n_channels)
        The images, on the device.
    n_rows : int
        How many of them are not padding.
    """
    for start in range(0, len(images), size):
        batch = read(images, slice(start, start + size), image_shape)
        n_rows = len(batch)
        if n_rows < size:
            padding = np.zeros((size - n_rows, *batch.shape[1:]), batch.dtype)
            batch = np.concatenate([batch, padding])
        yield to_device(batch, device), n_rows


def channel_statistics(images, weights, image_shape):
    """Compute range, mean and standard deviation of the pixels, block by block.

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
    low, high = np.inf, -np.inf
    total, shift = 0.0, None
    sums = squares = 0.0
    scale = pixel_scale(np.dtype(images.dtype))
    n_rows_read = max(1, PIXELS_READ // max(1, math.prod(image_shape)))
    for block in np.array_split(rows, -(-len(rows) // n_rows_read)):
        pixels = read(images, block, image_shape).astype(np.float64)
        pixels *= scale
        low, high = min(low, pixels.min()), max(high, pixels.max())
        if shift is None:
            shift = pixels.mean((0, 1, 2))
        pixels -= shift
        weight = weights[block]
        sums = sums + weight @ pixels.mean((1, 2))
        squares = squares + weight @ np.square(pixels, out=pixels).mean((1, 2))
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

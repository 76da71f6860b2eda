"""Batches of images, read by index and moved to the device."""

import collections
import concurrent.futures
from dataclasses import dataclass

import numpy as np
import torch
from skorch.dataset import Dataset

from sklcnn._pixels import pixel_scale
from sklcnn._tensors import to_device
from sklcnn._validation import check_pixels_read
from sklcnn.images import AugmentedImages
from sklcnn.images._mapped import read_rows
from sklcnn.network._lock import COMPUTING
from sklcnn.network._mixing import mix

SHARE_OF_GPU_HELD = 0.4
"""Largest share of the free memory of a GPU that training images are kept in."""

READ_AHEAD = 2
"""Number of batches of lazy images that are read in advance."""


@dataclass
class TrainingData:
    """Images, targets and weights, and the rows of them that are used.

    Parameters
    ----------
    images : ndarray, lazy images or AugmentedImages of shape (n_samples, ...)
        The images.
    targets : ndarray of shape (n_samples,)
        Class numbers.
    weights : ndarray of shape (n_samples,)
        Weights of the images. Those of weight 0 are in no row.
    rows : ndarray of shape (n_rows,)
        Rows to train on.
    valid : TrainingData or None
        What to validate on, of whose images random transforms are left out.
    groups : ndarray of shape (n_samples,) or None
        Groups of images.
    """

    images: object
    targets: np.ndarray
    weights: np.ndarray
    rows: np.ndarray
    valid: object = None
    groups: object = None


class Batch(tuple):
    """Pair of images and targets, which skorch's callbacks unpack, with weights.

    Where images are mixed, `partners` are the targets and weights of the other images
    and `share` is the share of the first.
    """

    def __new__(cls, images, targets, weights, partners=None, share=1.0):
        """Make a pair that carries the rest as attributes."""
        batch = super().__new__(cls, (images, targets))
        batch.weights = weights
        batch.partners = partners
        batch.share = share
        return batch

    def split(self, n_parts):
        """Split the rows into micro-batches of nearly equal size."""
        if n_parts == 1:
            return [self]
        columns = [column.tensor_split(n_parts) for column in (*self, self.weights)]
        partners = [None] * n_parts
        if self.partners is not None:
            pairs = [column.tensor_split(n_parts) for column in self.partners]
            partners = zip(*pairs, strict=True)
        return [
            Batch(*part, self.share) for part in zip(*columns, partners, strict=True)
        ]


class Batches:
    """Rows of images, as the batches of one pass over them.

    Nothing is copied but the batch at hand: rows are picked by index, keep their dtype
    on the way to the device, and become floats there. Lazy images are read one batch
    ahead, in a thread.

    Parameters
    ----------
    images : array, lazy images or AugmentedImages of shape (n_samples, ...)
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
        The dtype of the weights in the loss, and of redrawn images.
    held : tensor of shape (n_samples, height, width, n_channels), default=None
        All images, where they are on the device already.
    """

    def __init__(
        self,
        images,
        targets,
        weights,
        rows,
        *,
        image_shape,
        batch_size,
        device,
        dtype,
        held=None,
    ):
        self.images = plain(images)
        self.held = held
        self.rows = rows
        self.image_shape = image_shape
        self.batch_size = batch_size
        self.device = device
        self.dtype = dtype
        self.targets = torch.as_tensor(targets, device=device)
        self.weights = torch.as_tensor(weights, dtype=dtype, device=device)
        self.order = rows
        self.groups = None

    def __len__(self):
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self):
        parts = np.array_split(self.order, len(self))
        # moved once an epoch: a batch is a piece of what is on the device already
        order = to_device(self.order, self.device)
        pieces = [
            column.split([len(rows) for rows in parts])
            for column in (order, self.targets[order], self.weights[order])
        ]
        for rows, images, targets, weights in zip(
            parts, self._images(parts, pieces[0]), *pieces[1:], strict=True
        ):
            yield self._batch(images, rows, targets, weights)

    def _images(self, parts, indices):
        """Give the images of the batches, on the device."""
        if self.held is not None:
            return (self.held[index] for index in indices)
        return (to_device(pixels, self.device) for pixels in self._read(parts))

    def first_images(self, n=16):
        """Read the first few images, as a tensor on the device."""
        pixels = read(self.images, self.rows[:n], self.image_shape)
        return to_device(pixels, self.device)

    def _read(self, parts):
        return read_ahead(self.images, parts, self.image_shape)

    def _batch(self, images, rows, targets, weights):
        return Batch(images, targets, weights)


class TrainingBatches(Batches):
    """Batches whose order and random transforms are drawn anew for each epoch.

    Parameters
    ----------
    images : array, lazy images or AugmentedImages of shape (n_samples, ...)
        Where the rows are read from.
    *arguments, **keywords : tuple, dict
        As in `Batches`.
    pixel_range : tuple of two floats
        Least and greatest pixel of the images, as the network sees them.
    mixup, cutmix : float
        As in `mix`.
    resized : tuple, default=None
        Size and interpolation by which the network will resize the images.
    """

    def __init__(
        self,
        images,
        *arguments,
        pixel_range,
        mixup=0.0,
        cutmix=0.0,
        resized=None,
        **keywords,
    ):
        super().__init__(images, *arguments, **keywords)
        self.augmented = images if isinstance(images, AugmentedImages) else None
        self.pixel_range = pixel_range
        self.mixing = {"mixup": mixup, "cutmix": cutmix}
        self.resized = resized

    def draw(self, seed, epoch):
        """Draw the order and the transforms of an epoch."""
        self.order = np.random.default_rng((seed, epoch)).permutation(self.rows)
        self.rng = np.random.default_rng((seed, epoch, 1))
        if self.augmented is not None:
            arguments = epoch, seed, self.pixel_range, self.resized
            self.draws = self.augmented.draws(*arguments)

    def _batch(self, images, rows, targets, weights):
        if self.augmented is not None:
            with COMPUTING.reading() as computing, computing:
                images = self.draws(self._as_floats(images), rows)
        if not any(self.mixing.values()):
            return Batch(images, targets, weights)
        images, partners, share = mix(self._as_floats(images), self.rng, **self.mixing)
        partners = targets[partners], weights[partners]
        return Batch(images, targets, weights, partners, share)

    def _as_floats(self, images):
        """Scale pixels to the range that the network sees."""
        scale = pixel_scale(images.dtype)
        floats = images.to(self.dtype)
        return floats if scale == 1 else floats.mul_(scale)  # integers are copied


class RowsDataset(Dataset):
    """Rows of batches as a data set of skorch, which its callbacks are given.

    Parameters
    ----------
    batches : Batches
        The batches.
    """

    def __init__(self, batches):
        self.batches = batches

    @property
    def X(self):  # noqa: N802
        """Images of the rows."""
        return self.batches.images[self.batches.rows]

    @property
    def y(self):
        """Targets of the rows."""
        return self.batches.targets.cpu().numpy()[self.batches.rows]

    def __len__(self):
        return len(self.batches.rows)

    def __getitem__(self, number):
        row = self.batches.rows[number]
        return np.asarray(self.batches.images[row]), int(self.batches.targets[row])


def plain(images):
    """Give the images without their random transforms."""
    return images.images if isinstance(images, AugmentedImages) else images


def with_steps_of(X, images):
    """Attach the random transforms of `X` to its images, once these are checked."""
    if isinstance(X, AugmentedImages):
        return AugmentedImages(images, X.steps, X.rows)
    return images


def read(images, rows, image_shape):
    """Read rows of images as an array of shape (n, height, width, n_channels)."""
    if isinstance(images, np.ndarray):
        return images[rows].reshape(-1, *image_shape)
    pixels = read_rows(images, rows)
    check_pixels_read(pixels, rows)
    return pixels.reshape(-1, *image_shape)


def read_ahead(images, parts, image_shape):
    """Read parts of images one after the other, lazy ones in advance in a thread.

    Yields
    ------
    pixels : ndarray of shape (n, height, width, n_channels)
        One part.
    """
    if isinstance(images, np.ndarray):
        for rows in parts:
            yield read(images, rows, image_shape)
        return
    with concurrent.futures.ThreadPoolExecutor(1) as reader:
        waiting = collections.deque()
        for rows in parts:
            waiting.append(reader.submit(read, images, rows, image_shape))
            if len(waiting) > READ_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def hold_on_device(images, image_shape, device):
    """Move images to a GPU that has room for them; give None where that can't be.

    Parameters
    ----------
    images : ndarray or lazy images of shape (n_samples, ...)
        The images. Lazy ones are not moved.
    image_shape : tuple of three ints
        Height, width and number of channels.
    device : str
        Where they go. On a CPU they stay where they are.

    Returns
    -------
    held : tensor of shape (n_samples, height, width, n_channels) or None
    """
    images = plain(images)
    if not device.startswith("cuda") or not isinstance(images, np.ndarray):
        return None
    if images.dtype == np.uint16:  # which torch can't index there
        return None
    if images.nbytes > SHARE_OF_GPU_HELD * torch.cuda.mem_get_info(device)[0]:
        return None
    return to_device(images.reshape(-1, *image_shape), device)


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
    n_images = images.shape[0]
    parts = [
        np.arange(start, min(start + size, n_images))
        for start in range(0, n_images, size)
    ]
    for batch in read_ahead(images, parts, image_shape):
        n_rows = len(batch)
        if n_rows < size:
            padding = np.zeros((size - n_rows, *batch.shape[1:]), batch.dtype)
            batch = np.concatenate([batch, padding])
        yield to_device(batch, device), n_rows

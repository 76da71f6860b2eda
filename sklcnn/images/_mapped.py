"""Images that are read and then changed by a function, on demand."""

import math

import numpy as np

from sklcnn._arrays import refuse_masked
from sklcnn._rows import wanted_index
from sklcnn.images._lazy import LazyImages

PIXELS_READ = 2**22
"""Number of pixel values, over all channels, read per call of the function."""


class MappedImages(LazyImages):
    """Lazy images with a function on top of them.

    Parameters
    ----------
    images : LazyImages or lazy array of shape (n_samples, height, width[, n_channels])
        What is read.
    function : callable
        What is done to each batch that was read. It takes an array of images, returns
        one with as many, and treats every image by itself.
    shape : tuple of int
        Shape of one image that comes out of `function`.
    dtype : dtype
        Dtype of the images that come out of `function`.
    """

    def __init__(self, images, function, *, shape, dtype):
        self.images = images
        self.function = function
        self._shape = tuple(shape)
        self._dtype = np.dtype(dtype)

    @property
    def shape(self):
        """Shape of the array that reading every image would give, a tuple."""
        return (self.images.shape[0], *self._shape)

    @property
    def dtype(self):
        """The numpy dtype of the pixels."""
        return self._dtype

    @property
    def bad_rows(self):
        """Positions that are known to be unreadable, an array of int."""
        return getattr(self.images, "bad_rows", LazyImages.bad_rows)

    @property
    def index(self):
        """Index of the rows in the data frame that they came from, or None."""
        return self.images.index if isinstance(self.images, LazyImages) else None

    def read(self, rows):
        """Read the images of the given rows and apply the function to them."""
        if not len(rows):
            return np.empty((0, *self._shape), dtype=self._dtype)
        # what is small when it comes out may be large when it is read
        n_rows = max(1, PIXELS_READ // math.prod(self.images.shape[1:]))
        parts = np.array_split(rows, -(-len(rows) // n_rows))
        changed = [self.function(read_rows(self.images, part)) for part in parts]
        return changed[0] if len(changed) == 1 else np.concatenate(changed)

    def take(self, rows):
        """Keep only the given rows, without reading them."""
        images = self.images
        if not isinstance(images, LazyImages):
            images = RowsOf(images, np.arange(images.shape[0], dtype=np.intp))
        return MappedImages(
            images.take(rows), self.function, shape=self._shape, dtype=self._dtype
        )


class RowsOf(LazyImages):
    """Some rows of an array, or of a foreign lazy one, which would read its slices.

    Parameters
    ----------
    images : array of shape (n, height, width[, n_channels])
        Numpy's, zarr's or h5py's.
    rows : ndarray of shape (n_samples,), dtype intp
        Positions of the rows in it.
    index : pandas.Index of length n_samples, default=None
        That of the data frame that the rows came from.
    """

    def __init__(self, images, rows, index=None):
        self.images = images
        self.rows = rows
        self.index = index

    @property
    def shape(self):
        """Shape of the array that reading every image would give, a tuple."""
        return (len(self.rows), *self.images.shape[1:])

    @property
    def dtype(self):
        """The numpy dtype of the pixels."""
        return np.dtype(self.images.dtype)

    def read(self, rows):
        """Read the images of the given rows."""
        return read_rows(self.images, self.rows[rows])

    def take(self, rows):
        """Keep only the given rows, without reading them."""
        index = None if self.index is None else self.index[rows]
        return RowsOf(self.images, self.rows[rows], index)


def rows_of(images, rows):
    """Take rows of an array in memory, or of other images without reading them.

    Parameters
    ----------
    images : array or LazyImages of shape (n, height, width[, n_channels])
        Numpy's, zarr's, h5py's or lazy ones.
    rows : ndarray of shape (n_samples,), dtype intp
        Positions of the rows in it.

    Returns
    -------
    images : ndarray or RowsOf
    """
    return images[rows] if isinstance(images, np.ndarray) else RowsOf(images, rows)


def with_rows_of(images, X, estimator):
    """Let an array of images keep the index of `X`, where `set_output` asks for frames.

    Parameters
    ----------
    images : ndarray or LazyImages of shape (n_samples, ...)
        What an estimator gives. Lazy images have their index themselves.
    X : object
        What it was given.
    estimator : estimator
        Whose `set_output`, or the global configuration, says what is wanted.

    Returns
    -------
    images : ndarray or LazyImages of shape (n_samples, ...)
        Lazy where an index is known and wanted.
    """
    index = wanted_index(X, estimator)
    if index is None or isinstance(images, LazyImages):
        return images
    return RowsOf(images, np.arange(images.shape[0], dtype=np.intp), index)


def read_rows(images, rows):
    """Read some images of lazy images, or of a foreign array with `__getitem__`.

    Parameters
    ----------
    images : LazyImages or lazy array
        What to read from.
    rows : ndarray of shape (n,), dtype intp
        Positions between 0 and ``len(images) - 1``.

    Returns
    -------
    images : ndarray of shape (n, height, width[, n_channels])
    """
    if isinstance(images, LazyImages):
        return images.read(rows)
    # h5py takes no index but an increasing one
    unique, inverse = np.unique(rows, return_inverse=True)
    pixels = images[unique]
    refuse_masked(pixels, type(images).__name__)  # netCDF gives such arrays
    return np.asarray(pixels)[inverse]

"""The protocol of images that are read, or drawn, on demand."""

from abc import ABC, abstractmethod

import numpy as np


class LazyImages(ABC):
    """Images that are read when they are asked for.

    A subclass gives `shape`, `dtype`, `read` and `take`; everything else follows.
    Reading never changes the object, so the same rows give the same pixels always.
    An operation such as ``X / 255`` raises instead of silently reading everything.
    """

    bad_rows = np.empty(0, dtype=np.intp)
    """Positions that are known to be unreadable."""

    index = None
    """Index of the rows in the data frame of pandas that they came from, or None."""

    @property
    @abstractmethod
    def shape(self):
        """Shape of the array that reading every image would give, a tuple."""

    @property
    @abstractmethod
    def dtype(self):
        """The numpy dtype of the pixels."""

    @abstractmethod
    def read(self, rows):
        """Read the images of the given rows as an array.

        Parameters
        ----------
        rows : ndarray of shape (n,), dtype intp
            Positions between 0 and ``len(self) - 1``.

        Returns
        -------
        images : ndarray of shape (n, height, width[, n_channels])
        """

    @abstractmethod
    def take(self, rows):
        """Keep only the given rows, without reading them.

        Parameters
        ----------
        rows : ndarray of shape (n,), dtype intp
            Positions between 0 and ``len(self) - 1``.

        Returns
        -------
        images : LazyImages
        """

    @property
    def ndim(self):
        """Number of dimensions."""
        return len(self.shape)

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, key):
        rows = np.arange(len(self), dtype=np.intp)[self._first_axis_key(key)]
        if rows.ndim > 1:
            raise IndexError(self._explain(key))
        return self.read(rows[np.newaxis])[0] if rows.ndim == 0 else self.take(rows)

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError(
                f"{type(self).__name__} has to be read to become an array: "
                "`copy=False` is not possible."
            )
        images = self.read(np.arange(len(self), dtype=np.intp))
        return images if dtype is None else images.astype(dtype, copy=False)

    def _refuse_arithmetic(self, *args, **kwargs):
        raise TypeError(
            f"{type(self).__name__} takes no arithmetic, as it is read only when it is "
            "asked for. Do this in a step before the augmentation, such as "
            "ImageFunction, or read the images first: `np.asarray(images)`."
        )

    __array_ufunc__ = _refuse_arithmetic
    __neg__ = __pos__ = __abs__ = __invert__ = _refuse_arithmetic
    __add__ = __radd__ = __sub__ = __rsub__ = _refuse_arithmetic
    __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse_arithmetic
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _refuse_arithmetic
    __pow__ = __rpow__ = __matmul__ = __rmatmul__ = _refuse_arithmetic
    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = _refuse_arithmetic
    __lt__ = __le__ = __gt__ = __ge__ = _refuse_arithmetic

    def __repr__(self):
        return f"<{type(self).__name__} of shape {self.shape} and dtype {self.dtype}>"

    def _first_axis_key(self, key):
        """Take the rows out of ``(rows, ...)`` and ``(rows, :, :)``."""
        if not isinstance(key, tuple):
            return key
        rows, *rest = key or (slice(None),)
        n_ellipses = sum(part is Ellipsis for part in key)
        takes_whole_images = all(map(_is_whole, rest)) and n_ellipses < 2
        if not takes_whole_images or len(key) - n_ellipses > self.ndim:
            raise IndexError(self._explain(key))
        return rows

    def _explain(self, key):
        return (
            f"{type(self).__name__} takes an index, a slice, an index array or a mask "
            f"for its first axis only. Got {key!r}. Read it first: "
            "`np.asarray(images)[...]`."
        )


def _is_whole(part):
    """Tell whether a part of a key takes all of an axis, or of several."""
    return part is Ellipsis or (isinstance(part, slice) and part == slice(None))

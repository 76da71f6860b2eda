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
        if isinstance(key, tuple):
            key = self._first_axis_key(key)
        rows = np.arange(len(self), dtype=np.intp)[key]
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
        rows, *rest = key
        if any(part is not Ellipsis and part != slice(None) for part in rest):
            raise IndexError(
                f"{type(self).__name__} takes an index, a slice, an index array or a "
                f"mask for its first axis only, got {key!r}. Read it first: "
                "`np.asarray(images)[...]`."
            )
        return rows

"""Random numbers as a hash of seed, epoch, step and row.

A number depends on these counters and on nothing else: not on what was drawn before,
nor for which other rows, nor on which device. A generator that steps from number to
number could not do that.
"""

import math

import numpy as np
import torch

from sklcnn._tensors import to_device

_GOLDEN = 0x9E3779B97F4A7C15
_64_BITS = 0xFFFFFFFFFFFFFFFF
_CHUNK = 2**16  # numbers that fit into a processor's cache


def number_repeats(rows):
    """Give rows that occur more than once a number of their own at each occurrence.

    Parameters
    ----------
    rows : ndarray of shape (n,)
        Whole numbers that tell images apart.

    Returns
    -------
    rows : ndarray of shape (n,), dtype int64
        The first occurrence of a row as it is, the next ones as a hash of the row and
        the number of the occurrence, so that all are different.
    """
    rows = np.asarray(rows, dtype=np.int64)
    if (rows[1:] > rows[:-1]).all():
        return rows
    order = np.argsort(rows, kind="stable")
    is_first = np.r_[True, np.diff(rows[order]) != 0]
    if is_first.all():
        return rows
    firsts = np.flatnonzero(is_first)
    occurrences = np.empty_like(rows)
    occurrences[order] = np.arange(len(rows)) - firsts[np.cumsum(is_first) - 1]
    hashed = _mix(rows.astype(np.uint64) * np.uint64(_GOLDEN))
    hashed = _mix(hashed + occurrences.astype(np.uint64) * np.uint64(_GOLDEN))
    hashed = (hashed >> np.uint64(1)).astype(np.int64)
    # First occurrences come first, so that theirs are the numbers that stay where a
    # hash is the number of an image that was itself repeated before.
    order = np.argsort(occurrences > 0, kind="stable")
    numbered = np.empty_like(rows)
    numbered[order] = number_repeats(np.where(occurrences, hashed, rows)[order])
    return numbered


class RowRandom:
    """Random numbers, one per image at a time.

    A number is a function of the counters, of the image and of how many numbers were
    drawn before; it does not depend on the other images.

    Parameters
    ----------
    rows : ndarray of shape (n,)
        Whole numbers that tell images apart.
    *counters : int
        What else the numbers depend on, from 0: seed, epoch and step.

    See Also
    --------
    BaseAugmentation : Base class of the random steps.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.augmentation import RowRandom
    >>> RowRandom(np.array([0, 1, 2]), 42).uniform().round(3)
    array([0.058, 0.812, 0.053])
    >>> RowRandom(np.array([2, 0]), 42).uniform().round(3)
    array([0.053, 0.058])
    """

    def __init__(self, rows, *counters):
        key = np.zeros(1, dtype=np.uint64)
        for counter in counters:
            key = _mix(key + np.uint64((int(counter) + 1) * _GOLDEN & _64_BITS))
        self._keys = _mix(key + rows.astype(np.uint64) * np.uint64(_GOLDEN))
        self._n_drawn = 0

    def __len__(self):
        return len(self._keys)

    def bits(self):
        """Draw 64 random bits per image.

        Returns
        -------
        bits : ndarray of shape (n,), dtype uint64
            All values are equally likely.
        """
        self._n_drawn += 1
        return _mix(self._keys + np.uint64(self._n_drawn * _GOLDEN & _64_BITS))

    def uniform(self, low=0.0, high=1.0):
        """Draw from the uniform distribution.

        Parameters
        ----------
        low, high : float or ndarray of shape (n,), default=0.0 and 1.0
            The range; `high` is excluded.

        Returns
        -------
        numbers : ndarray of shape (n,)
            One number per image.
        """
        return low + (high - low) * ((self.bits() >> np.uint64(11)) * 2.0**-53)

    def log_uniform(self, low, high):
        """Draw numbers whose logarithms are uniform.

        Parameters
        ----------
        low, high : float
            The range, above zero.

        Returns
        -------
        numbers : ndarray of shape (n,)
            One number per image.
        """
        return np.exp(self.uniform(math.log(low), math.log(high)))

    def integers(self, low, high):
        """Draw whole numbers from `low` to `high`, both included.

        Parameters
        ----------
        low, high : int or ndarray of shape (n,)
            The range.

        Returns
        -------
        numbers : ndarray of shape (n,)
            One number per image, as floats.
        """
        return np.floor(self.uniform(low, high + 1))

    def happens(self, probability):
        """Draw for each image whether a transform is applied to it.

        Parameters
        ----------
        probability : float
            Probability of applying the transform to an image.

        Returns
        -------
        happens : ndarray of shape (n,), dtype bool
            One value per image.
        """
        return self.uniform() < probability

    def pixel_keys(self):
        """Draw one seed per image for random numbers of its pixels.

        Returns
        -------
        keys : ndarray of shape (n,), dtype int32
            One seed per image.
        """
        return (self.bits() >> np.uint64(32)).astype(np.uint32).view(np.int32)


def uniform_pixels(keys, like):
    """Draw a number between -1 and 1 for each value of each pixel.

    Parameters
    ----------
    keys : ndarray of shape (n,), dtype int32
        Seeds of the images.
    like : tensor of shape (n, height, width, n_channels)
        Tensor whose shape, dtype and device the numbers get.

    Returns
    -------
    numbers : tensor of shape (n, height, width, n_channels)
        Multiples of 2**-24, -1 and 1 excluded.
    """
    keys = to_device(keys, like.device).unsqueeze(1)
    numbers = torch.empty(like.shape, dtype=like.dtype, device=like.device)
    flat = numbers.view(len(like), -1)
    places = torch.arange(flat.shape[1], dtype=torch.int32, device=like.device)
    places *= -1640531527  # 2**32 / golden ratio
    n_rows = max(1, _CHUNK // flat.shape[1]) if like.device.type == "cpu" else len(like)
    for start in range(0, len(like), n_rows):
        chunk = slice(start, start + n_rows)
        bits = _mix_pixels(places + keys[chunk])
        flat[chunk] = bits.bitwise_right_shift_(8)
        flat[chunk].add_(0.5).mul_(2.0**-23)
    return numbers


def normal_pixels(keys, like):
    """Draw from the standard normal distribution for each value of each pixel.

    Parameters
    ----------
    keys : ndarray of shape (n,), dtype int32
        Seeds of the images.
    like : tensor of shape (n, height, width, n_channels)
        Tensor whose shape, dtype and device the numbers get.

    Returns
    -------
    numbers : tensor of shape (n, height, width, n_channels)
        Between -5.3 and 5.3.
    """
    return uniform_pixels(keys, like).erfinv_().mul_(math.sqrt(2))


def _mix(x):
    """Scatter 64-bit numbers: the last step of splitmix64."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _mix_pixels(x):
    """Scatter 32-bit numbers in place: C. Wellons' lowbias32, on signed integers."""
    x ^= (x >> 16).bitwise_and_(0xFFFF)
    x *= 0x7FEB352D
    x ^= (x >> 15).bitwise_and_(0x1FFFF)
    x *= 0x846CA68B - 2**32
    x ^= (x >> 16).bitwise_and_(0xFFFF)
    return x

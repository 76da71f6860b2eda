"""Random numbers that are a function of what they are for.

A number depends on its seed, its epoch, its step and its row, and on nothing else: not
on what was drawn before, nor for which other rows, nor on which device. That takes a
hash of these counters in place of a generator that steps from number to number.
"""

import math

import numpy as np
import torch

from sklcnn._tensors import to_device

_GOLDEN = 0x9E3779B97F4A7C15
_64_BITS = 0xFFFFFFFFFFFFFFFF
_CHUNK = 2**16  # numbers that stay in a processor's cache


class RowRandom:
    """Draws one number per row at a time.

    Parameters
    ----------
    rows : ndarray of shape (n,)
        What tells one row from another, whole numbers from 0.
    *counters : int
        What else the numbers depend on: seed, epoch, step.
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
        """Draw 64 random bits per row.

        Returns
        -------
        bits : ndarray of shape (n,), dtype uint64
        """
        self._n_drawn += 1
        return _mix(self._keys + np.uint64(self._n_drawn * _GOLDEN & _64_BITS))

    def uniform(self, low=0.0, high=1.0):
        """Draw numbers between `low` and `high`.

        Parameters
        ----------
        low, high : float or ndarray of shape (n,), default=0.0 and 1.0
            The range; `high` is not drawn.

        Returns
        -------
        numbers : ndarray of shape (n,)
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
            As floats.
        """
        return np.floor(self.uniform(low, high + 1))

    def happens(self, probability):
        """Draw for each row whether something happens to it.

        Parameters
        ----------
        probability : float
            How often it does.

        Returns
        -------
        happens : ndarray of shape (n,), dtype bool
        """
        return self.uniform() < probability

    def pixel_keys(self):
        """Draw what the pixels' own random numbers depend on.

        Returns
        -------
        keys : ndarray of shape (n,), dtype int32
        """
        return (self.bits() >> np.uint64(32)).astype(np.uint32).view(np.int32)


def uniform_pixels(keys, like):
    """Draw a number between -1 and 1 for every pixel.

    Parameters
    ----------
    keys : ndarray of shape (n,), dtype int32
        What the numbers of an image depend on, beside the place of the pixel.
    like : tensor of shape (n, height, width, n_channels)
        Tells shape, dtype and device.

    Returns
    -------
    numbers : tensor of shape (n, height, width, n_channels)
        Multiples of 2**-24, neither -1 nor 1 among them.
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
    """Draw a number with mean 0 and standard deviation 1 for every pixel.

    Parameters
    ----------
    keys : ndarray of shape (n,), dtype int32
        What the numbers of an image depend on, beside the place of the pixel.
    like : tensor of shape (n, height, width, n_channels)
        Tells shape, dtype and device.

    Returns
    -------
    numbers : tensor of shape (n, height, width, n_channels)
        Normally distributed, at most 5.3 from zero.
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

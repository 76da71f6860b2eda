"""Deterministic steps as torch modules, for images of one shape and dtype.

All of them take tensors of shape (n, height, width, n_channels) and dtype float32,
whose values are those of the pixels, and return such tensors.
"""

import numpy as np
import torch
from torch import nn

from sklcnn.images._matrices import LUMINANCE


def interpolate(planes, height, width):
    """Resize planes with an anti-aliased bilinear filter, as Pillow does.

    Parameters
    ----------
    planes : tensor of shape (n, n_channels, rows, columns)
        The images. Those of uint8 are computed with integers.
    height, width : int
        The new size.

    Returns
    -------
    planes : tensor of shape (n, n_channels, height, width)
    """
    return nn.functional.interpolate(
        planes, size=(height, width), mode="bilinear", antialias=True
    )


class Interpolate(nn.Module):
    """Resize images, and bring them back to values of their dtype.

    Parameters
    ----------
    size : tuple of (int, int)
        The new height and width.
    dtype : numpy dtype
        That of the pixels.
    """

    def __init__(self, size, dtype):
        super().__init__()
        self.size = size
        self.is_uint8 = dtype == np.uint8
        self.restore = RestoreDtype(dtype)

    def forward(self, images):
        """Resize images."""
        height, width = self.size
        planes = images.permute(0, 3, 1, 2)
        if self.is_uint8:
            # with integers, the width comes first, and halves are rounded up
            planes = _interpolate_uint8(planes, planes.shape[2], width)
            planes = _interpolate_uint8(planes, height, width)
        else:
            planes = self.restore(interpolate(planes, height, width))
        return planes.permute(0, 2, 3, 1)


def _interpolate_uint8(planes, height, width):
    """Resize planes to gray levels of uint8, in floats."""
    if tuple(planes.shape[2:]) == (height, width):
        return planes
    return (interpolate(planes, height, width) + 0.5).floor().clamp(0.0, 255.0)


class TakePixels(nn.Module):
    """Copy rows and columns of pixels: crops, mirrors and repeats them.

    Parameters
    ----------
    rows, columns : array-like of int
        Which pixels make the new images.
    """

    def __init__(self, rows, columns):
        super().__init__()
        for name, indices in (("rows", rows), ("columns", columns)):
            indices = torch.as_tensor(np.array(indices, dtype=np.int64))
            self.register_buffer(name, indices)

    def forward(self, images):
        """Copy pixels."""
        return images.index_select(1, self.rows).index_select(2, self.columns)


class QuarterTurns(nn.Module):
    """Rotate images by multiples of 90 degrees, counter-clockwise.

    Parameters
    ----------
    turns : int
        Number of quarter turns.
    """

    def __init__(self, turns):
        super().__init__()
        self.turns = turns

    def forward(self, images):
        """Rotate images."""
        return torch.rot90(images, self.turns, (1, 2))


class Pad(nn.Module):
    """Put images into the middle of larger ones.

    Parameters
    ----------
    size : tuple of (int, int)
        Height and width of the images.
    widths : pair of pairs of int
        Number of pixels above and below, left and right.
    value : float or "border"
        Pixel value beside the images, or the median color of each image's border.
    """

    def __init__(self, size, widths, value):
        super().__init__()
        self.widths = (0, 0, *widths[1], *widths[0])
        self.value = value
        self.register_buffer("is_inside", self._pad(torch.ones(1, *size, 1)) > 0)

    def forward(self, images):
        """Pad images."""
        if self.value != "border":
            return self._pad(images, float(self.value))
        return torch.where(self.is_inside, self._pad(images), _border_colors(images))

    def _pad(self, images, value=0.0):
        return nn.functional.pad(images, self.widths, value=value)


def _border_colors(images):
    """Find the lower median color of each border by sorting, as a graph can do."""
    sides = images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]
    border = torch.cat(sides, dim=1)
    middle = (border.shape[1] - 1) // 2
    return border.sort(dim=1).values[:, middle, None, None]


class Luminance(nn.Module):
    """Make gray images of images of one to four channels.

    Parameters
    ----------
    dtype : numpy dtype
        That of the pixels.
    """

    def __init__(self, dtype):
        super().__init__()
        self.register_buffer("weights", torch.tensor(LUMINANCE))
        self.restore = RestoreDtype(dtype)

    def forward(self, images):
        """Compute gray values."""
        if images.shape[3] < 3:
            return images[..., :1]
        gray = (images[..., :3] * self.weights).sum(3, keepdim=True)
        return self.restore(gray)


class RestoreDtype(nn.Module):
    """Bring computed values to those that a dtype holds.

    Parameters
    ----------
    dtype : numpy dtype
        That of the pixels.
    """

    def __init__(self, dtype):
        super().__init__()
        self.kind = dtype.kind
        if dtype.kind in "iu":
            self.limits = np.iinfo(dtype).min, np.iinfo(dtype).max

    def forward(self, images):
        """Round and clip values."""
        if self.kind == "b":
            return (images >= 0.5).to(images.dtype)
        if self.kind in "iu":
            return images.round().clamp(*map(float, self.limits))
        return images

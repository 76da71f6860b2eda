"""What is done to a batch of images, with numbers drawn for each image before.

A stage is called with a tensor of shape (n, height, width, n_channels) and the
positions of its images among those that numbers were drawn for. ``stage.then(other)``
is both in one, or None where that can't be.
"""

from dataclasses import dataclass

import numpy as np
import torch

from sklcnn._tensors import to_device
from sklcnn.images._random import normal_pixels, uniform_pixels
from sklcnn.images._warp import warp_about_center


class Stage:
    """Something to do to a batch, which can't be done at once with anything else."""

    def then(self, other):
        """Do both at once, or return None."""
        return None


@dataclass
class Warp(Stage):
    """Move pixels, in one interpolation.

    A step that only moves whole pixels has no `order`, one that never looks outside an
    image no `border`: such steps go with whatever their neighbors have.
    """

    matrices: np.ndarray
    order: int | None = None
    border: tuple | None = None

    def then(self, other):
        """Do both in one interpolation, if they agree on how that is done."""
        if not isinstance(other, Warp):
            return None
        orders = {self.order, other.order} - {None}
        borders = {self.border, other.border} - {None}
        if len(orders) > 1 or len(borders) > 1:
            return None
        matrices = self.matrices @ other.matrices
        return Warp(matrices, *(next(iter(s), None) for s in (orders, borders)))

    def __call__(self, batch, rows):
        """Warp the images; whole-pixel moves by the nearest pixel, which is exact."""
        mode, cval = self.border or ("edge", 0)
        return warp_about_center(
            batch, self.matrices[rows], mode=mode, cval=cval, order=self.order or 0
        )


@dataclass
class Recolor(Stage):
    """Mix channels by matrices, then keep to the range of the training images."""

    matrices: np.ndarray
    pixel_range: tuple

    def then(self, other):
        """Do both by one matrix."""
        if isinstance(other, Recolor):
            return Recolor(other.matrices @ self.matrices, self.pixel_range)
        return None

    def __call__(self, batch, rows):
        """Mix plane by plane, and only what is mixed in any image."""
        matrices = self.matrices[rows]
        is_mixed = self.matrices.any(axis=0)
        matrices = _like(matrices, batch)[..., None, None]
        planes = batch.permute(0, 3, 1, 2).contiguous()
        mixed = torch.empty_like(planes)
        for channel, out in enumerate(mixed.unbind(1)):
            torch.mul(planes[:, channel], matrices[:, channel, channel], out=out)
            out += matrices[:, channel, -1]
            for other in np.flatnonzero(is_mixed[channel, :-1]):
                if other != channel:
                    out.addcmul_(planes[:, other], matrices[:, channel, other])
        return mixed.clamp_(*self.pixel_range).permute(0, 2, 3, 1)


@dataclass
class Gamma(Stage):
    """Raise pixels to a power, the range of the training images being 0 to 1."""

    powers: np.ndarray
    pixel_range: tuple

    def __call__(self, batch, rows):
        """Bring to 0..1, raise, and bring back."""
        low, high = self.pixel_range
        if high <= low:
            return batch
        powers = _like(self.powers[rows], batch).view(-1, 1, 1, 1)
        raised = ((batch - low) / (high - low)).clamp_(0, 1).pow_(powers)
        return raised.mul_(high - low).add_(low)


@dataclass
class Noise(Stage):
    """Add normally distributed noise, then keep to the range of the training images."""

    amplitudes: np.ndarray
    keys: np.ndarray
    pixel_range: tuple

    def __call__(self, batch, rows):
        """Add a number of its own to every value of every pixel."""
        amplitudes = _like(self.amplitudes[rows], batch).view(-1, 1, 1, 1)
        noise = normal_pixels(self.keys[rows], batch).mul_(amplitudes)
        return noise.add_(batch).clamp_(*self.pixel_range)


@dataclass
class Blur(Stage):
    """Blur by a Gaussian, the border's pixels going on outside, as in scikit-image."""

    sigmas: np.ndarray
    radius: int

    def __call__(self, batch, rows):
        """Add shifted images, along one axis and then along the other."""
        sigmas = self.sigmas[rows, np.newaxis]
        places = np.arange(-self.radius, self.radius + 1)
        is_near = np.abs(places) <= np.floor(4 * sigmas + 0.5)
        weights = np.exp(-0.5 * (places / np.maximum(sigmas, 1e-6)) ** 2) * is_near
        weights = _like(weights / weights.sum(axis=1, keepdims=True), batch)
        weights = weights[..., None, None, None].unbind(1)
        for axis in (1, 2):
            size = batch.shape[axis]
            around = torch.arange(-self.radius, size + self.radius, device=batch.device)
            padded = batch.index_select(axis, around.clamp_(0, size - 1))
            batch = padded.narrow(axis, 0, size) * weights[0]
            for start, weight in enumerate(weights[1:], start=1):
                batch.addcmul_(padded.narrow(axis, start, size), weight)
        return batch


@dataclass
class Erase(Stage):
    """Paint a rectangle, given as (top, bottom, left, right), over each image."""

    boxes: np.ndarray
    keys: np.ndarray
    value: float | str
    pixel_range: tuple

    def __call__(self, batch, rows):
        """Paint with one value, or with a random one in every place."""
        boxes = _like(self.boxes[rows], batch).view(-1, 4, 1, 1, 1).unbind(1)
        y, x = (torch.arange(size, device=batch.device) for size in batch.shape[1:3])
        y, x = y.view(1, -1, 1, 1), x.view(1, 1, -1, 1)
        kept = (y < boxes[0]) | (y >= boxes[1]) | (x < boxes[2]) | (x >= boxes[3])
        value = self.value
        if value == "random":
            low, high = self.pixel_range
            value = uniform_pixels(self.keys[rows], batch)
            value.mul_((high - low) / 2).add_((high + low) / 2)
        return batch.where(kept, value)


def _like(numbers, batch):
    return to_device(numbers, batch.device, batch.dtype)

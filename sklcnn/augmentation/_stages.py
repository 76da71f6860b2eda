"""Stages: what random steps do to a batch, with parameters drawn for each image.

A stage is called with a tensor of shape (n, height, width, n_channels) and the
positions of its images among all for which parameters were drawn. Neighboring stages
are merged where possible: ``stage.then(other)`` is both in one, or None.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch

from sklcnn._tensors import to_device
from sklcnn.images._random import normal_pixels, uniform_pixels
from sklcnn.images._warp import INTERPOLATIONS, warp_about_center

ORDERS = {name: order for order, name in INTERPOLATIONS.items()}
"""Orders by the names that torch has for them."""


class Stage(ABC):
    """Base class of the transforms of a batch.

    `BaseAugmentation.draw_stage` returns one in every epoch, with the parameters of all
    images. It must return what a function of one image and its parameters would, so
    that a draw does not depend on the other images of the batch, and must not change
    the batch that it is given.

    See Also
    --------
    Pixelwise : Stage that calls a function.
    Warp : Stage that moves pixels.
    Recolor : Stage that mixes channels.

    Examples
    --------
    >>> import torch
    >>> from sklcnn.augmentation import Stage
    >>> class Mirror(Stage):
    ...     def __call__(self, batch, rows):
    ...         return batch.flip(2)
    >>> Mirror()(torch.tensor([[[[1.0], [2.0]]]]), [0]).flatten()
    tensor([2., 1.])
    """

    goes_with_any_size = False
    """Whether a pixel becomes what it would become in a larger copy of its image."""

    @abstractmethod
    def __call__(self, batch, rows):
        """Transform a batch of images.

        Parameters
        ----------
        batch : tensor of shape (n, height, width, n_channels)
            Images as floats, on any device.
        rows : ndarray of shape (n,)
            Positions of the images among those that parameters were drawn for.

        Returns
        -------
        batch : tensor of shape (n, height, width, n_channels)
            The transformed images.
        """

    def then(self, other):
        """Merge this stage and the next one.

        Parameters
        ----------
        other : Stage
            The stage that follows.

        Returns
        -------
        stage : Stage or None
            One stage that does both, or None where that is not possible.
        """
        return None

    def enlarging(self, size, interpolation):
        """Let this stage enlarge the images as well, in one interpolation.

        Parameters
        ----------
        size : tuple of two ints
            Height and width of the result.
        interpolation : {"bilinear", "bicubic"}
            How images are enlarged.

        Returns
        -------
        stage : Stage or None
            One stage that does both, or None where that is not possible.
        """
        return None


class Pixelwise(Stage):
    """Stage that calls a function with the images and their parameters.

    Parameters
    ----------
    function : callable
        Called with a tensor of shape (n, height, width, n_channels) and one tensor of
        shape (n, 1, 1, 1) for each of `parameters`, all of one dtype and on one device.
        Returns a tensor of the first shape.
    *parameters : ndarray of shape (n_samples,)
        Parameters of all images.

    See Also
    --------
    Stage : Base class of stages.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklcnn.augmentation import Pixelwise
    >>> stage = Pixelwise(torch.multiply, np.array([1.0, 2.0, 3.0]))
    >>> stage(torch.ones(2, 1, 1, 1), np.array([2, 0])).flatten()
    tensor([3., 1.])
    """

    def __init__(self, function, *parameters):
        self.function = function
        self.parameters = parameters

    def __call__(self, batch, rows):
        """Call the function with the parameters of these images."""
        parameters = (per_image(values[rows], batch) for values in self.parameters)
        return self.function(batch, *parameters)


@dataclass
class Warp(Stage):
    """Stage that moves pixels; consecutive ones are merged into one interpolation.

    Stages are merged where `order`, `mode` and, for ``mode="constant"``, `cval` are
    equal or left open. An order that is left open takes the nearest pixel, which is
    exact for moves by whole pixels.

    Parameters
    ----------
    matrices : ndarray of shape (n_samples, 3, 3)
        One homogeneous matrix per image, from output pixels (x, y, 1) to input pixels,
        in scikit-image's convention: x is the column, y the row. The origin is the
        center of the image.
    order : {0, 1}, default=None
        0 takes the nearest pixel, 1 interpolates linearly. None is for moves by whole
        pixels, which go with either.
    mode : {"constant", "edge", "symmetric", "reflect"}, default=None
        What lies outside the image, in the words of `numpy.pad`. None is for moves that
        need no pixels from outside, such as mirroring.
    cval : float or "border", default=0.0
        The value outside for ``mode="constant"``, on the scale of the network
        (`ImageFormat.scaled`), or the median color of each image's border.

    See Also
    --------
    Recolor : Stage that mixes channels.
    Stage : Base class of stages.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklcnn.augmentation import Warp
    >>> mirror = Warp(np.array([np.diag([-1, 1, 1])]))
    >>> mirror(torch.tensor([[[[1.0], [2.0]]]]), np.array([0])).flatten()
    tensor([2., 1.])
    """

    matrices: np.ndarray
    order: int | None = None
    mode: str | None = None
    cval: float | str = 0.0

    def then(self, other):
        """Merge two warps into one interpolation, if they agree on how it is done.

        Parameters
        ----------
        other : Stage
            The stage that follows.

        Returns
        -------
        stage : Warp or None
            A warp by the product of the matrices.
        """
        if not isinstance(other, Warp):
            return None
        orders = {self.order, other.order} - {None}
        borders = {self._border(), other._border()} - {None}
        if len(orders) > 1 or len(borders) > 1:
            return None
        mode, cval = next(iter(borders), (None, 0.0))
        matrices = self.matrices @ other.matrices
        return Warp(matrices, next(iter(orders), None), mode, cval)

    def enlarging(self, size, interpolation):
        """Enlarge and warp at once, but for moves by the nearest pixel.

        Parameters
        ----------
        size : tuple of two ints
            Height and width of the result.
        interpolation : {"bilinear", "bicubic"}
            How images are enlarged.

        Returns
        -------
        stage : Stage or None
            One stage that does both; None where warping needs no interpolation.
        """
        if self.order != 1:
            return None
        return EnlargingWarp(self, size, ORDERS[interpolation])

    def __call__(self, batch, rows):
        """Warp the images; whole-pixel moves by the nearest pixel, which is exact."""
        return self.warp(batch, rows, order=self.order or 0)

    def warp(self, batch, rows, *, order, size=None):
        """Warp images with another order or to another size than their own.

        Parameters
        ----------
        batch : tensor of shape (n, height, width, n_channels)
            Images as floats, on any device.
        rows : ndarray of shape (n,)
            Positions of the images among those that parameters were drawn for.
        order : {0, 1, 3}
            The nearest pixel, linear or cubic interpolation.
        size : tuple of two ints, default=None
            Height and width of the result. None keeps those of the images.

        Returns
        -------
        warped : tensor of shape (n, height, width, n_channels)
            The warped images, of the size that was asked for.
        """
        mode, cval = self._border() or ("edge", 0.0)
        settings = {"mode": mode, "cval": cval, "order": order, "size": size}
        return warp_about_center(batch, self.matrices[rows], **settings)

    def _border(self):
        """Pair the mode with the value outside, which only "constant" looks at."""
        if self.mode is None:
            return None
        return self.mode, self.cval if self.mode == "constant" else 0.0


@dataclass
class EnlargingWarp(Stage):
    """Warp and enlarge images in one interpolation, as sharp as `interpolate` alone."""

    stage: Warp
    size: tuple
    order: int

    def __call__(self, batch, rows):
        """Sample each pixel of the enlarged images."""
        return self.stage.warp(batch, rows, order=self.order, size=self.size)


@dataclass
class Recolor(Stage):
    """Stage that mixes channels; consecutive ones are merged into one matrix.

    The result is clipped to the range of the training pixels.

    Parameters
    ----------
    matrices : ndarray of shape (n_samples, n_channels + 1, n_channels + 1)
        One matrix per image, from the channels before, followed by a one, to those
        after. The last row is 0, ..., 0, 1.
    pixel_range : tuple of two floats
        Bounds of the pixels (`ImageFormat.pixel_range`).

    See Also
    --------
    Warp : Stage that moves pixels.
    Stage : Base class of stages.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklcnn.augmentation import Recolor
    >>> negative = Recolor(np.array([[[-1.0, 1.0], [0.0, 1.0]]]), (0.0, 1.0))
    >>> negative(torch.tensor([[[[0.25], [1.0]]]]), np.array([0])).flatten()
    tensor([0.7500, 0.0000])
    """

    matrices: np.ndarray
    pixel_range: tuple

    goes_with_any_size = True

    def then(self, other):
        """Merge two changes of color into one matrix.

        Parameters
        ----------
        other : Stage
            The stage that follows.

        Returns
        -------
        stage : Recolor or None
            A change of color by the product of the matrices.
        """
        if isinstance(other, Recolor):
            return Recolor(other.matrices @ self.matrices, self.pixel_range)
        return None

    def __call__(self, batch, rows):
        """Mix plane by plane, and only channels that some image of the batch mixes."""
        matrices = self.matrices[rows]
        is_mixed = matrices.any(axis=0)
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
    """Raise pixels to a power, the range of the training pixels being 0 to 1."""

    powers: np.ndarray
    pixel_range: tuple

    goes_with_any_size = True

    def __call__(self, batch, rows):
        """Bring to 0..1, raise, and bring back."""
        low, high = self.pixel_range
        if high <= low:
            return batch
        powers = per_image(self.powers[rows], batch)
        raised = ((batch - low) / (high - low)).clamp_(0, 1).pow_(powers)
        return raised.mul_(high - low).add_(low)


@dataclass
class Noise(Stage):
    """Add normally distributed noise, then clip to the range of the training pixels."""

    amplitudes: np.ndarray
    keys: np.ndarray
    pixel_range: tuple

    def __call__(self, batch, rows):
        """Add a number of its own to every value of every pixel."""
        amplitudes = per_image(self.amplitudes[rows], batch)
        noise = normal_pixels(self.keys[rows], batch).mul_(amplitudes)
        return noise.add_(batch).clamp_(*self.pixel_range)


@dataclass
class Blur(Stage):
    """Blur by a Gaussian, with the pixels of the border repeated outside."""

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
    """Paint a rectangle, given as (top, bottom, left, right), over each image.

    With one value, or with random values of a range where `keys` are given.
    """

    boxes: np.ndarray
    value: float = 0.0
    keys: np.ndarray | None = None
    pixel_range: tuple = (0.0, 1.0)

    def __call__(self, batch, rows):
        """Replace the pixels inside the rectangles."""
        boxes = _like(self.boxes[rows], batch).view(-1, 4, 1, 1, 1).unbind(1)
        y, x = (torch.arange(size, device=batch.device) for size in batch.shape[1:3])
        y, x = y.view(1, -1, 1, 1), x.view(1, 1, -1, 1)
        kept = (y < boxes[0]) | (y >= boxes[1]) | (x < boxes[2]) | (x >= boxes[3])
        value = self.value
        if self.keys is not None:
            low, high = self.pixel_range
            value = uniform_pixels(self.keys[rows], batch)
            value.mul_((high - low) / 2).add_((high + low) / 2)
        return batch.where(kept, value)


class Selected(Stage):
    """Change the values of some images, and leave the others as they are.

    Parameters
    ----------
    function : callable
        Called with the images that are selected, the range of the training pixels and
        one tensor of shape (n, 1, 1, 1) for each of `parameters`.
    is_selected : ndarray of shape (n_samples,), dtype bool
        Which images are changed.
    pixel_range : tuple of two floats
        Range of the training pixels.
    *parameters : ndarray of shape (n_samples,)
        Parameters of all images.
    """

    def __init__(self, function, is_selected, pixel_range, *parameters):
        self.function = function
        self.is_selected = is_selected
        self.pixel_range = pixel_range
        self.parameters = parameters

    def __call__(self, batch, rows):
        """Call the function with the images that are selected."""
        is_selected = self.is_selected[rows]
        if not is_selected.any():
            return batch
        places = to_device(np.flatnonzero(is_selected), batch.device)
        picked = rows[is_selected]
        parameters = (per_image(values[picked], batch) for values in self.parameters)
        images = batch.index_select(0, places)
        changed = self.function(images, self.pixel_range, *parameters)
        return batch.index_copy(0, places, changed)


def per_image(values, batch):
    """Make one parameter per image a tensor that is broadcast over the batch."""
    return _like(values, batch).view(-1, 1, 1, 1)


def _like(numbers, batch):
    return to_device(numbers, batch.device, batch.dtype)

"""Resizing to one size or by a factor: `Resize` and `ResizeByFactor`."""

from numbers import Integral, Real

import numpy as np
import torch

from sklcnn._sklearn import Interval, StrOptions
from sklcnn.images._border import pad_center
from sklcnn.preprocessing._base import (
    BasePreprocessing,
    as_float,
    check_cval,
    restore_dtype,
)
from sklcnn.preprocessing._modules import Interpolate, Pad, TakePixels, interpolate

CHUNK_PIXELS = 2**21


class Resize(BasePreprocessing):
    """Bring images to one size.

    Interpolation is bilinear, and anti-aliased where images shrink: every output pixel
    is a weighted mean of all input pixels that it covers, as in Pillow. Pixel values
    keep their dtype and range. Images in a list may have different sizes.

    Parameters
    ----------
    size : int or tuple of (int, int), default=(64, 64)
        Height and width of the images that come out. A number is both.
    aspect : {"pad", "crop", "stretch"}, default="pad"
        How an image of another aspect ratio fits into `size`:

        - "pad" shows the whole image, in the middle, and fills up the sides;
        - "crop" covers `size` and cuts off what stands out on both sides;
        - "stretch" changes the aspect ratio.
    mode : {"constant", "edge", "symmetric", "reflect"}, default="constant"
        What "pad" fills up with, as in :func:`numpy.pad`.
    cval : float or "border", default="border"
        Pixel value that "constant" fills up with, on the scale of the images: 255 is
        white in uint8. "border" is the median color of the border of each image.

    Attributes
    ----------
    image_shape_ : tuple of (int, int, int)
        Height, width and number of channels in `fit`; no height and width (None) after
        a list of images of several sizes.
    n_features_in_ : int
        Number of features in `fit`, for flat images.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features in `fit`, for flat images in a data frame.

    See Also
    --------
    ResizeByFactor : Change the size by a factor.
    CenterCrop : Cut out the middle.

    Notes
    -----
    The result is that of Pillow's bilinear filter, which torchvision's networks were
    trained with; in uint8 few pixels differ, by one gray level.
    :func:`skimage.transform.resize` gives the same where images grow. Where they shrink
    it blurs with a Gaussian first, which lets two to three times as much aliasing
    through for factors of 0.5 and above; photographs differ by one gray level in the
    mean. It takes about 20 times as long.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.preprocessing import Resize
    >>> images = [np.ones((4, 8)), np.ones((6, 6))]
    >>> Resize((4, 4), cval=0).fit_transform(images)[0]
    array([[0., 0., 0., 0.],
           [1., 1., 1., 1.],
           [1., 1., 1., 1.],
           [0., 0., 0., 0.]])
    """

    _takes_mixed_sizes = True

    _parameter_constraints: dict = {
        "size": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "aspect": [StrOptions({"pad", "crop", "stretch"})],
        "mode": [StrOptions({"constant", "edge", "symmetric", "reflect"})],
        "cval": [Interval(Real, None, None, closed="neither"), StrOptions({"border"})],
    }

    def __init__(self, size=(64, 64), *, aspect="pad", mode="constant", cval="border"):
        self.size = size
        self.aspect = aspect
        self.mode = mode
        self.cval = cval

    def _apply(self, images):
        height, width = as_size(self.size, type(self).__name__)
        check_cval(self, images.dtype)
        if self.aspect != "stretch":
            images = resize_images(
                images, *self._inner_size(images.shape[1:], height, width)
            )
        if self.aspect == "crop":
            return crop_center(images, height, width)
        if self.aspect == "pad":
            return self._pad(images, height, width)
        return resize_images(images, height, width)

    def _pad(self, images, height, width):
        if self.mode == "constant":
            return pad_center(images, height, width, self.cval)
        widths = [(0, 0), *margins(images.shape[1:3], height, width), (0, 0)]
        return np.pad(images, widths[: images.ndim], mode=self.mode)

    def _torch_modules(self, image_shape, dtype):
        height, width = as_size(self.size, type(self).__name__)
        if self.aspect == "stretch":
            return [Interpolate((height, width), dtype)]
        inner = self._inner_size(image_shape, height, width)
        resized = [Interpolate(inner, dtype)] if inner != image_shape[:2] else []
        if inner == (height, width):
            return resized
        if self.aspect == "crop":
            return [*resized, crop_module(inner, height, width)]
        widths = margins(inner, height, width)
        if self.mode == "constant":
            return [*resized, Pad(inner, widths, self.cval)]
        sides = zip(inner, widths, strict=True)
        return [*resized, TakePixels(*(pad_indices(*s, self.mode) for s in sides))]

    def _inner_size(self, image_shape, height, width):
        """Size of the resized images before they are padded or cropped."""
        rows, columns = image_shape[:2]
        pick = min if self.aspect == "pad" else max
        scale = pick(height / rows, width / columns)
        if scale == height / rows:
            return height, max(1, round(columns * scale))
        return max(1, round(rows * scale)), width


class ResizeByFactor(BasePreprocessing):
    """Change the size of images by a factor.

    Interpolation is that of `Resize`. What :func:`skimage.transform.rescale` does,
    under a name that is not that of a change of pixel values in other packages.
    `CNNClassifier` needs no such change: it standardizes pixels itself.

    Parameters
    ----------
    factor : float or tuple of (float, float), default=0.5
        Factor for height and width: above 1 is bigger. A number is both.

    Attributes
    ----------
    image_shape_ : tuple of (int, int, int)
        Height, width and number of channels in `fit`.
    n_features_in_ : int
        Number of features in `fit`, for flat images.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features in `fit`, for flat images in a data frame.

    See Also
    --------
    Resize : Bring images to one size.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.preprocessing import ResizeByFactor
    >>> images = np.arange(16, dtype=np.uint8).reshape(1, 4, 4)
    >>> ResizeByFactor(0.5).fit_transform(images)
    array([[[ 4,  5],
            [10, 11]]], dtype=uint8)
    """

    _parameter_constraints: dict = {
        "factor": [Interval(Real, 0, None, closed="neither"), tuple, list],
    }

    def __init__(self, factor=0.5):
        self.factor = factor

    def _apply(self, images):
        return resize_images(images, *self._new_size(images.shape[1:3]))

    def _torch_modules(self, image_shape, dtype):
        return [Interpolate(self._new_size(image_shape[:2]), dtype)]

    def _new_size(self, size):
        """Size of the images that come out."""
        pair = self.factor
        if not isinstance(pair, (tuple, list)):
            pair = [pair] * 2
        positive = self._parameter_constraints["factor"][0]
        if len(pair) != 2 or not all(map(positive.is_satisfied_by, pair)):
            raise ValueError(
                f"{type(self).__name__} expects factor to be a positive number, or one "
                f"for the height and one for the width. Got factor={self.factor!r}."
            )
        sides = zip(size, pair, strict=True)
        return tuple(max(1, round(side * factor)) for side, factor in sides)


def as_size(size, name, parameter="size"):
    """Read the height and width out of a parameter."""
    pair = (size, size) if isinstance(size, Integral) else tuple(size)
    if len(pair) != 2 or not all(isinstance(n, Integral) and n > 0 for n in pair):
        raise ValueError(
            f"{name} expects {parameter} to be a number of pixels, or (height, width). "
            f"Got {parameter}={size!r}."
        )
    return pair


def resize_images(images, height, width):
    """Resize images with an anti-aliased bilinear filter.

    Parameters
    ----------
    images : ndarray of shape (n, rows, columns[, n_channels])
        Images of any numeric dtype.
    height, width : int
        The new size.

    Returns
    -------
    images : ndarray of shape (n, height, width[, n_channels])
        Of the same dtype and range; the very same array where the size is the same.
    """
    if images.shape[1:3] == (height, width):
        return images
    resized = np.empty((len(images), height, width, *images.shape[3:]), images.dtype)
    n_pixels = max(images[0].size, resized[0].size)
    step = max(1, CHUNK_PIXELS // n_pixels)
    for start in range(0, len(images), step):
        rows = slice(start, start + step)
        resized[rows] = _resize_chunk(images[rows], height, width)
    return resized


def crop_center(images, height, width):
    """Cut the middle out of images that are at least as large."""
    top = (images.shape[1] - height) // 2
    left = (images.shape[2] - width) // 2
    return np.ascontiguousarray(images[:, top : top + height, left : left + width])


def crop_module(size, height, width):
    """Make the module that cuts the middle out of images, as `crop_center` does."""
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return TakePixels(range(top, top + height), range(left, left + width))


def margins(size, height, width):
    """Number of pixels above and below, left and right of images in larger ones."""
    missing = height - size[0], width - size[1]
    return tuple((number // 2, number - number // 2) for number in missing)


def pad_indices(side, widths, mode):
    """List the pixels along a side that a padded image consists of."""
    return np.pad(np.arange(side), widths, mode=mode)


def _resize_chunk(images, height, width):
    dtype = images.dtype
    if dtype != np.uint8:  # in uint8, torch computes with integers, as Pillow does
        images = as_float(images)
    images = np.require(images, requirements=["C", "W"])
    tensor = torch.from_numpy(images)
    tensor = tensor.permute(0, 3, 1, 2) if images.ndim == 4 else tensor[:, np.newaxis]
    tensor = interpolate(tensor, height, width)
    tensor = tensor.permute(0, 2, 3, 1) if images.ndim == 4 else tensor[:, 0]
    return restore_dtype(tensor.numpy(), dtype) if dtype != np.uint8 else tensor.numpy()

"""Move pixels: `CenterCrop`, `Rotate` and `Flip`."""

from numbers import Integral, Real

import numpy as np
from skimage import transform

from sklcnn._sklearn import N_JOBS, Interval, Options, StrOptions
from sklcnn.images._border import border_colors
from sklcnn.preprocessing._base import (
    BasePreprocessing,
    as_float,
    check_cval,
    restore_dtype,
)
from sklcnn.preprocessing._modules import QuarterTurns, TakePixels
from sklcnn.preprocessing._resize import as_size, crop_center, crop_module


class CenterCrop(BasePreprocessing):
    """Crop images to their center.

    Pixels are copied as they are. Images in a list may have different sizes.

    Parameters
    ----------
    size : int or tuple of (int, int), default=(64, 64)
        Height and width of the images that come out, at most those of the images that
        come in. A number is both.

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
    Resize : Bring images to one size, with ``aspect="crop"`` from the middle.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.preprocessing import CenterCrop
    >>> images = np.arange(16).reshape(1, 4, 4)
    >>> CenterCrop(2).fit_transform(images)
    array([[[ 5,  6],
            [ 9, 10]]])
    """

    _takes_mixed_sizes = True

    _parameter_constraints: dict = {
        "size": [Interval(Integral, 1, None, closed="left"), tuple, list],
    }

    def __init__(self, size=(64, 64)):
        self.size = size

    def _apply(self, images):
        height, width = as_size(self.size, type(self).__name__)
        rows, columns = images.shape[1:3]
        if rows < height or columns < width:
            raise ValueError(
                f"{type(self).__name__} expects images of at least {height} x {width} "
                f"pixels. Got an image of {rows} x {columns}. Choose a smaller size, "
                "or bring the images to one size with Resize."
            )
        return crop_center(images, height, width)

    def _torch_modules(self, image_shape, dtype):
        size = as_size(self.size, type(self).__name__)
        return [crop_module(image_shape[:2], *size)]


class Rotate(BasePreprocessing):
    """Rotate images about their center.

    Pixel values keep their dtype and range. Multiples of 90 degrees move whole pixels,
    with no interpolation, where the size allows: for half turns, for square images and
    with ``resize=True``. Everything else is :func:`skimage.transform.rotate`.

    Parameters
    ----------
    degrees : float, default=90
        Angle, counter-clockwise as displayed.
    resize : bool, default=False
        Whether images grow to show all their pixels, rather than keep their size.
    order : {0, 1}, default=1
        Interpolation: 0 takes the nearest pixel, 1 is bilinear.
    mode : {"constant", "edge", "symmetric", "reflect", "wrap"}, default="constant"
        What stands outside of the images, as in :func:`skimage.transform.rotate`.
    cval : float or "border", default="border"
        Pixel value outside of the images for "constant", on the scale of the images:
        255 is white in uint8. "border" is the median color of the border of each image.
    n_jobs : int or None, default=None
        Number of processes, as in scikit-learn.

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
    Flip : Mirror images.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.preprocessing import Rotate
    >>> images = np.arange(4).reshape(1, 2, 2)
    >>> Rotate(90).fit_transform(images)
    array([[[1, 3],
            [0, 2]]])
    """

    _parameter_constraints: dict = {
        "degrees": [Interval(Real, None, None, closed="neither")],
        "resize": ["boolean"],
        "order": [Options(Integral, {0, 1})],
        "mode": [StrOptions({"constant", "edge", "symmetric", "reflect", "wrap"})],
        "cval": [Interval(Real, None, None, closed="neither"), StrOptions({"border"})],
        "n_jobs": N_JOBS,
    }

    def __init__(
        self,
        degrees=90,
        *,
        resize=False,
        order=1,
        mode="constant",
        cval="border",
        n_jobs=None,
    ):
        self.degrees = degrees
        self.resize = resize
        self.order = order
        self.mode = mode
        self.cval = cval
        self.n_jobs = n_jobs

    def _apply(self, images):
        check_cval(self, images.dtype)
        turns = self._quarter_turns(images.shape[1:])
        if turns is not None:
            return np.ascontiguousarray(np.rot90(images, turns, axes=(1, 2)))
        return super()._apply(images)

    def _torch_modules(self, image_shape, dtype):
        turns = self._quarter_turns(image_shape)
        return None if turns is None else [QuarterTurns(int(turns) % 4)]

    def _quarter_turns(self, image_shape):
        """Number of quarter turns that move whole pixels; None if there is none."""
        turns, rest = divmod(self.degrees, 90)
        keeps_size = turns % 2 == 0 or image_shape[0] == image_shape[1]
        return turns if rest == 0 and (keeps_size or self.resize) else None

    def _apply_to_image(self, image):
        values, cval = as_float(image), self.cval
        outside = 0.0
        if cval == "border":
            cval = 0.0  # scikit-image takes one value for all channels
            if self.mode == "constant":
                outside = border_colors(values[np.newaxis])[0]
        rotated = transform.rotate(
            values - outside,
            self.degrees,
            resize=self.resize,
            order=self.order,
            mode=self.mode,
            cval=cval,
            preserve_range=True,
        )
        return restore_dtype(rotated + outside, image.dtype)


class Flip(BasePreprocessing):
    """Mirror images.

    Pixels are copied as they are.

    Parameters
    ----------
    horizontal : bool, default=True
        Whether to swap left and right.
    vertical : bool, default=False
        Whether to swap top and bottom.

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
    Rotate : Rotate images about their center.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.preprocessing import Flip
    >>> Flip().fit_transform(np.array([[[1, 2, 3]]]))
    array([[[3, 2, 1]]])
    """

    _parameter_constraints: dict = {
        "horizontal": ["boolean"],
        "vertical": ["boolean"],
    }

    def __init__(self, *, horizontal=True, vertical=False):
        self.horizontal = horizontal
        self.vertical = vertical

    def _apply(self, images):
        if self.horizontal:
            images = images[:, :, ::-1]
        if self.vertical:
            images = images[:, ::-1]
        return np.ascontiguousarray(images)

    def _torch_modules(self, image_shape, dtype):
        rows, columns = (np.arange(side) for side in image_shape[:2])
        return [
            TakePixels(
                rows[::-1] if self.vertical else rows,
                columns[::-1] if self.horizontal else columns,
            )
        ]

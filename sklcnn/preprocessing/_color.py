"""Change what pixels show, where they are: `Grayscale` and `EqualizeHistogram`."""

from numbers import Integral, Real

import numpy as np
from skimage import color, exposure

from sklcnn._sklearn import N_JOBS, Interval, StrOptions
from sklcnn.images._matrices import LUMINANCE
from sklcnn.preprocessing._base import (
    BasePreprocessing,
    as_float,
    restore_dtype,
)
from sklcnn.preprocessing._modules import Luminance
from sklcnn.preprocessing._resize import as_size

CHUNK_IMAGES = 256
MIN_KERNEL_SIZE = 8


class Grayscale(BasePreprocessing):
    """Convert color images to gray.

    The gray value is the luminance, as in :func:`skimage.color.rgb2gray`, in the dtype
    and range of the pixels. Any alpha channel is dropped; hidden pixels become visible.
    The channel axis goes away; images that are gray already stay so.

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
    ImageFunction : Any function, such as :func:`skimage.color.rgb2hsv`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.preprocessing import Grayscale
    >>> images = np.full((10, 8, 8, 3), 200, dtype=np.uint8)
    >>> Grayscale().fit_transform(images).shape
    (10, 8, 8)
    """

    _parameter_constraints: dict = {}

    def _apply(self, images):
        if images.ndim == 3:
            return images
        if images.shape[3] > 4:
            raise ValueError(
                f"{type(self).__name__} expects images with 1 or 2 channels (gray, "
                "gray and alpha) or 3 or 4 channels (RGB, RGBA). Got images of shape "
                f"{images.shape[1:]}. Choose channels first, for example with "
                "`X[..., :3]`."
            )
        if images.shape[3] < 3:
            return np.ascontiguousarray(images[..., 0])
        gray = np.empty(images.shape[:3], dtype=images.dtype)
        for start in range(0, len(images), CHUNK_IMAGES):
            rows = slice(start, start + CHUNK_IMAGES)
            values = as_float(images[rows, ..., :3])
            values = values @ np.array(LUMINANCE, dtype=values.dtype)
            gray[rows] = restore_dtype(values, images.dtype)
        return gray

    def _torch_modules(self, image_shape, dtype):
        return [Luminance(dtype)]


class EqualizeHistogram(BasePreprocessing):
    """Spread the contrast of each image over its range.

    Adaptive equalization (CLAHE) does so in each region of the image for itself, with a
    limit on how much noise may be amplified. Colors keep their hue: only the HSV value
    is equalized. An alpha channel, which is the last of 2 or 4, stays as it is. Pixel
    values keep their dtype and range.

    Parameters
    ----------
    adaptive : bool, default=True
        Whether to use :func:`skimage.exposure.equalize_adapthist`, rather than
        :func:`skimage.exposure.equalize_hist`, which is 2 to 6 times as
        fast.
    kernel_size : int, tuple of (int, int) or None, default=None
        Size of the regions. None is an eighth of the height and width, and at least 8
        pixels: smaller ones hold too few pixels for a histogram.
    clip_limit : float, default=0.01
        Limit of the contrast, between 0 and 1. Higher values give more contrast.
    n_bins : int, default=256
        Number of bins of the histograms.
    value_range : {"dtype", "image"} or tuple of (float, float), default="dtype"
        The values of black and white:

        - "dtype": the range of the dtype for bool, uint8 and uint16, and 0 to 1 for
          floats; no other dtype will do;
        - "image": the lowest and the highest pixel of each image, without alpha;
        - a pair such as ``(0, 255)``, for other integers and for floats.
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
    ImageFunction : Any function, such as :func:`skimage.exposure.adjust_gamma`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.preprocessing import EqualizeHistogram
    >>> images = np.linspace(100, 120, 64).reshape(1, 8, 8).astype(np.uint8)
    >>> equalized = EqualizeHistogram().fit_transform(images)
    >>> equalized.min(), equalized.max()
    (np.uint8(0), np.uint8(255))
    """

    _parameter_constraints: dict = {
        "adaptive": ["boolean"],
        "kernel_size": [Interval(Integral, 1, None, closed="left"), tuple, list, None],
        "clip_limit": [Interval(Real, 0, 1, closed="both")],
        "n_bins": [Interval(Integral, 2, None, closed="left")],
        "value_range": [StrOptions({"dtype", "image"}), tuple, list],
        "n_jobs": N_JOBS,
    }

    def __init__(
        self,
        *,
        adaptive=True,
        kernel_size=None,
        clip_limit=0.01,
        n_bins=256,
        value_range="dtype",
        n_jobs=None,
    ):
        self.adaptive = adaptive
        self.kernel_size = kernel_size
        self.clip_limit = clip_limit
        self.n_bins = n_bins
        self.value_range = value_range
        self.n_jobs = n_jobs

    def _apply(self, images):
        if self.kernel_size is not None:
            as_size(self.kernel_size, type(self).__name__, "kernel_size")
        return super()._apply(images)

    def _apply_to_image(self, image):
        has_alpha = image.ndim == 3 and image.shape[2] in (2, 4)
        colors = image[..., :-1] if has_alpha else image
        low, high = self._range(colors)
        if low == high:
            return image
        values = (colors.astype(np.float64) - low) / (high - low)
        equalized = low + self._equalize(values) * (high - low)
        equalized = restore_dtype(equalized, image.dtype)
        if not has_alpha:
            return equalized
        return np.concatenate([equalized, image[..., -1:]], axis=-1)

    def _range(self, image):
        """Find the values of black and white in an image."""
        lowest, highest = float(image.min()), float(image.max())
        if self.value_range == "image":
            return lowest, highest
        low, high = self._expected_range(image.dtype)
        if lowest < low or highest > high:
            raise ValueError(
                f"{type(self).__name__} expects pixels between {low:g} and {high:g}, "
                f"for value_range={self.value_range!r} and images of dtype "
                f"{image.dtype}. Got pixels between {lowest:g} and {highest:g}. Set "
                "value_range to the values of black and white, for example "
                'value_range=(0, 255), or to "image".'
            )
        return low, high

    def _expected_range(self, dtype):
        name = type(self).__name__
        if self.value_range != "dtype":
            pair = tuple(self.value_range)
            are_numbers = all(isinstance(n, Real) and np.isfinite(n) for n in pair)
            if len(pair) != 2 or not are_numbers or not pair[0] < pair[1]:
                raise ValueError(
                    f"{name} expects value_range to be two numbers (low, high), with "
                    f"low below high. Got value_range={self.value_range!r}."
                )
            return tuple(map(float, pair))
        known = {"uint8": 255.0, "uint16": 65535.0}
        if dtype.kind in "fb" or dtype.name in known:
            return 0.0, known.get(dtype.name, 1.0)
        raise ValueError(
            f"{name} can't tell the values of black and white from pixels of dtype "
            f'{dtype}. Set value_range, for example to (0, 255), or to "image".'
        )

    def _equalize(self, image):
        """Equalize an image of values between 0 and 1."""
        if image.ndim == 2:
            return self._equalize_channel(image)
        if image.shape[2] != 3:
            channels = np.moveaxis(image, 2, 0)
            return np.stack([self._equalize_channel(c) for c in channels], axis=-1)
        hsv = color.rgb2hsv(image)
        hsv[..., 2] = self._equalize_channel(hsv[..., 2])
        return color.hsv2rgb(hsv)

    def _equalize_channel(self, channel):
        if channel.min() == channel.max():
            return channel
        if not self.adaptive:
            return exposure.equalize_hist(channel, nbins=self.n_bins)
        sizes = tuple(max(side // 8, MIN_KERNEL_SIZE) for side in channel.shape)
        return exposure.equalize_adapthist(
            channel,
            kernel_size=sizes if self.kernel_size is None else self.kernel_size,
            clip_limit=self.clip_limit,
            nbins=self.n_bins,
        )

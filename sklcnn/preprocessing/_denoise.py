"""Take noise away: `Denoise`."""

from numbers import Integral, Real

import numpy as np
from scipy import ndimage
from skimage import restoration

from sklcnn._pixels import pixel_scale
from sklcnn._sklearn import N_JOBS, Interval, StrOptions
from sklcnn.preprocessing._base import (
    BasePreprocessing,
    as_float,
    restore_dtype,
)


class Denoise(BasePreprocessing):
    """Remove noise and keep edges.

    Pixel values keep their dtype and range.

    Parameters
    ----------
    method : {"tv", "bilateral", "nl_means", "median"}, default="tv"
        How to do it:

        - "tv" makes images flat in pieces, with
          :func:`skimage.restoration.denoise_tv_chambolle`;
        - "bilateral" takes the mean of near pixels of like value, with
          :func:`skimage.restoration.denoise_bilateral`;
        - "nl_means" takes the mean of pixels whose surroundings are alike, with
          :func:`skimage.restoration.denoise_nl_means`: the best for textures, and
          slow;
        - "median" takes the median of near pixels, best for single wrong ones, and
          much the fastest.
    strength : float, default=0.1
        How different pixels may be to be evened out, with uint8 and uint16 images
        counted as 0 to 1, and others as they are. Not used by "median".
    radius : int, default=1
        How far near pixels are, for "bilateral" (the standard deviation) and "median"
        (half the window).
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
    ImageFunction : Any function, such as :func:`skimage.filters.gaussian`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.preprocessing import Denoise
    >>> image = np.zeros((1, 3, 3), dtype=np.uint8)
    >>> image[0, 1, 1] = 255
    >>> Denoise(method="median").fit_transform(image).max()
    np.uint8(0)
    """

    _parameter_constraints: dict = {
        "method": [StrOptions({"tv", "bilateral", "nl_means", "median"})],
        "strength": [Interval(Real, 0, None, closed="neither")],
        "radius": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": N_JOBS,
    }

    def __init__(self, *, method="tv", strength=0.1, radius=1, n_jobs=None):
        self.method = method
        self.strength = strength
        self.radius = radius
        self.n_jobs = n_jobs

    def _apply_to_image(self, image):
        if self.method == "median":
            window = (2 * self.radius + 1,) * 2 + (1,) * (image.ndim - 2)
            # scipy has no compiled code for float16
            values = as_float(image) if image.dtype.kind == "f" else image
            filtered = ndimage.median_filter(values, window, mode="nearest")
            return filtered.astype(image.dtype, copy=False)
        scale = pixel_scale(image.dtype)
        denoised = self._denoise(as_float(image) * scale)
        return restore_dtype(denoised / scale, image.dtype)

    def _denoise(self, image):
        """Denoise an image of floats."""
        if image.ndim == 3 and (self.method != "tv" and image.shape[2] not in (3, 4)):
            channels = np.moveaxis(image, 2, 0)
            return np.stack([self._denoise(c) for c in channels], axis=-1)
        axis = -1 if image.ndim == 3 else None
        if self.method == "tv":
            return restoration.denoise_tv_chambolle(
                image, weight=self.strength, channel_axis=axis
            )
        if self.method == "nl_means":
            denoised = restoration.denoise_nl_means(
                image,
                h=self.strength,
                patch_size=5,
                patch_distance=6,
                channel_axis=axis,
            )
            return denoised.reshape(image.shape)  # it drops sides of one pixel
        lowest = image.min()  # only differences matter, but negative pixels are refused
        denoised = restoration.denoise_bilateral(
            image - lowest,
            sigma_color=self.strength,
            sigma_spatial=self.radius,
            mode="edge",
            channel_axis=axis,
        )
        return lowest + denoised.reshape(image.shape)

"""Random transforms that take detail away."""

from numbers import Real

import numpy as np

from sklcnn._sklearn import Interval, StrOptions
from sklcnn.augmentation._base import PROBABILITY, BaseAugmentation, Pair
from sklcnn.augmentation._stages import Blur, Erase, Noise


class RandomNoise(BaseAugmentation):
    """Add normally distributed noise to every value of every pixel.

    Every channel gets noise of its own, a fourth one (alpha) as well.

    What leaves the range of the training images, which is 0 to 1 for bool, uint8 and
    uint16, is clipped to it.

    Parameters
    ----------
    std : float or pair of floats, default=0.05
        Standard deviation of the noise, or a range from which every image draws its
        own, as a fraction of the range of the training images.
    p : float, default=1.0
        How often it happens.

    Attributes
    ----------
    image_shape_ : tuple of int
        Shape of an image, as seen in `fit`.
    n_features_in_ : int
        Number of features seen in `fit`. Defined only for flat images.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features seen in `fit`. Defined only for flat images from a data
        frame.

    See Also
    --------
    RandomBlur : Blur images at random.
    RandomErasing : Paint a rectangle over images at random.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.augmentation import RandomNoise
    >>> X = np.full((1, 100, 100), 0.5)
    >>> round(RandomNoise(std=0.1).fit_transform(X).draw().std(), 2)
    np.float64(0.1)
    """

    _parameter_constraints: dict = {
        "std": [
            Interval(Real, 0, None, closed="left"),
            Pair(Real, 0, None, closed="left"),
        ],
        "p": [PROBABILITY],
    }

    def __init__(self, *, std=0.05, p=1.0):
        self.std = std
        self.p = p

    def _draw(self, random, image_shape, pixel_range):
        happens = random.happens(self.p)
        low, high = (self.std,) * 2 if isinstance(self.std, Real) else self.std
        amplitudes = random.uniform(low, high) * np.ptp(pixel_range) * happens
        return Noise(amplitudes, random.pixel_keys(), pixel_range)


class RandomBlur(BaseAugmentation):
    """Blur images at random, by a Gaussian.

    The pixels of the border go on outside the image, as in `skimage.filters.gaussian`.

    Parameters
    ----------
    sigma : pair of floats, default=(0.1, 1.0)
        Range of the Gaussian's standard deviation in pixels. Drawn uniformly.
    p : float, default=0.5
        How often it happens.

    Attributes
    ----------
    image_shape_ : tuple of int
        Shape of an image, as seen in `fit`.
    n_features_in_ : int
        Number of features seen in `fit`. Defined only for flat images.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features seen in `fit`. Defined only for flat images from a data
        frame.

    See Also
    --------
    RandomNoise : Add noise at random.
    RandomErasing : Paint a rectangle over images at random.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.augmentation import RandomBlur
    >>> X = np.zeros((1, 3, 3))
    >>> X[0, 1, 1] = 1
    >>> RandomBlur(sigma=(0.5, 0.5), p=1.0).fit_transform(X).draw().round(2)
    array([[[0.01, 0.08, 0.01],
            [0.08, 0.62, 0.08],
            [0.01, 0.08, 0.01]]])
    """

    _parameter_constraints: dict = {
        "sigma": [Pair(Real, 0, None, closed="left")],
        "p": [PROBABILITY],
    }

    def __init__(self, *, sigma=(0.1, 1.0), p=0.5):
        self.sigma = sigma
        self.p = p

    def _draw(self, random, image_shape, pixel_range):
        happens = random.happens(self.p)
        sigmas = random.uniform(*self.sigma) * happens
        return Blur(sigmas, radius=int(4 * self.sigma[1] + 0.5))


class RandomErasing(BaseAugmentation):
    """Paint a rectangle over images at random.

    Parameters
    ----------
    area : pair of floats, default=(0.02, 0.2)
        Range of the rectangle's area, as a fraction of the image's. Drawn uniformly.
    ratio : pair of floats, default=(0.3, 3.3)
        Range of the rectangle's height divided by its width. Drawn log-uniformly. What
        would be higher or wider than the image is cut to it.
    cval : float or "random", default=0.0
        What it is painted with, where bool, uint8 and uint16 count from 0 to 1.
        ``"random"`` draws every value of every pixel from the range of the training
        images.
    p : float, default=0.5
        How often it happens.

    Attributes
    ----------
    image_shape_ : tuple of int
        Shape of an image, as seen in `fit`.
    n_features_in_ : int
        Number of features seen in `fit`. Defined only for flat images.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features seen in `fit`. Defined only for flat images from a data
        frame.

    See Also
    --------
    RandomNoise : Add noise at random.
    RandomBlur : Blur images at random.

    References
    ----------
    .. [1] Z. Zhong et al. "Random Erasing Data Augmentation", AAAI 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.augmentation import RandomErasing
    >>> X = np.ones((1, 4, 4))
    >>> RandomErasing(area=(0.25, 0.25), ratio=(1, 1), p=1.0).fit_transform(X).draw()
    array([[[1., 1., 1., 1.],
            [1., 1., 1., 1.],
            [1., 1., 0., 0.],
            [1., 1., 0., 0.]]])
    """

    _parameter_constraints: dict = {
        "area": [Pair(Real, 0, 1, closed="both")],
        "ratio": [Pair(Real, 0, None, closed="neither")],
        "cval": [Interval(Real, None, None, closed="neither"), StrOptions({"random"})],
        "p": [PROBABILITY],
    }

    def __init__(self, *, area=(0.02, 0.2), ratio=(0.3, 3.3), cval=0.0, p=0.5):
        self.area = area
        self.ratio = ratio
        self.cval = cval
        self.p = p

    def _draw(self, random, image_shape, pixel_range):
        happens = random.happens(self.p)
        height, width, _ = image_shape
        areas = random.uniform(*self.area) * height * width
        ratios = random.log_uniform(*self.ratio)
        heights = np.rint(np.sqrt(areas * ratios)).clip(1, height)
        heights *= happens & (areas > 0)
        widths = np.rint(np.sqrt(areas / ratios)).clip(1, width)
        top = random.integers(0, height - heights)
        left = random.integers(0, width - widths)
        boxes = np.stack([top, top + heights, left, left + widths], axis=1)
        return Erase(boxes, random.pixel_keys(), self.cval, pixel_range)

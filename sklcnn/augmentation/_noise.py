"""Random steps that take detail away: noise, blur, erasing."""

from numbers import Real

import numpy as np

from sklcnn._sklearn import Interval, StrOptions
from sklcnn.augmentation._base import (
    PROBABILITY,
    BaseAugmentation,
    FillingAugmentation,
    Pair,
)
from sklcnn.augmentation._stages import Blur, Erase, Noise


class RandomNoise(BaseAugmentation):
    """Add Gaussian noise to images.

    Every channel gets noise of its own, a fourth one (alpha) as well.

    The result is clipped to the range of the training pixels. That is the whole range
    of uint8 or uint16, and 0 to 1 for floats, where the pixels span more than half of
    it; else it is from the least to the greatest pixel.

    Parameters
    ----------
    std : float or pair of floats, default=0.05
        Standard deviation of the noise, or a range (low, high) from which each image
        draws its own, as a fraction of the range of the training pixels.
    p : float, default=1.0
        Probability of applying the transform to an image.

    Attributes
    ----------
    image_shape_ : tuple of int
        Shape of an image, as seen in `fit`.
    n_features_in_ : int
        Number of features seen in `fit`. Defined only for flat images.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features seen in `fit`. Defined only for flat images from a data
        frame.

    See Also
    --------
    RandomBlur : Blur images at random.
    RandomErasing : Fill a random rectangle of images.

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

    def __init__(self, std=0.05, *, p=1.0):
        self.std = std
        self.p = p

    def draw_stage(self, random, image_format):
        """Draw an amplitude per image.

        Parameters
        ----------
        random : RowRandom
            Random numbers, one per image at a time.
        image_format : ImageFormat
            Shape and pixel values of the images.

        Returns
        -------
        stage : Stage
            The transform of a batch.
        """
        happens = random.happens(self.p)
        low, high = (self.std,) * 2 if isinstance(self.std, Real) else self.std
        amplitudes = random.uniform(low, high) * image_format.span() * happens
        return Noise(amplitudes, random.pixel_keys(), image_format.pixel_range)


class RandomBlur(BaseAugmentation):
    """Blur images at random, by a Gaussian.

    The pixels of the border are repeated outside, as in `skimage.filters.gaussian`.

    Parameters
    ----------
    sigma : pair of floats, default=(0.1, 1.0)
        Range of the Gaussian's standard deviation in pixels. Drawn uniformly.
    p : float, default=0.5
        Probability of applying the transform to an image.

    Attributes
    ----------
    image_shape_ : tuple of int
        Shape of an image, as seen in `fit`.
    n_features_in_ : int
        Number of features seen in `fit`. Defined only for flat images.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features seen in `fit`. Defined only for flat images from a data
        frame.

    See Also
    --------
    RandomNoise : Add noise at random.
    RandomErasing : Fill a random rectangle of images.

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

    def __init__(self, sigma=(0.1, 1.0), *, p=0.5):
        self.sigma = sigma
        self.p = p

    def draw_stage(self, random, image_format):
        """Draw a standard deviation per image.

        Parameters
        ----------
        random : RowRandom
            Random numbers, one per image at a time.
        image_format : ImageFormat
            Shape and pixel values of the images.

        Returns
        -------
        stage : Stage
            The transform of a batch.
        """
        happens = random.happens(self.p)
        sigmas = random.uniform(*self.sigma) * happens
        return Blur(sigmas, radius=int(4 * self.sigma[1] + 0.5))


class RandomErasing(FillingAugmentation):
    """Fill a random rectangle of images.

    Parameters
    ----------
    area : pair of floats, default=(0.02, 0.2)
        Range of the rectangle's area, as a fraction of the image's. Drawn uniformly.
    ratio : pair of floats, default=(0.3, 3.3)
        Range of the rectangle's height divided by its width. Drawn log-uniformly. What
        would be higher or wider than the image is cut to it.
    mode : {"constant", "random"}, default="constant"
        Whether pixels inside the rectangle get the value `cval`, or are drawn uniformly
        from the range of the training pixels, each for itself.
    cval : float, default=0.0
        Pixel value inside the rectangle for ``mode="constant"``, on the scale of the
        images: 255 is white in uint8.
    p : float, default=0.5
        Probability of applying the transform to an image.

    Attributes
    ----------
    image_shape_ : tuple of int
        Shape of an image, as seen in `fit`.
    n_features_in_ : int
        Number of features seen in `fit`. Defined only for flat images.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
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
        "mode": [StrOptions({"constant", "random"})],
        "cval": [Interval(Real, None, None, closed="neither")],
        "p": [PROBABILITY],
    }

    def __init__(
        self,
        area=(0.02, 0.2),
        *,
        ratio=(0.3, 3.3),
        mode="constant",
        cval=0.0,
        p=0.5,
    ):
        self.area = area
        self.ratio = ratio
        self.mode = mode
        self.cval = cval
        self.p = p

    def draw_stage(self, random, image_format):
        """Draw a rectangle per image.

        Parameters
        ----------
        random : RowRandom
            Random numbers, one per image at a time.
        image_format : ImageFormat
            Shape and pixel values of the images.

        Returns
        -------
        stage : Stage
            The transform of a batch.
        """
        happens = random.happens(self.p)
        height, width, _ = image_format.shape
        areas = random.uniform(*self.area) * height * width
        ratios = random.log_uniform(*self.ratio)
        heights = np.rint(np.sqrt(areas * ratios)).clip(1, height)
        heights *= happens & (areas > 0)
        widths = np.rint(np.sqrt(areas / ratios)).clip(1, width)
        top = random.integers(0, height - heights)
        left = random.integers(0, width - widths)
        boxes = np.stack([top, top + heights, left, left + widths], axis=1)
        if self.mode == "constant":
            return Erase(boxes, self._fill_value(image_format))
        return Erase(
            boxes, keys=random.pixel_keys(), pixel_range=image_format.pixel_range
        )

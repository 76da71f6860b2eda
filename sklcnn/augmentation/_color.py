"""Random steps that change colors: brightness, contrast, saturation, gamma."""

from numbers import Real

import numpy as np

from sklcnn._sklearn import Interval
from sklcnn.augmentation._base import (
    PROBABILITY,
    BaseAugmentation,
    Pair,
    only_where,
    span,
)
from sklcnn.augmentation._stages import Gamma, Recolor
from sklcnn.images._matrices import brightness, contrast, saturation


class RandomBrightness(BaseAugmentation):
    """Shift the brightness of images at random.

    All channels change alike, a fourth one (alpha) as well.

    Consecutive color steps are merged into one matrix; the result is clipped to the
    range of the training pixels. That is the whole range of uint8 or uint16, and 0 to 1
    for floats, where the pixels span more than half of it; else it is from the least to
    the greatest pixel.

    Parameters
    ----------
    brightness : float or pair of floats, default=0.2
        Largest shift either way, or a range (low, high) of shifts, as a fraction of the
        range of the training pixels. Drawn uniformly.
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
    RandomContrast : Change the contrast of images at random.
    RandomGamma : Raise pixels to a random power.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.augmentation import RandomBrightness
    >>> X = np.array([[[0, 100], [200, 255]]], dtype=np.uint8)
    >>> RandomBrightness(brightness=(0.2, 0.2)).fit_transform(X).draw()
    array([[[ 51, 151],
            [251, 255]]], dtype=uint8)
    """

    _parameter_constraints: dict = {
        "brightness": [
            Interval(Real, 0, 1, closed="both"),
            Pair(Real, -1, 1, closed="both"),
        ],
        "p": [PROBABILITY],
    }

    def __init__(self, brightness=0.2, *, p=1.0):
        self.brightness = brightness
        self.p = p

    def draw_stage(self, random, image_format):
        """Draw a shift per image.

        Parameters
        ----------
        random : RowRandom
            Random numbers, one per image at a time.
        image_format : ImageFormat
            Shape and pixel values of the images.

        Returns
        -------
        stage : Recolor
            The transform of a batch.
        """
        happens = random.happens(self.p)
        shifts = random.uniform(*span(self.brightness)) * image_format.span()
        matrices = brightness(shifts, image_format.shape[2])
        return Recolor(only_where(happens, matrices), image_format.pixel_range)


class RandomContrast(BaseAugmentation):
    """Change the contrast of images at random.

    All channels change alike, a fourth one (alpha) as well.

    Consecutive color steps are merged into one matrix; the result is clipped to the
    range of the training pixels. That is the whole range of uint8 or uint16, and 0 to 1
    for floats, where the pixels span more than half of it; else it is from the least to
    the greatest pixel.

    Parameters
    ----------
    contrast : pair of floats, default=(0.8, 1.25)
        Range of the factor by which pixels move away from the middle of the range of
        the training pixels. Above 1 is more contrast. Drawn log-uniformly.
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
    RandomBrightness : Shift the brightness of images at random.
    RandomSaturation : Change the saturation of images at random.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.augmentation import RandomContrast
    >>> X = np.array([[[0.0, 0.5], [0.75, 1.0]]])
    >>> RandomContrast(contrast=(0.5, 0.5)).fit_transform(X).draw()
    array([[[0.25 , 0.5  ],
            [0.625, 0.75 ]]])
    """

    _parameter_constraints: dict = {
        "contrast": [Pair(Real, 0, None, closed="neither")],
        "p": [PROBABILITY],
    }

    def __init__(self, contrast=(0.8, 1.25), *, p=1.0):
        self.contrast = contrast
        self.p = p

    def draw_stage(self, random, image_format):
        """Draw a factor per image.

        Parameters
        ----------
        random : RowRandom
            Random numbers, one per image at a time.
        image_format : ImageFormat
            Shape and pixel values of the images.

        Returns
        -------
        stage : Recolor
            The transform of a batch.
        """
        happens = random.happens(self.p)
        factors = random.log_uniform(*self.contrast)
        middle = sum(image_format.pixel_range) / 2
        matrices = contrast(factors, middle, image_format.shape[2])
        return Recolor(only_where(happens, matrices), image_format.pixel_range)


class RandomSaturation(BaseAugmentation):
    """Change the saturation of images at random.

    Gray images stay as they are. A fourth channel is no color and stays as it is.

    Consecutive color steps are merged into one matrix; the result is clipped to the
    range of the training pixels. That is the whole range of uint8 or uint16, and 0 to 1
    for floats, where the pixels span more than half of it; else it is from the least to
    the greatest pixel.

    Parameters
    ----------
    saturation : pair of floats, default=(0.7, 1.3)
        Range of the factor by which red, green and blue move away from the gray of the
        same luminance. Above 1 is more colorful, 0 is gray. Drawn uniformly.
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
    RandomContrast : Change the contrast of images at random.
    RandomBrightness : Shift the brightness of images at random.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.augmentation import RandomSaturation
    >>> X = np.array([[[[255, 0, 0], [255, 255, 255]]]], dtype=np.uint8)
    >>> RandomSaturation(saturation=(0, 0)).fit_transform(X).draw()
    array([[[[ 54,  54,  54],
             [255, 255, 255]]]], dtype=uint8)
    """

    _parameter_constraints: dict = {
        "saturation": [Pair(Real, 0, None, closed="left")],
        "p": [PROBABILITY],
    }

    def __init__(self, saturation=(0.7, 1.3), *, p=1.0):
        self.saturation = saturation
        self.p = p

    def draw_stage(self, random, image_format):
        """Draw a factor per image.

        Parameters
        ----------
        random : RowRandom
            Random numbers, one per image at a time.
        image_format : ImageFormat
            Shape and pixel values of the images.

        Returns
        -------
        stage : Recolor
            The transform of a batch.
        """
        happens = random.happens(self.p)
        factors = random.uniform(*self.saturation)
        matrices = saturation(factors, image_format.shape[2])
        return Recolor(only_where(happens, matrices), image_format.pixel_range)

    def check_shape(self, image_shape):
        """Raise an error for images of more than four channels.

        Parameters
        ----------
        image_shape : tuple of three ints
            Height, width and number of channels.
        """
        if image_shape[2] > 4:
            raise ValueError(
                "RandomSaturation expects gray images, or red, green and blue, with or "
                f"without a fourth channel. Got {image_shape[2]} channels instead."
            )


class RandomGamma(BaseAugmentation):
    """Raise pixels to a random power, which brightens or darkens middle tones.

    All channels change alike, a fourth one (alpha) as well.

    The range of the training pixels counts as 0 to 1 here. That is the whole range of
    uint8 or uint16, and 0 to 1 for floats, where the pixels span more than half of it;
    else it is from the least to the greatest pixel.

    Parameters
    ----------
    gamma : pair of floats, default=(0.8, 1.25)
        Range of the power to which pixels are raised. Above 1 is darker. Drawn
        log-uniformly.
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
    RandomBrightness : Shift the brightness of images at random.
    RandomContrast : Change the contrast of images at random.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.augmentation import RandomGamma
    >>> X = np.array([[[0.0, 0.5], [0.25, 1.0]]])
    >>> RandomGamma(gamma=(2, 2)).fit_transform(X).draw()
    array([[[0.    , 0.25  ],
            [0.0625, 1.    ]]])
    """

    _parameter_constraints: dict = {
        "gamma": [Pair(Real, 0, None, closed="neither")],
        "p": [PROBABILITY],
    }

    def __init__(self, gamma=(0.8, 1.25), *, p=1.0):
        self.gamma = gamma
        self.p = p

    def draw_stage(self, random, image_format):
        """Draw a power per image.

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
        powers = random.log_uniform(*self.gamma)
        return Gamma(np.where(happens, powers, 1), image_format.pixel_range)

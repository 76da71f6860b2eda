"""Random steps that move images by whole pixels: flips and crops."""

from numbers import Integral

import numpy as np

from sklcnn._sklearn import Interval
from sklcnn.augmentation._base import (
    BORDER,
    PROBABILITY,
    BaseAugmentation,
    FillingAugmentation,
)
from sklcnn.augmentation._stages import Warp
from sklcnn.images._matrices import scaling, translation


class RandomFlip(BaseAugmentation):
    """Mirror images at random.

    Alone, or with `RandomCrop`, this keeps the values of pixels, bit for bit.

    Parameters
    ----------
    horizontal : bool, default=True
        Whether to flip images left to right.
    vertical : bool, default=False
        Whether to flip images upside down.
    p : float, default=0.5
        Probability of each of the two flips.

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
    RandomCrop : Move images by whole pixels.
    RandomRotation : Rotate images at random.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.augmentation import RandomFlip
    >>> X = np.array([[[1, 2, 3], [4, 5, 6]]], dtype=np.uint8)
    >>> RandomFlip(p=1.0).fit_transform(X).draw()
    array([[[3, 2, 1],
            [6, 5, 4]]], dtype=uint8)
    """

    _parameter_constraints: dict = {
        "horizontal": ["boolean"],
        "vertical": ["boolean"],
        "p": [PROBABILITY],
    }

    def __init__(self, *, horizontal=True, vertical=False, p=0.5):
        self.horizontal = horizontal
        self.vertical = vertical
        self.p = p

    def draw_stage(self, random, image_format):
        """Draw which images are flipped.

        Parameters
        ----------
        random : RowRandom
            Random numbers, one per image at a time.
        image_format : ImageFormat
            Shape and pixel values of the images.

        Returns
        -------
        stage : Warp
            The transform of a batch.
        """
        x = np.where(random.happens(self.p) & self.horizontal, -1, 1)
        y = np.where(random.happens(self.p) & self.vertical, -1, 1)
        return Warp(scaling(x, y))


class RandomCrop(FillingAugmentation):
    """Pad images and crop them to their size at a random position.

    This moves them by whole pixels. Alone, or with `RandomFlip`, it keeps the values of
    pixels, bit for bit. Next to other geometric steps with the same `mode` and `cval`
    it is part of their interpolation.

    Parameters
    ----------
    padding : int, default=4
        Number of pixels added on every side, at most the shorter side of the images.
    mode : {"constant", "edge", "symmetric", "reflect"}, default="constant"
        What lies outside the image, in the words of `numpy.pad` and scikit-image.
    cval : float or "border", default="border"
        Pixel value outside the image for ``mode="constant"``, on the scale of the
        images: 255 is white in uint8. ``"border"`` is the median color of the pixels at
        the border, for each image.
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
    RandomTranslation : Move images by a fraction of their size.
    RandomFlip : Mirror images at random.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.augmentation import RandomCrop
    >>> X = np.array([[[1, 2, 3], [4, 5, 6], [7, 8, 9]]], dtype=np.uint8)
    >>> RandomCrop(padding=1).fit_transform(X).draw(epoch=1)
    array([[[2, 3, 4],
            [5, 6, 4],
            [8, 9, 4]]], dtype=uint8)
    """

    _parameter_constraints: dict = {
        "padding": [Interval(Integral, 0, None, closed="left")],
        **BORDER,
        "p": [PROBABILITY],
    }

    def __init__(self, padding=4, *, mode="constant", cval="border", p=1.0):
        self.padding = padding
        self.mode = mode
        self.cval = cval
        self.p = p

    def draw_stage(self, random, image_format):
        """Draw a move by whole pixels per image.

        Parameters
        ----------
        random : RowRandom
            Random numbers, one per image at a time.
        image_format : ImageFormat
            Shape and pixel values of the images.

        Returns
        -------
        stage : Warp
            The transform of a batch.
        """
        happens = random.happens(self.p)
        x, y = (random.integers(-self.padding, self.padding) for _ in range(2))
        matrices = translation(x * happens, y * happens)
        cval = self._fill_value(image_format)
        return Warp(matrices, mode=self.mode, cval=cval)

    def check_shape(self, image_shape):
        """Raise an error for images smaller than the padding.

        Parameters
        ----------
        image_shape : tuple of three ints
            Height, width and number of channels.
        """
        height, width = image_shape[:2]
        if self.padding > min(height, width):
            raise ValueError(
                f"RandomCrop got padding={self.padding}, which is more than the "
                f"shorter side of images of {height} x {width} pixels. Lower `padding`."
            )

"""Random steps that interpolate: rotation, shift, scale, shear, perspective."""

from abc import abstractmethod
from numbers import Integral, Real

import numpy as np

from sklcnn._sklearn import Interval, Options
from sklcnn.augmentation._base import (
    BORDER,
    PROBABILITY,
    FillingAugmentation,
    Pair,
    only_where,
    span,
)
from sklcnn.augmentation._stages import Warp
from sklcnn.images._matrices import (
    perspective,
    rotation,
    scaling,
    shear,
    translation,
)
from sklcnn.images._warp import ORDERS

_INTERPOLATION: dict = {
    **BORDER,
    "order": [Options(Integral, set(ORDERS))],
    "p": [PROBABILITY],
}


class _GeometricAugmentation(FillingAugmentation):
    """Base class of steps that have one matrix per image, whatever its pixels are."""

    @abstractmethod
    def _draw_matrices(self, random, image_shape):
        """Draw matrices of shape (n, 3, 3), the center of the image at (0, 0)."""

    def draw_stage(self, random, image_format):
        """Draw a matrix per image.

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
        matrices = only_where(happens, self._draw_matrices(random, image_format.shape))
        cval = self._fill_value(image_format)
        return Warp(matrices, self.order, self.mode, cval)


class RandomRotation(_GeometricAugmentation):
    """Rotate images at random, about their center.

    Consecutive geometric steps with the same `mode`, `cval` and `order` are merged into
    one interpolation.

    Parameters
    ----------
    degrees : float or pair of floats, default=15
        The largest angle either way, or a range of angles, counter-clockwise on the
        screen. Angles are drawn uniformly.
    mode : {"constant", "edge", "symmetric", "reflect"}, default="constant"
        What lies outside the image, in the words of `numpy.pad` and scikit-image.
    cval : float or "border", default="border"
        Pixel value outside the image for ``mode="constant"``, on the scale of the
        images: 255 is white in uint8. ``"border"`` is the median color of the pixels at
        the border, for each image.
    order : {0, 1}, default=1
        0 takes the nearest pixel, 1 interpolates linearly.
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
    RandomShear : Shear images at random.
    RandomFlip : Mirror images at random.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.augmentation import RandomRotation
    >>> X = np.array([[[1, 2], [3, 4]]], dtype=np.uint8)
    >>> RandomRotation(degrees=(90, 90)).fit_transform(X).draw()
    array([[[2, 4],
            [1, 3]]], dtype=uint8)
    """

    _parameter_constraints: dict = {
        "degrees": [
            Interval(Real, 0, 360, closed="both"),
            Pair(Real, -360, 360, closed="both"),
        ],
        **_INTERPOLATION,
    }

    def __init__(self, degrees=15, *, mode="constant", cval="border", order=1, p=1.0):
        self.degrees = degrees
        self.mode = mode
        self.cval = cval
        self.order = order
        self.p = p

    def _draw_matrices(self, random, image_shape):
        return rotation(np.deg2rad(random.uniform(*span(self.degrees))))


class RandomTranslation(_GeometricAugmentation):
    """Translate images at random.

    Consecutive geometric steps with the same `mode`, `cval` and `order` are merged into
    one interpolation.

    Parameters
    ----------
    translate : float, default=0.1
        The largest distance either way, as a fraction of the width and of the height.
        Distances are drawn uniformly.
    mode : {"constant", "edge", "symmetric", "reflect"}, default="constant"
        What lies outside the image, in the words of `numpy.pad` and scikit-image.
    cval : float or "border", default="border"
        Pixel value outside the image for ``mode="constant"``, on the scale of the
        images: 255 is white in uint8. ``"border"`` is the median color of the pixels at
        the border, for each image.
    order : {0, 1}, default=1
        0 takes the nearest pixel, 1 interpolates linearly.
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
    RandomCrop : Move images by whole pixels.
    RandomScale : Scale images at random.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.augmentation import RandomTranslation
    >>> X = np.ones((1, 8, 8))
    >>> augmented = RandomTranslation(translate=0.25).fit_transform(X)
    >>> augmented.draw().shape
    (1, 8, 8)
    """

    _parameter_constraints: dict = {
        "translate": [Interval(Real, 0, 1, closed="both")],
        **_INTERPOLATION,
    }

    def __init__(
        self, translate=0.1, *, mode="constant", cval="border", order=1, p=1.0
    ):
        self.translate = translate
        self.mode = mode
        self.cval = cval
        self.order = order
        self.p = p

    def _draw_matrices(self, random, image_shape):
        height, width, _ = image_shape
        x = random.uniform(-self.translate * width, self.translate * width)
        y = random.uniform(-self.translate * height, self.translate * height)
        return translation(x, y)


class RandomScale(_GeometricAugmentation):
    """Scale images at random, about their center.

    Images keep their size: what grows over it is cut off.

    Consecutive geometric steps with the same `mode`, `cval` and `order` are merged into
    one interpolation.

    Parameters
    ----------
    scale : pair of floats, default=(0.9, 1.1)
        Range of the factor of both width and height. Above 1 is larger. Factors are
        drawn log-uniformly, so that 1/2 and 2 are equally far from 1.
    mode : {"constant", "edge", "symmetric", "reflect"}, default="constant"
        What lies outside the image, in the words of `numpy.pad` and scikit-image.
    cval : float or "border", default="border"
        Pixel value outside the image for ``mode="constant"``, on the scale of the
        images: 255 is white in uint8. ``"border"`` is the median color of the pixels at
        the border, for each image.
    order : {0, 1}, default=1
        0 takes the nearest pixel, 1 interpolates linearly.
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
    RandomTranslation : Translate images at random.
    RandomPerspective : Change the perspective of images at random.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.augmentation import RandomScale
    >>> X = np.array([[[0, 0, 0, 0], [0, 9, 9, 0], [0, 9, 9, 0], [0, 0, 0, 0]]])
    >>> RandomScale(scale=(3, 3)).fit_transform(X).draw()
    array([[[9, 9, 9, 9],
            [9, 9, 9, 9],
            [9, 9, 9, 9],
            [9, 9, 9, 9]]])
    """

    _parameter_constraints: dict = {
        "scale": [Pair(Real, 0, None, closed="neither")],
        **_INTERPOLATION,
    }

    def __init__(
        self, scale=(0.9, 1.1), *, mode="constant", cval="border", order=1, p=1.0
    ):
        self.scale = scale
        self.mode = mode
        self.cval = cval
        self.order = order
        self.p = p

    def _draw_matrices(self, random, image_shape):
        factors = random.log_uniform(*self.scale)
        return scaling(factors, factors)


class RandomResizedCrop(_GeometricAugmentation):
    """Crop a random part of images, and enlarge it to their size.

    Consecutive geometric steps with the same `mode`, `cval` and `order` are merged into
    one interpolation.

    Parameters
    ----------
    scale : pair of floats, default=(0.35, 1.0)
        Range of the area of the part, as a fraction of the image's. Drawn uniformly.
        Large training sets take (0.08, 1.0) [1]_.
    ratio : pair of floats, default=(0.75, 1.3333333333333333)
        Range of the width of the part divided by its height, relative to those of the
        image. Drawn log-uniformly. What would be wider or higher than the image is cut
        to it.
    mode : {"constant", "edge", "symmetric", "reflect"}, default="constant"
        What lies outside the image, in the words of `numpy.pad` and scikit-image. The
        part lies inside: this matters to neighboring geometric steps.
    cval : float or "border", default="border"
        Pixel value outside the image for ``mode="constant"``, on the scale of the
        images: 255 is white in uint8. ``"border"`` is the median color of the pixels at
        the border, for each image.
    order : {0, 1}, default=1
        0 takes the nearest pixel, 1 interpolates linearly.
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
    RandomCrop : Move images by whole pixels.
    RandomScale : Scale images at random.

    References
    ----------
    .. [1] C. Szegedy et al., "Going deeper with convolutions", 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.augmentation import RandomResizedCrop
    >>> X = np.ones((1, 8, 8))
    >>> augmented = RandomResizedCrop(scale=(0.5, 1.0)).fit_transform(X)
    >>> augmented.draw().shape
    (1, 8, 8)
    """

    _parameter_constraints: dict = {
        "scale": [Pair(Real, 0, 1, closed="right")],
        "ratio": [Pair(Real, 0, None, closed="neither")],
        **_INTERPOLATION,
    }

    def __init__(
        self,
        scale=(0.35, 1.0),
        *,
        ratio=(3 / 4, 4 / 3),
        mode="constant",
        cval="border",
        order=1,
        p=1.0,
    ):
        self.scale = scale
        self.ratio = ratio
        self.mode = mode
        self.cval = cval
        self.order = order
        self.p = p

    def _draw_matrices(self, random, image_shape):
        height, width, _ = image_shape
        area, ratio = random.uniform(*self.scale), random.log_uniform(*self.ratio)
        x = np.minimum(np.sqrt(area * ratio), 1)  # width of the part, as a fraction
        y = np.minimum(np.sqrt(area / ratio), 1)
        left, top = ((1 - part) / 2 * random.uniform(-1, 1) for part in (x, y))
        # as far as the centers of the outermost pixels: nothing beyond is mixed in
        moved = translation(-left * (width - 1), -top * (height - 1))
        return moved @ scaling(1 / x, 1 / y)


class RandomShear(_GeometricAugmentation):
    """Shear images horizontally at random.

    Consecutive geometric steps with the same `mode`, `cval` and `order` are merged into
    one interpolation.

    Parameters
    ----------
    degrees : float or pair of floats, default=10
        The largest angle either way, or a range of angles, by which upright lines lean
        to the right. Angles are drawn uniformly.
    mode : {"constant", "edge", "symmetric", "reflect"}, default="constant"
        What lies outside the image, in the words of `numpy.pad` and scikit-image.
    cval : float or "border", default="border"
        Pixel value outside the image for ``mode="constant"``, on the scale of the
        images: 255 is white in uint8. ``"border"`` is the median color of the pixels at
        the border, for each image.
    order : {0, 1}, default=1
        0 takes the nearest pixel, 1 interpolates linearly.
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
    RandomRotation : Rotate images at random.
    RandomPerspective : Change the perspective of images at random.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.augmentation import RandomShear
    >>> X = np.array([[[0, 1, 0], [0, 1, 0], [0, 1, 0]]])
    >>> RandomShear(degrees=(45, 45)).fit_transform(X).draw()
    array([[[0, 0, 1],
            [0, 1, 0],
            [1, 0, 0]]])
    """

    _parameter_constraints: dict = {
        "degrees": [
            Interval(Real, 0, 90, closed="left"),
            Pair(Real, -90, 90, closed="neither"),
        ],
        **_INTERPOLATION,
    }

    def __init__(self, degrees=10, *, mode="constant", cval="border", order=1, p=1.0):
        self.degrees = degrees
        self.mode = mode
        self.cval = cval
        self.order = order
        self.p = p

    def _draw_matrices(self, random, image_shape):
        return shear(np.deg2rad(random.uniform(*span(self.degrees))))


class RandomPerspective(_GeometricAugmentation):
    """Change the perspective of images at random.

    Consecutive geometric steps with the same `mode`, `cval` and `order` are merged into
    one interpolation.

    Parameters
    ----------
    distortion : float, default=0.1
        The largest distance that a corner moves sideways, and up or down, as a fraction
        of the width and of the height. Distances are drawn uniformly.
    mode : {"constant", "edge", "symmetric", "reflect"}, default="constant"
        What lies outside the image, in the words of `numpy.pad` and scikit-image.
    cval : float or "border", default="border"
        Pixel value outside the image for ``mode="constant"``, on the scale of the
        images: 255 is white in uint8. ``"border"`` is the median color of the pixels at
        the border, for each image.
    order : {0, 1}, default=1
        0 takes the nearest pixel, 1 interpolates linearly.
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
    RandomShear : Shear images at random.
    RandomScale : Scale images at random.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.augmentation import RandomPerspective
    >>> X = np.ones((1, 8, 8))
    >>> augmented = RandomPerspective(distortion=0.2).fit_transform(X)
    >>> augmented.draw().shape
    (1, 8, 8)
    """

    _parameter_constraints: dict = {
        "distortion": [Interval(Real, 0, 0.25, closed="left")],
        **_INTERPOLATION,
    }

    def __init__(
        self, distortion=0.1, *, mode="constant", cval="border", order=1, p=1.0
    ):
        self.distortion = distortion
        self.mode = mode
        self.cval = cval
        self.order = order
        self.p = p

    def _draw_matrices(self, random, image_shape):
        size = np.array(image_shape[1::-1])
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * size / 2
        moves = [random.uniform(-self.distortion, self.distortion) for _ in range(8)]
        moves = np.stack(moves, axis=1).reshape(-1, 4, 2) * size
        return perspective(corners, corners + moves)

"""Base class of the random steps, and constraints of their parameters."""

from abc import ABC, abstractmethod
from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from sklcnn._pixels import check_fill_value
from sklcnn._rows import wanted_index
from sklcnn._sklearn import Interval, StrOptions, fit_with_callbacks, without_callbacks
from sklcnn._steps import ImageStepMixin
from sklcnn._validation import check_image_shape, check_images
from sklcnn.images import AugmentedImages
from sklcnn.images._mapped import with_rows_of
from sklcnn.images._warp import PADDING_MODES

PROBABILITY = Interval(Real, 0, 1, closed="both")

BORDER: dict = {
    "mode": [StrOptions(set(PADDING_MODES))],
    "cval": [Interval(Real, None, None, closed="neither"), StrOptions({"border"})],
}


class Pair(Interval):
    """Constraint of a parameter that is a range (low, high) within an interval."""

    def is_satisfied_by(self, val):
        """Tell whether a value is such a pair."""
        if isinstance(val, np.ndarray):
            val = val.tolist()
        return (
            isinstance(val, (tuple, list))
            and len(val) == 2
            and all(super(Pair, self).is_satisfied_by(number) for number in val)
            and val[0] <= val[1]
        )

    def __str__(self):
        return f"a pair (low, high), with low at most high, each {super().__str__()}"


class BaseAugmentation(ImageStepMixin, BaseEstimator, ABC):
    """Base class of the random steps, for steps of one's own.

    A subclass has an `__init__` that stores its parameters, as every estimator has, and
    `draw_stage`. All random numbers come from the `random` that `draw_stage` is given,
    so that a draw is a function of the seed, the epoch, the image and the step.

    `fit_transform` notes the step down beside the images; a `CNNClassifier` behind it
    calls `draw_stage` in every epoch. `transform` leaves images as they are.

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
    Pixelwise : Stage that calls a function, for changes of pixel values.
    Warp : Stage that moves pixels.
    Recolor : Stage that mixes channels.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklcnn.augmentation import BaseAugmentation, Pixelwise
    >>> class RandomFade(BaseAugmentation):
    ...     def __init__(self, strength=0.5):
    ...         self.strength = strength
    ...
    ...     def draw_stage(self, random, image_format):
    ...         factors = random.uniform(1 - self.strength, 1)
    ...         return Pixelwise(torch.multiply, factors)
    >>> X = np.full((1, 1, 2), 100, dtype=np.uint8)
    >>> RandomFade(strength=0.9).fit_transform(X).draw()
    array([[[44, 44]]], dtype=uint8)
    """

    _parameter_constraints: dict = {}

    @abstractmethod
    def draw_stage(self, random, image_format):
        """Draw the parameters of all images for one epoch.

        Parameters
        ----------
        random : RowRandom
            Random numbers, one per image at a time.
        image_format : ImageFormat
            Shape and pixel values of the images.

        Returns
        -------
        stage : Stage or list of Stage
            The transform of a batch, or several of them in their order.
        """

    def check_shape(self, image_shape):
        """Raise an error for images of a shape that can't be transformed.

        Called in `fit`, and before `draw_stage`, as flat images have no shape in `fit`.
        By default every shape is accepted.

        Parameters
        ----------
        image_shape : tuple of three ints
            Height, width and number of channels.
        """

    @fit_with_callbacks
    def fit(self, X, y=None):
        """Check the images and the parameters.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width), \
                (n_samples, height, width, n_channels) or (n_samples, n_features)
            Images, as arrays, lists or lazy images.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : object
            The fitted transform.
        """
        self._remember(X)
        return self

    @fit_with_callbacks
    def fit_transform(self, X, y=None):
        """Fit, and note the step down beside the images.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width), \
                (n_samples, height, width, n_channels) or (n_samples, n_features)
            Images, as arrays, lists or lazy images.
        y : object, default=None
            Ignored.

        Returns
        -------
        augmented : AugmentedImages
            The images unchanged, with this step after those noted before.
        """
        images, step = self._remember(X), without_callbacks(clone(self))
        if isinstance(X, AugmentedImages):
            return AugmentedImages(images, (*X.steps, step), X.rows, X.index)
        return AugmentedImages(images, (step,), index=wanted_index(X, self))

    def transform(self, X):
        """Return the images as they are: only training sees random transforms.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width), \
                (n_samples, height, width, n_channels) or (n_samples, n_features)
            Images, as arrays, lists or lazy images.

        Returns
        -------
        X : ndarray or lazy images
            The images.
        """
        check_is_fitted(self)
        images = check_images(_images_of(X), estimator=self, reset=False)
        if len(self.image_shape_) > 1:
            check_image_shape(
                images.shape, (*self.image_shape_, 1)[:3], name=type(self).__name__
            )
        return X if isinstance(X, AugmentedImages) else with_rows_of(images, X, self)

    def _remember(self, X):
        """Check images and parameters, and keep the shape of an image."""
        images = check_images(_images_of(X), estimator=self)
        self._check_dtype(images.dtype)
        if len(images.shape) > 2:
            self.check_shape((*images.shape[1:], 1)[:3])
        self.image_shape_ = tuple(images.shape[1:])
        return images

    def _check_dtype(self, dtype):
        """Raise an error for images of a dtype that parameters don't go with."""


class FillingAugmentation(BaseAugmentation):
    """Base class of steps with a fill value `cval`, on the scale of the images."""

    def _check_dtype(self, dtype):
        if self.cval != "border":
            check_fill_value(self.cval, np.dtype(dtype), name=type(self).__name__)

    def _fill_value(self, image_format):
        """Bring `cval` to the scale of the network."""
        return self.cval if self.cval == "border" else image_format.scaled(self.cval)


def span(value):
    """Make the range (-value, value) of a number, and a tuple of a pair."""
    return (-value, value) if isinstance(value, Real) else tuple(value)


def only_where(happens, matrices):
    """Replace the matrices of all other images by the identity."""
    identity = np.eye(matrices.shape[-1])
    return np.where(happens[:, np.newaxis, np.newaxis], matrices, identity)


def _images_of(X):
    return X.images if isinstance(X, AugmentedImages) else X

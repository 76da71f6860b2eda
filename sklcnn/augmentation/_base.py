"""What all random transforms have in common."""

from abc import ABC, abstractmethod
from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from sklcnn._pixels import pixel_scale
from sklcnn._sklearn import Interval, fit_context
from sklcnn._steps import ImageStepMixin
from sklcnn._validation import check_image_shape, check_images
from sklcnn.images import AugmentedImages

PROBABILITY = Interval(Real, 0, 1, closed="both")


class Pair(Interval):
    """Constraint of a parameter that is the ends of a range within an interval."""

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
    """Base of the random transforms.

    A subclass gives `_draw`. The numbers it draws come from the `random` it is given
    and from nowhere else, which makes a draw a function of the seed, the epoch, the
    image and the step.
    """

    @abstractmethod
    def _draw(self, random, image_shape, pixel_range):
        """Draw for every image, and return the stage that `stage` returns."""

    def stage(self, random, image_shape, pixel_range):
        """Draw for every image.

        Parameters
        ----------
        random : RowRandom
            Draws one number per image at a time.
        image_shape : tuple of three ints
            Height, width and number of channels.
        pixel_range : tuple of two floats
            Least and greatest pixel of the training images.

        Returns
        -------
        stage : callable
            What is done to a batch of images.
        """
        self._check_image_shape(image_shape)
        return self._draw(random, image_shape, pixel_range)

    @fit_context(prefer_skip_nested_validation=True)
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

    @fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X, y=None):
        """Fit, and note down that the images are to be redrawn in every epoch.

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
            The images unchanged, and this transform after those noted before.
        """
        images = self._remember(X)
        if isinstance(X, AugmentedImages):
            return AugmentedImages(images, (*X.steps, clone(self)), X.rows)
        return AugmentedImages(images, (clone(self),))

    def transform(self, X):
        """Give the images back as they are: only training sees random images.

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
        return X if isinstance(X, AugmentedImages) else images

    def _remember(self, X):
        """Check everything, and keep what later images are compared with."""
        images = check_images(_images_of(X), estimator=self)
        self._check_fill_value(images.dtype)
        if len(images.shape) > 2:
            self._check_image_shape((*images.shape[1:], 1)[:3])
        self.image_shape_ = tuple(images.shape[1:])
        return images

    def _check_fill_value(self, dtype):
        """Check that `cval` is on the scale that the network sees."""
        cval = getattr(self, "cval", 0)
        if dtype.name not in ("bool", "uint8", "uint16") or isinstance(cval, str):
            return
        if not 0 <= cval <= 1:
            highest = round(1 / pixel_scale(dtype))
            meant = f"cval={cval} / {highest}" if 1 < cval <= highest else "0 to 1"
            raise ValueError(
                f"The 'cval' parameter of {type(self).__name__} counts from 0 to 1 for "
                f"images of dtype {dtype.name}. Got cval={cval}; give {meant}."
            )

    def _check_image_shape(self, image_shape):
        """Raise where such images can't be transformed; flat ones are seen later."""


def span(value):
    """Make a pair of a number, which is meant as plus or minus."""
    return (-value, value) if isinstance(value, Real) else tuple(value)


def only_where(happens, matrices):
    """Replace the matrices of all other images by the identity."""
    identity = np.eye(matrices.shape[-1])
    return np.where(happens[:, np.newaxis, np.newaxis], matrices, identity)


def _images_of(X):
    return X.images if isinstance(X, AugmentedImages) else X

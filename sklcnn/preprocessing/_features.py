"""Features of images for classifiers that take flat rows: `Flatten` and `HOG`."""

import math
from abc import ABC, abstractmethod
from numbers import Integral, Real

import numpy as np
from joblib import effective_n_jobs
from skimage.feature import hog
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sklcnn._arrays import is_lazy
from sklcnn._sklearn import N_JOBS, Interval, StrOptions, fit_with_callbacks
from sklcnn._steps import ImageStepMixin, in_container
from sklcnn._validation import check_image_shape, check_images, resolve_image_shape
from sklcnn.images._files import in_threads
from sklcnn.images._mapped import read_rows
from sklcnn.preprocessing._base import LARGEST, first_image, unflatten, without_draws

VALUES_READ = 2**24
"""Number of pixel values that are read at a time."""


class _Features(ImageStepMixin, BaseEstimator, ABC):
    """Base class of steps that make a row of features of each image."""

    n_jobs = None

    @abstractmethod
    def _compute(self, images):
        """Compute the features of some images, of shape (n, n_features_out)."""

    @fit_with_callbacks
    def fit(self, X, y=None):
        """Remember the shape of the images.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width), \
                (n_samples, height, width, n_channels) or (n_samples, n_features)
            Images, as arrays or lazy.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted step.
        """
        self._fit(without_draws(X, self))
        return self

    @fit_with_callbacks
    def fit_transform(self, X, y=None):
        """Fit to images and give their features.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width), \
                (n_samples, height, width, n_channels) or (n_samples, n_features)
            Images, as arrays or lazy.
        y : None
            Ignored.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features_out)
            The features.
        """
        X = without_draws(X, self)
        return in_container(self._compute_all(self._fit(X)), X, self)

    def transform(self, X):
        """Give the features of images.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width), \
                (n_samples, height, width, n_channels) or (n_samples, n_features)
            Images, as arrays or lazy, of the shape of those in `fit`.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features_out)
            The features.
        """
        check_is_fitted(self)
        X = without_draws(X, self)
        images = check_images(X, estimator=self, reset=False, largest=LARGEST)
        check_image_shape(images.shape, self.image_shape_, name=type(self).__name__)
        return in_container(self._compute_all(images), X, self)

    def _fit(self, X):
        """Check images, and learn the number of their features."""
        images = check_images(X, estimator=self, reset=True, largest=LARGEST)
        shape = resolve_image_shape(images.shape, name=type(self).__name__)
        self.image_shape_ = shape
        first = first_image(images, shape).reshape(-1, *shape)
        self._n_features_out = self._compute(first).shape[1]
        return images

    def _compute_all(self, images):
        """Compute the features of all images, a block at a time to each thread."""
        n_at_once = max(1, VALUES_READ // math.prod(self.image_shape_))
        n_threads = effective_n_jobs(self.n_jobs)
        n_blocks = max(-(-images.shape[0] // n_at_once), n_threads)
        blocks = np.array_split(np.arange(images.shape[0]), n_blocks)

        def compute(rows):
            if is_lazy(images):
                part = read_rows(images, rows)
            else:
                part = images[rows[0] : rows[-1] + 1]
                part = unflatten(part, self.image_shape_) if part.ndim == 2 else part
            return self._compute(part.reshape(len(rows), *self.image_shape_))

        blocks = [rows for rows in blocks if len(rows)]
        return np.concatenate(
            in_threads(lambda i: compute(blocks[i]), range(len(blocks)), self.n_jobs)
        )


class Flatten(_Features):
    """Flatten each image to a row of pixels.

    For scikit-learn's classifiers behind steps that give images.

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
    HOG : Features that change little with lighting and position.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.preprocessing import Flatten
    >>> Flatten().fit_transform(np.zeros((5, 4, 6, 3))).shape
    (5, 72)
    """

    _parameter_constraints: dict = {}

    def _compute(self, images):
        return images.reshape(len(images), -1)


class HOG(_Features):
    """Compute histograms of oriented gradients.

    What :func:`skimage.feature.hog` gives for each image, in threads: the direction of
    edges in cells of the image, each normalized by those around it. With a support
    vector machine it is the baseline to try before a network: seconds for some
    thousand images.

    Parameters
    ----------
    orientations : int, default=9
        Number of directions.
    pixels_per_cell : int or tuple of (int, int), default=8
        Height and width of a cell. A number is both.
    cells_per_block : int or tuple of (int, int), default=2
        Number of cells that are normalized together, down and across.
    block_norm : {"L1", "L1-sqrt", "L2", "L2-Hys"}, default="L2-Hys"
        How they are normalized.
    transform_sqrt : bool, default=False
        Whether the square root of the pixels is taken, which may not be negative.
    n_jobs : int or None, default=None
        Number of threads; None is 1 and -1 all processors.

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
    Flatten : The pixels themselves.
    skimage.feature.hog : The function, for one image.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> from sklcnn.preprocessing import HOG
    >>> X, y = load_digits(return_X_y=True)
    >>> model = make_pipeline(HOG(pixels_per_cell=2), SVC()).fit(X, y)
    >>> model[:1].transform(X).shape
    (1797, 324)
    """

    _parameter_constraints: dict = {
        "orientations": [Interval(Integral, 1, None, closed="left")],
        "pixels_per_cell": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "cells_per_block": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "block_norm": [StrOptions({"L1", "L1-sqrt", "L2", "L2-Hys"})],
        "transform_sqrt": ["boolean"],
        "n_jobs": N_JOBS,
    }

    def __init__(
        self,
        orientations=9,
        *,
        pixels_per_cell=8,
        cells_per_block=2,
        block_norm="L2-Hys",
        transform_sqrt=False,
        n_jobs=None,
    ):
        self.orientations = orientations
        self.pixels_per_cell = pixels_per_cell
        self.cells_per_block = cells_per_block
        self.block_norm = block_norm
        self.transform_sqrt = transform_sqrt
        self.n_jobs = n_jobs

    def _compute(self, images):
        cell = self._pair("pixels_per_cell")
        block = self._pair("cells_per_block")
        height, width, n_channels = self.image_shape_
        n_cells = height // cell[0], width // cell[1]
        if n_cells[0] < block[0] or n_cells[1] < block[1]:
            raise ValueError(
                f"HOG expects images of {block[0] * cell[0]} x {block[1] * cell[1]} "
                f"pixels at least, a block of {block[0]} x {block[1]} cells of "
                f"{cell[0]} x {cell[1]}. Got {height} x {width}: give a smaller "
                "pixels_per_cell."
            )
        if self.transform_sqrt and images.min() < 0:
            raise ValueError(
                "HOG(transform_sqrt=True) expects pixels of 0 and above. Got "
                f"{images.min()}."
            )
        rows = [
            hog(
                image if n_channels > 1 else image[..., 0],
                orientations=int(self.orientations),
                pixels_per_cell=cell,
                cells_per_block=block,
                block_norm=self.block_norm,
                transform_sqrt=bool(self.transform_sqrt),
                channel_axis=-1 if n_channels > 1 else None,
            )
            for image in images
        ]
        return np.stack(rows).astype(np.float64, copy=False)

    def _pair(self, parameter):
        """Read two whole numbers out of a parameter."""
        value = getattr(self, parameter)
        pair = (value, value) if isinstance(value, Real) else tuple(value)
        if len(pair) != 2 or not all(isinstance(n, Integral) and n > 0 for n in pair):
            raise ValueError(
                f"HOG expects {parameter} to be a number, or (down, across), of at "
                f"least 1. Got {parameter}={value!r}."
            )
        return tuple(int(n) for n in pair)

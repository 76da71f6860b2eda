"""Base class of the deterministic steps."""

import copy
import math

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from sklcnn._arrays import is_lazy
from sklcnn._pixels import check_fill_value
from sklcnn._sklearn import fit_with_callbacks, without_callbacks
from sklcnn._steps import ImageStepMixin, in_container
from sklcnn._validation import check_images, resolve_image_shape
from sklcnn._warnings import warn_user
from sklcnn.images._mapped import MappedImages, read_rows, with_rows_of
from sklcnn.preprocessing._mixed import images_of_mixed_sizes

PARTS_PER_JOB = 4
READ_AT_ONCE = 256
LARGEST = float(np.finfo(np.float32).max)  # a step may bring pixels into range


class BasePreprocessing(ImageStepMixin, BaseEstimator):
    """Base class of steps that transform each image by itself, deterministically.

    A subclass gives `_apply_to_image`, or `_apply` where a whole batch is quicker: each
    of them is the other one by default. Both get images as they came: gray ones may be
    without a channel axis.
    """

    _takes_mixed_sizes = False

    @fit_with_callbacks
    def fit(self, X, y=None):
        """Check that the step can work on images like these.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width), \
                (n_samples, height, width, n_channels) or (n_samples, n_features)
            Images, as arrays or lazy. Of these only the shape is remembered.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted step.
        """
        X, self.image_shape_ = self._check(without_draws(X, self), reset=True)
        first = self._apply(first_image(X, self.image_shape_))
        if isinstance(X, np.ndarray) and X.ndim == 2:
            first = flat_where_readable(first)
        self._n_features_out = first.shape[1] if first.ndim == 2 else None
        return self

    def transform(self, X):
        """Apply the step to every image.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width), \
                (n_samples, height, width, n_channels) or (n_samples, n_features)
            Images, as arrays or lazy.

        Returns
        -------
        X : ndarray or LazyImages
            The changed images. Lazy images stay lazy. Flat images come out flat where
            the next step will see the same images in them (square gray images, or one
            row of pixels), and as (n_samples, height, width) elsewhere. `set_output`
            has an effect on flat images and features.
        """
        check_is_fitted(self)
        X = without_draws(X, self)
        images, image_shape = self._check(X, reset=False)
        self._check_shape(image_shape)
        output = self._apply_to_all(images, image_shape)
        if output.ndim == 2:
            return in_container(output, X, self)
        return with_rows_of(output, X, self)

    def _apply_to_all(self, X, image_shape):
        """Apply the step to arrays, lists of arrays or lazy images."""
        if isinstance(X, list):
            return self._join([self._apply(image[np.newaxis])[0] for image in X])
        if is_lazy(X):
            return self._transform_lazy(X, image_shape)
        if X.ndim == 2:
            return flat_where_readable(self._apply(unflatten(X, image_shape)))
        return self._apply(X)

    def fit_transform(self, X, y=None):
        """Fit to the images, then apply the step to them.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width), \
                (n_samples, height, width, n_channels) or (n_samples, n_features)
            Images, as arrays or lazy.
        y : None
            Ignored.

        Returns
        -------
        X : ndarray or LazyImages
            The changed images, as from `transform`.
        """
        X = without_draws(X, self)
        return self.fit(X, y).transform(X)

    def _apply(self, images):
        """Change a batch of images."""
        n_jobs = effective_n_jobs(getattr(self, "n_jobs", None))
        if n_jobs == 1 or len(images) == 1:
            return self._join([self._apply_to_image(image) for image in images])
        n_parts = min(len(images), PARTS_PER_JOB * n_jobs)
        parts = Parallel(n_jobs=n_jobs)(
            delayed(apply_to_each)(self._apply_to_image, part)
            for part in np.array_split(images, n_parts)
        )
        return self._join([image for part in parts for image in part])

    def _apply_to_image(self, image):
        """Change one image."""
        return self._apply(image[np.newaxis])[0]

    def _torch_modules(self, image_shape, dtype):
        """Make torch modules that do the same to images of a shape and a dtype.

        Returns
        -------
        modules : list of nn.Module, or None
            None where there are none. See `sklcnn.preprocessing._modules`.
        """

    def _join(self, images):
        return np.stack(images, dtype=images[0].dtype)  # in its byte order

    def _check(self, X, *, reset):
        """Make an array, lazy images or a list of arrays of `X`, and find its shape."""
        name = type(self).__name__
        images = images_of_mixed_sizes(X, name) if self._takes_mixed_sizes else None
        if images is not None:
            X = [
                check_images(
                    image[np.newaxis], estimator=self, reset=reset, largest=LARGEST
                )[0]
                for image in images
            ]
            return X, (None, None, 1 if X[0].ndim == 2 else X[0].shape[2])
        X = check_images(X, estimator=self, reset=reset, largest=LARGEST)
        if not reset and has_pixels_of(X, self.image_shape_):
            return X, self.image_shape_
        return X, resolve_image_shape(X.shape, name=name)

    def _check_shape(self, shape):
        """Compare the shape of images with that of the images in `fit`."""
        name = type(self).__name__
        if shape[2] != self.image_shape_[2]:
            raise ValueError(
                f"{name} expects images with {self.image_shape_[2]} channel(s), as in "
                f"fit. Got images with {shape[2]} channel(s). Convert them first, for "
                "example with Grayscale() or `skimage.color.gray2rgb`."
            )
        if not self._takes_mixed_sizes and shape != self.image_shape_:
            raise ValueError(
                f"{name} expects images of shape {self.image_shape_}, as in fit. Got "
                f"images of shape {shape}. Bring all images to one size first, for "
                "example with Resize."
            )

    def _transform_lazy(self, X, image_shape):
        # a copy, so that a later set_params changes nothing that was already promised
        step = without_callbacks(copy.copy(self))
        function = step._apply
        first = function(first_image(X, image_shape))
        mapped = MappedImages(X, function, shape=first.shape[1:], dtype=first.dtype)
        if mapped.ndim in (3, 4):
            return mapped
        starts = range(0, len(mapped), READ_AT_ONCE)
        return np.concatenate([mapped[i : i + READ_AT_ONCE] for i in starts])


def first_image(X, image_shape):
    """Take the first image of checked `X` that can be read, as a batch of one."""
    if isinstance(X, list):
        return X[0][np.newaxis]
    if is_lazy(X):
        good = np.setdiff1d(np.arange(X.shape[0]), getattr(X, "bad_rows", ()))
        return read_rows(X, good[:1].astype(np.intp))
    return unflatten(X[:1], image_shape) if X.ndim == 2 else X[:1]


def has_pixels_of(X, image_shape):
    """Tell whether `X` holds flat images with as many pixels as those of a shape."""
    return (
        len(X.shape) == 2
        and None not in image_shape
        and X.shape[1] == math.prod(image_shape)
    )


def unflatten(X, image_shape):
    """View flat images as images, gray ones without a channel axis."""
    shape = image_shape[:2] if image_shape[2] == 1 else image_shape
    return X.reshape(len(X), *shape)


def apply_to_each(function, images):
    """Apply a function to each image, in a worker."""
    return [function(image) for image in images]


def without_draws(X, estimator):
    """Take the plain images of augmented ones, with a warning."""
    if not (hasattr(X, "draws") and hasattr(X, "images")):
        return X
    name = type(estimator).__name__
    warn_user(
        f"{name} can't redraw augmented images and takes the plain ones: the random "
        f"steps before it have no effect. Put {name} before them, so that augmentation "
        "comes right before the classifier."
    )
    return X.images


def flat_where_readable(images):
    """Flatten gray images that can be told from their number of pixels alone."""
    if images.ndim != 3:
        return images
    n, height, width = images.shape
    n_pixels = height * width
    is_square = math.isqrt(n_pixels) ** 2 == n_pixels
    readable = height == width if is_square else height == 1
    return images.reshape(n, n_pixels) if readable else images


def as_float(images):
    """Convert to the floats to compute with: short dtypes fit into float32."""
    short = images.dtype.itemsize <= 2 or images.dtype == np.float32
    # neither torch nor scikit-image's compiled code takes read-only arrays
    return np.require(images, np.float32 if short else np.float64, ["W"])


def restore_dtype(values, dtype):
    """Convert computed floats back to the dtype the images came in."""
    if dtype.kind == "b":
        return values >= 0.5
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)
    return values.astype(dtype, copy=False)


def check_cval(step, dtype):
    """Check that the value for pixels from outside is one that the images can hold."""
    if step.cval != "border":
        check_fill_value(step.cval, dtype, name=type(step).__name__)

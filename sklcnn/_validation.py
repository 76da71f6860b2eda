"""What may come in as images, and every message about what may not."""

import math
import os
import warnings
from numbers import Integral, Number

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from sklcnn._pixels import pixel_scale
from sklcnn._sklearn import check_feature_names

MIN_FEATURES_TO_WARN = 64


def check_images(X, *, estimator, reset=True):
    """Check that `X` holds images, whatever it is.

    Parameters
    ----------
    X : array-like of shape (n_samples, height, width), \
            (n_samples, height, width, n_channels) or (n_samples, n_features)
        Numpy arrays of any numeric dtype, memory maps, torch tensors, lists of arrays
        or of PIL images, data frames (flat images), `LazyImages`, and anything else
        with `shape`, `dtype` and indexing (zarr, h5py), which is not read.
    estimator : estimator
        The estimator that asks. Flat images set (or are compared with) its
        `n_features_in_` and `feature_names_in_`.
    reset : bool, default=True
        Whether to set these attributes (in `fit`) or to compare with them.

    Returns
    -------
    X : ndarray or lazy images
        With 2, 3 or 4 dimensions. Arrays are numeric, finite and not copied unless
        that was needed to make them arrays.

    Raises
    ------
    ValueError
        If `X` is not numeric, not finite, empty, ragged or has another number of
        dimensions.
    """
    name = type(estimator).__name__
    if not hasattr(X, "iloc") and not hasattr(X, "__sparse__"):
        X = _as_array(X, name)
    n_dimensions = len(getattr(X, "shape", (0, 0)))
    if n_dimensions not in (3, 4):
        if n_dimensions > 4:
            raise ValueError(_wrong_dimensions(X.shape, name))
        X = validate_data(estimator, X, reset=reset, **_CHECKS)
    else:
        if is_lazy(X):
            _check_not_empty(X, name)
        else:
            X = check_array(
                X, allow_nd=True, estimator=estimator, input_name="X", **_CHECKS
            )
        if reset:
            check_feature_names(estimator, X, reset=True)
            vars(estimator).pop("n_features_in_", None)
    if not is_lazy(X):
        _check_fits_float32(X)
    return X


_CHECKS = {"dtype": "numeric", "order": None}


def is_lazy(X):
    """Tell whether `X` is read by indexing rather than held in memory."""
    return (
        not isinstance(X, np.ndarray)
        and not hasattr(X, "detach")
        and all(hasattr(X, name) for name in ("shape", "dtype", "__getitem__"))
        and len(X.shape) in (3, 4)
    )


def resolve_image_shape(shape, image_shape=None, *, name):
    """Find the (height, width, n_channels) of images in an array.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array: ``(n, h, w)``, ``(n, h, w, c)`` or ``(n, n_features)``.
    image_shape : tuple of int or None, default=None
        What the user says the images' shape is, ``(h, w)`` or ``(h, w, c)``. Without
        it, a square number of features is a square gray image and any other number is
        one row of pixels; the latter warns for 64 features or more.
    name : str
        Name of the estimator, for messages.

    Returns
    -------
    image_shape : tuple of three ints

    Raises
    ------
    ValueError
        If `image_shape` contradicts the array, or the array looks channels-first.
    """
    given = None if image_shape is None else _with_channels(tuple(image_shape))
    found = tuple(shape[1:])
    if len(found) == 1:
        return _unflatten(found[0], given, name)
    found = _with_channels(found)
    if given is not None and given != found:
        raise ValueError(
            f"{name} got image_shape={tuple(image_shape)}, but X has shape "
            f"{tuple(shape)}, which are images of shape {tuple(shape[1:])}. Leave "
            "image_shape=None for images that are not flat."
        )
    if given is None and found[2] not in range(1, 5) and found[0] in range(1, 5):
        raise ValueError(
            f"{name} expects images of shape (n_samples, height, width, n_channels). "
            f"Got an array of shape {tuple(shape)}, which looks channels-first. Move "
            "the channels to the end with `np.moveaxis(X, 1, -1)`, or confirm the "
            f"shape with image_shape={found}."
        )
    return found


def check_sizes(sizes, lengths, parameter, *, name):
    """Check a parameter that is a sequence of positive whole numbers.

    Parameters
    ----------
    sizes : sequence of int or None
        The value of the parameter.
    lengths : tuple of int or None
        How many numbers there may be; None is any number.
    parameter, name : str
        Names of the parameter and the estimator, for messages.

    Raises
    ------
    ValueError
        If `sizes` is anything else.
    """
    if sizes is None:
        return
    valid = not isinstance(sizes, str) and all(
        isinstance(size, Integral) and size > 0 for size in sizes
    )
    if not valid or (lengths and len(sizes) not in lengths):
        count = f" of length {' or '.join(map(str, lengths))}" if lengths else ""
        raise ValueError(
            f"The {parameter!r} parameter of {name} must be a sequence{count} of "
            f"positive integers. Got {sizes!r} instead."
        )


def check_image_shape(shape, image_shape, *, name):
    """Check that images have the shape of those the estimator was fitted on.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array: ``(n, h, w)``, ``(n, h, w, c)`` or ``(n, n_features)``.
    image_shape : tuple of three ints
        What `resolve_image_shape` found in `fit`.
    name : str
        Name of the estimator, for messages.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    found = tuple(shape[1:])
    if len(found) == 1 and found[0] == math.prod(image_shape):
        return
    if len(found) > 1 and _with_channels(found) == image_shape:
        return
    message = (
        f"{name} was fitted on images of shape (height, width, n_channels)="
        f"{image_shape}. Got an array of shape {tuple(shape)}, which has images of "
        f"shape {found}."
    )
    if _with_channels(tuple(shape)) == image_shape:
        message += " For a single image, add the sample axis: `X[np.newaxis]`."
    elif len(found) == 3 and (*found[1:], found[0]) == image_shape:
        message += " Move the channels to the end: `np.moveaxis(X, 1, -1)`."
    else:
        message += " Bring images to one size and number of channels first."
    raise ValueError(message)


def warn_if_out_of_range(X, pixel_range, *, name):
    """Warn about pixels whose range is far from that of the training images.

    Far is: beyond it by more than ten times its width, or (for what is not constant)
    less than a hundredth as wide.

    Parameters
    ----------
    X : ndarray or lazy images
        The images; lazy images are not read for this.
    pixel_range : tuple of two floats
        Smallest and largest pixel seen in `fit`, after `pixel_scale`.
    name : str
        Name of the estimator, for messages.
    """
    if is_lazy(X):
        return
    scale = pixel_scale(X.dtype)
    low, high = float(X.min()) * scale, float(X.max()) * scale
    width = pixel_range[1] - pixel_range[0]
    beyond = max(pixel_range[0] - low, high - pixel_range[1])
    if beyond > 10 * width or 0 < high - low < width / 100:
        warnings.warn(
            f"{name} was fitted on pixels from {pixel_range[0]:g} to "
            f"{pixel_range[1]:g} and got pixels from {low:g} to {high:g} (uint8 and "
            "uint16 count as 0 to 1). Scale both alike: predictions may be wrong.",
            UserWarning,
            stacklevel=4,
        )


def _with_channels(shape):
    return shape if len(shape) == 3 else (*shape, 1)


def _unflatten(n_features, given, name):
    if given is not None:
        if math.prod(given) != n_features:
            raise ValueError(
                f"{name} got image_shape={given}, which has {math.prod(given)} pixels, "
                f"but X has {n_features} features."
            )
        return given
    side = math.isqrt(n_features)
    if side * side == n_features:
        return (side, side, 1)
    if n_features >= MIN_FEATURES_TO_WARN:
        warnings.warn(
            f"{name} got flat images of {n_features} features, which is not a square "
            "number, and takes each for one row of pixels. Reshape them first with "
            "`X.reshape(len(X), height, width, n_channels)`, or say what they are with "
            "image_shape=(height, width, n_channels) where there is this parameter.",
            UserWarning,
            stacklevel=4,
        )
    return (1, n_features, 1)


def _as_array(X, name):
    """Make an array of what is not one, and leave arrays and lazy images alone."""
    if is_lazy(X):
        return X
    if hasattr(X, "detach"):
        return X.detach().cpu().numpy()
    if isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1:
        X = list(X)
    if isinstance(X, (str, bytes, os.PathLike)):
        raise ValueError(_strings(X, name))
    if isinstance(X, (list, tuple)):
        X = _stack(X, name)
    if isinstance(X, np.ndarray):
        _check_kind(X, name)
    return X


def _stack(images, name):
    """Make one array of a list of images, or of numbers."""
    if any(isinstance(image, (str, bytes, os.PathLike)) for image in images):
        raise ValueError(_strings(images[0], name))
    if any(isinstance(image, Number) or image is None for image in images):
        return np.asarray(images)
    images = [
        image.detach().cpu().numpy() if hasattr(image, "detach") else image
        for image in images
    ]
    try:
        arrays = [np.asarray(image) for image in images]
    except ValueError as error:
        raise ValueError(f"{name} can't read an image of X: {error}") from error
    sizes = sorted({array.shape for array in arrays})
    if len(sizes) > 1:
        raise ValueError(
            f"{name} expects images of one size. Found {len(sizes)} sizes in X: "
            f"{', '.join(map(str, sizes[:5]))}{', ...' if len(sizes) > 5 else ''}. "
            "Resize the images first."
        )
    return np.stack(arrays) if arrays else np.empty((0, 1))


def _check_kind(X, name):
    if X.dtype.kind in "US":
        raise ValueError(_strings(X.flat[0] if X.size else "", name))
    if X.dtype.kind not in "biufcO":
        raise ValueError(
            f"{name} expects numeric pixels. Got an array of dtype {X.dtype}. Convert "
            "it to numbers first, for example with `X.astype(float)`."
        )


def _check_not_empty(X, name):
    if 0 in X.shape:
        raise ValueError(
            f"Found {type(X).__name__} with 0 sample(s) or pixels (shape={X.shape}) "
            f"while a minimum of 1 is required by {name}."
        )


def _check_fits_float32(X):
    if X.dtype.kind == "f" and X.dtype.itemsize > 4 and X.size:
        limit = np.finfo(np.float32).max
        if X.min() < -limit or X.max() > limit:
            raise ValueError(
                "Input X contains infinity or a value too large for dtype('float32')."
            )


def _wrong_dimensions(shape, name):
    return (
        f"{name} expects images of shape (n_samples, height, width), (n_samples, "
        "height, width, n_channels) or, flat, (n_samples, n_features). Got an array "
        f"with {len(shape)} dimensions, of shape {shape}."
    )


def _strings(value, name):
    return (
        f"{name} expects numeric pixels and got strings, such as {str(value)!r}. If "
        "these are file names, read the images first, for example with "
        "`np.stack([skimage.io.imread(path) for path in paths])`."
    )

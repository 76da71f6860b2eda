"""Checks of images: their kind, shape and pixel values."""

import math
from numbers import Integral

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from sklcnn._arrays import as_array, check_columns, check_kind, is_lazy
from sklcnn._sklearn import check_feature_names
from sklcnn._warnings import warn_user

MIN_FEATURES_TO_WARN = 64

SEVERAL_IMAGES = 8
"""Number of images that are not all dark, or all pale, by chance."""

LARGEST_PIXEL = math.sqrt(np.finfo(np.float32).max)
"""Pixels beyond it, 1.8e19, have squares that float32 can't hold.

So no network can be trained on such pixels, as their variance has no value, and in one
that was trained on others they give NaN, where float32 holds the pixels themselves.
"""


def check_images(X, *, estimator, reset=True, largest=LARGEST_PIXEL):
    """Check images of any kind.

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
    largest : float, default=1.8e19
        The largest absolute value of a pixel. For what may scale pixels it is that of
        float32.

    Returns
    -------
    X : ndarray or lazy images
        With 2, 3 or 4 dimensions. Arrays are numeric, finite and not copied unless
        that was needed to make them arrays.

    Raises
    ------
    ValueError
        If `X` is not numeric, not finite, empty, ragged, masked or has another number
        of dimensions.
    TypeError
        If `X` is sparse.
    """
    name = type(estimator).__name__
    if hasattr(X, "to_list") and len(getattr(X, "shape", ())) == 1:  # of a data frame
        X = X.to_list()
    if hasattr(X, "iloc"):
        check_columns(X, name)
    else:
        X = as_array(X, name)
    if len(X.shape) not in (3, 4):
        if len(X.shape) != 2:
            raise ValueError(_wrong_dimensions(X.shape, name))
        X = validate_data(estimator, X, reset=reset, **_CHECKS)
    else:
        _check_not_empty(X, name)
        if is_lazy(X):
            check_kind(X, name)
        else:
            X = check_array(
                X, allow_nd=True, estimator=estimator, input_name="X", **_CHECKS
            )
        if reset:
            check_feature_names(estimator, X, reset=True)
            vars(estimator).pop("n_features_in_", None)
    if not is_lazy(X):
        _check_largest(X, largest)
    return X


_CHECKS = {"dtype": "numeric", "order": None}


def check_pixels_read(pixels, rows):
    """Check pixels that were not there to be seen by `check_images`.

    Parameters
    ----------
    pixels : ndarray of shape (n, height, width[, n_channels])
        What was read of lazy images.
    rows : ndarray of shape (n,)
        Positions of these images among all.

    Raises
    ------
    ValueError
        If a pixel is NaN, infinite or too large. The message names its row.
    """
    if pixels.dtype.kind != "f":
        return
    # not `> LARGEST_PIXEL`, as they may be NaN
    if np.all(np.abs([pixels.min(), pixels.max()]) <= LARGEST_PIXEL):
        return
    is_good = (np.abs(pixels) <= LARGEST_PIXEL).reshape(len(pixels), -1).all(axis=1)
    raise ValueError(
        f"The image in row {rows[is_good.argmin()]} of X has pixels that are NaN, "
        "infinity or too large for dtype('float32'), where their squares have to fit: "
        f"beyond {LARGEST_PIXEL:.2g}."
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
    if given is None and looks_channels_first(*found):
        raise ValueError(
            f"{name} expects images of shape (n_samples, height, width, n_channels). "
            f"Got an array of shape {tuple(shape)}, which looks channels-first. Move "
            "the channels to the end with `np.moveaxis(X, 1, -1)`. If it is the shape "
            f"of the images, say so with image_shape={found}, where there is this "
            "parameter."
        )
    return found


def looks_channels_first(n_first, height, width):
    """Tell whether the first of three sides is a number of channels.

    Where the last may be one as well, as in (3, 4, 4), the others have to make a square
    that is larger: images of (4, 8, 3) and of (2, 2, 3) pixels are what they are.
    """
    if n_first not in range(1, 5):
        return False
    return width not in range(1, 5) or n_first < height == width


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
        isinstance(size, Integral) and not isinstance(size, bool) and size > 0
        for size in sizes
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


def warn_if_out_of_range(found, pixel_range, *, name, n_images=0):
    """Warn about pixels whose range is far from that of the training images.

    Far is: beyond it by more than ten times its width, or (for what is not constant)
    less than a hundredth as wide, or less than a tenth where several images are seen.

    Parameters
    ----------
    found, pixel_range : tuple of two floats
        Smallest and largest pixel, after `pixel_scale`, of images and of those in
        `fit`.
    name : str
        Name of the estimator, for messages.
    n_images : int, default=0
        Number of images that were looked at.
    """
    low, high = found
    width = pixel_range[1] - pixel_range[0]
    beyond = max(pixel_range[0] - low, high - pixel_range[1])
    narrow = width / (10 if n_images >= SEVERAL_IMAGES else 100)
    if beyond > 10 * width or 0 < high - low <= narrow:
        warn_user(
            f"{name} was fitted on pixels from {pixel_range[0]:g} to "
            f"{pixel_range[1]:g} and got pixels from {low:g} to {high:g} (uint8 and "
            "uint16 count as 0 to 1). Scale both alike: predictions may be wrong."
        )


def warn_if_other_depth(dtype, fitted_dtype, *, name):
    """Warn about files of another bit depth than those in `fit`.

    Parameters
    ----------
    dtype : dtype
        Dtype of the images.
    fitted_dtype : str or None
        Name of the dtype of those in `fit`.
    name : str
        Name of the estimator, for messages.
    """
    depths = {"uint8", "uint16"}
    if {np.dtype(dtype).name, fitted_dtype} == depths:
        warn_user(
            f"{name} was fitted on images of dtype {fitted_dtype} and got images of "
            f"dtype {dtype}. Each counts as 0 to 1 over the whole range of its dtype, "
            "which files of 10, 12 or 14 bits do not fill: predictions may be wrong. "
            "Bring all files to one depth, for example 8 bits."
        )


def warn_if_lost_in_float32(mean, std, precision, *, name):
    """Warn about pixels that differ too little for the precision of the network."""
    lost = std < 1e-5 * np.abs(mean)
    if precision != "float64" and lost.any():
        channel = int(lost.argmax())
        warn_user(
            f"{name} got pixels that differ by about {std[channel]:.3g} around "
            f"{mean[channel]:.9g}, which float32 can't tell apart. Subtract the mean "
            "first, or use precision='float64'."
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
        warn_user(
            f"{name} got flat images of {n_features} features, which is not a square "
            "number, and takes each for one row of pixels. Reshape them first with "
            "`X.reshape(len(X), height, width, n_channels)`, or say what they are with "
            "image_shape=(height, width, n_channels) where there is this parameter."
        )
    return (1, n_features, 1)


def _check_not_empty(X, name):
    if 0 in X.shape:
        raise ValueError(
            f"Found {type(X).__name__} with 0 sample(s) or pixels (shape={X.shape}) "
            f"while a minimum of 1 is required by {name}."
        )


def _check_largest(X, largest):
    if X.dtype.kind != "f" or X.dtype.itemsize < 4:
        return
    if X.min() < -largest or X.max() > largest:
        raise ValueError(
            "Input X contains infinity or a value too large for dtype('float32'): its "
            f"pixels range from {X.min():g} to {X.max():g}, and may be {largest:.2g} "
            "at most. Scale them to a smaller range."
        )


def _wrong_dimensions(shape, name):
    mend = ""
    if len(shape) == 1:
        mend = " Reshape your data: one image with `X.reshape(1, height, width)`."
    return (
        f"{name} expects images of shape (n_samples, height, width), (n_samples, "
        "height, width, n_channels) or, flat, (n_samples, n_features). Got an array "
        f"with {len(shape)} dimension{'s' if len(shape) != 1 else ''}, of shape "
        f"{tuple(shape)}.{mend}"
    )

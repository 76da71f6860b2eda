"""Conversion of images of any kind to arrays of pixels."""

import os
from numbers import Number

import numpy as np
from scipy import sparse

from sklcnn._pixels import pixel_scale

PIL_MODES = {"1", "L", "LA", "I", "I;16", "I;16L", "I;16B", "F", "RGB", "RGBA"}
"""Modes of PIL's images whose pixels are gray levels or RGB, with or without alpha."""


def is_lazy(X):
    """Tell whether `X` is read by indexing rather than held in memory."""
    return (
        not isinstance(X, np.ndarray)
        and not hasattr(X, "detach")
        and all(hasattr(X, name) for name in ("shape", "dtype", "__getitem__"))
        and len(X.shape) in (3, 4)
    )


def as_array(X, name):
    """Make an array of what is not one, and leave arrays and lazy images alone."""
    if is_lazy(X) and not sparse.issparse(X):
        return X
    if hasattr(X, "detach"):
        return image_as_array(X, name)
    if isinstance(X, (str, bytes, os.PathLike)):
        raise ValueError(_strings(X, name))
    if hasattr(X, "__array__") and not hasattr(X, "shape"):
        X = np.asarray(X)
    if isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1:
        X = list(X)
    if isinstance(X, (list, tuple)):
        X = _stack(X, name)
    if isinstance(X, np.ndarray):
        refuse_masked(X, name)
        check_kind(X, name)
        return X
    _check_type(X, name)
    return X


def _check_type(X, name):
    """Refuse what is neither an array nor a list: it has no pixels, or not only."""
    if sparse.issparse(X):
        if X.ndim != 2:  # which scikit-learn refuses in these words
            raise TypeError(
                "Sparse data was passed for X, but dense data is required. Use "
                "'.toarray()' to convert to a dense numpy array."
            )
        return
    if hasattr(X, "shape"):
        return
    expected = f"{name} expects images as an array or a list"
    if hasattr(X, "__next__"):
        raise ValueError(
            f"{expected}, and got a {type(X).__name__}. Give it `list(X)`."
        )
    mend = ""
    if hasattr(X, "samples"):  # torchvision's ImageFolder
        mend = (
            " Give `[path for path, label in X.samples]` to a pipeline that begins "
            "with `sklcnn.preprocessing.ReadImages`, and the labels as y."
        )
    elif hasattr(X, "__getitem__") and not isinstance(X, dict):
        mend = f" {_PAIRS}"
    raise ValueError(f"{expected}. Got an object of type {type(X).__name__}.{mend}")


_PAIRS = (
    "If it holds pairs (image, label), give X and y apart: "
    "`[image for image, label in X]` and `[label for image, label in X]`."
)


def _stack(images, name):
    """Make one array of a list of images, or of numbers."""
    for image in images:
        if isinstance(image, (str, bytes, os.PathLike)):
            raise ValueError(_strings(image, name))
    if all(isinstance(image, Number) or image is None for image in images):
        return np.asarray(images)
    if all(map(_is_pair, images)):
        raise ValueError(f"{name} got a list of pairs as X. {_PAIRS}")
    arrays = [image_as_array(image, name) for image in images]
    sizes = sorted({array.shape for array in arrays})
    if len(sizes) > 1:
        mend = "Resize the images first."
        if len({size[:2] for size in sizes}) == 1:
            mend = (
                "Bring them to the same channels first, such as `image.convert('RGB')`."
            )
        raise ValueError(
            f"{name} expects images of one size. Found {len(sizes)} sizes in X: "
            f"{', '.join(map(str, sizes[:5]))}{', ...' if len(sizes) > 5 else ''}. "
            f"{mend}"
        )
    if len({pixel_scale(array.dtype) for array in arrays}) > 1:
        dtypes = sorted({str(array.dtype) for array in arrays})
        raise ValueError(
            f"{name} expects images of one dtype. Found {', '.join(dtypes)} in X, "
            "whose pixels have different ranges. Convert them first, for example "
            "with `skimage.util.img_as_ubyte`."
        )
    return np.stack(arrays) if arrays else np.empty((0, 1))


def _is_pair(image):
    """Tell whether a part of a list is an image, or its name, and a label."""
    if not isinstance(image, (list, tuple)) or len(image) != 2:
        return False
    first, label = image
    has_pixels = hasattr(first, "__array__") and np.ndim(first) > 1
    is_label = isinstance(label, (str, Number)) or getattr(label, "ndim", 1) == 0
    return is_label and (has_pixels or isinstance(first, (str, os.PathLike)))


def refuse_masked(array, name):
    """Raise if an array has masked pixels, which would count with what is behind."""
    if np.ma.is_masked(array):
        raise ValueError(
            f"{name} got a masked array, of which {np.ma.count_masked(array)} pixels "
            "are masked. It would take them for true ones. Fill them first, such as "
            "by `X.filled(0)` or `X.filled(X.mean())`."
        )


def image_as_array(image, name):
    """Make an array of a tensor, of a PIL image or of whatever else is one.

    Raises
    ------
    ValueError
        If its pixels are no gray levels and no RGB, or if it has none.
    """
    if hasattr(image, "detach"):
        image = image.detach().cpu()
        try:
            return image.numpy()
        except TypeError:  # numpy has no bfloat16
            return image.float().numpy()
    mode = getattr(image, "mode", None)
    if isinstance(mode, str) and hasattr(image, "convert") and mode not in PIL_MODES:
        raise ValueError(
            f"{name} got a PIL image of mode {mode!r}, whose pixels are neither gray "
            "levels nor RGB. Convert it first: `image.convert('RGB')`, or 'L' for gray."
        )
    try:
        array = np.asarray(image)
    except ValueError as error:
        raise ValueError(f"{name} can't read an image of X: {error}") from error
    refuse_masked(image, name)
    if array.dtype == object and array.ndim == 0:
        raise ValueError(
            f"{name} expects arrays of pixels. Got an object of type "
            f"{type(image).__name__} in X."
        )
    return array


def check_columns(frame, name):
    """Check the columns of a data frame that are of no numeric dtype."""
    for position, dtype in enumerate(frame.dtypes):
        if getattr(dtype, "kind", "O") in "biufc":
            continue
        column = frame.iloc[:, position]
        where = f"column {frame.columns[position]!r} of dtype {dtype}"
        values = column.dropna()
        if not len(values):
            continue
        if hasattr(dtype, "categories") and dtype.categories.dtype.kind not in "biuf":
            raise ValueError(
                f"{name} expects numeric pixels. Got a {where}, whose categories are "
                "no numbers. Drop it from X, or convert it to numbers."
            )
        if getattr(dtype, "kind", "") in "mM":
            raise ValueError(
                f"{name} expects numeric pixels. Got a {where}. Drop it from X, or "
                "convert it to numbers."
            )
        if isinstance(values.iloc[0], str) and not _is_number(values.iloc[0]):
            raise ValueError(_strings(values.iloc[0], name))
        if len(values) < len(column):
            row = int(column.isna().to_numpy().argmax())
            raise ValueError(
                f"Input X contains NaN: {where} has no value in row {row}. {name} "
                "needs all pixels: leave such rows out, or fill them first."
            )


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def check_kind(X, name):
    """Check that the dtype of an array, or of lazy images, can be that of pixels."""
    if X.dtype.kind in "US":
        raise ValueError(_strings(X.flat[0] if X.size else "", name))
    kinds = "biuf" if is_lazy(X) else "biufcO"  # scikit-learn refuses c, and tries O
    if X.dtype.kind not in kinds:
        raise ValueError(
            f"{name} expects numeric pixels. Got an array of dtype {X.dtype}. Convert "
            "it to numbers first, for example with `X.astype(float)`."
        )


def _strings(value, name):
    return (
        f"{name} expects numeric pixels and got strings, such as {str(value)!r}. If "
        "these are file names, put `sklcnn.preprocessing.ReadImages` before it, in a "
        f"pipeline: `make_pipeline(ReadImages((64, 64)), {name}())`."
    )

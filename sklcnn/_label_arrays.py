"""Conversion of labels of any kind to arrays, without loss."""

import datetime
import enum
from numbers import Integral, Real

import numpy as np
from scipy import sparse

MISSING = {"NoneType": "None", "NAType": "NA", "NaTType": "NaT"}
"""Names of missing-value types, and how messages spell them."""


def as_labels(y, *, name):
    """Make an array of labels, without loss.

    Parameters
    ----------
    y : array-like
        Labels as an array, list, tensor, or column of pandas, polars or pyarrow.
        Nullable dtypes become those of numpy that hold the same values; members of an
        enumeration of strings become their strings.
    name : str
        Name of the estimator, for messages.

    Returns
    -------
    y : ndarray or sparse matrix
        Of any shape. Sparse matrices are left to scikit-learn, which refuses them.

    Raises
    ------
    ValueError
        If a label is missing, a date, of an unknown type, or would change.
    TypeError
        If some labels are strings and some are not.
    """
    if hasattr(y, "detach"):
        y = y.detach().cpu().numpy()
    if sparse.issparse(y):
        return y
    if hasattr(y, "iloc") and len(y.shape) == 2 and y.shape[1] == 1:
        return as_labels(y.iloc[:, 0], name=name)[:, np.newaxis]
    _refuse_missing(_missing_in_column(y), y, name)
    if isinstance(y, (list, tuple)):
        array = _array_of_list(list(y), name)
    else:
        # nullable integers would become floats, which hold no more than 2**53
        dtype = getattr(getattr(y, "dtype", None), "numpy_dtype", None)
        array = np.asarray(y, dtype=dtype)
        if array.dtype.kind == "T":  # numpy's strings of any length
            array = array.astype(object)
        if array.dtype == object and array.ndim == 1:
            labels = _plain_labels(array.tolist(), name)
            array = np.fromiter(labels, dtype=object, count=len(array))
    _check_dtype(array, name)
    return array


def _array_of_list(labels, name):
    """Make an array of a list, whose labels must all stay what they are."""
    labels = _plain_labels(labels, name)
    try:
        array = np.asarray(labels)
    except ValueError as error:
        raise ValueError(
            f"{name} expects one label for each image. Got a list of labels that have "
            f"several parts: {error}"
        ) from error
    _check_dtype(array, name)
    if array.ndim == 1:
        _check_unchanged(labels, array, name)
    return array


def _check_unchanged(labels, array, name):
    """Check that labels are still themselves in the array that was made of them."""
    became = array.tolist()
    are_integers = all(issubclass(kind, Integral) for kind in set(map(type, labels)))
    if became == labels and not (are_integers and array.dtype.kind == "f"):
        return
    pairs = zip(labels, became, strict=True)
    one, other = next(pair for pair in pairs if repr(pair[0]) != repr(pair[1]))
    raise ValueError(
        f"{name} can't hold the labels in one array without changing them: {one!r} "
        f"would become {other!r}. Make them strings, or an array of objects if they "
        "are: `np.array([str(label) for label in y], dtype=object)`."
    )


def _plain_labels(labels, name):
    """Check the types in a list of labels, and take strings for what they hold."""
    kinds = set(map(type, labels))
    if any(not issubclass(kind, (str, Integral)) for kind in kinds):
        _refuse_missing([_name_of_missing(label) for label in labels], labels, name)
    if len({issubclass(kind, str) for kind in kinds}) > 1:
        raise TypeError(
            f"{name} needs labels that are uniformly strings or numbers. Got "
            f"{sorted(kind.__name__ for kind in kinds)}. Make them strings: "
            "`[str(label) for label in y]`."
        )
    if any(issubclass(kind, str) and kind is not str for kind in kinds):
        return [plain_string(label) for label in labels]
    return labels


def plain_string(label):
    """Take a member of an enumeration of strings for the string that it equals."""
    return str.__str__(label) if isinstance(label, str) else label


def _missing_in_column(y):
    """Tell which labels a masked array or a column of a data frame counts as missing.

    Returns
    -------
    is_missing : ndarray of bool, or None
        None where `y` does not tell by itself.
    """
    if np.ma.isMaskedArray(y):
        return np.ma.getmaskarray(y)
    for ask in ("isna", "is_null"):  # of pandas; of polars and pyarrow
        if callable(getattr(y, ask, None)):
            return np.asarray(getattr(y, ask)())
    return None


def _name_of_missing(label):
    """Say how a label is called that stands for none, or give None for a true one."""
    kind = type(label).__name__
    if kind in MISSING:
        return MISSING[kind]
    if isinstance(label, (np.datetime64, np.timedelta64)) and np.isnat(label):
        return "NaT"
    return "NaN" if isinstance(label, Real) and label != label else None


def _refuse_missing(missing, y, name):
    """Raise if a label is missing, and name its row."""
    if missing is None or not np.any(missing):
        return
    row, *column = np.argwhere(missing)[0]
    if np.ma.isMaskedArray(y):
        label = "a masked label"
    else:
        label = _name_of_missing(
            np.asarray(y)[row, *column] if column else list(y)[row]
        )
    raise ValueError(
        f"Input y contains {label or 'None'} in row {row}. {name} needs a label for "
        "each image: leave such rows out of X and y."
    )


def _check_dtype(array, name):
    """Refuse labels that are missing, dates, or objects other than strings."""
    if array.dtype.kind == "f":
        _refuse_missing(np.isnan(array), array, name)
    if array.dtype.kind in "mM":
        _refuse_missing(np.isnat(array), array, name)
        raise ValueError(_unknown_labels(f"dates (dtype {array.dtype})", _DATES, name))
    if array.dtype.kind == "V":
        found = f"labels that have several parts (dtype {array.dtype})"
        raise ValueError(_unknown_labels(found, "Give one of them.", name))
    if array.dtype != object or array.ndim != 1:
        return
    kinds = {type(label) for label in array.tolist() if not isinstance(label, str)}
    if not kinds:
        return
    found = "labels of dtype object that hold "
    found += ", ".join(sorted(kind.__name__ for kind in kinds))
    mend = "Make them strings: `[str(label) for label in y]`."
    if all(issubclass(kind, (datetime.date, datetime.timedelta)) for kind in kinds):
        mend = _DATES
    elif all(issubclass(kind, enum.Enum) for kind in kinds):
        mend = "Give their values: `[label.value for label in y]`."
    elif all(issubclass(kind, Real) for kind in kinds):
        largest = max(map(abs, array.tolist()))
        if largest < 2**63:
            mend = "Give them a dtype of their own, for example by `y.astype(int)`."
    raise ValueError(_unknown_labels(found, mend, name))


_DATES = (
    "Make them strings, by `y.astype(str)`, or give the part of them that is the "
    "class, such as the year of a pandas column: `y.dt.year`."
)


def _unknown_labels(found, mend, name):
    return f"Unknown label type: {name} got {found}. {mend}"

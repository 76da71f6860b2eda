"""Labels and weights: from what users give to class numbers and floats."""

import warnings
from numbers import Real

import numpy as np
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from sklcnn._sklearn import check_sample_weight

MISSING = {"NoneType": "None", "NAType": "NA", "NaTType": "NaT"}
"""How types of missing labels are called, and how the labels are."""


def check_labels(X, y, *, name):
    """Check that `y` holds one class label for each image.

    Returns
    -------
    y : ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If `y` is missing, not one-dimensional, continuous, has missing values or
        another length than `X`.
    TypeError
        If some labels are strings and some are not.
    """
    if y is None:
        raise ValueError(
            f"This {name} estimator requires y to be passed, but the target y is None."
        )
    if hasattr(y, "detach"):
        y = y.detach().cpu().numpy()
    if isinstance(y, (list, tuple)) or getattr(y, "dtype", None) == np.dtype(object):
        _check_kinds({type(label) for label in y}, name)
    y = column_or_1d(y, warn=True)
    assert_all_finite(y, input_name="y", estimator_name=name)
    kinds = {type(label) for label in y} if y.dtype == object else set()
    if any(not issubclass(kind, str) for kind in kinds):
        raise ValueError(
            f"Unknown label type: {name} got labels of dtype object that hold "
            f"{', '.join(kind.__name__ for kind in kinds)}. Give them a dtype of their "
            "own, for example by `y.astype(int)`, or make them strings."
        )
    n_images = X.shape[0]  # zarr's arrays have no length
    if n_images != len(y) and len(y) == 1:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: {n_images} "
            "and 1. If X is a single image, add the sample axis with `X[np.newaxis]`."
        )
    check_consistent_length(range(n_images), y)
    check_classification_targets(y)
    return y


def _check_kinds(kinds, name):
    for kind in kinds:
        if kind.__name__ in MISSING:
            raise ValueError(
                f"Input y contains {MISSING[kind.__name__]}. {name} needs a label for "
                "each image."
            )
    if len({issubclass(kind, str) for kind in kinds}) > 1:
        raise TypeError(
            f"{name} needs labels that are uniformly strings or numbers. Got "
            f"{sorted(kind.__name__ for kind in kinds)}. Make them strings: "
            "`y.astype(str)`."
        )


def find_classes(y, sample_weight):
    """List the classes that have weight, sorted, in the dtype of `y`."""
    return LabelEncoder().fit(y[sample_weight > 0]).classes_


def encode_labels(y, classes, sample_weight):
    """Number the labels by their place in `classes`; 0 where a row has no weight."""
    used = y[sample_weight > 0]
    # compared as Python objects, since numpy would cut strings and wrap integers
    unseen = set(used.tolist()) - set(classes.tolist())
    if unseen:
        raise ValueError(
            f"y contains previously unseen labels: {sorted(unseen)[:5]}. The classes "
            f"are {classes.tolist()}."
        )
    encoder = LabelEncoder()
    encoder.classes_ = classes
    targets = np.zeros(len(y), dtype=np.int64)
    targets[sample_weight > 0] = encoder.transform(used)
    return targets


def check_weights(sample_weight, y, *, class_weight, name, classes=None, unreadable=()):
    """Check sample and class weights.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,) or None
        Weights of the rows.
    y : ndarray of shape (n_samples,)
        The labels.
    class_weight : dict, "balanced" or None
        Weights of the classes.
    name : str
        Name of the estimator, for messages.
    classes : ndarray of shape (n_classes,), default=None
        All classes where `y` may lack some.
    unreadable : ndarray of int, default=()
        Rows of images that can't be read, which count as rows of weight 0.

    Returns
    -------
    sample_weight : ndarray of shape (n_samples,), dtype float64
        As it was given, or ones.
    total_weight : ndarray of shape (n_samples,), dtype float64
        Multiplied by the weights of the classes.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, all are zero, or there is no such class.
    """
    sample_weight = check_sample_weight(
        sample_weight, y, dtype=np.float64, ensure_non_negative=True
    )
    if not sample_weight.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    if len(unreadable):
        sample_weight = sample_weight.copy()
        sample_weight[unreadable] = 0
        if not sample_weight.any():
            raise ValueError(f"{name} got no image with weight that can be read.")
        _warn_of_lost_classes(y, sample_weight, unreadable, name)
    if class_weight is None:
        return sample_weight, sample_weight
    if isinstance(class_weight, dict):
        _check_class_weight(class_weight, np.unique(y if classes is None else classes))
        weight_of = {label: class_weight.get(label, 1.0) for label in y}
        total = sample_weight * np.array([weight_of[label] for label in y])
    elif classes is not None:
        raise ValueError(
            f"class_weight='balanced' needs all labels at once, so {name}.partial_fit "
            "does not take it. Give a dict of weights, such as compute_class_weight's."
        )
    else:
        total = sample_weight * _balance(y, sample_weight)
    if not total.any():
        raise ValueError("class_weight gives every row of X the weight 0.")
    return sample_weight, total


def _balance(y, sample_weight):
    """Weight rows so that all classes together have equal weight."""
    _, numbers = np.unique(y, return_inverse=True)
    sums = np.bincount(numbers, weights=sample_weight)
    return (sample_weight.sum() / np.count_nonzero(sums) / np.maximum(sums, 1e-300))[
        numbers
    ]


def _warn_of_lost_classes(y, sample_weight, unreadable, name):
    lost = np.setdiff1d(y[unreadable], y[sample_weight > 0]).tolist()
    if lost:
        warnings.warn(
            f"{name} got no image that can be read of {len(lost)} classes, such as "
            f"{lost[0]!r}: it does not learn them.",
            UserWarning,
        )


def _check_class_weight(class_weight, classes):
    unknown = [label for label in class_weight if label not in classes]
    if unknown:
        raise ValueError(
            f"class_weight names classes that y does not have: {unknown}. The classes "
            f"are {classes.tolist()}."
        )
    wrong = {
        label: weight
        for label, weight in class_weight.items()
        if not isinstance(weight, Real) or not 0 <= weight < np.inf
    }
    if wrong:
        raise ValueError(f"class_weight must be finite and not negative. Got {wrong}.")

"""Labels and weights: from what users give to class numbers and floats."""

from numbers import Real

import numpy as np
from scipy import sparse
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from sklcnn._label_arrays import as_labels, plain_string
from sklcnn._sklearn import check_sample_weight
from sklcnn._warnings import warn_user


def check_labels(X, y, *, name):
    """Check that `y` holds one class label for each image.

    Returns
    -------
    y : ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If `y` is missing, not one-dimensional, continuous, of dates, has missing values
        or another length than `X`, or can't become an array without loss.
    TypeError
        If some labels are strings and some are not.
    """
    if y is None:
        raise ValueError(
            f"This {name} estimator requires y to be passed, but the target y is None."
        )
    y = as_labels(y, name=name)
    if not sparse.issparse(y):
        _check_one_label_each(y, name)
    y = column_or_1d(y, warn=True)
    assert_all_finite(y, input_name="y", estimator_name=name)
    n_images = X.shape[0]  # zarr's arrays have no length
    if n_images != len(y) and len(y) == 1:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: {n_images} "
            "and 1. If X is a single image, add the sample axis with `X[np.newaxis]`."
        )
    check_consistent_length(range(n_images), y)
    check_classification_targets(y)
    return y


def _check_one_label_each(y, name):
    """Check that labels are in one dimension, or in a single column."""
    if y.ndim == 0:
        raise ValueError(
            f"{name} expects a list or an array with one label for each image. Got an "
            f"object of type {type(y[()]).__name__}."
        )
    if y.ndim == 1 or y.shape[1:] == (1,):
        return
    mend = f"{name} takes one label for each image."
    may_be_one_hot = y.dtype.kind in "biufO" and y.ndim == 2
    if may_be_one_hot and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        mend = (
            "It looks one-hot: give the numbers of the classes by `y.argmax(axis=1)`, "
            "or the names of the columns of a data frame by `y.idxmax(axis=1)`."
        )
    raise ValueError(
        f"y should be a 1d array, got an array of shape {y.shape} instead. {mend}"
    )


def find_classes(y, sample_weight):
    """List the classes that have weight, sorted, in the dtype of `y`."""
    return LabelEncoder().fit(y[sample_weight > 0]).classes_


def encode_labels(y, classes, sample_weight):
    """Number the labels by their place in `classes`; 0 where a row has no weight."""
    # as Python objects, since numpy would cut strings, wrap integers and round them
    used = y[sample_weight > 0].tolist()
    numbers = {label: number for number, label in enumerate(classes.tolist())}
    unseen = set(used) - set(numbers)
    if unseen:
        raise ValueError(
            f"y contains previously unseen labels: {sorted(unseen)[:5]}. The classes "
            f"are {classes.tolist()}."
        )
    targets = np.zeros(len(y), dtype=np.int64)
    targets[sample_weight > 0] = [numbers[label] for label in used]
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
        Weights of the classes. Names that `y` does not have are ignored, with a warning
        where some class of `y` has no weight.
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
        If a weight is negative or not finite, all are zero, their sum is infinite, or
        `class_weight` has only strings where the classes are numbers, or numbers where
        they are strings.
    """
    if np.ma.is_masked(sample_weight):
        raise ValueError(
            f"{name} got a masked array as sample_weight. Fill it first: "
            "`sample_weight.filled(0)` leaves its masked rows out."
        )
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
    _check_sum(sample_weight)
    if class_weight is None:
        return sample_weight, sample_weight
    factors = _weights_of_classes(class_weight, y, sample_weight, classes, name)
    with np.errstate(over="ignore"):
        total = sample_weight * factors
    if not total.any():
        raise ValueError("class_weight gives every row of X the weight 0.")
    _check_sum(total)
    return sample_weight, total


def _weights_of_classes(class_weight, y, sample_weight, classes, name):
    """Give the weight of its class for each row."""
    if isinstance(class_weight, dict):
        classes = np.unique(y if classes is None else classes)
        weight_of = _check_class_weight(class_weight, classes, name)
        return np.array([weight_of.get(label, 1.0) for label in y.tolist()])
    if classes is not None:
        raise ValueError(
            f"class_weight='balanced' needs all labels at once, so {name}.partial_fit "
            "does not take it. Give a dict of weights, such as compute_class_weight's."
        )
    return _balance(y, sample_weight)


def _check_sum(weights):
    with np.errstate(over="ignore"):
        total = weights.sum()
    if not np.isfinite(total):
        raise ValueError(
            "The weights of the images, times those of their classes, sum to infinity. "
            "Divide sample_weight by its largest value: only ratios count."
        )


def _balance(y, sample_weight):
    """Weight rows so that all classes together have equal weight."""
    _, numbers = np.unique(y, return_inverse=True)
    sums = np.bincount(numbers, weights=sample_weight)
    mean = sample_weight.sum() / np.count_nonzero(sums)
    return (mean / np.where(sums > 0, sums, 1))[numbers]


def _warn_of_lost_classes(y, sample_weight, unreadable, name):
    lost = np.setdiff1d(y[unreadable], y[sample_weight > 0]).tolist()
    if lost:
        warn_user(
            f"{name} got no image that can be read of {len(lost)} classes, such as "
            f"{lost[0]!r}: it does not learn them."
        )


def _check_class_weight(class_weight, classes, name):
    """Check the weights of classes, and give those of the classes there are.

    A fold may lack a class that has a weight. So other names than those of `classes`
    are no error, unless they can't be names of classes: strings where these are
    numbers. Where a class has no weight, one of them may be misspelled.
    """
    class_weight = {plain_string(label): w for label, w in class_weight.items()}
    wrong = {
        label: weight
        for label, weight in class_weight.items()
        if not isinstance(weight, Real) or not 0 <= weight < np.inf
    }
    if wrong:
        raise ValueError(f"class_weight must be finite and not negative. Got {wrong}.")
    classes = classes.tolist()
    unknown = [label for label in class_weight if label not in classes]
    if not unknown:
        return class_weight
    message = (
        f"class_weight names classes that y does not have: {unknown}. The classes are "
        f"{classes}."
    )
    kinds = [{isinstance(label, str) for label in x} for x in (unknown, classes)]
    if len(unknown) == len(class_weight) and kinds[0].isdisjoint(kinds[1]):
        raise ValueError(f"{message} Give strings for strings, numbers for numbers.")
    if any(label not in class_weight for label in classes):
        warn_user(f"{message} {name} ignores the other names.")
    return class_weight

"""Images, labels and weights to train on, checked."""

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d

from sklcnn._labels import check_labels, check_weights, encode_labels, find_classes
from sklcnn._pretrained import check_weights_parameters
from sklcnn._validation import check_sizes
from sklcnn.network import TrainingData, check_callbacks, check_function, with_steps_of


def check_network_parameters(estimator):
    """Check parameters of a classifier that no constraint tells of.

    Raises
    ------
    ValueError
        If one is not valid. The message names it.
    """
    name = type(estimator).__name__
    check_function(estimator.network, name=name)
    check_callbacks(estimator.callbacks, name=name)
    for parameter in ("conv_channels", "hidden_units"):
        sizes = getattr(estimator, parameter)
        if not isinstance(sizes, str):  # "auto"
            check_sizes(sizes, None, parameter, name=name)
    check_weights_parameters(estimator)


def check_training_data(
    X, images, y, sample_weight, classes, estimator, *, is_part=False
):
    """Check labels and weights, and put them together with images.

    Parameters
    ----------
    X : array-like or lazy images of shape (n_samples, ...)
        Images as they were given, with their random transforms.
    images : ndarray or lazy images of shape (n_samples, ...)
        The same, checked.
    y, sample_weight : array-like of shape (n_samples,)
        Labels and weights; the latter may be None.
    classes : ndarray of shape (n_classes,) or None
        Class labels, where they are known.
    estimator : estimator
        The classifier, for messages and its `class_weight`.
    is_part : bool, default=False
        Whether `y` may lack classes.

    Returns
    -------
    data : TrainingData
        What to train on.
    classes : ndarray of shape (n_classes,)
        Class labels.
    """
    name = type(estimator).__name__
    labels = check_labels(images, y, name=name)
    sample_weight, weights = check_weights(
        sample_weight,
        labels,
        class_weight=estimator.class_weight,
        classes=classes if is_part else None,
        unreadable=getattr(images, "bad_rows", ()),
        name=name,
    )
    if classes is None:
        classes = find_classes(labels, sample_weight)
    targets = encode_labels(labels, classes, sample_weight)
    weights = weights / weights.max()
    images = with_steps_of(X, images)
    return TrainingData(images, targets, weights, np.flatnonzero(weights)), classes


def check_groups(groups, data):
    """Check groups of images, one value an image."""
    if groups is None:
        return None
    groups = column_or_1d(groups)
    check_consistent_length(data.targets, groups)
    return groups

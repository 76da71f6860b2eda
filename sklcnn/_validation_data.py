"""Images to validate on: set aside from those to train on, or the user's own."""

import math
from dataclasses import replace

import numpy as np

from sklcnn._labels import check_labels, encode_labels
from sklcnn._validation import check_image_shape, check_images
from sklcnn._warnings import warn_user
from sklcnn.network import TrainingData, plain, split_rows


def set_rows_aside(data, classes, fraction, seed, *, parameter="validation_fraction"):
    """Set rows of training data aside, the same share of every class.

    Parameters
    ----------
    data : TrainingData
        What to train on. Its groups are not cut in two.
    classes : ndarray of shape (n_classes,)
        Class labels.
    fraction : float
        Share of the rows, in (0, 1).
    seed : int
        Seed of the random choice.
    parameter : {"validation_fraction", "calibration_fraction"}, \
            default="validation_fraction"
        Parameter of the estimator that asks for it, for messages.

    Returns
    -------
    data : TrainingData
        The rest, with the rows set aside to validate on.

    Raises
    ------
    ValueError
        If that can't be done: with too few rows, or too few groups.

    Warns
    -----
    UserWarning
        If groups are so large that `validation_fraction` sets more than twice its share
        aside.
    """
    groups = None if data.groups is None else data.groups[data.rows]
    labels = classes[data.targets[data.rows]]
    rows, valid_rows = split_rows(
        data.rows, labels, fraction, seed, groups, parameter=parameter
    )
    is_far_more = len(valid_rows) > 2 * math.ceil(fraction * len(data.rows))
    if groups is not None and is_far_more and parameter == "validation_fraction":
        warn_user(
            f"validation_fraction={fraction} sets {len(valid_rows)} of "
            f"{len(data.rows)} images aside, as their groups stay whole. Use smaller "
            "groups, images of your own as X_val, or early_stopping=False."
        )
    return replace(data, rows=rows, valid=replace(data, rows=valid_rows))


def add_validation(data, classes, image_shape, X_val, y_val, estimator):
    """Check images of the user's own to validate on, and add them to training data.

    Parameters
    ----------
    data : TrainingData
        What to train on.
    classes : ndarray of shape (n_classes,)
        Class labels.
    image_shape : tuple of three ints
        Height, width and number of channels.
    X_val, y_val : array-like or None
        Images and labels.
    estimator : estimator
        The estimator, whose training images are checked already.

    Returns
    -------
    data : TrainingData
        The same, with the images to validate on.

    Raises
    ------
    ValueError
        If only one of both is given, or images or labels are not like those to train
        on.
    """
    name = type(estimator).__name__
    if X_val is None or y_val is None:
        raise ValueError(
            f"{name}.fit expects both X_val and y_val, or neither. Got only "
            f"{'y_val' if X_val is None else 'X_val'}."
        )
    images = check_images(plain(X_val), estimator=estimator, reset=False)
    check_image_shape(images.shape, image_shape, name=name)
    labels = check_labels(images, y_val, name=name)
    weights = np.ones(len(labels))
    weights[getattr(images, "bad_rows", [])] = 0
    if not weights.any():
        raise ValueError(f"{name} got no image in X_val that can be read.")
    targets = encode_labels(labels, classes, weights)
    valid = TrainingData(images, targets, weights, np.flatnonzero(weights))
    return replace(data, valid=valid)

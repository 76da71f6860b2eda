"""Predictions of any number of images, and which of them are worth a look."""

from collections import Counter
from numbers import Integral
from typing import NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklcnn._label_arrays import as_labels
from sklcnn.inspection._blocks import in_blocks
from sklcnn.inspection._parts import THRESHOLDED, n_images_of

KINDS = ("worst", "surest", "doubtful", "confused")
"""Choices of images: see `choose`."""

UNKNOWN = -1
"""Number of labels that are none of the classes."""


class Predictions(NamedTuple):
    """What is kept of the probabilities of each image.

    Parameters
    ----------
    predicted : ndarray of shape (n_samples,)
        Numbers of the predicted classes.
    probability : ndarray of shape (n_samples,)
        Their probabilities.
    margin : ndarray of shape (n_samples,)
        By how much the largest probability exceeds the second.
    given : ndarray of shape (n_samples,), default=None
        Numbers of the given classes, -1 for labels that are no class.
    given_probability : ndarray of shape (n_samples,), default=None
        Their probabilities; 0 for labels that are no class.
    """

    predicted: np.ndarray
    probability: np.ndarray
    margin: np.ndarray
    given: np.ndarray | None = None
    given_probability: np.ndarray | None = None


def predict(estimator, X, y, *, verbose, name):
    """Predict images in blocks, and keep a few numbers of each.

    Parameters
    ----------
    estimator : classifier
        A fitted classifier of any kind with `predict_proba`.
    X : array-like of shape (n_samples, ...)
        What it predicts on.
    y : array-like of shape (n_samples,) or None
        Given labels.
    verbose : int
        Whether to show a progress bar.
    name : str
        Name of the function or class that asks, for messages.

    Returns
    -------
    predictions : Predictions
    classes : ndarray of shape (n_classes,)
        Labels of the classes.
    labels : ndarray of shape (n_samples,) or None
        Given labels.
    """
    check_is_fitted(estimator)
    if not hasattr(estimator, "predict_proba"):
        raise ValueError(
            f"{name} expects a classifier with predict_proba. Got "
            f"{type(estimator).__name__}, which has none: wrap it in "
            "CalibratedClassifierCV."
        )
    classes = estimator.classes_
    labels = check_given(y, classes, n_images_of(X), name=name)
    given = None if labels is None else number_labels(labels, classes)

    def reduce(block, rows):
        probabilities = estimator.predict_proba(block)
        predicted = None
        if isinstance(estimator, THRESHOLDED):  # which need not predict the likeliest
            predicted = number_labels(estimator.predict(block), classes)
        part = None if given is None else given[rows]
        return summarize(probabilities, part, predicted)

    return Predictions(*in_blocks(reduce, X, verbose=verbose)), classes, labels


def summarize(probabilities, given, predicted=None):
    """Keep of the probabilities of images what `Predictions` tells.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_classes)
        In [0, 1].
    given : ndarray of shape (n_samples,) or None
        Numbers of the given classes, -1 for labels that are no class.
    predicted : ndarray of shape (n_samples,), default=None
        Numbers of the predicted classes. None is the likeliest ones.

    Returns
    -------
    columns : tuple of ndarray of shape (n_samples,)
        The fields of `Predictions`.
    """
    rows = np.arange(len(probabilities))
    if predicted is None:
        predicted = probabilities.argmax(axis=1)
    two = np.partition(probabilities, -2, axis=1)[:, -2:]
    kept = predicted, probabilities[rows, predicted], two[:, 1] - two[:, 0]
    if given is None:
        return kept
    of_given = np.where(given == UNKNOWN, 0, probabilities[rows, given])
    return (*kept, given, of_given)


def check_display_labels(display_labels, classes, *, name):
    """Give the classes names: those that are asked for, or their labels.

    Returns
    -------
    names : list of str
    """
    if display_labels is None:
        return [str(label) for label in classes.tolist()]
    if len(display_labels) != len(classes):
        raise ValueError(
            f"{name} expects one of display_labels for each of {len(classes)} classes. "
            f"Got {len(display_labels)}."
        )
    return [str(label) for label in display_labels]


def check_given(y, classes, n_samples, *, name):
    """Check given labels: as many as there are images, and of the kind of the classes.

    Returns
    -------
    labels : ndarray of shape (n_samples,) or None
    """
    if y is None:
        return None
    labels = as_labels(y, name=name)
    if labels.shape != (n_samples,):
        raise ValueError(
            f"{name} expects one label for each of {n_samples} images. Got y of shape "
            f"{labels.shape}."
        )
    if (number_labels(labels, classes) == UNKNOWN).all():
        raise ValueError(
            f"{name} got y with labels such as {labels[0]!r}, none of which is a class "
            f"of the estimator, such as {classes[0]!r}."
        )
    return labels


def number_labels(labels, classes):
    """Number labels by their place in `classes`; -1 for those that are not there."""
    numbers = {label: number for number, label in enumerate(classes.tolist())}
    found = [numbers.get(label, UNKNOWN) for label in np.asarray(labels).tolist()]
    return np.array(found, dtype=np.intp)


def check_choice(kind, n_images, y, *, name):
    """Check a choice of images, before anything is predicted."""
    if kind not in KINDS:
        raise ValueError(
            f"{name} expects kind to be one of {', '.join(map(repr, KINDS))}. Got "
            f"{kind!r}."
        )
    if kind in ("worst", "confused") and y is None:
        raise ValueError(
            f"{name} needs the given labels y for kind={kind!r}. Without them, use "
            "kind='surest' or kind='doubtful'."
        )
    if not isinstance(n_images, Integral) or n_images < 1:
        raise ValueError(f"{name} expects n_images of at least 1. Got {n_images!r}.")


def choose(predictions, kind, n_images, *, name):
    """Choose the images that are worth a look, the most telling first.

    Parameters
    ----------
    predictions : Predictions
        Predictions of all images.
    kind : {"worst", "surest", "doubtful", "confused"}
        Those with the least probability of the given label, with the largest of the
        predicted one, with the least margin between the first two, or those of the
        pairs of classes that are confused most often, a third of them at most of one
        pair.
    n_images : int
        Number of images.
    name : str
        Name of the function or class that asks, for messages.

    Returns
    -------
    rows : ndarray of shape (n,)
        Positions, as many as asked for or as there are.
    """
    if kind == "surest":
        return np.argsort(-predictions.probability, kind="stable")[:n_images]
    if kind == "doubtful":
        return np.argsort(predictions.margin, kind="stable")[:n_images]
    by_given = np.argsort(predictions.given_probability, kind="stable")
    if kind == "worst":
        return by_given[:n_images]
    wrong = by_given[predictions.given[by_given] != predictions.predicted[by_given]]
    if not len(wrong):
        raise ValueError(
            f"{name} found no image that is predicted wrong. Use kind='worst' for "
            "those with the least probability of the given label."
        )
    pairs = np.stack([predictions.given[wrong], predictions.predicted[wrong]], axis=1)
    return _of_commonest_pairs(wrong, pairs, n_images)


def _of_commonest_pairs(rows, pairs, n_images):
    """Take rows of the commonest pairs, in their order within a pair."""
    chosen = []
    for pair, _ in Counter(map(tuple, pairs.tolist())).most_common():
        of_pair = rows[(pairs == pair).all(axis=1)]
        chosen += of_pair[: max(1, n_images // 3)].tolist()
        if len(chosen) >= n_images:
            break
    return np.array(chosen[:n_images], dtype=np.intp)

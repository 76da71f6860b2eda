"""Parts of fitted estimators: the steps that images go through, and the last one."""

import difflib
import os
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import (
    FixedThresholdClassifier,
    TunedThresholdClassifierCV,
)
from sklearn.utils.validation import check_is_fitted

from sklcnn._arrays import as_array, is_lazy
from sklcnn._pipelines import flat_steps
from sklcnn._sklearn import num_samples, safe_indexing
from sklcnn._validation import check_image_shape, check_images, resolve_image_shape
from sklcnn.images._decode import decode, read_header
from sklcnn.images._lazy import LazyImages
from sklcnn.images._mapped import read_rows
from sklcnn.images._sources import check_sources
from sklcnn.network import FittedNetwork

THRESHOLDED = (FixedThresholdClassifier, TunedThresholdClassifierCV)
"""Meta-estimators that move the probability at which a class is predicted."""

LARGEST_SIDE = 512
"""Largest side, in pixels, at which files are read to be shown."""


class Parts(NamedTuple):
    """Parts of a fitted estimator.

    Parameters
    ----------
    steps : tuple of transformers
        Steps of the pipelines, in order, without the last one.
    last : estimator
        What comes after them.
    """

    steps: tuple
    last: object


def take_apart(estimator):
    """Find the steps within pipelines, searches and other estimators that wrap one.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator.

    Returns
    -------
    parts : Parts
    """
    *steps, last = [step for _, step in flat_steps(estimator, THRESHOLDED)]
    return Parts(tuple(steps), last)


def network_of(estimator, *, name):
    """Find the fitted network at the end of an estimator.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator of this package, a pipeline that ends in one, or a search.
    name : str
        Name of the function or class that asks, for messages.

    Returns
    -------
    network : FittedNetwork
    """
    last = take_apart(estimator).last
    if hasattr(last, "fit"):
        check_is_fitted(last)
    network = vars(last).get("_network") if hasattr(last, "__dict__") else None
    if not isinstance(network, FittedNetwork):
        raise ValueError(
            f"{name} looks into a network: it expects a fitted CNNClassifier, a "
            "pipeline that ends in one, or a search of these. Got "
            f"{type(last).__name__} instead."
        )
    return network


def network_of_classifier(estimator, *, name):
    """Find the fitted network of a classifier, whose last layer was trained.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier of this package, a pipeline that ends in one, or a search.
    name : str
        Name of the function or class that asks, for messages.

    Returns
    -------
    network : FittedNetwork
    """
    network = network_of(estimator, name=name)
    last = take_apart(estimator).last
    if not hasattr(last, "classes_"):
        raise ValueError(
            f"{name} expects a fitted CNNClassifier, a pipeline that ends in one, or a "
            f"search of these. Got {type(last).__name__}, whose network was not "
            "trained to tell classes."
        )
    return network


def n_images_of(X):
    """Count images, files or rows."""
    return num_samples(X)


def take_rows(X, rows):
    """Take rows of images, files or a data frame.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...)
        What an estimator is given.
    rows : ndarray of shape (n,), dtype intp
        Positions.

    Returns
    -------
    X : array-like of shape (n, ...)
        Lazy images stay lazy; of zarr and h5py, these rows are read.
    """
    if isinstance(X, LazyImages):
        return X.take(rows)
    if is_lazy(X):
        return read_rows(X, rows)
    if hasattr(X, "detach"):  # tensors are not indexed by unsigned or read-only arrays
        X = as_array(X, "X")
    return safe_indexing(X, rows)


def check_rows(rows, n_samples, *, n_default, name):
    """Make an array of positions, by default of the first few.

    Parameters
    ----------
    rows : array-like of shape (n,) or None
        Positions; negative ones count from the end.
    n_samples : int
        Number of images.
    n_default : int
        Number of images where None are given.
    name : str
        Name of the function or class that asks, for messages.

    Returns
    -------
    rows : ndarray of shape (n,), dtype intp
    """
    if rows is None:
        return np.arange(min(n_default, n_samples), dtype=np.intp)
    chosen = np.atleast_1d(np.asarray(rows))
    is_mask = chosen.dtype.kind == "b" and chosen.shape == (n_samples,)
    if chosen.ndim != 1 or not len(chosen) or chosen.dtype.kind not in "biu":
        raise ValueError(
            f"{name} expects rows to be positions of images, such as [0, 5]. Got "
            f"{rows!r}."
        )
    if chosen.dtype.kind == "b" and not is_mask:
        raise ValueError(
            f"{name} expects a mask with one value for each of {n_samples} images as "
            f"rows. Got {len(chosen)} values."
        )
    chosen = np.flatnonzero(chosen) if is_mask else chosen
    if not len(chosen) or chosen.min() < -n_samples or chosen.max() >= n_samples:
        raise ValueError(
            f"{name} expects rows from 0 to {n_samples - 1}. Got {rows!r}."
        )
    return np.arange(n_samples, dtype=np.intp)[chosen]


def network_input(estimator, X, *, name):
    """Bring `X` through the steps of a pipeline, to the images that enter its network.

    Parameters
    ----------
    estimator : estimator
        As in `network_of`.
    X : array-like of shape (n_samples, ...)
        What the estimator predicts on.
    name : str
        Name of the function or class that asks, for messages.

    Returns
    -------
    images : ndarray or lazy images of shape (n_samples, height, width, n_channels) or \
            (n_samples, height, width)
    """
    network = network_of(estimator, name=name)
    steps, last = take_apart(estimator)
    for step in steps:
        X = step.transform(X)
    images = check_images(
        getattr(X, "images", X) if _is_drawn(X) else X, estimator=last, reset=False
    )
    shape = network.spec.image_shape
    check_image_shape(images.shape, shape, name=type(last).__name__)
    return images.reshape(-1, *shape) if len(images.shape) == 2 else images


def images_to_show(estimator, X, *, name):
    """Read images as the last estimator of a pipeline gets them.

    Parameters
    ----------
    estimator : estimator or None
        Fitted estimator. Where its last steps make features, images are those before.
        None shows `X` itself.
    X : array-like of shape (n_samples, ...)
        Images, files, or what else its first step takes.
    name : str
        Name of the function or class that asks, for messages.

    Returns
    -------
    images : list of ndarray of shape (height, width[, n_channels])
    """
    steps, last = ((), None) if estimator is None else take_apart(estimator)
    images = _as_images(X)
    for step in steps:
        X = step.transform(X)
        changed = _as_images(X)
        images = images if changed is None else changed
    if images is None and len(np.shape(X)) == 2:
        shape = getattr(last, "image_shape_", None)
        shape = resolve_image_shape(np.shape(X), shape, name=name)
        images = np.asarray(X).reshape(-1, *shape)
    if images is None:
        return [read_to_show(source) for source in check_sources(X, name=name)]
    return list(images)


def read_to_show(source):
    """Read a file, contents of one, a PIL image or an array, at 512 pixels at most."""
    height, width = read_header(source).size
    scale = min(1, LARGEST_SIDE / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    return decode(source, size, aspect="stretch")[0]


def _is_drawn(X):
    return hasattr(X, "draws") and hasattr(X, "images")


def _as_images(X):
    """Give the images that `X` holds, or None where it holds files or features."""
    if _is_drawn(X):
        X = X.images
    if is_lazy(X):
        return (
            np.asarray(X[:])
            if not isinstance(X, LazyImages)
            else X.read(np.arange(len(X)))
        )
    if hasattr(X, "detach"):
        X = as_array(X, "X")
    if isinstance(X, np.ndarray):
        return X if X.ndim in (3, 4) else None
    if isinstance(X, (list, tuple)) and all(np.ndim(image) in (2, 3) for image in X):
        return [np.asarray(image) for image in X]
    return None


def find_class(label, classes, *, name):
    """Find the number of a class by its label.

    Parameters
    ----------
    label : object
        One of `classes`.
    classes : ndarray of shape (n_classes,)
        The labels of the classes.
    name : str
        Name of the function or class that asks, for messages.

    Returns
    -------
    number : int

    Raises
    ------
    ValueError
        If there is no such class. The message names those that are close.
    """
    known = classes.tolist()
    label = label.item() if isinstance(label, np.generic) else label
    if label in known:
        return known.index(label)
    shown = [str(other) for other in known]
    close = difflib.get_close_matches(str(label), shown, 3, 0.5)
    few = ", ".join(map(repr, known[:5])) + (", ..." if len(known) > 5 else "")
    raise ValueError(
        f"{name} got the class {label!r}, which the estimator does not know. "
        + (f"Close to it: {', '.join(map(repr, close))}. " if close else "")
        + f"The classes are {few}."
    )


def names_of(X, rows):
    """Name images by their files, or by their positions.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...)
        Images, files, or what else an estimator takes.
    rows : ndarray of shape (n,), dtype intp
        Positions.

    Returns
    -------
    names : list of str
    """
    names = [f"row {row}" for row in rows]
    if hasattr(X, "paths"):
        paths = X.paths[rows]
    elif is_lazy(X) or np.ndim(X) > 2 or hasattr(X, "detach"):
        return names
    else:
        paths = take_rows(X, rows)
        if hasattr(paths, "columns") or np.ndim(paths) == 2:
            is_column = np.shape(paths)[1] == 1
            paths = np.asarray(paths)[:, 0] if is_column else names
    return [
        os.path.basename(os.fspath(path)) if _is_path(path) else name
        for path, name in zip(paths, names, strict=True)
    ]


def _is_path(path):
    return isinstance(path, (str, os.PathLike))

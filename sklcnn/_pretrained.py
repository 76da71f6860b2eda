"""Weights of a named network, a file or another fitted estimator, for an estimator."""

import os
from numbers import Integral

from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator

from sklcnn._pipelines import flat_steps
from sklcnn._validation import check_sizes
from sklcnn._warnings import warn_user
from sklcnn.network import FittedNetwork, Pretrained, find_weights, is_file
from sklcnn.persistence import load


def check_weights_parameters(estimator):
    """Check `image_size` and `standardize` of an estimator that takes weights.

    Raises
    ------
    ValueError
        If the size is none, or the statistics of weights are asked for without any.
    """
    name, size = type(estimator).__name__, estimator.image_size
    if size is not None and not isinstance(size, (str, Integral)):
        check_sizes(size, (2,), "image_size", name=name)
    if estimator.standardize == "weights" and estimator.weights is None:
        raise ValueError(
            f"{name} got standardize='weights' and weights=None: only weights tell by "
            "which statistics to standardize. Use standardize='auto'."
        )


def weights_finder(weights, *, name, freeze=False):
    """Make the function that finds the weights which a network is to begin with.

    Parameters
    ----------
    weights : str, path-like, FrozenEstimator or None
        Parameter of the estimator.
    name : str
        Name of the estimator, for messages.
    freeze : bool, default=False
        Whether all layers but the last are to stay as they are, which warns where
        weights are drawn.

    Returns
    -------
    find : callable or None
        Takes the description of a network and gives `Pretrained`; None where weights
        are drawn.

    Raises
    ------
    ValueError
        If the weights are those of an estimator that is not frozen or not fitted.
    """
    if weights is None and freeze:
        warn_user(
            f"{name} got freeze=True and weights=None: only the last layer is trained, "
            "on what layers with random weights make of the images. Set "
            "weights='DEFAULT', say, or freeze=False."
        )
    if weights is None:
        return None
    if isinstance(weights, FrozenEstimator):
        source = _network_of(weights.estimator, name)
        return lambda spec: _weights_of(source, "those of the frozen estimator")
    if isinstance(weights, BaseEstimator):
        raise ValueError(
            f"{name} got weights={type(weights).__name__}(...), which cross-validation "
            "and searches would clone, and so unfit. Wrap it: "
            "weights=sklearn.frozen.FrozenEstimator(fitted)."
        )
    if is_file(weights) and os.fspath(weights).lower().endswith(".skops"):
        source = _network_of(load(weights), name)
        shown = f"those of the file {os.fspath(weights)!r}"
        return lambda spec: _weights_of(source, shown)
    return lambda spec: find_weights(weights, spec, name=name)


def _network_of(estimator, name):
    """Find the fitted network of an estimator, or of the last step of a pipeline."""
    shown = type(estimator).__name__
    *_, (_, last) = flat_steps(estimator)
    network = vars(last).get("_network")
    if not isinstance(network, FittedNetwork):
        raise ValueError(
            f"{name} takes weights of a fitted CNNClassifier, of a pipeline that ends "
            f"in one, or of a search of these. Got {shown}, which is none, or not "
            "fitted."
        )
    return network


def _weights_of(source, shown):
    """Give the weights of a fitted network, and the statistics of its pixels."""
    module = source.module
    with source.lock.reading() as hold, hold:  # a training may go on
        state = {
            key: tensor.detach().cpu().clone()
            for key, tensor in module.body.state_dict().items()
        }
        mean = tuple(module.standardize.mean.tolist())
        std = tuple(module.standardize.std.tolist())
        pixel_range = tuple(source.pixel_range)
    return Pretrained(state, tuple(module.heads), mean, std, shown, pixel_range)

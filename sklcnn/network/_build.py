"""Networks by the parameters of an estimator: built, described and compared."""

import os
from dataclasses import replace

import numpy as np
from sklearn.frozen import FrozenEstimator

from sklcnn._validation import warn_if_lost_in_float32, warn_if_out_of_range
from sklcnn._warnings import warn_user
from sklcnn.network._batches import plain
from sklcnn.network._fitted import FittedNetwork, Origin, build_module
from sklcnn.network._hardware import resolve_device
from sklcnn.network._rules import resolve_precision
from sklcnn.network._spec import CONVNET_DEFAULTS, describe_network, is_same
from sklcnn.network._statistics import channel_statistics, choose_statistics
from sklcnn.network._weights import adapt_statistics, load_weights


def build_network(parameters, image_shape, n_outputs, *, seed, name, find=None):
    """Build a network with initial weights, on its device and in its number formats.

    Parameters
    ----------
    parameters : dict
        Parameters of the estimator.
    image_shape : tuple of three ints
        Height, width and number of channels.
    n_outputs : int
        Number of outputs per image.
    seed : int
        Seed of the weights.
    name : str
        Name of the estimator, for messages.
    find : callable, default=None
        Takes the description of the network and gives the weights to begin with, as
        `Pretrained`; None where they are drawn.

    Returns
    -------
    network : FittedNetwork
        Its pixel statistics are still to be set.
    """
    spec, ignored = _describe(parameters, image_shape, n_outputs)
    if ignored:
        warn_user(
            f"{name} ignores {', '.join(ignored)}: these parameters describe the "
            "built-in network, and another one was chosen with network=."
        )
    device = resolve_device(parameters["device"], name=name)
    spec, module = build_module(spec, seed, device)
    network = FittedNetwork(spec, module, (0.0, 1.0), device)
    if find is not None:
        pretrained = find(spec)
        load_weights(module, spec, pretrained, name=name)
        mean, std = adapt_statistics(pretrained, image_shape[2])
        network.origin = Origin((pretrained.pixel_range, mean, std))
    set_formats(network, parameters, name=name)
    return network


def set_formats(network, parameters, *, name):
    """Move a network to the device and the number formats of an estimator."""
    device = resolve_device(parameters["device"], name=name)
    dtype, bfloat16 = resolve_precision(parameters["precision"], device)
    network.move(
        device, dtype=dtype, bfloat16=bfloat16, device_asked_for=parameters["device"]
    )


def check_same_network(network, parameters, begun_with, *, name, method):
    """Check that parameters describe the network that is to be trained further.

    Parameters
    ----------
    network : FittedNetwork
        The network.
    parameters : dict
        Parameters of the estimator.
    begun_with : dict
        What those of `BEGUN_WITH` were when the network was built.
    name : str
        Name of the estimator, for messages.
    method : {"fit", "partial_fit"}
        What is to train it.

    Raises
    ------
    ValueError
        If they describe another one. The message names those that differ.
    """
    differing = [
        parameter
        for parameter, are_same in OF_BEGINNING.items()
        if not are_same(parameters[parameter], begun_with[parameter], network)
    ]
    if not all(is_same(parameters[key], begun_with[key]) for key in OF_SPEC):
        shape, n_outputs = network.spec.image_shape, network.spec.n_outputs
        spec, _ = _describe(parameters, shape, n_outputs)
        differing = spec.find_differences(network.spec) + differing
    if differing:
        continues, mend = {
            "fit": ("warm_start=True", "warm_start=False"),
            "partial_fit": ("partial_fit", "call fit, which begins anew"),
        }[method]
        raise ValueError(
            f"{name} was fitted with another network, which {continues} would "
            f"train further: {', '.join(differing)} changed since. Set "
            f"{'it' if len(differing) == 1 else 'them'} back, or {mend}."
        )


def _are_same_weights(value, before, network):
    """Whether two values of `weights` are the same weights."""
    if isinstance(value, FrozenEstimator) and isinstance(before, FrozenEstimator):
        return value.estimator is before.estimator
    kinds = str, os.PathLike
    if isinstance(value, kinds) and isinstance(before, kinds):
        return os.fspath(value) == os.fspath(before)
    return value is before


def _are_same_statistics(value, before, network):
    """Whether two values of `standardize` give the statistics of a network."""
    return value in (before, network.standardized_by)


def _is_same_shape(value, before, network):
    """Whether two values of `image_shape` give the shape that a network has."""
    if value is None or before is None:
        shape = before if value is None else value
        return shape is None or (*shape, 1)[:3] == network.spec.image_shape
    return tuple(value) == tuple(before)


OF_BEGINNING = {
    "weights": _are_same_weights,
    "standardize": _are_same_statistics,
    "image_shape": _is_same_shape,
}
"""Parameters that a network is begun with, beside those of its layers, and what tells
whether two values of them are the same for it."""

OF_SPEC = ("network", "image_size", *CONVNET_DEFAULTS)
"""Parameters that a description follows from. Where they are as they were, so is the
network, though later versions would make other layers of them."""

BEGUN_WITH = (*OF_SPEC, *OF_BEGINNING)
"""All parameters that a network is begun with."""


def _describe(parameters, image_shape, n_outputs):
    convnet = {name: parameters[name] for name in CONVNET_DEFAULTS}
    return describe_network(
        parameters["network"],
        image_shape,
        n_outputs,
        convnet,
        parameters["image_size"],
        parameters["weights"],
    )


def set_statistics(network, measured, parameters, *, dtype, name):
    """Choose the statistics by which pixels are standardized, and set them.

    Parameters
    ----------
    network : FittedNetwork
        The network.
    measured : tuple
        Range, mean and standard deviation of the training pixels.
    parameters : dict
        Parameters of the estimator.
    dtype : dtype
        Dtype of the training images.
    name : str
        Name of the estimator, for messages.
    """
    used = choose_statistics(
        measured, network.expected_statistics, parameters["standardize"], name=name
    )
    mean, std = map(np.array, used[1:])
    warn_if_lost_in_float32(mean, std, parameters["precision"], name=name)
    network.set_statistics(*used)
    if network.origin is not None:
        network.origin = replace(network.origin, is_used=used is not measured)
    network.pixel_dtype = np.dtype(dtype).name  # of either byte order


def widen_range(network, data, *, name):
    """Add the pixels of further training images to the known range.

    Parameters
    ----------
    network : FittedNetwork
        The network.
    data : TrainingData
        The images.
    name : str
        Name of the estimator, for a warning where their range is another one.
    """
    images, shape = plain(data.images), network.spec.image_shape
    found, _, _ = channel_statistics(images, data.weights, shape)
    low, high = network.pixel_range
    warn_if_out_of_range(found, (low, high), n_images=len(data.rows), name=name)
    network.pixel_range = min(low, found[0]), max(high, found[1])

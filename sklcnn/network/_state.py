"""Networks as plain numpy arrays, with a digest that tells damage."""

import hashlib
from numbers import Integral, Real

import numpy as np
import torch

SIZES = ("n_classes", "kernel_size", "pool_size")
LISTS_OF_SIZES = ("conv_channels", "hidden_units")
CONFIG = {*SIZES, *LISTS_OF_SIZES, "image_shape", "network", "dropout", "batch_norm"}


def pack_weights(module, facts):
    """Take the weights of a network as numpy arrays, with a digest.

    Parameters
    ----------
    module : nn.Module
        The network.
    facts : dict
        What else the digest is to cover: plain values, arrays and functions.

    Returns
    -------
    state : dict
        ``{"weights": {name: ndarray}, "digest": str}``.
    """
    weights = {
        name: tensor.detach().cpu().numpy()
        for name, tensor in module.state_dict().items()
    }
    return {"weights": weights, "digest": digest(weights, facts)}


def check_config(config, *, name):
    """Check a saved configuration before a network is built from it.

    Parameters
    ----------
    config : dict
        What `build_network` takes.
    name : str
        Name of the estimator, for messages.

    Raises
    ------
    ValueError
        If it is none: nothing is to be built, called or looked up that was not meant.
    """
    if not isinstance(config, dict) or config.keys() != CONFIG:
        raise damaged(name, f"its network is described by {config!r}")
    is_right = {
        "network": callable(config["network"]) or config["network"] == "convnet",
        "image_shape": _are_sizes(config["image_shape"])
        and len(config["image_shape"]) == 3,
        "n_classes": _is_size(config["n_classes"]),
    }
    if config["network"] == "convnet":
        is_right |= {key: _is_size(config[key]) for key in SIZES}
        is_right |= {key: _are_sizes(config[key]) for key in LISTS_OF_SIZES}
        dropout = config["dropout"]
        is_right["dropout"] = isinstance(dropout, Real) and 0 <= dropout < 1
        is_right["batch_norm"] = isinstance(config["batch_norm"], (bool, np.bool_))
    for key, right in is_right.items():
        if not right:
            raise damaged(name, f"its network has {key}={config[key]!r}")


def check_layers(state, expected, *, name):
    """Check packed weights against those that a network needs.

    Parameters
    ----------
    state : dict
        As `pack_weights` gives it.
    expected : dict of {str: Tensor}
        State of the network; of its tensors only the shapes are used.
    name : str
        Name of the estimator, for messages.

    Raises
    ------
    ValueError
        If there are other weights, or weights of other shapes.
    """
    if not isinstance(state, dict) or state.keys() != {"weights", "digest"}:
        raise damaged(name, "it lacks its weights or their digest")
    weights = state["weights"]
    if not isinstance(weights, dict) or weights.keys() != expected.keys():
        raise damaged(name, "it lacks weights of its layers")
    for key, tensor in expected.items():
        if not isinstance(weights[key], np.ndarray):
            raise damaged(name, f"its weights {key!r} are no array")
        if weights[key].shape != tuple(tensor.shape):
            raise damaged(
                name,
                f"its weights {key!r} have shape {np.shape(weights[key])}, its layers "
                f"need {tuple(tensor.shape)}",
            )


def unpack_weights(state, module, facts, *, name):
    """Put packed weights into a network of the same layers.

    Parameters
    ----------
    state : dict
        As `pack_weights` gives it.
    module : nn.Module
        The network.
    facts : dict
        As they were packed.
    name : str
        Name of the estimator, for messages.

    Raises
    ------
    ValueError
        If the weights are not those that were packed, or belong to other layers.
    """
    weights, expected = state["weights"], module.state_dict()
    check_layers(state, expected, name=name)
    if digest(weights, facts) != state["digest"]:
        raise damaged(
            name,
            "its weights, or what belongs to them, are not those that were saved. "
            "Restore the file from a copy, or train again",
        )
    module.load_state_dict({key: torch.tensor(weights[key]) for key in expected})


def digest(weights, facts):
    """Compute a digest of named arrays, and of plain facts."""
    sha = hashlib.sha256(repr(_as_plain(facts)).encode())
    for name, array in sorted(weights.items()):
        sha.update(f"{name} {array.dtype.str} {array.shape}".encode())
        sha.update(np.ascontiguousarray(array).data)
    return sha.hexdigest()


def _as_plain(value):
    """Take a value to one whose `repr` tells it from others, in any process."""
    if isinstance(value, dict):
        return sorted((str(key), _as_plain(item)) for key, item in value.items())
    if isinstance(value, np.ndarray):
        return value.dtype.str, _as_plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_as_plain(item) for item in value]
    if callable(value):
        return getattr(value, "__qualname__", type(value).__qualname__)
    return value.item() if isinstance(value, np.generic) else value


def _is_size(value):
    return isinstance(value, Integral) and not isinstance(value, bool) and value > 0


def _are_sizes(value):
    return (
        hasattr(value, "__len__")
        and not isinstance(value, (str, dict))
        and all(map(_is_size, value))
    )


def damaged(name, problem):
    """Make the error that a saved estimator is damaged."""
    return ValueError(f"The saved {name} is damaged: {problem}.")

"""The saved state of a network: its format, its digest and its check."""

import hashlib
import math

import numpy as np
import torch

from sklcnn.network._contract import find_heads
from sklcnn.network._modules import load_tensors
from sklcnn.network._named import SOURCES
from sklcnn.network._spec import NetworkSpec, try_network

FORMAT = 1
"""Version of the saved state."""

DTYPES = {"float32": torch.float32, "float64": torch.float64}
"""Dtypes of weights, by the names that a state has for them."""


class NewerFormatError(ValueError):
    """Saved state of a format that only a newer version knows."""


def restore_module(state, sealed=None):
    """Build the network of a saved state, with its weights and its temperature.

    Parameters
    ----------
    state : dict
        What `FittedNetwork.state` gave.
    sealed : dict, default=None
        The further values that the digest covers.

    Returns
    -------
    spec : NetworkSpec
        Description of the network.
    module : ImageNetwork
        The network, on the CPU.

    Raises
    ------
    NewerFormatError
        If only a newer version knows the format.
    AttributeError, KeyError, TypeError, ValueError
        If the state is damaged.
    """
    _check_format(state)
    spec, weights = NetworkSpec.from_dict(state["spec"]), state["weights"]
    module = _build_for(spec, weights)
    if spec.kind == "callable":
        try_network(spec, module)  # where lazy layers learn their shapes
        _check_weights(weights, module)
        _check_heads(spec, module)
    if digest(state, sealed) != state["digest"]:
        raise ValueError(
            "its weights, or what belongs to them, are not those that were saved. "
            "Restore the file from a copy, or train again"
        )
    module.to(dtype=DTYPES[state["dtype"]])
    load_tensors(module, {key: torch.tensor(a) for key, a in weights.items()})
    module.temperature = float(state.get("temperature", 1.0))
    if not 0 < module.temperature < math.inf:
        raise ValueError(f"its temperature is {module.temperature}")
    return spec, module


def _build_for(spec, weights):
    """Build a network for saved weights, which a file can't ask for more than.

    Raises
    ------
    ValueError
        If the weights are of other layers.
    """
    if spec.kind == "callable":
        return spec.build()
    try:
        spec.check_size(weights)
        structure = spec.build_structure()
        _check_weights(weights, structure)
        if spec.is_named:
            _check_heads(spec, structure)
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # of other packages, anything
        raise ValueError(f"{error}{spec.explain_version()}") from error
    return spec.build()


def _check_heads(spec, structure):
    """Check that the saved paths are of the layers that make the outputs.

    Others would be taken for trained layers, and those for heads.
    """
    body, arguments = structure.body, (spec.body_shape, spec.n_outputs)
    if not spec.heads:
        return
    if spec.is_named and spec.heads == SOURCES[spec.kind].find_heads(body):
        return
    device = next(body.parameters()).device
    try:
        with torch.device(device):
            found = find_heads(body, *arguments)
    except ValueError:
        if device.type != "meta":
            raise
        found = find_heads(spec.build().body, *arguments)  # which needs values to run
    if set(spec.heads) != set(found):
        raise ValueError(
            f"its outputs are made by the layers {list(found)}, and not by "
            f"{list(spec.heads)}"
        )


def _check_format(state):
    if not isinstance(state, dict):
        raise ValueError("it lacks its network")
    version = state.get("format", FORMAT)
    if not isinstance(version, int) or version < 1:
        raise ValueError(f"it has the format {version!r}")
    if version > FORMAT:
        raise NewerFormatError(
            f"was written by a newer version of sklcnn, in format {version}; this one "
            f"knows formats up to {FORMAT}. Update sklcnn to load it."
        )


def _check_weights(weights, structure):
    """Check saved weights against those that a structure needs."""
    expected = structure.state_dict()
    if not isinstance(weights, dict) or weights.keys() != expected.keys():
        raise ValueError("it lacks weights of its layers")
    for key, tensor in expected.items():
        if not isinstance(weights[key], np.ndarray):
            raise ValueError(f"its weights {key!r} are no array")
        if weights[key].shape != tuple(tensor.shape):
            raise ValueError(
                f"its weights {key!r} have shape {weights[key].shape}, its layers need "
                f"{tuple(tensor.shape)}"
            )


def digest(state, sealed):
    """Compute a digest of weights and all other values."""
    facts = {key: state[key] for key in state if key not in ("weights", "digest")}
    sha = hashlib.sha256(repr(_as_plain([facts, sealed or {}])).encode())
    for name, array in sorted(state["weights"].items()):
        sha.update(f"{name} {array.dtype.str} {array.shape}".encode())
        sha.update(np.ascontiguousarray(array).data)
    return sha.hexdigest()


def _as_plain(value):
    """Convert a value to one whose `repr` is the same in any process."""
    if isinstance(value, dict):
        return sorted((str(key), _as_plain(item)) for key, item in value.items())
    if isinstance(value, np.ndarray):
        return value.dtype.str, _as_plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_as_plain(item) for item in value]
    if callable(value):
        return getattr(value, "__qualname__", type(value).__qualname__)
    return value.item() if isinstance(value, np.generic) else value

"""Networks as plain numpy arrays, with a digest that tells damage."""

import hashlib

import numpy as np
import torch


def pack_weights(module):
    """Take the weights of a network as numpy arrays, with their digest.

    Returns
    -------
    state : dict
        ``{"weights": {name: ndarray}, "digest": str}``.
    """
    weights = {
        name: tensor.detach().cpu().numpy()
        for name, tensor in module.state_dict().items()
    }
    return {"weights": weights, "digest": digest(weights)}


def unpack_weights(state, module, *, name):
    """Put packed weights into a network of the same layers.

    Raises
    ------
    ValueError
        If the weights are not those that were packed, or belong to other layers.
    """
    weights = state["weights"]
    expected = module.state_dict()
    if not isinstance(weights, dict) or weights.keys() != expected.keys():
        raise ValueError(
            f"The saved {name} is damaged: it lacks weights of its layers."
        )
    for key, tensor in expected.items():
        if np.shape(weights[key]) != tuple(tensor.shape):
            raise ValueError(
                f"The saved {name} is damaged: its weights {key!r} have shape "
                f"{np.shape(weights[key])}, its layers need {tuple(tensor.shape)}."
            )
    if digest(weights) != state["digest"]:
        raise ValueError(
            f"The saved {name} is damaged: its weights are not those that were saved. "
            "Restore the file from a copy, or train again."
        )
    module.load_state_dict({key: torch.tensor(weights[key]) for key in expected})


def digest(weights):
    """Compute a digest of named arrays."""
    sha = hashlib.sha256()
    for name, array in sorted(weights.items()):
        sha.update(f"{name} {array.dtype.str} {array.shape}".encode())
        sha.update(np.ascontiguousarray(array).data)
    return sha.hexdigest()

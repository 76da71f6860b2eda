"""Weights from elsewhere: of a name, a file or a fitted network."""

import os
import pickle
from dataclasses import dataclass
from pathlib import Path

import torch

from sklcnn._warnings import warn_user
from sklcnn.network import _timm
from sklcnn.network._modules import load_tensors
from sklcnn.network._named import SOURCES
from sklcnn.network._network_info import InputFormat

ENDINGS = (".safetensors", ".pt", ".pth", ".skops")
"""Endings of files of weights."""

WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Keys under which training scripts keep a state dict beside other things."""

N_NAMED = 5
"""Number of layers that an error names."""

_licenses_named = set()


@dataclass
class Pretrained:
    """Weights of a network, and the form of the images that they were trained on.

    Parameters
    ----------
    state : dict of {str: tensor}
        Weights of the body, heads included.
    heads : tuple of str
        Paths of the layers that made the outputs.
    mean, std : sequence of floats
        Statistics of the pixels by which they were standardized.
    shown : str
        What messages call the weights.
    pixel_range : tuple of two floats, default=(0.0, 1.0)
        Range of the pixels.
    """

    state: dict
    heads: tuple
    mean: tuple
    std: tuple
    shown: str
    pixel_range: tuple = (0.0, 1.0)


def is_file(weights):
    """Whether the parameter `weights` names a file."""
    return isinstance(weights, os.PathLike) or (
        isinstance(weights, str) and weights.lower().endswith(ENDINGS)
    )


def find_weights(weights, spec, *, name):
    """Find the weights that a name or a file stands for.

    Parameters
    ----------
    weights : str or path-like
        Name of weights of a named network, or a file.
    spec : NetworkSpec
        Description of the network that is to have them.
    name : str
        Name of the estimator, for messages.

    Returns
    -------
    pretrained : Pretrained

    Raises
    ------
    FileNotFoundError, OSError
        If the file is not there, or weights can't be downloaded.
    ValueError
        If there are no such weights, or the file holds anything but weights.
    """
    source = SOURCES.get(spec.kind)
    if is_file(weights):
        state = read_weights(weights, name=name)
        form = InputFormat() if source is None else source.input_format(spec.name)
        shown = f"the file {os.fspath(weights)!r}"
    elif source is None:
        raise ValueError(
            f"{name} got weights={weights!r} for a network that is not named: weights "
            "have names where `network` is one of `sklcnn.available_networks()`. Give "
            "a file, FrozenEstimator(fitted classifier) or None."
        )
    else:
        state = source.download(spec.name, weights)
        form = source.input_format(spec.name, weights)
        shown = f"the weights {weights!r}"
        if spec.kind == "timm":
            _name_license(spec.name, weights)
    return Pretrained(state, spec.heads, form.mean, form.std, shown)


def read_weights(path, *, name):
    """Read a file of weights, which holds tensors and no code.

    Parameters
    ----------
    path : str or path-like
        A file of safetensors, or one of `torch.save` with a state dict.
    name : str
        Name of the estimator, for messages.

    Returns
    -------
    state : dict of {str: tensor}

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    ValueError
        If it is damaged, or holds anything but tensors.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(
            f"{name} expects weights in a file. Got {str(path)!r}, which is a folder: "
            "name the file within."
        )
    if not path.is_file():
        raise FileNotFoundError(
            f"{name} expects weights in the file {str(path)!r}, which is not there."
        )
    try:
        if path.suffix.lower() == ".safetensors":
            state = _read_safetensors(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except ImportError:
        raise
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{name} refuses the file {str(path)!r}: it holds more than tensors, and "
            "reading it could run code. Save the weights alone, with "
            "`torch.save(network.state_dict(), path)`."
        ) from error
    except Exception as error:
        raise ValueError(
            f"{name} can't read weights from the file {str(path)!r}: "
            f"{type(error).__name__}: {error}."
        ) from error
    return _unwrap(state, path, name)


def load_weights(network, spec, pretrained, *, name):
    """Load weights into all layers of a network but its heads.

    Parameters
    ----------
    network : ImageNetwork
        The network, whose weights change.
    spec : NetworkSpec
        Its description.
    pretrained : Pretrained
        The weights.
    name : str
        Name of the estimator, for messages.

    Raises
    ------
    ValueError
        If weights are missing, unexpected, of another shape, or no floats. The message
        names them.
    """
    body = network.body
    state, prefix = _strip_prefix(pretrained.state, body.state_dict())
    if spec.kind in SOURCES:
        source = SOURCES[spec.kind]
        state = source.translate(spec.name, state, body, spec.body_shape[:2])
    expected = _without(body.state_dict(), network.heads)
    # buffers that count batches are of no use to anything, and old files lack them
    expected = {k: t for k, t in expected.items() if not k.endswith("_tracked")}
    state = {k: t for k, t in state.items() if not k.endswith("_tracked")}
    state = _without(state, pretrained.heads or network.heads)
    common = {key: tensor for key, tensor in state.items() if key in expected}
    adapted = {
        key: _adapt_channels(tensor, expected[key], spec.image_shape[2])
        for key, tensor in common.items()
        if _is_convertible(tensor, expected[key])
    }
    problems = {
        "missing": expected.keys() - state.keys(),
        "unexpected": state.keys() - expected.keys(),
        "of another shape": {
            f"{key}: {tuple(tensor.shape)} instead of {tuple(expected[key].shape)}"
            for key, tensor in adapted.items()
            if tensor.shape != expected[key].shape
        },
        "of another kind": {
            f"{key}: {common[key].dtype} instead of {expected[key].dtype}"
            for key in common.keys() - adapted.keys()
        },
    }
    if any(problems.values()):
        prefixed = f" All names begin with {prefix!r}." if prefix else ""
        raise ValueError(
            f"{name} can't take {pretrained.shown} for this network of images of shape "
            f"{spec.body_shape}. Layers {_list(problems)}.{prefixed} Weights must be "
            "of the same network; only its last layer may differ."
        )
    if not all(bool(t.isfinite().all()) for t in adapted.values()):
        raise ValueError(
            f"{name} can't take {pretrained.shown}: some are NaN or infinity, as after "
            "a training that diverged."
        )
    load_tensors(body, adapted)


def adapt_statistics(pretrained, n_channels):
    """Convert statistics of colors to those of another number of channels.

    Gray images are standardized by the mean over the colors; of more channels, all
    are.

    Parameters
    ----------
    pretrained : Pretrained
        The weights.
    n_channels : int
        Number of channels of the images.

    Returns
    -------
    mean, std : ndarray of shape (n_channels,)
    """
    mean, std = (
        torch.as_tensor(values, dtype=torch.float64)
        for values in (pretrained.mean, pretrained.std)
    )
    if len(mean) != n_channels:
        mean, std = mean.mean().expand(n_channels), std.mean().expand(n_channels)
    return mean.numpy().copy(), std.numpy().copy()


def _adapt_channels(tensor, like, n_channels):
    """Convert to another dtype, and a first convolution of 3 channels to others.

    For gray images the kernels of the colors are summed up. For 2 or more channels,
    they are repeated, and scaled so that outputs keep their size.
    """
    tensor = tensor.to(like.dtype)
    same = tensor.ndim == like.ndim == 4 and tensor.shape[0] == like.shape[0]
    if not same or tensor.shape == like.shape or tensor.shape[2:] != like.shape[2:]:
        return tensor
    n_old = tensor.shape[1]
    if n_old % 3 or like.shape[1] * 3 != n_channels * n_old:
        return tensor
    kernels = tensor.reshape(len(tensor), -1, 3, *tensor.shape[2:])  # blocks of colors
    if n_channels == 1:
        adapted = kernels.sum(2, keepdim=True)
    else:
        repeated = kernels.repeat(1, 1, -(-n_channels // 3), 1, 1)
        adapted = repeated[:, :, :n_channels] * (3 / n_channels)
    return adapted.reshape(like.shape)


def _strip_prefix(state, expected):
    """Leave out what a wrapper put before all names, if layers are known without it.

    Returns
    -------
    state : dict of {str: tensor}
    prefix : str
        What all names begin with, also where it was not left out.
    """
    first = next(iter(state), "")
    ends = [i + 1 for i, letter in enumerate(first) if letter == "."]
    prefixes = [
        first[:end]
        for end in [0, *ends]
        if all(k.startswith(first[:end]) for k in state)
    ]
    n_known = [
        len({key.removeprefix(prefix) for key in state} & expected.keys())
        for prefix in prefixes
    ]
    best = prefixes[n_known.index(max(n_known))]
    stripped = {key.removeprefix(best): tensor for key, tensor in state.items()}
    return stripped, best or prefixes[-1]


def _is_convertible(tensor, like):
    """Whether a tensor has the numbers that a layer needs, in some format of floats."""
    if tensor.layout is not torch.strided or tensor.is_meta:
        return False
    return tensor.dtype == like.dtype or (
        tensor.dtype.is_floating_point and like.dtype.is_floating_point
    )


def _without(state, heads):
    """Leave out the layers that make the outputs."""
    starts = tuple(f"{path}." for path in heads)
    return {key: tensor for key, tensor in state.items() if not key.startswith(starts)}


def _read_safetensors(path):
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise ImportError(
            "Files that end in '.safetensors' need safetensors. Install it with `pip "
            "install sklcnn[timm]`."
        ) from error
    return load_file(path)


def _unwrap(state, path, name):
    """Take the tensors out of what training scripts wrap around them."""
    while isinstance(state, dict):
        inner = [key for key in WRAPPERS if isinstance(state.get(key), dict)]
        if not inner:
            break
        state = state[inner[0]]
    is_state = isinstance(state, dict) and all(
        isinstance(key, str) and isinstance(tensor, torch.Tensor)
        for key, tensor in state.items()
    )
    if not is_state or not state:
        raise ValueError(
            f"{name} expects a state dict, of names and tensors, in the file "
            f"{str(path)!r}. Got a {type(state).__name__}. Save the weights with "
            "`torch.save(network.state_dict(), path)`."
        )
    return dict(state)


def _list(problems):
    parts = []
    for problem, keys in problems.items():
        if keys:
            named = ", ".join(sorted(keys)[:N_NAMED])
            more = f" and {len(keys) - N_NAMED} more" if len(keys) > N_NAMED else ""
            parts.append(f"{problem}: {named}{more}")
    return "; ".join(parts)


def _name_license(name, weights):
    """Warn, once in a process, of weights that are not for commercial use."""
    terms = _timm.license_of(name, weights)
    if terms is None or "-nc" not in terms or (name, weights) in _licenses_named:
        return
    _licenses_named.add((name, weights))
    warn_user(
        f"The weights {weights!r} of timm/{name} are licensed for non-commercial use "
        f"only ({terms})."
    )

"""Classification networks of torchvision, by name."""

import re

import torch
from torch import nn

from sklcnn.network._network_info import InputFormat, NetworkInfo

AUXILIARY = {"googlenet": ("aux1.", "aux2."), "inception_v3": ("AuxLogits.",)}
"""Networks with further outputs in training, which are left out, and their layers."""

OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")
"""Names of layers in the files of densenets, where a dot was taken out since."""


def import_models():
    """Import `torchvision.models`.

    Raises
    ------
    ImportError
        If torchvision is not there, or does not fit the installed torch.
    """
    try:
        from torchvision import models
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        raise ImportError(
            "Named networks need torchvision, in the version that fits torch "
            f"{torch.__version__}. Importing it failed: {error}. Install both "
            "together, with `pip install --upgrade torch torchvision`."
        ) from error
    return models


def version():
    """Version of torchvision."""
    import_models()
    import torchvision

    return torchvision.__version__


def list_names():
    """List all names."""
    models = import_models()
    return models.list_models(module=models)


def describe(name):
    """Look up what is known of a network, as a `NetworkInfo`."""
    members = _weights_of(name)
    default = members.get("DEFAULT")
    names = sorted(members, key=lambda key: members[key] is not default)
    size = None if default is None else _size(default)
    return NetworkInfo(name, size, tuple(n for n in names if n != "DEFAULT"), None)


def count_parameters(name):
    """Count the parameters of a network of 1,000 outputs; None where not known."""
    default = _weights_of(name).get("DEFAULT")
    return None if default is None else default.meta["num_params"]


def input_format(name, weights="DEFAULT"):
    """Look up the form of the images that weights were trained on."""
    members = _weights_of(name)
    chosen = members.get(weights, members.get("DEFAULT"))
    if chosen is None:
        return InputFormat()
    transform = chosen.transforms()
    mean, std = tuple(transform.mean), tuple(transform.std)
    if name in AUXILIARY:  # which would standardize once more by themselves
        mean, std = (0.5,) * 3, (0.5,) * 3
    kind = "bicubic" if "bicubic" in str(transform.interpolation) else "bilinear"
    return InputFormat(_size(chosen), kind, mean, std)


def build(name, n_channels, n_outputs, image_size):
    """Build a network with random weights.

    Parameters
    ----------
    name : str
        Name of the network.
    n_channels, n_outputs : int
        Numbers of channels of the images, and of outputs per image.
    image_size : tuple of two ints
        Height and width of the images in pixels.

    Returns
    -------
    body : nn.Module

    Raises
    ------
    ValueError
        If the network can't be built for images of this size.
    """
    options = {}
    if name in AUXILIARY:
        options = {"aux_logits": False, "init_weights": True}
    elif name.startswith("vit_"):
        if image_size[0] != image_size[1]:
            raise ValueError(f"{name} takes square images only")
        options = {"image_size": image_size[0]}
    elif name.startswith("maxvit_"):
        options = {"input_size": tuple(image_size)}
    body = import_models().get_model(
        name, weights=None, num_classes=n_outputs, **options
    )
    if n_channels != 3:
        _take_channels(body, n_channels)
    return body


def find_heads(body):
    """Give no paths: each network has one head, found by trying."""
    return ()


def download(name, weights):
    """Load weights from the cache of torch, or download them to it.

    Parameters
    ----------
    name : str
        Name of the network.
    weights : str
        Name of the weights, or "DEFAULT".

    Returns
    -------
    state : dict of {str: tensor}

    Raises
    ------
    ValueError
        If there are no such weights.
    OSError
        If they are not in the cache and can't be downloaded.
    """
    members = _weights_of(name)
    if weights not in members:
        raise ValueError(
            f"torchvision has no weights {weights!r} of {name}. It has "
            f"{', '.join(members)}. Or give the path of a file that ends in "
            "'.safetensors', '.pt', '.pth' or '.skops'."
        )
    url = members[weights].url
    try:
        network = import_models().get_model(name, weights=members[weights])
    except Exception as error:
        file = url.rpartition("/")[2]
        raise OSError(
            f"The weights {weights!r} of {name} could not be downloaded "
            f"({type(error).__name__}: {error}). Without a network, put the file "
            f"{file} into {torch.hub.get_dir()}/checkpoints, or give its path as "
            "`weights`."
        ) from error
    return network.state_dict()


def translate(name, state, body, image_size):
    """Convert weights to the layers and the image size of a network.

    Parameters
    ----------
    name : str
        Name of the network.
    state : dict of {str: tensor}
        Weights from a file.
    body : nn.Module
        The network.
    image_size : tuple of two ints
        Height and width of its images in pixels.

    Returns
    -------
    state : dict of {str: tensor}
    """
    left_out = AUXILIARY.get(name, ())
    state = {key: t for key, t in state.items() if not key.startswith(left_out)}
    if name.startswith("densenet"):
        state = {OLD_DENSENET.sub(r"\1\2", key): t for key, t in state.items()}
    key = "encoder.pos_embedding"
    positions = state.get(key)
    if positions is not None and positions.shape != body.state_dict()[key].shape:
        from torchvision.models.vision_transformer import interpolate_embeddings

        state = interpolate_embeddings(image_size[0], body.patch_size, state)
    return dict(state)


def _weights_of(name):
    return dict(import_models().get_model_weights(name).__members__)


def _size(weights):
    size = weights.transforms().crop_size
    size = size if isinstance(size, (list, tuple)) else [size]
    return int(size[0]), int(size[-1])


def _take_channels(body, n_channels):
    """Replace the first convolution by one that takes another number of channels."""
    path, old = next(
        (path, layer)
        for path, layer in body.named_modules()
        if isinstance(layer, nn.Conv2d) and layer.in_channels == 3
    )
    new = nn.Conv2d(
        n_channels,
        old.out_channels,
        old.kernel_size,
        old.stride,
        old.padding,
        old.dilation,
        bias=old.bias is not None,
        padding_mode=old.padding_mode,
    )
    parent, _, name = path.rpartition(".")
    setattr(body.get_submodule(parent), name, new)

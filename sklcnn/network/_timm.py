"""Classification networks of timm, by name."""

from sklcnn.network import _torchvision
from sklcnn.network._network_info import InputFormat, NetworkInfo


def import_timm():
    """Import timm.

    Raises
    ------
    ImportError
        If timm or torchvision, which it needs, is not there.
    """
    try:
        import timm
    except ImportError as error:
        _torchvision.import_models()
        raise ImportError(
            "Networks named 'timm/...' need timm. Install it with `pip install "
            "sklcnn[timm]`."
        ) from error
    except (RuntimeError, OSError, AttributeError):
        _torchvision.import_models()
        raise
    return timm


def version():
    """Version of timm."""
    return import_timm().__version__


def list_names():
    """List all names of architectures, without tags of weights."""
    return import_timm().list_models()


def describe(name):
    """Look up what is known of a network, as a `NetworkInfo`."""
    timm = import_timm()
    config = timm.models.get_pretrained_cfg(name)
    tags = _tags_of(name)
    tags.sort(key=lambda tag: tag != config.tag)
    size = tuple(config.input_size[1:]) if tags else None
    return NetworkInfo(f"timm/{name}", size, tuple(tags), _license(config))


def count_parameters(name):
    """Give None, as timm does not tell."""
    return None


def input_format(name, weights="DEFAULT"):
    """Look up the form of the images that weights were trained on."""
    config = _config(name, weights)
    kind = "bicubic" if config.interpolation == "bicubic" else "bilinear"
    return InputFormat(tuple(config.input_size[1:]), kind, config.mean, config.std)


def build(name, n_channels, n_outputs, image_size):
    """Build a network with random weights, as `_torchvision.build` does."""
    return _create(name, n_channels, n_outputs, image_size)


def find_heads(body):
    """List the paths of several heads; none where a network has one, found by trying.

    What enters them is the embedding, before a normalization that is part of a head.
    """
    heads = body.get_classifier()
    if not isinstance(heads, tuple):
        return ()
    return tuple(
        path for path, layer in body.named_modules() if any(layer is h for h in heads)
    )


def download(name, weights):
    """Load weights from the cache of the hub, or download them to it.

    Parameters
    ----------
    name : str
        Name of the network.
    weights : str
        Tag of the weights, or "DEFAULT".

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
    timm, config = import_timm(), _config(name, weights)
    if not config.has_weights:
        raise ValueError(
            f"timm has no weights of {name}. Give the path of a file that ends in "
            "'.safetensors', '.pt', '.pth' or '.skops', or another network."
        )
    tagged = name if weights == "DEFAULT" else f"{name}.{weights}"
    try:
        network = timm.create_model(tagged, pretrained=True)
    except Exception as error:
        raise OSError(
            f"The weights {weights!r} of timm/{name} could not be downloaded "
            f"({type(error).__name__}: {error}). Without a network, they are looked "
            f"for as {config.hf_hub_id or config.url!r} in {_cache_folder()}; or give "
            "the path of a file as `weights`."
        ) from error
    return network.state_dict()


def translate(name, state, body, image_size):
    """Convert weights to the image size of a network, as `_torchvision` does."""
    expected = body.state_dict()
    convolution = _config(name, "DEFAULT").first_conv or ()
    names = (convolution,) if isinstance(convolution, str) else tuple(convolution)
    other = [
        key
        for key in state.keys() & expected.keys()
        if state[key].shape != expected[key].shape and not key.startswith(names)
    ]
    if not any(part in key for key in other for part in ("pos", "rel", "rope")):
        return state
    first = state.get(f"{(names or ('',))[0]}.weight")
    try:
        resized = _create(
            name,
            3 if first is None else first.shape[1],
            0,  # without the last layer, which may have any number of outputs
            image_size,
            pretrained=True,
            pretrained_cfg_overlay={"state_dict": dict(state)},
        )
    except (RuntimeError, KeyError, ValueError):  # reported by whoever compares keys
        return state
    return resized.state_dict()


def license_of(name, weights):
    """License of weights, as timm names it, or None."""
    return _license(_config(name, weights))


def _config(name, weights):
    """Look up the configuration of weights."""
    timm = import_timm()
    if weights == "DEFAULT":
        return timm.models.get_pretrained_cfg(name)
    if weights not in _tags_of(name):
        tags = ", ".join(map(repr, _tags_of(name))) or "none"
        raise ValueError(
            f"timm has no weights {weights!r} of {name}. It has {tags}. Or give the "
            "path of a file that ends in '.safetensors', '.pt', '.pth' or '.skops'."
        )
    return timm.models.get_pretrained_cfg(f"{name}.{weights}")


def _tags_of(name):
    """List the names of the weights of a network."""
    known = import_timm().models.get_arch_pretrained_cfgs(name)
    names = [key.rpartition(".")[2] for key, c in known.items() if c.has_weights]
    return [tag for tag in names if tag != name]


def _create(name, n_channels, n_outputs, image_size, **options):
    timm = import_timm()
    options["in_chans"] = n_channels
    if n_outputs is not None:
        options["num_classes"] = n_outputs
    config = timm.models.get_pretrained_cfg(name)
    if config.fixed_input_size:
        try:
            return timm.create_model(name, img_size=tuple(image_size), **options)
        except TypeError as error:
            if "img_size" not in str(error):
                raise
    return timm.create_model(name, **options)


def _license(config):
    return getattr(config, "license", None)


def _cache_folder():
    import huggingface_hub

    return huggingface_hub.constants.HF_HUB_CACHE

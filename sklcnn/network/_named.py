"""Networks by name, of torchvision and timm."""

import difflib
import fnmatch

from sklcnn.network import _timm, _torchvision

SOURCES = {"torchvision": _torchvision, "timm": _timm}
"""From the kind of a network to the module that knows its names."""

SIZES = (32, 64, 96, 128, 160, 192, 224, 240, 256, 288, 299, 320, 384, 448, 512)
"""Sides of square images that are tried where a network can't take those at hand."""


def available_networks(pattern="*"):
    """List the networks that are known by name.

    They are the classification networks of torchvision, and with timm installed those
    of timm, as "timm/<name>". Nothing is built and nothing is downloaded. The first
    call imports timm, which takes some seconds, unless the pattern rules it out.

    Parameters
    ----------
    pattern : str, default="*"
        Pattern of names, with `*` for any characters, such as "resnet*" or
        "timm/mobilenet*".

    Returns
    -------
    networks : list of NetworkInfo
        Named tuples, sorted by name: `name`; `image_size`, the height and width in
        pixels that the default weights were trained on, None without weights;
        `weights`, the names of weights to download, the default first; `license` of
        the default weights, where timm names it. A data frame of pandas takes the list
        as it is.

    Raises
    ------
    ImportError
        If torchvision is not there, or does not fit the installed torch.

    See Also
    --------
    CNNClassifier : Classifier that takes such a name as `network`.

    Examples
    --------
    >>> from sklcnn import available_networks
    >>> [network.name for network in available_networks("resnet[15]*")]
    ['resnet101', 'resnet152', 'resnet18', 'resnet50']
    >>> available_networks("resnet18")[0].image_size
    (224, 224)
    """
    names = [(_torchvision, name, name) for name in _torchvision.list_names()]
    if _may_be_of_timm(pattern):
        names += [(_timm, name, f"timm/{name}") for name in _timm.list_names()]
    return [
        source.describe(name)
        for source, name, shown in sorted(names, key=lambda entry: entry[2])
        if fnmatch.fnmatchcase(shown, pattern)
    ]


def parse_name(network):
    """Find the source of a named network.

    Parameters
    ----------
    network : str
        "<name>" or "timm/<name>".

    Returns
    -------
    kind : {"torchvision", "timm"}
    name : str
        Name within the source.

    Raises
    ------
    ImportError
        If the source is not installed.
    ValueError
        If there is no such network. The message names those that are close.
    """
    prefix, _, rest = network.rpartition("/")
    kind, name = ("timm", rest) if prefix == "timm" else ("torchvision", network)
    names = SOURCES[kind].list_names()
    if name in names:
        return kind, name
    shown = [f"timm/{known}" for known in names] if kind == "timm" else names
    close = difflib.get_close_matches(network, ["convnet", *shown], 3, 0.4)
    raise ValueError(
        f"There is no network {network!r} in {kind} {SOURCES[kind].version()}. "
        f"{'Close to it: ' + ', '.join(map(repr, close)) + '. ' if close else ''}"
        "`sklcnn.available_networks()` lists the names, and 'timm/<name>' takes those "
        "of timm."
    )


def build_named(kind, name, n_channels, n_outputs, image_size):
    """Build a named network with random weights.

    Parameters
    ----------
    kind, name : str
        As of `parse_name`.
    n_channels, n_outputs : int
        Numbers of channels of the images, and of outputs per image.
    image_size : tuple of two ints
        Height and width of the images in pixels.

    Returns
    -------
    body : nn.Module
    """
    return SOURCES[kind].build(name, n_channels, n_outputs, image_size)


def find_size(works):
    """Find the least side of square images that a network can take.

    Parameters
    ----------
    works : callable
        Takes height and width, and raises where the network fails.

    Returns
    -------
    side : int or None
    """
    for side in SIZES:
        try:
            works((side, side))
        except Exception:
            continue
        return side
    return None


def _may_be_of_timm(pattern):
    """Whether a pattern can match a name of timm, and timm is there."""
    start = pattern
    for wildcard in "*?[":
        start = start.partition(wildcard)[0]
    if not ("timm/".startswith(start) or start.startswith("timm/")):
        return False
    try:
        _timm.import_timm()
    except ImportError:
        return start == pattern == "" or start.startswith("timm/")
    return True

"""What it takes to build a network again: `NetworkSpec`."""

from dataclasses import dataclass, field, replace
from numbers import Integral, Real

import numpy as np
import torch

from sklcnn.network._contract import check_network, check_returned
from sklcnn.network._convnet import build_convnet, resolve_layout
from sklcnn.network._modules import ImageNetwork, Standardize
from sklcnn.network._named import SOURCES, build_named, find_size, parse_name
from sklcnn.network._ownership import take_ownership
from sklcnn.network._weights import is_file

CONVNET_DEFAULTS = {
    "conv_channels": "auto",
    "kernel_size": 3,
    "pool_size": 2,
    "hidden_units": (128,),
    "dropout": 0.0,
    "batch_norm": True,
    "stride": "auto",
}
"""Parameters of the built-in network."""


@dataclass(frozen=True)
class NetworkSpec:
    """Description of a network's structure, without its weights.

    Parameters
    ----------
    kind : {"convnet", "callable", "torchvision", "timm"}
        Who builds the network.
    image_shape : tuple of three ints
        Height, width and number of channels of the images.
    n_outputs : int
        Number of outputs per image.
    layout : dict
        Resolved layout of the built-in network; empty for others.
    function : callable or None
        Builds the network from the numbers of channels and outputs.
    heads : tuple of str
        Paths, within the body, of the layers that make the outputs.
    name : str
        Name of the network within torchvision or timm; empty for others.
    version : str
        Version of torchvision or timm; empty for others.
    image_size : tuple of two ints or None
        Height and width that images are resized to within the network; None leaves
        them as they are.
    interpolation : {"bilinear", "bicubic"}
        Interpolation of resized images.
    """

    kind: str
    image_shape: tuple
    n_outputs: int
    layout: dict = field(default_factory=dict)
    function: object = None
    heads: tuple = ()
    name: str = ""
    version: str = ""
    image_size: tuple | None = None
    interpolation: str = "bilinear"

    @property
    def body_shape(self):
        """Height, width and number of channels of what enters the body."""
        return (*(self.image_size or self.image_shape[:2]), self.image_shape[2])

    @property
    def resized(self):
        """Size and interpolation of images that are resized; None if none are."""
        return self.image_size and (self.image_size, self.interpolation)

    @property
    def is_named(self):
        """Whether another package builds the network by its name."""
        return self.kind in SOURCES

    def build(self):
        """Build the network; its weights are drawn from torch's global generator.

        Returns
        -------
        network : ImageNetwork
            Its first layer leaves pixels as they are.
        """
        n_channels = self.image_shape[2]
        if self.kind == "convnet":
            body = build_convnet(self.body_shape, self.n_outputs, self.layout)
            heads = (str(len(body) - 1),)
        elif self.is_named:
            body = self._build_named(self.body_shape[:2])
            heads = self.heads
        else:
            body = self.function(n_channels, self.n_outputs)
            check_returned(body)
            take_ownership(body)
            heads = self.heads
        identity = Standardize(torch.zeros(n_channels), torch.ones(n_channels))
        return ImageNetwork(identity, body, heads, self.image_size, self.interpolation)

    def _build_named(self, size):
        return build_named(
            self.kind, self.name, self.image_shape[2], self.n_outputs, size
        )

    def build_structure(self):
        """Build the network without memory for its weights, where that can be done."""
        if self.kind == "callable":
            return self.build()
        try:
            with torch.device("meta"):
                return self.build()
        except (NotImplementedError, RuntimeError):  # regnets compute as they are built
            if not self.is_named:
                raise
        return self.build()

    def build_tried(self):
        """Build a named network, and try it on a few images.

        Returns
        -------
        spec : NetworkSpec
            With heads.
        network : ImageNetwork

        Raises
        ------
        ValueError
            If it can't take images of this size. The message names one that it takes.
        """
        try:
            network = self.build()
            network.heads = SOURCES[self.kind].find_heads(network.body)
            return try_network(self, network), network
        except (ImportError, MemoryError):
            raise
        except Exception as error:
            side = find_size(self._try_size)
            advice = "no square size was found that it takes"
            if side is not None:
                advice = f"it takes {side} x {side}: set image_size={side}"
            height, width, _ = self.body_shape
            raise ValueError(
                f"The network {self.shown_name!r} can't take images of {height} x "
                f"{width} pixels; {advice}. It failed with: {error}"
            ) from error

    def _try_size(self, size):
        """Run the network on images of another size, without memory for weights."""
        with torch.device("meta"):
            body = self._build_named(size).eval()
            body(torch.zeros(1, self.image_shape[2], *size))

    @property
    def shown_name(self):
        """Name of the network, as the parameter of an estimator."""
        return f"timm/{self.name}" if self.kind == "timm" else self.name

    def check_size(self, weights):
        """Check that a named network is not far larger than saved weights.

        Raises
        ------
        ValueError
            If there is no such network, or it is larger.
        """
        if not self.is_named:
            return
        parse_name(self.shown_name)
        n_known = SOURCES[self.kind].count_parameters(self.name)
        n_saved = sum(getattr(array, "size", 0) for array in dict(weights).values())
        if n_known is not None and n_saved < n_known / 2 - LARGEST_HEAD:
            raise ValueError("it lacks weights of its layers")

    def explain_version(self):
        """Name the versions that built a named network, if they differ."""
        if not self.is_named or SOURCES[self.kind].version() == self.version:
            return ""
        return (
            f". It was fitted with {self.kind} {self.version}, and {self.kind} "
            f"{SOURCES[self.kind].version()} is installed, which may build another "
            f"{self.name}: install {self.kind} {self.version} to load it"
        )

    def find_differences(self, other):
        """List the parameters of estimators in which two descriptions differ."""
        if (self.kind, self.function, self.name) != (
            other.kind,
            other.function,
            other.name,
        ):
            return ["network"]
        if self.image_size != other.image_size:
            return ["image_size"]
        if self.kind != "convnet":
            return []
        one, two = self.layout, other.layout
        names = [key for key in one if key != "blocks" and one[key] != two[key]]
        for key, name in PARAMETER_OF_BLOCKS.items():
            if [block[key] for block in one["blocks"]] != [
                block[key] for block in two["blocks"]
            ]:
                names.append(name)
        return ["conv_channels"] if "conv_channels" in names else names

    def as_dict(self):
        """Give all fields as plain values, and the function as it is."""
        fields = {
            "kind": self.kind,
            "image_shape": list(self.image_shape),
            "n_outputs": self.n_outputs,
            "heads": list(self.heads),
        }
        if self.image_size is not None:
            fields["image_size"] = list(self.image_size)
            fields["interpolation"] = self.interpolation
        if self.kind == "convnet":
            return fields | {"layout": self.layout}
        if self.is_named:
            return fields | {"name": self.name, "version": self.version}
        return fields | {"function": self.function}

    @classmethod
    def from_dict(cls, fields):
        """Check saved fields, and make a description of them.

        Raises
        ------
        ValueError
            If a field is not valid: a file can't have anything else built or called.
        """
        if not isinstance(fields, dict):
            raise ValueError(f"its network is described by {fields!r}")
        kind = fields.get("kind")
        is_named = isinstance(kind, str) and kind in SOURCES
        fields = _DEFAULTS | fields
        checks = {
            "kind": lambda kind: isinstance(kind, str) and kind in KINDS,
            "image_shape": lambda shape: _are_sizes(shape, 3),
            "n_outputs": _is_size,
            "heads": lambda heads: (
                isinstance(heads, (list, tuple))
                and all(isinstance(path, str) for path in heads)
            ),
            "layout": _is_layout if kind == "convnet" else _is_empty,
            "function": callable if kind == "callable" else _is_none,
            "name": _is_word if is_named else _is_blank,
            "version": _is_word if is_named else _is_blank,
            "image_size": lambda size: (
                size is None
                or (_are_sizes(size, 2) and size[0] * size[1] <= MAX_PIXELS)
            ),
            "interpolation": lambda kind: kind in ("bilinear", "bicubic"),
        }
        for name, is_valid in checks.items():
            if not is_valid(fields.get(name)):
                raise ValueError(f"its network has {name}={fields.get(name)!r}")
        values = {name: fields[name] for name in checks}
        values["heads"] = tuple(values["heads"])
        for name in ("image_shape", "image_size"):
            if values[name] is not None:
                values[name] = tuple(map(int, values[name]))
        return cls(**values)


KINDS = ("convnet", "callable", *SOURCES)

_DEFAULTS = {
    "heads": [],
    "layout": {},
    "function": None,
    "name": "",
    "version": "",
    "image_size": None,
    "interpolation": "bilinear",
}
"""Fields that a saved description may lack."""

PARAMETER_OF_BLOCKS = {
    "channels": "conv_channels",
    "kernel": "kernel_size",
    "pool": "pool_size",
    "stride": "stride",
}
"""From what a layout tells of blocks to the parameter that it comes from."""


def describe_network(
    network, image_shape, n_outputs, parameters, image_size=None, weights=None
):
    """Resolve the parameters of an estimator to the description of a network.

    Parameters
    ----------
    network : "convnet", name of a network or callable
        Parameter of the estimator.
    image_shape : tuple of three ints
        Height, width and number of channels.
    n_outputs : int
        Number of outputs per image.
    parameters : dict
        Parameters of the built-in network, as in `resolve_layout`.
    image_size : int, pair of ints, "network" or None
        Parameter of the estimator.
    weights : object
        Parameter of the estimator; where it is the name of weights, "network" is their
        size.

    Returns
    -------
    spec : NetworkSpec
    ignored : list of str
        Parameters that are not at their defaults and belong to another network.
    """
    shape = tuple(map(int, image_shape))
    kind, name = "callable", ""
    if isinstance(network, str):
        kind, name = (network, "") if network == "convnet" else parse_name(network)
    spec = NetworkSpec(
        kind,
        shape,
        n_outputs,
        function=network if kind == "callable" else None,
        name=name,
        version=SOURCES[kind].version() if kind in SOURCES else "",
    )
    spec = replace(spec, **_resolve_size(image_size, spec, weights))
    if kind == "convnet":
        layout = resolve_layout(spec.body_shape, **parameters)
        return replace(spec, layout=layout), []
    ignored = [
        name
        for name, value in parameters.items()
        if not is_same(value, CONVNET_DEFAULTS[name])
    ]
    return spec, ignored


def _resolve_size(image_size, spec, weights):
    """Resolve `image_size` to the size and the interpolation of a description."""
    if not spec.is_named:
        if isinstance(image_size, str):
            raise ValueError(
                "image_size='network' is the size that the weights of a named network "
                "were trained on, and this network has no name. Give a size in pixels."
            )
        size, kind = image_size, "bilinear"
    else:
        is_name = isinstance(weights, str) and not is_file(weights)
        tag = weights if is_name else "DEFAULT"
        form = SOURCES[spec.kind].input_format(spec.name, tag)
        size = form.image_size if image_size == "network" else image_size
        kind = form.interpolation
    if size is None:
        return {}
    height, width = (size, size) if isinstance(size, Integral) else size
    return {"image_size": (int(height), int(width)), "interpolation": kind}


def try_network(spec, network):
    """Run a network on a few images, and find its heads if they are not known.

    Parameters
    ----------
    spec : NetworkSpec
        What the network was built from.
    network : ImageNetwork
        The network; its weights and mode do not change.

    Returns
    -------
    spec : NetworkSpec
        With heads.

    Raises
    ------
    ValueError
        If the network can't be used. The message says what came and what is needed.
    """
    _, heads = check_network(network.body, spec.body_shape, spec.n_outputs)
    if not network.heads:
        network.heads = heads
    return replace(spec, heads=network.heads)


def is_same(value, other):
    """Whether two values of a parameter are the same, written alike or not."""
    try:
        return np.array_equal(value, other)
    except (TypeError, ValueError):
        return False


def _is_size(value, least=1):
    is_int = isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))
    return is_int and value >= least


def _are_sizes(values, length=None):
    return (
        isinstance(values, (list, tuple))
        and all(map(_is_size, values))
        and length in (None, len(values))
    )


def _is_layout(layout):
    if not isinstance(layout, dict) or not isinstance(layout.get("blocks"), list):
        return False
    dropout = layout.get("dropout")
    return (
        all(
            isinstance(block, dict)
            and _is_size(block.get("channels"))
            and all(_are_sizes(block.get(key), 2) for key in BLOCK_SIDES)
            for block in layout["blocks"]
        )
        and _are_sizes(layout.get("hidden_units"))
        and isinstance(dropout, Real)
        and 0 <= dropout < 1
        and isinstance(layout.get("batch_norm"), (bool, np.bool_))
    )


MAX_PIXELS = 2**24
"""Number of pixels up to which a file may have images resized."""

LARGEST_HEAD = 5_000_000
"""Number of parameters of a last layer of 1,000 outputs, which saved ones may lack."""

BLOCK_SIDES = ("kernel", "stride", "pool")


def _is_empty(value):
    return value == {}


def _is_blank(value):
    return value == ""


def _is_word(value):
    return isinstance(value, str) and 0 < len(value) < 200


def _is_none(value):
    return value is None

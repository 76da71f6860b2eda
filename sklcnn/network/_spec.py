"""What it takes to build a network again: `NetworkSpec`."""

from dataclasses import dataclass, field, replace
from numbers import Integral, Real

import numpy as np
import torch

from sklcnn.network._contract import check_network, check_returned
from sklcnn.network._convnet import build_convnet, resolve_layout
from sklcnn.network._modules import ImageNetwork, Standardize
from sklcnn.network._ownership import take_ownership

CONVNET_DEFAULTS = {
    "conv_channels": (32, 64, 128),
    "kernel_size": 3,
    "pool_size": 2,
    "hidden_units": (128,),
    "dropout": 0.0,
    "batch_norm": True,
}
"""Parameters of the built-in network."""


@dataclass(frozen=True)
class NetworkSpec:
    """Description of a network's structure, without its weights.

    Parameters
    ----------
    kind : {"convnet", "callable"}
        Who builds the network.
    image_shape : tuple of three ints
        Height, width and number of channels.
    n_outputs : int
        Number of outputs per image.
    layout : dict
        Resolved layout of the built-in network; empty for others.
    function : callable or None
        Builds the network from the numbers of channels and outputs.
    heads : tuple of str
        Paths, within the body, of the layers that make the outputs.
    """

    kind: str
    image_shape: tuple
    n_outputs: int
    layout: dict = field(default_factory=dict)
    function: object = None
    heads: tuple = ()

    def build(self):
        """Build the network; its weights are drawn from torch's global generator.

        Returns
        -------
        network : ImageNetwork
            Its first layer leaves pixels as they are.
        """
        n_channels = self.image_shape[2]
        if self.kind == "convnet":
            body = build_convnet(self.image_shape, self.n_outputs, self.layout)
            heads = (str(len(body) - 1),)
        else:
            body = self.function(n_channels, self.n_outputs)
            check_returned(body)
            take_ownership(body)
            heads = self.heads
        identity = Standardize(torch.zeros(n_channels), torch.ones(n_channels))
        return ImageNetwork(identity, body, heads)

    def build_structure(self):
        """Build the network without memory for its weights, where that can be done."""
        with torch.device("meta" if self.kind == "convnet" else "cpu"):
            return self.build()

    def find_differences(self, other):
        """List the parameters of estimators in which two descriptions differ."""
        if (self.kind, self.function) != (other.kind, other.function):
            return ["network"]
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
        if self.kind == "convnet":
            return fields | {"layout": self.layout}
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
        fields = {"heads": [], "layout": {}, "function": None} | fields
        checks = {
            "kind": lambda kind: isinstance(kind, str) and kind in KINDS,
            "image_shape": lambda shape: _are_sizes(shape, 3),
            "n_outputs": _is_size,
            "heads": lambda heads: (
                isinstance(heads, (list, tuple))
                and all(isinstance(path, str) for path in heads)
            ),
            "layout": _is_layout if fields.get("kind") == "convnet" else _is_empty,
            "function": callable if fields.get("kind") == "callable" else _is_none,
        }
        for name, is_valid in checks.items():
            if not is_valid(fields.get(name)):
                raise ValueError(f"its network has {name}={fields.get(name)!r}")
        values = {name: fields[name] for name in checks}
        shape = tuple(map(int, values["image_shape"]))
        return cls(**values | {"image_shape": shape, "heads": tuple(values["heads"])})


KINDS = ("convnet", "callable")

PARAMETER_OF_BLOCKS = {
    "channels": "conv_channels",
    "kernel": "kernel_size",
    "pool": "pool_size",
}
"""From what a layout tells of blocks to the parameter that it comes from."""


def describe_network(network, image_shape, n_outputs, parameters):
    """Resolve the parameters of an estimator to the description of a network.

    Parameters
    ----------
    network : "convnet" or callable
        Parameter of the estimator.
    image_shape : tuple of three ints
        Height, width and number of channels.
    n_outputs : int
        Number of outputs per image.
    parameters : dict
        Parameters of the built-in network, as in `resolve_layout`.

    Returns
    -------
    spec : NetworkSpec
    ignored : list of str
        Parameters that are not at their defaults and belong to another network.
    """
    shape = tuple(map(int, image_shape))
    if network == "convnet":
        layout = resolve_layout(shape, **parameters)
        return NetworkSpec("convnet", shape, n_outputs, layout), []
    ignored = [
        name
        for name, value in parameters.items()
        if not _is_same(value, CONVNET_DEFAULTS[name])
    ]
    return NetworkSpec("callable", shape, n_outputs, function=network), ignored


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
    _, heads = check_network(network.body, spec.image_shape, spec.n_outputs)
    if not network.heads:
        network.heads = heads
    return replace(spec, heads=network.heads)


def _is_same(value, default):
    try:
        return np.array_equal(value, default)
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


BLOCK_SIDES = ("kernel", "stride", "pool")


def _is_empty(value):
    return value == {}


def _is_none(value):
    return value is None

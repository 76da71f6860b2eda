"""Layers of a network that are watched while it computes."""

import copy

from torch import nn


class Watched(nn.Module):
    """Layer that tells of its outputs, and does what another one does.

    Parameters
    ----------
    layer : nn.Module
        The other layer.
    compute : callable
        Takes the layer and its arguments, and returns what the layer would.
    """

    def __init__(self, layer, compute):
        super().__init__()
        self.layer = layer
        self.compute = compute

    def __getattr__(self, name):
        # as for networks that read the weights of their layers
        if name == "layer":
            return super().__getattr__(name)
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.layer, name)

    def forward(self, *args, **kwargs):
        """Compute what the layer computes."""
        return self.compute(self.layer, *args, **kwargs)


def watch(module, paths, compute):
    """Give a network that shares all layers with another one, some of them watched.

    Parameters
    ----------
    module : nn.Module
        The other network, which does not change: other threads may use it.
    paths : sequence of str
        Paths of the layers.
    compute : callable
        Takes the path of a layer, the layer and its arguments, and returns what the
        layer would.

    Returns
    -------
    twin : nn.Module
    """

    def make(path, layer):
        return Watched(layer, lambda *args, **kwargs: compute(path, *args, **kwargs))

    return with_layers(module, list(paths), make)


def with_layers(module, paths, make, start=""):
    """Give a module that shares all layers with another one, but for some.

    Only the modules on the way to these layers are copied, and those not deeply: other
    threads may use the module meanwhile.

    Parameters
    ----------
    module : nn.Module
        The other module.
    paths : sequence of str
        Paths of the layers within it.
    make : callable
        Takes the path of a layer and the layer, and returns what takes its place.
    start : str, default=""
        What comes before the paths where `make` is told one.

    Returns
    -------
    twin : nn.Module
    """
    if "" in paths:
        return make(start, module)
    twin = copy.copy(module)
    twin._modules = dict(module._modules)
    for name in {path.partition(".")[0] for path in paths}:
        rest = [
            path.removeprefix(name).lstrip(".")
            for path in paths
            if path.partition(".")[0] == name
        ]
        inner = f"{start}.{name}".lstrip(".")
        twin._modules[name] = with_layers(module._modules[name], rest, make, inner)
    return twin

"""Layers of a network that are watched while it computes."""

from torch import nn

from sklcnn.network._modules import with_layers


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
    module : ImageNetwork
        The other network, which does not change: other threads may use it.
    paths : sequence of str
        Paths of the layers.
    compute : callable
        Takes the path of a layer, the layer and its arguments, and returns what the
        layer would.

    Returns
    -------
    twin : ImageNetwork
    """

    def make(path, layer):
        return Watched(layer, lambda *args, **kwargs: compute(path, *args, **kwargs))

    return with_layers(module, list(paths), make)

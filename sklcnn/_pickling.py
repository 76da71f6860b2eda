"""Fitted networks as plain arrays, for pickle and everything that works like it."""

import warnings

import torch

from sklcnn.network._hardware import resolve_device, seeded
from sklcnn.network._modules import build_network
from sklcnn.network._state import (
    check_config,
    check_layers,
    pack_weights,
    unpack_weights,
)


class PlainStateMixin:
    """Mixin that keeps weights as numpy arrays in the state, and no torch object."""

    def __getstate__(self):
        state = super().__getstate__().copy()
        net = state.pop("net_", None)
        if net is not None:
            state["_weights"] = pack_weights(net.module_)
        return state

    def __setstate__(self, state):
        state = dict(state)
        weights = state.pop("_weights", None)
        super().__setstate__(state)
        if weights is not None:
            self._restore(weights)

    def _restore(self, weights):
        """Build the network again and put the saved weights into it."""
        n_channels = self.image_shape_[2]
        name = type(self).__name__
        check_config(self._network, name=name)
        if self._network["network"] == "convnet":
            # without memory, so that a file can't ask for more than its own weights
            with torch.device("meta"):
                layers = build_network(
                    self._network, torch.zeros(n_channels), torch.ones(n_channels)
                )
            check_layers(weights, layers.state_dict(), name=name)
        with seeded(0, "cpu"):
            module = build_network(
                self._network, torch.zeros(n_channels), torch.ones(n_channels)
            )
        try:
            device = resolve_device(self.device, name=name)
        except ValueError:
            warnings.warn(
                f"This {name} was made for device={self.device!r}, which is not here: "
                "it runs on the CPU instead.",
                UserWarning,
            )
            device = "cpu"
        self.net_ = self._make_net(module, device)
        unpack_weights(weights, self.net_.module_, name=name)

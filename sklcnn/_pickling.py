"""Fitted networks as plain arrays, for pickle and everything that works like it."""

import os
import warnings

import torch

from sklcnn.network._hardware import resolve_device, seeded
from sklcnn.network._modules import build_network
from sklcnn.network._state import (
    check_config,
    check_layers,
    damaged,
    pack_weights,
    unpack_weights,
)

FACTS = ("classes_", "image_shape_", "_network", "_pixel_range", "_seed")
"""What else must be as it was saved, for the weights to mean what they did."""


class PlainStateMixin:
    """Mixin that keeps weights as numpy arrays in the state, and no torch object."""

    def __getstate__(self):
        state = super().__getstate__().copy()
        net = state.pop("net_", None)
        if net is not None:
            state["_weights"] = pack_weights(net.module_, self._facts())
        if isinstance(
            state.get("checkpoint_dir"), os.PathLike
        ):  # a type of each system
            state["checkpoint_dir"] = os.fspath(state["checkpoint_dir"])
        return state

    def __setstate__(self, state):
        state = dict(state)
        weights = state.pop("_weights", None)
        super().__setstate__(state)
        if weights is None and not any(fact in state for fact in FACTS):
            return
        try:
            self._restore(weights)
        except (AttributeError, KeyError, TypeError) as error:
            problem = f"{type(error).__name__}: {error}"
            raise damaged(type(self).__name__, problem) from error

    def _facts(self):
        return {name: getattr(self, name) for name in FACTS}

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
        unpack_weights(weights, self.net_.module_, self._facts(), name=name)
        self.net_.module_.eval()

"""Networks that tests share."""

import pytest
import torch

from sklcnn.network import FittedNetwork
from sklcnn.network._modules import ImageNetwork, Standardize
from sklcnn.network._net import Net
from sklcnn.network._spec import NetworkSpec


def _fit_nothing(body, *, image_shape=(2, 2, 1), n_outputs=3, heads=()):
    """Make a fitted network in float64 around layers, which see pixels as they are."""
    n_channels = image_shape[2]
    spec = NetworkSpec("callable", image_shape, n_outputs, {}, lambda c, k: body, heads)
    identity = Standardize([0.0] * n_channels, [1.0] * n_channels)
    network = FittedNetwork(
        spec, ImageNetwork(identity, body, heads), (0.0, 1.0), "cpu"
    )
    return network.move("cpu", dtype=torch.float64, bfloat16=(False, False))


@pytest.fixture
def fitted_network():
    """Give the function that makes a fitted network around layers."""
    return _fit_nothing


@pytest.fixture
def make_net():
    """Give the function that makes a net around layers, for three classes."""

    def make(body, **parameters):
        net = Net(_fit_nothing(body), classes=range(3), **{"seed": 1} | parameters)
        return net.initialize(draw_weights=False)

    return make

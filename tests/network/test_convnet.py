"""The built-in network: what parameters come to, and the layers of a layout."""

import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from sklcnn.network._convnet import build_convnet, resolve_layout
from sklcnn.network._modules import BatchNorm

PARAMETERS = {
    "conv_channels": (4, 8),
    "kernel_size": 3,
    "pool_size": 2,
    "hidden_units": (16,),
    "dropout": 0.0,
    "batch_norm": True,
    "stride": "auto",
}


def build(image_shape=(8, 8, 1), **parameters):
    """Build a network for three classes."""
    layout = resolve_layout(image_shape, **PARAMETERS | parameters)
    return build_convnet(image_shape, 3, layout)


def layers_of(kind, **parameters):
    """Build a network and give its layers of one kind."""
    return [layer for layer in build(**parameters) if isinstance(layer, kind)]


@pytest.mark.parametrize(
    ("image_shape", "pool_size", "n_blocks", "flat"),
    [
        ((28, 28, 1), 2, 3, 3 * 3),
        ((8, 8, 3), 2, 5, 2 * 2),
        ((7, 9, 3), 3, 2, 2 * 3),
        ((28, 28, 1), 2, 4, 3 * 3),
        ((13, 13, 1), 2, 3, 3 * 3),
        ((1, 30, 1), 2, 3, 1 * 3),
        ((9, 40, 2), 4, 2, 2 * 2),
        ((8, 8, 1), 1, 2, 8 * 8),
        ((1, 1, 1), 2, 3, 1),
    ],
)
def test_pooling_stops_before_a_side_falls_under_two(
    image_shape, pool_size, n_blocks, flat
):
    """Each side by itself; the first linear layer takes what is left."""
    parameters = {
        "image_shape": image_shape,
        "pool_size": pool_size,
        "conv_channels": (4,) * n_blocks,
    }
    network = build(**parameters).eval()

    logits = network(torch.zeros(2, image_shape[2], *image_shape[:2]))

    linear = next(layer for layer in network if isinstance(layer, nn.Linear))
    assert linear.in_features == 4 * flat
    assert logits.shape == (2, 3)


@pytest.mark.parametrize(
    ("image_shape", "n_channels", "strides", "pools", "last"),
    [
        ((1, 1, 3), 4, (1, 1), (0, 0), (1, 1)),
        ((8, 8, 1), 4, (1, 1), (2, 2), (2, 2)),
        ((28, 28, 1), 4, (1, 1), (3, 3), (3, 3)),
        ((32, 32, 1), 4, (1, 1), (3, 3), (4, 4)),
        ((47, 20, 1), 5, (1, 1), (4, 3), (2, 2)),
        ((64, 64, 3), 4, (2, 2), (3, 3), (4, 4)),
        ((128, 128, 3), 4, (4, 4), (3, 3), (4, 4)),
        ((128, 32, 3), 4, (4, 1), (3, 3), (4, 4)),
        ((224, 224, 3), 5, (4, 4), (4, 4), (3, 3)),
        ((512, 384, 3), 6, (4, 4), (5, 5), (4, 3)),
    ],
)
def test_blocks_follow_the_side(image_shape, n_channels, strides, pools, last):
    """The first block never pools, and no linear layer has a million weights."""
    layout = resolve_layout(image_shape, **PARAMETERS | {"conv_channels": "auto"})
    network = build_convnet(image_shape, 3, layout).eval()

    first, *_ = layout["blocks"]
    assert len(layout["blocks"]) == n_channels
    assert tuple(first["stride"]) == strides
    assert first["pool"] == [1, 1]
    for axis in (0, 1):
        sides = [block["pool"][axis] for block in layout["blocks"]]
        assert sides == [1] * (n_channels - pools[axis]) + [2] * pools[axis]
    linear = next(layer for layer in network if isinstance(layer, nn.Linear))
    assert linear.in_features == 128 * last[0] * last[1]
    assert network(torch.zeros(2, image_shape[2], *image_shape[:2])).shape == (2, 3)


@pytest.mark.parametrize(("side", "kernels"), [(20, [(5, 5)] * 3), (2, [(3, 3)] * 3)])
def test_kernels_are_no_larger_than_what_they_can_see(side, kernels):
    """Weights that would only ever meet padding are left out."""
    layers = layers_of(
        nn.Conv2d, image_shape=(side, side, 1), kernel_size=5, conv_channels=(4, 4, 4)
    )

    assert [layer.kernel_size for layer in layers] == kernels


def test_trimming_kernels_changes_no_output():
    """The rest of a large kernel lies outside of the image, over zeros."""
    small = layers_of(nn.Conv2d, image_shape=(3, 2, 1), kernel_size=9)[0]
    large = nn.Conv2d(1, 4, 9, padding="same", bias=False)
    large.weight.data[:, :, 2:7, 3:6] = small.weight.data
    images = torch.rand(5, 1, 3, 2)

    assert small.kernel_size == (5, 3)
    assert_allclose(small(images).detach(), large(images).detach(), atol=1e-6)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("size", [2, 4])
def test_even_kernels_keep_the_size(size):
    """They look one pixel further to the end, as torch does with a warning."""
    network = build(kernel_size=size, conv_channels=(4,))
    layer = next(layer for layer in network if isinstance(layer, nn.Conv2d))
    same = nn.Conv2d(1, 4, size, padding="same", bias=False)
    same.weight = layer.weight
    images = torch.rand(2, 1, 8, 8)

    assert_allclose(network[:2](images).detach(), same(images).detach(), atol=1e-6)


def test_layers_follow_the_parameters():
    """Blocks without normalization have a bias; dropout follows each hidden layer."""
    plain = build(batch_norm=False, hidden_units=())
    rich = build(hidden_units=(16, 12), dropout=0.4)

    assert not [layer for layer in plain if isinstance(layer, BatchNorm)]
    assert [layer.bias is not None for layer in (plain[0], rich[0])] == [True, False]
    assert [type(layer).__name__ for layer in rich[-7:]] == [
        *["Linear", "ReLU", "Dropout"] * 2,
        "Linear",
    ]
    assert rich[-2].p == 0.4


def test_pooling_first_gives_what_pooling_last_gives():
    """ReLU rises, so that max pooling before or after it is the same."""
    network = build(batch_norm=False, image_shape=(20, 20, 1)).eval()
    images = torch.rand(4, 1, 20, 20)
    conv, pool, relu, *rest = network

    assert_allclose(
        nn.Sequential(conv, relu, pool, *rest)(images).detach(),
        network(images).detach(),
        atol=1e-6,
    )


@pytest.mark.parametrize(("stride", "side"), [(1, 13), (2, 7), (3, 5), (20, 1)])
def test_the_first_convolution_may_have_a_stride(stride, side):
    """Its kernel is twice as wide; it sees every pixel."""
    layout = resolve_layout((13, 13, 2), **PARAMETERS | {"stride": stride})

    network = build_convnet((13, 13, 2), 5, layout)

    index = next(i for i, layer in enumerate(network) if isinstance(layer, nn.Conv2d))
    maps = network[: index + 1](torch.zeros(2, 2, 13, 13))
    assert maps.shape[2:] == (side, side)
    assert network(torch.zeros(2, 2, 13, 13)).shape == (2, 5)

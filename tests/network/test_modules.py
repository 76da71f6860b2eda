"""The layers: standardization, blocks, embeddings."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from sklcnn.network._modules import (
    BatchNorm,
    ImageNetwork,
    Standardize,
    build_convnet,
    build_network,
)

DEFAULTS = {
    "image_shape": (8, 8, 1),
    "n_classes": 3,
    "conv_channels": (4, 8),
    "kernel_size": 3,
    "pool_size": 2,
    "hidden_units": (16,),
    "dropout": 0.0,
    "batch_norm": True,
}


def layers_of(kind, **parameters):
    """Build a network and give its layers of one kind."""
    network = build_convnet(**DEFAULTS | parameters)
    return [layer for layer in network if isinstance(layer, kind)]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.int64, torch.bool])
@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_standardize_takes_pixels_of_any_dtype(dtype, precision):
    """Scaled as `pixel_scale` says, then mean 0 and standard deviation 1."""
    pixels = torch.arange(2 * 5 * 4 * 3).reshape(2, 5, 4, 3).to(dtype)
    scaled = pixels.double().numpy()
    scaled /= {torch.uint8: 255, torch.uint16: 65535}.get(dtype, 1)
    mean, std = scaled.mean((0, 1, 2)), scaled.std((0, 1, 2)) + 0.1

    planes = Standardize(mean, std).to(precision)(pixels)

    expected = np.moveaxis((scaled - mean) / std, 3, 1)
    assert planes.dtype == precision
    assert_allclose(
        planes, expected, atol=1e-5 if precision == torch.float32 else 1e-12
    )


@pytest.mark.parametrize(
    ("image_shape", "pool_size", "n_blocks", "flat"),
    [
        ((28, 28, 1), 2, 3, 3 * 3),
        ((8, 8, 3), 2, 5, 2 * 2),
        ((7, 9, 3), 3, 2, 2 * 3),
        ((1, 30, 1), 2, 3, 1 * 3),
        ((5, 40, 2), 4, 2, 5 * 2),
        ((8, 8, 1), 1, 2, 8 * 8),
        ((1, 1, 1), 2, 3, 1),
    ],
)
def test_pooling_stops_before_a_side_falls_under_two(
    image_shape, pool_size, n_blocks, flat
):
    """Each side by itself; the first linear layer takes what is left."""
    parameters = DEFAULTS | {
        "image_shape": image_shape,
        "pool_size": pool_size,
        "conv_channels": (4,) * n_blocks,
    }
    network = build_convnet(**parameters).eval()

    logits = network(torch.zeros(2, image_shape[2], *image_shape[:2]))

    linear = next(layer for layer in network if isinstance(layer, nn.Linear))
    assert linear.in_features == 4 * flat
    assert logits.shape == (2, 3)


@pytest.mark.parametrize(
    ("side", "kernels"), [(20, [(5, 5)] * 3), (4, [(5, 5), (3, 3), (3, 3)])]
)
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
    network = build_convnet(**DEFAULTS | {"kernel_size": size, "conv_channels": (4,)})
    layer = next(layer for layer in network if isinstance(layer, nn.Conv2d))
    same = nn.Conv2d(1, 4, size, padding="same", bias=False)
    same.weight = layer.weight
    images = torch.rand(2, 1, 8, 8)

    assert_allclose(network[:2](images).detach(), same(images).detach(), atol=1e-6)


def test_layers_follow_the_parameters():
    """Blocks without normalization have a bias; dropout follows each hidden layer."""
    plain = build_convnet(**DEFAULTS | {"batch_norm": False, "hidden_units": ()})
    rich = build_convnet(**DEFAULTS | {"hidden_units": (16, 12), "dropout": 0.4})

    assert not [layer for layer in plain if isinstance(layer, BatchNorm)]
    assert [layer.bias is not None for layer in (plain[0], rich[0])] == [True, False]
    assert [type(layer).__name__ for layer in rich[-7:]] == [
        *["Linear", "ReLU", "Dropout"] * 2,
        "Linear",
    ]
    assert rich[-2].p == 0.4


def test_pooling_first_gives_what_pooling_last_gives():
    """ReLU rises, so that max pooling before or after it is the same."""
    network = build_convnet(**DEFAULTS | {"batch_norm": False}).eval()
    images = torch.rand(4, 1, 8, 8)
    conv, pool, relu, *rest = network

    assert_allclose(
        nn.Sequential(conv, relu, pool, *rest)(images).detach(),
        network(images).detach(),
        atol=1e-6,
    )


def test_batch_norm_takes_one_value_a_channel():
    """One value has no variance: the running statistics stand in."""
    norm = BatchNorm(3)
    norm.running_mean += 1

    assert_allclose(norm(torch.ones(1, 3, 1, 1)).detach(), np.zeros((1, 3, 1, 1)))
    assert_allclose(norm.running_mean, [1, 1, 1])
    many = torch.rand(6, 3, 2, 2)
    assert_allclose(norm(many).detach(), nn.BatchNorm2d(3)(many).detach(), atol=1e-6)


def test_embeddings_enter_the_last_layer():
    """They give the logits when they go through it, and no hook stays behind."""
    network = build_network(DEFAULTS | {"network": "convnet"}, [0.5], [0.2])
    network = network.float().eval()
    images = torch.rand(4, 8, 8, 1)

    embedded = network.embed(images)

    assert embedded.shape == (4, 16)
    assert_allclose(
        network.last_layer(embedded).detach(), network(images).detach(), atol=1e-6
    )
    assert not network.last_layer._forward_pre_hooks


def test_a_callable_gives_the_network():
    """It gets two numbers; without a linear layer, it has no embeddings."""
    config = DEFAULTS | {"network": lambda *numbers: nn.Conv2d(*numbers, 8)}

    network = build_network(config, [0.0], [1.0]).float()

    assert isinstance(network, ImageNetwork)
    assert network(torch.zeros(2, 8, 8, 1)).shape == (2, 3, 1, 1)
    with pytest.raises(ValueError, match="no linear layer, hence no embeddings"):
        network.embed(torch.zeros(2, 8, 8, 1))

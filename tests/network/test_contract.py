"""The contract of `network=`: what is refused, and which layers are heads."""

import copy
import functools
import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from sklcnn import CNNClassifier
from sklcnn.network._contract import check_network


class Tail(nn.Module):
    """A network that ends by operations without weights, as squeezenet does."""

    def __init__(self):
        super().__init__()
        self.unused = nn.Linear(4, 3)
        self.conv = nn.Conv2d(2, 3, 1)
        self.stem = nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, images):
        """Compute logits."""
        images = self.conv(self.stem(images).relu()).relu_()
        return nn.functional.adaptive_avg_pool2d(images, 1).flatten(1)


class Two(nn.Module):
    """A network that takes the mean of two heads, as levit does."""

    def __init__(self):
        super().__init__()
        self.head = nn.Sequential(nn.BatchNorm1d(32), nn.Linear(32, 3))
        self.head_dist = nn.Sequential(nn.BatchNorm1d(32), nn.Linear(32, 3))

    def forward(self, images):
        """Compute logits."""
        images = images.flatten(1)
        return (self.head(images) + self.head_dist(images)) / 2


class Bare(nn.Module):
    """A network without layers."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(32, 3))

    def forward(self, images):
        """Compute logits."""
        return images.flatten(1) @ self.weight


def normalized():
    """Build a network whose head is normalized, in two ways."""
    head = nn.utils.parametrizations.weight_norm(nn.Linear(32, 3))
    return nn.Sequential(nn.Flatten(), head, nn.BatchNorm1d(3))


@pytest.mark.parametrize(
    ("build", "heads"),
    [
        (Tail, ("conv",)),
        (Two, ("head.1", "head_dist.1")),
        (Bare, ()),
        (normalized, ("1",)),
        (lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(3)), ("1",)),
    ],
)
def test_heads_are_the_layers_that_make_the_outputs(build, heads):
    """Not those registered last, and whatever follows them without weights."""
    body = build().train()
    buffers = copy.deepcopy(dict(body.named_buffers()))

    outputs, found = check_network(body, (4, 4, 2), 3)

    assert found == heads
    assert outputs.shape == (2, 3)
    assert_array_equal(outputs, check_network(body, (4, 4, 2), 3)[0])
    assert all(layer.training for layer in body.modules())
    assert not any(layer._forward_hooks for layer in body.modules())
    for name, buffer in body.named_buffers():
        assert_array_equal(buffer, buffers[name])


def flat(n_outputs):
    """Build a linear network for images of 8x8."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, n_outputs))


class Returns(nn.Module):
    """A network that returns something made of the logits."""

    def __init__(self, change):
        super().__init__()
        self.layers, self.change = flat(3), change

    def forward(self, images):
        """Compute logits."""
        return self.change(self.layers(images))


def on_meta(n_channels, n_classes):
    """Build a network without memory."""
    with torch.device("meta"):
        return flat(n_classes)


@pytest.mark.filterwarnings("ignore:.*torch.ao.quantization is deprecated")
@pytest.mark.parametrize(
    ("network", "message"),
    [
        (lambda c, k: flat(1000), r"tensor of shape \(2, 1000\), where.*\(2, 3\)"),
        (lambda c, k: flat(3).state_dict(), "object of type OrderedDict"),
        (lambda c, k: None, "object of type NoneType"),
        (lambda c, k: nn.Flatten(), "Flatten, has no parameters"),
        (lambda c, k: nn.Conv2d(c, k, 8), r"shape \(2, 3, 1, 1\), where a tensor of"),
        (lambda c, k: Returns(lambda z: (z, z)), "it returned a tuple, where"),
        (lambda c, k: Returns(lambda z: {"logits": z}), "it returned a dict, where"),
        (lambda c, k: Returns(torch.Tensor.long), "torch.int64, where floats"),
        (lambda c, k: Returns(torch.Tensor.detach), "depends on no parameter"),
        (lambda c, k: flat(3).requires_grad_(False), "depends on no parameter"),
        (on_meta, "weights on the device 'meta'"),
        (
            lambda c, k: nn.Sequential(nn.Flatten(), nn.Linear(9, k)),
            r"On 2 images of shape \(1, 8, 8\) it failed: RuntimeError: mat1 and mat2",
        ),
        (flat(3), "got a module, Sequential, instead: each fit needs one of its own"),
    ],
)
def test_networks_that_cannot_be_used_are_refused(noise, network, message):
    """The message says what is needed and what came; nothing is trained."""
    model = CNNClassifier(network=network, max_epochs=1)

    with pytest.raises(ValueError, match=message) as caught:
        model.fit(*noise)
    assert "network= needs a function (n_channels, n_classes)" in str(caught.value)
    assert not model.__sklearn_is_fitted__()


class Auxiliary(nn.Module):
    """A network that returns two things in training, as googlenet does."""

    def __init__(self, n_channels, n_classes):
        super().__init__()
        self.layers = flat(n_classes)

    def forward(self, images):
        """Compute logits."""
        logits = self.layers(images)
        return (logits, logits) if self.training else logits


def test_outputs_in_training_are_checked_too(noise):
    """What is right in evaluation may be a tuple in training."""
    with pytest.raises(ValueError, match="it returned a tuple, where a tensor of"):
        CNNClassifier(network=Auxiliary, max_epochs=1).fit(*noise)


def test_parameters_of_another_network_are_named(noise):
    """One warning lists those that have no effect; defaults give none."""
    network = functools.partial(lambda c, k: flat(k))
    CNNClassifier(network=network, max_epochs=1).fit(*noise)
    model = CNNClassifier(
        network=network,
        max_epochs=1,
        conv_channels=[8],
        dropout=0.5,
        batch_norm=np.True_,
    )

    with pytest.warns(
        UserWarning, match="ignores conv_channels, dropout: these"
    ) as told:
        model.fit(*noise)
    assert len(told) == 1


def scripted(n_channels, n_classes):
    """Compile a whole network to TorchScript."""
    return torch.jit.script(eager(n_channels, n_classes))


def traced_inside(n_channels, n_classes):
    """Compile a layer to TorchScript."""
    layers = eager(n_channels, n_classes)
    layers[1] = torch.jit.trace(layers[1], torch.zeros(2, 64 * n_channels))
    return layers


def optimized(n_channels, n_classes):
    """Compile a network as a whole."""
    return torch.compile(eager(n_channels, n_classes))


def optimized_inside(n_channels, n_classes):
    """Compile a layer."""
    layers = eager(n_channels, n_classes)
    layers[1] = torch.compile(layers[1])
    return layers


def eager(n_channels, n_classes):
    """Build a network that is not compiled."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64 * n_channels, n_classes))


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
@pytest.mark.parametrize(
    "network", [scripted, traced_inside, optimized, optimized_inside]
)
def test_compiled_modules_are_refused(tiny, noise, network):
    """They can't be copied, saved or looked into; the message says what to do."""
    tiny.set_params(network=network, conv_channels="auto", hidden_units=(128,))

    with pytest.raises(ValueError, match=r"has compiled.*set compile=True"):
        tiny.fit(*noise)


def compiled_in_place(n_channels, n_classes):
    """Have layers compiled where they are called, which changes no layer."""
    layers = eager(n_channels, n_classes)
    layers[1].compile(backend="eager")
    return layers


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
def test_modules_compiled_in_place_are_taken(noise):
    """They are embedded and pickled as others."""
    model = CNNClassifier(network=compiled_in_place, max_epochs=1, random_state=0)
    expected = CNNClassifier(network=eager, max_epochs=1, random_state=0).fit(*noise)

    model.fit(*noise)

    loaded = pickle.loads(pickle.dumps(model))
    for name in ("predict_proba", "transform"):
        assert_allclose(
            getattr(loaded, name)(noise[0]),
            getattr(expected, name)(noise[0]),
            atol=1e-6,
        )


@pytest.mark.parametrize("network", [lambda: None, lambda channels: None, dict])
def test_functions_of_other_arguments_are_refused(noise, network):
    """Before anything is built; a class that can't be asked is called."""
    if network is dict:
        with pytest.raises((TypeError, ValueError)):
            CNNClassifier(network=network).fit(*noise)
        return

    with pytest.raises(ValueError, match=r"n_channels, n_classes.*other arguments"):
        CNNClassifier(network=network).fit(*noise)

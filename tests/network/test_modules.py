"""Standardization, normalization and embeddings."""

import threading

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from sklcnn.network._modules import BatchNorm, ImageNetwork, Standardize


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


def test_batch_norm_takes_one_value_a_channel():
    """One value has no variance: the running statistics stand in."""
    norm = BatchNorm(3)
    norm.running_mean += 1

    assert_allclose(norm(torch.ones(1, 3, 1, 1)).detach(), np.zeros((1, 3, 1, 1)))
    assert_allclose(norm.running_mean, [1, 1, 1])
    many = torch.rand(6, 3, 2, 2)
    assert_allclose(norm(many).detach(), nn.BatchNorm2d(3)(many).detach(), atol=1e-6)


class Nested(nn.Module):
    """A network whose head is not its last layer, and lies deep."""

    def __init__(self):
        super().__init__()
        self.classifier = nn.ModuleDict({"head": nn.Linear(4, 3)})
        self.stem = nn.Linear(4, 4)

    def forward(self, images):
        """Compute logits."""
        return self.classifier["head"](self.stem(images.flatten(1)).relu())


def network_of(body, *heads):
    """Make a network from gray images of 2x2."""
    return ImageNetwork(Standardize([0.5], [0.2]), body, heads).float().eval()


def test_embeddings_enter_the_head():
    """They give the logits when they go through it; the network stays as it was."""
    network = network_of(Nested(), "classifier.head")
    images = torch.rand(5, 2, 2, 1)

    embedded = network.embed(images)

    assert embedded.shape == (5, 4)
    head = network.body.classifier["head"]
    assert_allclose(head(embedded).detach(), network(images).detach(), atol=1e-6)
    assert network.body.classifier["head"] is head
    assert not head._forward_pre_hooks


class AsksItsHead(nn.Module):
    """Body that reads what its head expects."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 3)

    def forward(self, images):
        """Flatten, and compute logits."""
        return self.head(images.reshape(len(images), self.head.in_features))


def test_embeddings_of_a_body_that_reads_attributes_of_its_head():
    """The head that is watched has the attributes of the head."""
    network = network_of(AsksItsHead(), "head")
    images = torch.rand(5, 2, 2, 1)

    embedded = network.embed(images)

    assert embedded.shape == (5, 4)
    logits = network.body.head(embedded).detach()
    assert_allclose(logits, network(images).detach(), atol=1e-6)


def test_embeddings_of_threads_do_not_mix():
    """What one call computes is its own, however many run at a time."""
    network, results = network_of(Nested(), "classifier.head"), {}
    images = torch.rand(8, 40, 2, 2, 1)
    expected = [network.embed(batch).detach().numpy() for batch in images]

    def embed(number):
        with torch.inference_mode():
            results[number] = [network.embed(images[number]).numpy() for _ in range(30)]

    threads = [threading.Thread(target=embed, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for number, embedded in results.items():
        for each in embedded:
            assert_array_equal(each, expected[number])


class TwoHeads(nn.Module):
    """A network whose logits are the mean of two heads'."""

    def __init__(self, shared):
        super().__init__()
        self.one, self.two = nn.Linear(4, 3), nn.Linear(4, 3)
        self.stem = nn.Linear(4, 4)
        self.shared = shared

    def forward(self, images):
        """Compute logits."""
        images = images.flatten(1)
        other = images if self.shared else self.stem(images)
        return (self.one(images) + self.two(other)) / 2


@pytest.mark.parametrize(("shared", "n_features"), [(True, 4), (False, 8)])
def test_what_enters_several_heads_is_joined(shared, n_features):
    """Once, where they share it."""
    network = network_of(TwoHeads(shared), "one", "two")

    assert network.embed(torch.rand(5, 2, 2, 1)).shape == (5, n_features)


def test_network_without_a_head_has_no_embeddings():
    """Neither has one whose head is called behind the network's back."""
    hidden = Nested()
    head = hidden.classifier["head"]
    hidden.forward = lambda images: head(hidden.stem(images.flatten(1)))

    with pytest.raises(ValueError, match="no layer was found that makes its logits"):
        network_of(Nested()).embed(torch.rand(5, 2, 2, 1))
    with pytest.raises(ValueError, match=r"head 'classifier\.head' was not called"):
        network_of(hidden, "classifier.head").embed(torch.rand(5, 2, 2, 1))

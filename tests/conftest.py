"""Settings and data that tests share."""

import os
import types

os.environ.setdefault("SCIPY_ARRAY_API", "1")  # else scikit-learn skips checks silently

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from sklcnn import CNNClassifier


@pytest.fixture(autouse=True, scope="session")
def one_torch_thread():
    """Keep tests that run side by side from fighting over the cores."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def digits():
    """Give the first 200 of scikit-learn's digits, as images and labels."""
    data = load_digits()
    return data.images[:200], data.target[:200]


@pytest.fixture
def tiny():
    """Give a classifier that trains in no time."""
    return CNNClassifier(
        conv_channels=(4,), hidden_units=(), max_epochs=2, random_state=0
    )


@pytest.fixture
def noise():
    """Give 30 gray 8x8 images of noise, uint8, and three labels."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (30, 8, 8), dtype=np.uint8)
    return X, np.arange(30) % 3


@pytest.fixture
def signs():
    """Give images of as many -1 as 1, which standardization leaves as they are."""
    pixels = np.tile(np.float32([-1, 1]), (30, 32))
    X = np.random.default_rng(0).permuted(pixels, axis=1).reshape(30, 8, 8)
    return X, np.arange(30) % 3


@pytest.fixture
def spy():
    """Give a classifier whose network notes down what it is fed: `trained`, `asked`."""
    trained, asked = [], []

    def network(n_channels, n_classes):
        layers = nn.Sequential(
            nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * n_channels, n_classes)
        )
        layers.register_forward_pre_hook(
            lambda module, inputs: (
                (trained if module.training else asked).append(
                    inputs[0][:, 0].detach().clone().numpy()
                )
                if len(inputs[0]) > 2  # as are tried when the network is built
                else None
            )
        )
        return layers

    classifier = CNNClassifier(
        network=network, batch_size=30, max_epochs=3, random_state=0
    )
    return types.SimpleNamespace(classifier=classifier, trained=trained, asked=asked)

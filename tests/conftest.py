"""Settings and data that tests share."""

import os

os.environ.setdefault("SCIPY_ARRAY_API", "1")  # else scikit-learn skips checks silently

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

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

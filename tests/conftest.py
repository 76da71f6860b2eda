"""Settings that every test shares."""

import os

os.environ.setdefault("SCIPY_ARRAY_API", "1")  # else scikit-learn skips checks silently

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_torch_thread():
    """Keep tests that run side by side from fighting over the cores."""
    torch.set_num_threads(1)

"""From arrays to tensors: no dtype and no order is lost on the way."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from sklcnn._tensors import to_device


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("uint8", torch.uint8),
        (">u2", torch.uint16),
        ("uint32", torch.int64),
        ("uint64", torch.float64),
        (">f4", torch.float32),
        ("longdouble", torch.float64),
        ("bool", torch.bool),
    ],
)
def test_every_dtype_reaches_the_device(dtype, expected):
    """In its own dtype where torch has that, else in one that holds its values."""
    numbers = 250 * np.random.default_rng(0).random((20, 8, 6))
    X = np.asfortranarray(numbers.astype(dtype))
    X.flags.writeable = False

    tensor = to_device(X, "cpu")

    assert tensor.dtype == expected
    assert_array_equal(tensor, X)


def test_numbers_become_those_of_the_network():
    """A dtype that is asked for is the one that comes."""
    tensor = to_device(np.arange(3), "cpu", torch.float32)

    assert tensor.dtype == torch.float32
    assert_array_equal(tensor, [0, 1, 2])

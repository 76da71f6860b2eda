"""Fitted pipelines as one module."""

import torch
from torch import nn

from sklcnn.persistence._graph import pool_last


def block():
    """Make a block of the built-in network that pools."""
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(3)
    nn.init.uniform_(norm.running_mean)
    nn.init.uniform_(norm.bias, -1, 1)
    layers = nn.Conv2d(1, 3, 3), nn.MaxPool2d(2), norm, nn.ReLU(), nn.Flatten()
    return nn.Sequential(*layers).eval()


def test_pooling_last_changes_no_value():
    """The largest value stays the largest where factors are not negative."""
    body, images = block(), torch.randn(2, 1, 8, 8)
    nn.init.constant_(body[2].weight[:1], 0.0)
    expected = body(images)

    pool_last(body)

    assert [type(layer).__name__ for layer in body][1:4] == [
        "BatchNorm2d",
        "ReLU",
        "MaxPool2d",
    ]
    torch.testing.assert_close(body(images), expected)


def test_pooling_stays_before_negative_factors():
    """With a negative factor, the largest value would become the smallest one."""
    body = block()
    nn.init.constant_(body[2].weight[:1], -1.0)

    pool_last(body)

    assert isinstance(body[1], nn.MaxPool2d)

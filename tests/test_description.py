"""Descriptions: the same for what does the same, others for what does not."""

import functools
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklcnn._description import describe, hash_array


def make(source, **known):
    """Run the lines of a module, and give its names."""
    names = {"__name__": "somewhere", "torch": torch, "nn": nn, **known}
    exec(textwrap.dedent(source), names)
    return names


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        (1, 1.5),
        ("1", 1),
        ((1, 2), (2, 1)),
        ({"a": 1}, {"a": 2}),
        ({1, 2}, {1, 3}),
        (np.arange(3), np.arange(3.0)),
        (np.arange(6), np.arange(6).reshape(2, 3)),
        (torch.ones(2), torch.zeros(2)),
        (torch.ones(2, dtype=torch.bfloat16), torch.ones(2)),
        (lambda x: x + 1, lambda x: x + 2),
        (lambda x: x.sin(), lambda x: x.cos()),
        (lambda x, y=1: x, lambda x, y=2: x),
        (functools.partial(max, 1), functools.partial(max, 2)),
        (functools.partial(max, 1), functools.partial(min, 1)),
        (nn.Linear, nn.ReLU),
        (np.random.default_rng, np.random.SeedSequence),
        (np.add, np.subtract),
        (StandardScaler(), StandardScaler(with_mean=False)),
        ("".upper, "a".upper),
    ],
)
def test_other_values_are_described_otherwise(one, other):
    """Whatever differs in value, type or code has another description."""
    assert repr(describe(one)) == repr(describe(one))
    assert repr(describe(one)) != repr(describe(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((1, 2), [1, 2]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (np.float64(0.5), 0.5),
        (np.arange(6).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3))),
        (np.arange(6)[::2], np.array([0, 2, 4])),
    ],
)
def test_equal_values_are_described_alike(one, other):
    """How a value is held or written down does not count."""
    assert repr(describe(one)) == repr(describe(other))


SOURCE = """
    WIDTH = 4

    def layer(n):
        return nn.Linear(n, WIDTH)

    class Network(nn.Module):
        def __init__(self, n_channels, n_classes):
            super().__init__()
            self.layer = layer(n_channels)

        def forward(self, images):
            return self.layer(images).relu()

    def factory(n):
        def network(n_channels, n_classes):
            return Network(n_channels, n)
        return network
"""


@pytest.mark.parametrize(
    "change",
    [
        ("WIDTH = 4", "WIDTH = 5"),
        ("nn.Linear(n, WIDTH)", "nn.Linear(n, WIDTH, bias=False)"),
        ("relu()", "tanh()"),
        ("Network(n_channels, n)", "Network(n, n_channels)"),
    ],
)
def test_code_is_followed(change):
    """What a function calls in its module, and what that holds, counts."""
    one = make(SOURCE)["factory"](3)
    other = make(SOURCE.replace(*change))["factory"](3)

    assert repr(describe(one)) != repr(describe(other))
    assert repr(describe(one)) != repr(describe(make(SOURCE)["factory"](4)))
    comment = SOURCE.replace("WIDTH = 4", "WIDTH = 4  # wide")
    assert repr(describe(one)) == repr(describe(make(comment)["factory"](3)))


@pytest.mark.slow
def test_description_is_the_same_in_another_process():
    """Neither addresses nor the order of sets are in it."""
    script = textwrap.dedent(SOURCE) + textwrap.dedent("""
        import hashlib
        from sklcnn._description import describe
        words = {"a", "b", "c", "d"}, lambda x: x in {"e", "f", "g"}
        text = repr(describe([factory(3), words, nn.Linear, max, "".join]))
        print(hashlib.sha256(text.encode()).hexdigest())
    """)

    outputs = [
        subprocess.run(
            [sys.executable, "-c", "from torch import nn\n" + script],
            capture_output=True,
            check=True,
        ).stdout
        for _ in range(2)
    ]

    assert outputs[0] == outputs[1]


def test_what_refers_to_itself_is_described():
    """A cycle ends where it began."""
    items = [1]
    items.append(items)

    def recurse(n):
        return recurse(n - 1) if n else 0

    assert describe(items) == ("list", 1, ("again", 1))
    assert "again" in repr(describe(recurse))


@pytest.mark.parametrize("value", [np.random.default_rng(0), open, iter([])])
def test_what_does_not_tell_is_refused(value):
    """State that can't be seen is an error; a plain built-in function is none."""
    if value is open:
        assert describe(value)
        return
    with pytest.raises(TypeError, match="does not tell what it holds"):
        describe(value)


def test_arrays_are_hashed_in_blocks(monkeypatch):
    """The size of a block does not show, and every byte counts."""
    images = np.random.default_rng(0).integers(0, 256, (40, 5, 5), dtype=np.uint8)
    whole = hash_array(images)
    monkeypatch.setattr("sklcnn._description.BLOCK", 100)

    assert hash_array(images) == whole
    assert hash_array(images[::-1]) != whole
    assert hash_array(images.view(np.int8)) != whole
    assert hash_array(np.zeros(())) != hash_array(np.ones(()))
    assert hash_array(np.zeros((0, 3))) != hash_array(np.zeros((0, 4)))

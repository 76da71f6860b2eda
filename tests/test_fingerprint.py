"""Fingerprints: equal for what is equal, others for what is not."""

import functools
import importlib.util
import random
import subprocess
import sys
import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from sklcnn._fingerprint import fingerprint, hash_array, version_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        (1, 1.5),
        ("1", 1),
        ((1, 2), (2, 1)),
        ((1, 2), [1, 2]),
        (np.float64(0.5), 0.5),
        (nn.Parameter(torch.ones(2)), torch.ones(2)),
        (nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2), False)),
        (lambda a, b: b, lambda a, *b: b),
        (lambda a, b: b, lambda a, *, b: b),
        (get_ema_multi_avg_fn(0.9), get_ema_multi_avg_fn(0.99)),
        (
            functools.wraps(nn.Conv2d)(lambda c: c + 1),
            functools.wraps(nn.Conv2d)(lambda c: c + 2),
        ),
        ({"a": 1}, {"a": 2}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),  # layers may be built in this order
        (OrderedDict(a=1), {"a": 1}),
        (random.Random(0), random.Random(1)),
        (np.random.default_rng(0), np.random.default_rng(1)),
        (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[1, 0])),
        (np.zeros(2, [("a", int)]), np.zeros(2, [("b", int)])),
        (functools.cache(lambda x: x + 1), functools.cache(lambda x: x + 2)),
        (Path("a"), "a"),
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
def test_other_values_have_other_fingerprints(one, other):
    """Whatever differs in value, type or code has another fingerprint."""
    assert repr(fingerprint(one)) == repr(fingerprint(one))
    assert repr(fingerprint(one)) != repr(fingerprint(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.arange(6).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3))),
        (np.arange(6)[::2], np.array([0, 2, 4])),
    ],
)
def test_equal_values_have_equal_fingerprints(one, other):
    """How a value is held or written down does not count."""
    assert repr(fingerprint(one)) == repr(fingerprint(other))


SOURCE = """
import functools
from dataclasses import dataclass
from torch import nn

WIDTH = 4

def layer(n):
    return nn.Linear(n, WIDTH)

@dataclass
class Config:
    slope: float = 0.1

class Network(nn.Module):
    activation = nn.ReLU
    make = staticmethod(functools.partial(nn.LeakyReLU, 0.1))

    def __init__(self, n_channels, n_classes):
        super().__init__()
        self.layer = layer(n_channels)

    def forward(self, images):
        return self.layer(images).relu()

def factory(n):
    def network(n_channels, n_classes):
        return Network(n_channels, n)
    return network

config = Config()
"""


@pytest.fixture
def write_module(tmp_path):
    """Give the function that writes a module of the user's own, and imports it."""
    written = []

    def write(source):
        path = tmp_path / f"{len(written)}" / "own_networks.py"
        path.parent.mkdir()
        path.write_text(source)
        spec = importlib.util.spec_from_file_location("own_networks", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules["own_networks"] = module
        written.append(module)
        return module

    yield write
    sys.modules.pop("own_networks", None)


@pytest.mark.parametrize(
    "change",
    [
        ("WIDTH = 4", "WIDTH = 5"),
        ("nn.Linear(n, WIDTH)", "nn.Linear(n, WIDTH, bias=False)"),
        ("relu()", "tanh()"),
        ("Network(n_channels, n)", "Network(n, n_channels)"),
        ("activation = nn.ReLU", "activation = nn.Tanh"),
        ("nn.LeakyReLU, 0.1", "nn.LeakyReLU, 0.2"),
        ("slope: float = 0.1", "slope: float = 0.2"),
    ],
    ids=lambda change: change[1],
)
def test_source_counts(write_module, change):
    """Functions, classes and objects depend on the file that their code is in."""

    def fingerprints(source):
        module = write_module(source)
        things = module.factory(3), module.Network, module.config
        return [repr(fingerprint(thing)) for thing in things]

    one, same, other = map(fingerprints, (SOURCE, SOURCE, SOURCE.replace(*change)))

    assert one == same
    assert one[0] != other[0]
    assert one[1] != other[1]


def test_what_a_function_encloses_counts(write_module):
    """Two of one source differ where their variables do."""
    module = write_module(SOURCE)

    one, same, other = (repr(fingerprint(module.factory(n))) for n in (3, 3, 4))

    assert one == same != other


def test_attributes_set_later_count(write_module):
    """A class or an object is told by what it holds now."""
    module = write_module(SOURCE)
    before = [repr(fingerprint(thing)) for thing in (module.Network, module.config)]
    module.Network.activation = nn.Tanh
    module.config.slope = 0.3

    after = [repr(fingerprint(thing)) for thing in (module.Network, module.config)]

    assert before[0] != after[0]
    assert before[1] != after[1]


def test_code_without_source_is_refused():
    """Nobody can tell it from what it will be tomorrow."""
    names = {}
    exec("def network(c, k): return c + k", names)

    with pytest.raises(TypeError, match="the source of network is not there"):
        fingerprint(names["network"])


def test_packages_count_alike_before_they_are_imported(monkeypatch):
    """Which packages have been imported so far says nothing about a value."""
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    before = version_of("torchvision.models")
    monkeypatch.setitem(sys.modules, "torchvision", importlib.import_module("PIL"))

    assert version_of("torchvision.models") == before


@pytest.mark.slow
def test_fingerprint_is_the_same_in_another_process(tmp_path):
    """Neither addresses nor the order of sets are in it."""
    script = tmp_path / "script.py"
    script.write_text(
        SOURCE
        + """
import hashlib
from sklcnn._fingerprint import fingerprint
words = {"a", "b", "c", "d"}, lambda x: x in {"e", "f", "g"}
text = repr(fingerprint([factory(3), words, config, nn.Linear, max, "".join]))
print(hashlib.sha256(text.encode()).hexdigest())
"""
    )

    outputs = [
        subprocess.run([sys.executable, script], capture_output=True, check=True).stdout
        for _ in range(2)
    ]

    assert outputs[0] == outputs[1]


def test_what_refers_to_itself_has_a_fingerprint():
    """A cycle ends where it began."""
    items = [1]
    items.append(items)

    def recurse(n):
        return recurse(n - 1) if n else 0

    assert fingerprint(items) == ("list", 1, ("again", 1))
    assert "seen" in repr(fingerprint(recurse))


LOCK = threading.Lock()


@pytest.mark.parametrize(
    "value",
    [
        threading.Lock(),
        (number for number in ()),
        torch.eye(2).to_sparse(),
        torch.ones(1, device="meta"),
        lambda lock=LOCK: lock,
        np.frompyfunc(lambda x: x, 1, 1),
        type("Several", (set,), {})(),
        np.zeros(1, [("a", object)]),
    ],
)
def test_what_does_not_tell_is_refused(value):
    """What can't be seen is an error, also as a part of something else."""
    with pytest.raises(TypeError, match="does not tell what it holds"):
        fingerprint([value])


def test_arrays_are_hashed_in_blocks(monkeypatch):
    """The size of a block does not show, and every byte counts."""
    images = np.random.default_rng(0).integers(0, 256, (40, 5, 5), dtype=np.uint8)
    whole = hash_array(images)
    monkeypatch.setattr("sklcnn._fingerprint.BLOCK", 100)

    assert hash_array(images) == whole
    assert hash_array(images[::-1]) != whole
    assert hash_array(images.view(np.int8)) != whole
    assert hash_array(np.zeros(())) != hash_array(np.ones(()))
    assert hash_array(np.zeros((0, 3))) != hash_array(np.zeros((0, 4)))

"""Descriptions: the same for what does the same, others for what does not."""

import functools
import importlib
import random
import subprocess
import sys
import textwrap
import threading
import types
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

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
def test_other_values_are_described_otherwise(one, other):
    """Whatever differs in value, type or code has another description."""
    assert repr(describe(one)) == repr(describe(one))
    assert repr(describe(one)) != repr(describe(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
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


CONFIGURED = """
    import functools, types
    from dataclasses import dataclass

    @dataclass
    class Config:
        slope: float = 0.1

    class Listed(list):
        pass

    class Slotted:
        __slots__ = ("slope", "__dict__")

    class Network(nn.Module):
        activation = nn.ReLU
        kernel = torch.ones(1)
        make = staticmethod(functools.partial(nn.LeakyReLU, 0.1))

        class Block(nn.Module):
            def forward(self, images):
                return images.relu()

        @functools.cached_property
        def slope(self):
            return 0.5

        @functools.lru_cache
        def power(self):
            return 2

    config, listed, slotted = Config(), Listed(), Slotted()
    listed.slope, slotted.slope = 0.1, 0.1
    space, whole, several = types.SimpleNamespace(k=1), np.int64(3), {1, 2}
    layer = nn.LeakyReLU(0.1)

    @functools.cache
    def cached(x):
        return x + 1

    def network(n_channels, n_classes):
        return [config, listed, slotted, space, whole, several, layer, cached, Network]
"""


@pytest.mark.parametrize(
    "change",
    [
        ("slope: float = 0.1", "slope: float = 0.2"),
        ("listed.slope, slotted.slope = 0.1", "listed.slope, slotted.slope = 0.2"),
        ("slotted.slope = 0.1, 0.1", "slotted.slope = 0.1, 0.2"),
        ("k=1", "k=2"),
        ("np.int64(3)", "np.int64(4)"),
        ("{1, 2}", "{1, 3}"),
        ("layer = nn.LeakyReLU(0.1)", "layer = nn.LeakyReLU(0.2)"),
        ("x + 1", "x + 2"),
        ("activation = nn.ReLU", "activation = nn.Tanh"),
        ("torch.ones(1)", "torch.zeros(1)"),
        ("partial(nn.LeakyReLU, 0.1)", "partial(nn.LeakyReLU, 0.2)"),
        ("images.relu()", "images.tanh()"),
        ("return 0.5", "return 0.6"),
        ("return 2", "return 3"),
    ],
    ids=lambda change: change[1],
)
def test_all_that_code_may_use_counts(change):
    """Whatever a network is configured by, however that is held."""
    one, same, other = (
        repr(describe(make(source, np=np)["network"]))
        for source in (CONFIGURED, CONFIGURED, CONFIGURED.replace(*change))
    )

    assert one == same
    assert one != other


@pytest.fixture
def own_modules(tmp_path, monkeypatch):
    """Write a module of the user's own, which imports another, and forget them."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(slope, code):
        for name in ("own_blocks", "own_parts"):
            sys.modules.pop(name, None)
        (tmp_path / "own_parts.py").write_text(f"SLOPE, UNUSED = {slope}, {id(code)}")
        (tmp_path / "own_blocks.py").write_text(f"import own_parts\n{code}")
        importlib.invalidate_caches()
        return importlib.import_module("own_blocks")

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield write
    for name in ("own_blocks", "own_parts"):
        sys.modules.pop(name, None)


def test_modules_of_the_user_are_followed(own_modules):
    """Their code and values count as far as they are used, through any module."""

    def network_of(*arguments):
        own_blocks = own_modules(*arguments)
        return lambda c, k: own_blocks.Net(c, k)

    code = "class Net:\n    def __init__(self, c, k): self.slope = own_parts.SLOPE"
    texts = [
        repr(describe(network_of(*arguments)))
        for arguments in ((1, code), (1, code + "\n"), (2, code), (1, code + " + 1"))
    ]

    assert texts[0] == texts[1]
    assert len(set(texts)) == 3


def test_what_is_imported_in_a_call_is_refused():
    """It can't be looked at without importing it; packages are known by version."""

    def imports_own():
        from own_parts import SLOPE

        return SLOPE

    def imports_package():
        from torch import nn

        return nn

    with pytest.raises(TypeError, match="imports 'own_parts' when it is called"):
        describe(imports_own)
    assert describe(imports_package)


def test_packages_count_alike_before_they_are_imported(monkeypatch):
    """Which packages have been imported so far says nothing about a network."""

    def network(n_channels, n_classes):
        from torchvision.models import resnet18

        return resnet18(num_classes=n_classes)

    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    before = describe(network)
    monkeypatch.setitem(sys.modules, "torchvision", importlib.import_module("PIL"))

    assert describe(network) == before


def test_what_is_run_is_nobodys_release(monkeypatch):
    """In a worker, the program is a file of joblib's; what it was sent is not."""
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "__file__", pytest.__file__, raising=False)
    codes = [f"def network(c, k): return {n}" for n in (1, 2)]

    one, other = (make(code, __name__="__main__")["network"] for code in codes)

    assert repr(describe(one)) != repr(describe(other))


def test_a_module_as_a_whole_is_refused(own_modules):
    """What is used of it then can't be seen."""
    own_blocks = own_modules(1, "")

    for function in (
        lambda: getattr(own_blocks, "VALUE"),  # noqa: B009
        lambda: importlib.import_module("own_blocks"),
        lambda: globals()["own_blocks"],
    ):
        with pytest.raises(TypeError, match=r"own_blocks|uses"):
            describe(function)


def test_modules_that_import_each_other_are_described():
    """Neither is described in itself."""
    one, other = types.ModuleType("own_one"), types.ModuleType("own_other")
    one.other, other.one, one.VALUE = other, one, 3

    assert describe(lambda: one.other.one.VALUE)


def test_many_functions_are_described_once_each():
    """Functions that call one another are no tree, which would take for ever."""
    lines = [f"def f{n}(x): return f{n + 1}(x) + f{n + 2}(x)" for n in range(60)]
    source = "\n".join([*lines, "def f60(x): return x", "def f61(x): return x"])

    assert len(describe(make(source)["f0"])) > 2


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
    assert "seen" in repr(describe(recurse))


@pytest.mark.parametrize(
    "value",
    [
        threading.Lock(),
        (number for number in ()),
        torch.eye(2).to_sparse(),
        torch.ones(1, device="meta"),
        lambda: LOCK,
        np.frompyfunc(lambda x: x, 1, 1),
        type("Several", (set,), {})(),
        np.zeros(1, [("a", object)]),
    ],
)
def test_what_does_not_tell_is_refused(value):
    """What can't be seen is an error, also as a part of something else."""
    with pytest.raises(TypeError, match="does not tell what it holds"):
        describe([value])


LOCK = threading.Lock()


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

"""Files of weights: what is taken, and what is refused and why."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.frozen import FrozenEstimator
from torch import nn

from sklcnn import CNNClassifier, CNNFeatures
from sklcnn.persistence import _files, dump, load


def network(n_channels, n_classes):
    """Build a network of two convolutions and a head."""
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(n_channels, 4, 3, padding=1), nn.BatchNorm2d(4)),
        nn.Sequential(nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1)),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        nn.Linear(4, n_classes),
    )


@pytest.fixture
def images():
    """Give six gray images of 8x8 pixels."""
    return np.random.default_rng(0).integers(0, 256, (6, 8, 8), dtype=np.uint8)


@pytest.fixture
def state():
    """Give weights of the network, for ten classes."""
    torch.manual_seed(0)
    return network(1, 10).state_dict()


@pytest.fixture
def path(tmp_path):
    """Give the path of a file that is not there."""
    return tmp_path / "weights.pt"


def embed(path, images):
    """Embed images by the network with the weights of a file."""
    return CNNFeatures(network, weights=path).fit_transform(images)


def prefixed(state, prefix):
    """Put a prefix before all names."""
    return {f"{prefix}{key}": tensor for key, tensor in state.items()}


@pytest.mark.parametrize(
    "prefix", ["_orig_mod.", "module.", "model.", "_orig_mod.module.", "net.0."]
)
@pytest.mark.parametrize("wrappers", [(), ("state_dict",), ("model", "state_dict")])
def test_wrapped_weights_are_those_within(path, images, state, prefix, wrappers):
    """What training scripts, DataParallel and torch.compile put around makes nothing.

    Beside them may be whatever is no weight.
    """
    torch.save(state, path)
    expected = embed(path, images)
    wrapped = prefixed(state, prefix)
    for key in reversed(wrappers):
        wrapped = {key: wrapped, "epoch": 3}
    torch.save(wrapped, path)

    assert_array_equal(embed(path, images), expected)


def test_an_unknown_prefix_is_named(path, images, state):
    """Where leaving it out is of no use, the error says what all names begin with."""
    torch.save(prefixed({"a.weight": state["3.weight"]}, "student."), path)

    with pytest.raises(ValueError, match=r"missing: 0\.0\.bias.*begin with 'student\."):
        embed(path, images)


def without(state, key):
    """Leave out one tensor."""
    return {k: tensor for k, tensor in state.items() if k != key}


@pytest.mark.filterwarnings("ignore:Validating sparse tensor:UserWarning")
@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: without(s, "1.1.bias"), r"missing: 1\.1\.bias"),
        (lambda s: s | {"5.weight": torch.ones(2)}, r"unexpected: 5\.weight"),
        (
            lambda s: s | {"1.1.weight": torch.ones(4, 4, 5, 5)},
            r"of another shape: 1\.1\.weight: \(4, 4, 5, 5\) instead of \(4, 4, 3, 3\)",
        ),
        (
            lambda s: s | {"1.1.bias": torch.ones(4, dtype=torch.int8)},
            r"of another kind: 1\.1\.bias: torch.int8 instead of torch.float32",
        ),
        (
            lambda s: s | {"1.1.bias": torch.ones(4, dtype=torch.complex64)},
            "torch.complex64 instead of torch.float32",
        ),
        (lambda s: s | {"1.1.bias": torch.ones(4).to_sparse()}, "of another kind"),
        (lambda s: s | {"1.1.bias": torch.ones(4, device="meta")}, "of another kind"),
        (
            lambda s: s | {"1.1.bias": torch.full((4,), 1e300, dtype=torch.float64)},
            "NaN or infin",
        ),
    ],
)
def test_weights_of_other_layers_are_refused(
    path, images, state, prefix, change, message
):
    """The error lists what does not fit, with a prefix left out."""
    torch.save(prefixed(change(state), prefix), path)

    with pytest.raises(ValueError, match=message):
        embed(path, images)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_any_format_of_floats_is_taken(path, images, state, dtype):
    """Weights are converted to the format of the network."""
    torch.save({k: t.to(dtype) for k, t in state.items()}, path)
    rounded = {k: t.to(dtype).to(t.dtype) for k, t in state.items()}

    features = CNNFeatures(network, weights=path).fit(images)

    taken = features._network.module.body.state_dict()
    assert taken["1.1.weight"].dtype == torch.float32
    assert_array_equal(taken["1.1.weight"].numpy(), rounded["1.1.weight"].numpy())


@pytest.mark.parametrize("dtype", [torch.int32, torch.uint8])
def test_safetensors_of_integers_are_refused(tmp_path, images, state, dtype):
    """Quantized weights mean nothing without their scale."""
    save_file = pytest.importorskip("safetensors.torch").save_file
    path = tmp_path / "weights.safetensors"
    save_file({k: t.to(dtype) for k, t in state.items()}, path)

    with pytest.raises(ValueError, match=f"{dtype} instead of torch.float32"):
        embed(path, images)


@pytest.mark.parametrize("ending", [".pt", ".pth", ".safetensors"])
@pytest.mark.parametrize("n_bytes", [0, 7, 100, -100, -1])
def test_truncated_files_are_refused(tmp_path, images, state, ending, n_bytes):
    """Whatever is left of them; the error names the file."""
    path = tmp_path / f"weights{ending}"
    if ending == ".safetensors":
        pytest.importorskip("safetensors.torch").save_file(state, path)
    else:
        torch.save(state, path)
    path.write_bytes(path.read_bytes()[:n_bytes])

    with pytest.raises(ValueError, match=rf"(?s)(read weights|refuses).*{path.name}"):
        embed(path, images)


@pytest.mark.parametrize(
    "content",
    [
        b"not weights",
        b"<html>404: not found</html>",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
    ],
)
@pytest.mark.parametrize("ending", [".pt", ".safetensors"])
def test_files_of_something_else_are_refused(tmp_path, images, content, ending):
    """As a failed download leaves them, or a repository without its large files."""
    path = tmp_path / f"weights{ending}"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=r"(?s)(read weights|refuses).*weights\."):
        embed(path, images)


@pytest.mark.parametrize("content", [[], {}, {"a": 1}, {1: torch.ones(2)}, "text"])
def test_files_without_weights_are_refused(path, images, content):
    """What is neither a state dict nor holds one."""
    torch.save(content, path)

    with pytest.raises(ValueError, match="expects a state dict"):
        embed(path, images)


class Code:
    """Object whose pickle runs code."""

    def __reduce__(self):
        """Print where it is unpickled."""
        return print, ("run",)


@pytest.mark.parametrize("content", [Code(), {"0.0.weight": Code()}, network(1, 2)])
def test_pickles_with_code_are_refused(path, images, content, capsys):
    """Nothing of it runs, also of a module that was saved whole."""
    torch.save(content, path)

    with pytest.raises(ValueError, match=r"holds more than tensors.*state_dict"):
        embed(path, images)

    assert "run" not in capsys.readouterr().out


@pytest.mark.parametrize("ending", [".pt", ".safetensors", ".skops"])
@pytest.mark.parametrize(
    ("make", "kind"),
    [(lambda path: None, FileNotFoundError), (lambda path: path.mkdir(), OSError)],
    ids=["missing", "folder"],
)
def test_missing_files_and_folders_are_named(tmp_path, images, make, kind, ending):
    """The error is of the usual kind, and names the path."""
    path = tmp_path / f"weights{ending}"
    make(path)

    with pytest.raises(kind, match=rf"weights\{ending}"):
        embed(path, images)


@pytest.mark.parametrize(
    "heads", [("conv1.0",), ("fc", "conv1.0"), ("stage2.0",), ("x",)]
)
@pytest.mark.filterwarnings("ignore:.*weights=None:UserWarning")
def test_heads_of_other_layers_are_refused(tmp_path, monkeypatch, heads):
    """A saved description that takes another layer for the head is damaged.

    Its digest fits: whoever forges a file can compute it.
    """
    X, path = np.zeros((2, 32, 32, 3), np.uint8), tmp_path / "forged.skops"
    features = CNNFeatures("shufflenet_v2_x0_5", random_state=0).fit(X)
    features._network.spec = replace(features._network.spec, heads=heads)
    message = r"its outputs are made by the\s+layers \['fc'\]"

    with pytest.raises(ValueError, match=message):
        dump(features, path)
    monkeypatch.setattr(_files, "_check_survives", lambda *args, **kwargs: None)
    dump(features, path)

    with pytest.raises(ValueError, match=message):
        load(path)
    with pytest.raises(ValueError, match=message):
        CNNFeatures("shufflenet_v2_x0_5", weights=path).fit(X)


@pytest.mark.parametrize("estimator", [CNNClassifier, CNNFeatures])
def test_fitted_features_give_weights_too(images, path, state, estimator):
    """A frozen CNNFeatures is as good a source as a classifier."""
    torch.save(state, path)
    source = CNNFeatures(network, weights=path, standardize="images").fit(images)

    parameters = {"network": network, "weights": FrozenEstimator(source)}
    parameters["standardize"] = "images"
    if estimator is CNNFeatures:
        target = CNNFeatures(**parameters).fit(images)
    else:
        target = CNNClassifier(freeze=True, **parameters).fit(images, [0, 1] * 3)

    assert_array_equal(target.transform(images), source.transform(images))

"""Bad input to named networks and weights, in `fit` and in `partial_fit`."""

import sys
import urllib.request

import numpy as np
import pytest
import torch
from torch import nn

from sklcnn import CNNClassifier

SMALL = "shufflenet_v2_x0_5"

METHODS = {
    "fit": lambda model, X, y: model.fit(X, y),
    "partial_fit": lambda model, X, y: model.partial_fit(X, y, classes=np.unique(y)),
}

both = pytest.mark.parametrize("train", METHODS.values(), ids=METHODS)


@pytest.fixture
def pictures():
    """Give six color pictures of 32x32 pixels in two classes, uint8."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    return X, np.arange(6) % 2


@pytest.fixture(scope="module")
def weights():
    """Give random weights of the small network, of 1,000 classes."""
    from torchvision import models

    torch.manual_seed(0)
    return models.get_model(SMALL).state_dict()


def assert_untouched(model):
    """Check that nothing is left of a training that failed."""
    assert not model.__sklearn_is_fitted__()
    assert not [name for name in vars(model) if name.endswith("_")]


@both
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"network": "resnet19"}, "no network 'resnet19'.*resnet18"),
        ({"network": "timm/resnet19"}, "timm/resnet18"),
        ({"network": "Resnet18"}, "resnet18"),
        ({"network": ""}, "no network ''"),
        ({"network": "inception_v3"}, "32 x 32 pixels.*image_size=96"),
        ({"network": "alexnet", "image_size": 8}, "8 x 8 pixels.*image_size=64"),
        ({"network": nn.Linear(2, 2)}, "got a module, Linear"),
        ({"network": SMALL, "weights": "NONE"}, "IMAGENET1K_V1"),
        (
            {"network": SMALL, "weights": "weights.bin"},
            r"path of a file.*\.safetensors",
        ),
        ({"weights": "DEFAULT"}, "not named"),
        ({"weights": CNNClassifier()}, "FrozenEstimator"),
        ({"image_size": "network"}, "no name"),
        ({"image_size": (8, 8, 8)}, "image_size"),
        ({"image_size": 0}, "image_size"),
        ({"standardize": "weights"}, "weights=None"),
        ({"network": SMALL, "freeze": "body"}, "freeze"),
        ({"network": SMALL, "n_frozen_epochs": -1}, "n_frozen_epochs"),
    ],
)
def test_bad_parameters_are_named(pictures, train, parameters, message):
    """The error says what would do, and the model is as before."""
    model = CNNClassifier(max_epochs=1).set_params(**parameters)

    with pytest.raises(ValueError, match=f"(?s){message}"):
        train(model, *pictures)

    assert_untouched(model)


@both
def test_weights_of_another_network_are_refused(pictures, weights, tmp_path, train):
    """The error lists what is missing and what is of no use."""
    torch.save(weights, tmp_path / "w.pt")
    model = CNNClassifier(network="squeezenet1_1", weights=tmp_path / "w.pt")

    with pytest.raises(ValueError, match=r"missing: .* and \d+ more.*unexpected"):
        train(model, *pictures)

    assert_untouched(model)


@both
def test_weights_with_code_are_refused(pictures, tmp_path, train):
    """A pickle that would run something is not loaded."""
    torch.save({"weights": print}, tmp_path / "evil.pt")
    model = CNNClassifier(network=SMALL, weights=tmp_path / "evil.pt")

    with pytest.raises(ValueError, match="could run code"):
        train(model, *pictures)

    assert_untouched(model)


@both
def test_missing_and_empty_files_are_named(pictures, tmp_path, train):
    """Neither is taken for weights."""
    (tmp_path / "empty.pt").touch()
    missing = CNNClassifier(network=SMALL, weights=tmp_path / "none.pt")
    empty = CNNClassifier(network=SMALL, weights=tmp_path / "empty.pt")

    with pytest.raises(FileNotFoundError, match="is not there"):
        train(missing, *pictures)
    with pytest.raises(ValueError, match="can't read weights"):
        train(empty, *pictures)

    assert_untouched(missing)
    assert_untouched(empty)


@both
def test_download_without_a_network_says_where_files_go(
    pictures, tmp_path, monkeypatch, train
):
    """The error names the file, the folder and the parameter that takes a path."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def refuse(*args, **kwargs):
        raise urllib.error.URLError("no network here")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    model = CNNClassifier(network=SMALL, weights="DEFAULT")

    with pytest.raises(OSError, match=r"shufflenetv2_x0\.5.*hub/checkpoints"):
        train(model, *pictures)

    assert_untouched(model)


@both
def test_a_missing_extra_is_named(pictures, monkeypatch, train):
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "timm", None)
    model = CNNClassifier(network="timm/resnet18")

    with pytest.raises(ImportError, match=r"pip install\s+sklcnn\[timm\]"):
        train(model, *pictures)

    assert_untouched(model)


@both
def test_a_mismatched_torchvision_is_named(pictures, monkeypatch, train):
    """The error says so, and the built-in network trains as ever."""
    monkeypatch.setitem(sys.modules, "torchvision", None)

    with pytest.raises(ImportError, match=r"torchvision, in the version that fits"):
        train(CNNClassifier(network=SMALL), *pictures)

    assert train(CNNClassifier(max_epochs=1), *pictures).n_iter_ == 1


@both
def test_random_body_is_warned_of(pictures, train):
    """Freezing layers that were never trained is rarely meant."""
    with pytest.warns(UserWarning, match="random weights"):
        train(CNNClassifier(network=SMALL, freeze=True, max_epochs=1), *pictures)


@both
@pytest.mark.parametrize("n_channels", [1, 4])
def test_images_of_other_channels_are_refused(
    pictures, weights, tmp_path, train, n_channels
):
    """A network that was fitted on color takes no gray images, and none of 4 bands."""
    X, y = pictures
    torch.save(weights, tmp_path / "w.pt")
    model = CNNClassifier(network=SMALL, weights=tmp_path / "w.pt", freeze=True)
    train(model, X, y)
    expected = model.predict_proba(X)
    others = X[..., :1].repeat(n_channels, axis=3)

    with pytest.raises(ValueError, match=r"\(32, 32, 3\)"):
        model.partial_fit(others, y)
    with pytest.raises(ValueError, match=r"\(32, 32, 3\)"):
        model.predict(others)

    assert np.array_equal(model.predict_proba(X), expected)

"""Training on: what has changed since is used, or is an error that names it."""

import os
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from skorch.callbacks import Callback

from sklcnn import CNNClassifier
from sklcnn.augmentation import RandomFlip
from sklcnn.persistence import dump, load
from tests.reliability._long_runs import wide_network


@pytest.fixture
def colors():
    """Give 30 images of 12x12 pixels and 3 channels, flat, and three labels."""
    X = np.random.default_rng(0).random((30, 12 * 12 * 3), dtype=np.float32)
    return X, np.arange(30) % 3


@pytest.fixture
def frozen(tiny, noise):
    """Give a fitted classifier whose weights are taken."""
    return FrozenEstimator(clone(tiny).fit(*noise))


STRUCTURAL = {
    "network": wide_network,
    "image_size": 16,
    "conv_channels": (8,),
    "kernel_size": 5,
    "pool_size": 3,
    "hidden_units": (5,),
    "dropout": 0.5,
    "batch_norm": False,
    "image_shape": (3, 144),
    "weights": "weights.pt",
    "standardize": "images",
}
"""Another value of each parameter that the network depends on."""


def train_on(model, method, X, y):
    """Train a fitted classifier on by one of two methods."""
    if method == "fit":
        return model.set_params(warm_start=True).fit(X, y)
    return model.partial_fit(X, y)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("name", list(STRUCTURAL))
def test_what_a_network_depends_on_is_not_changed(tiny, colors, name, method):
    """The error names the parameter; the fitted network stays, and so do files."""
    X, y = colors
    source = clone(tiny).set_params(image_shape=(12, 12, 3)).fit(X, y)
    tiny.set_params(image_shape=(12, 12, 3))
    if name == "standardize":
        tiny.set_params(weights=FrozenEstimator(source), standardize="weights")
    model = tiny.fit(X, y)
    expected = model.predict_proba(X)
    model = pickle.loads(pickle.dumps(model)).set_params(**{name: STRUCTURAL[name]})

    with pytest.raises(ValueError, match=f"train further: {name} changed since"):
        train_on(model, method, X, y)

    assert_array_equal(model.predict_proba(X), expected)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    "change",
    [
        {"image_shape": [12, 12, 3]},
        {"image_shape": None},
        {"conv_channels": [4]},
        {"hidden_units": []},
        {"standardize": "images"},
        {"image_size": None},
    ],
    ids=str,
)
def test_what_comes_to_the_same_is_no_change(tiny, colors, change, method):
    """It is the network that counts, and not how it is written down."""
    model = tiny.set_params(image_shape=(12, 12, 3)).fit(*colors)

    train_on(model.set_params(**change), method, *colors)

    assert model.n_iter_ > 2


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_the_shape_may_be_named_later_on(tiny, colors, method):
    """As an array, too, where `fit` has found it by itself."""
    X, y = colors[0].reshape(-1, 12, 12, 3), colors[1]
    model = tiny.fit(X, y)

    train_on(model.set_params(image_shape=np.array([12, 12, 3])), method, X, y)

    assert model.n_iter_ > 2


def test_weights_may_be_named_in_two_ways(tiny, noise, frozen, tmp_path):
    """By a new wrapper around the same classifier, or by a path of another type."""
    path = tmp_path / "weights.skops"
    dump(frozen.estimator, path)
    by_path = clone(tiny).set_params(weights=path).fit(*noise)
    model = tiny.set_params(weights=frozen).fit(*noise)

    by_path.set_params(weights=os.fspath(path)).partial_fit(*noise)
    model.set_params(weights=FrozenEstimator(frozen.estimator)).partial_fit(*noise)
    other = FrozenEstimator(clone(frozen.estimator).fit(*noise))

    assert by_path.n_iter_ == model.n_iter_ == 3
    with pytest.raises(ValueError, match="weights changed since"):
        model.set_params(weights=other).partial_fit(*noise)


def test_files_remember_the_weights(tiny, noise, frozen, tmp_path):
    """After `load`, the same weights are no change, and none are."""
    dump(tiny.set_params(weights=frozen).fit(*noise), tmp_path / "model.skops")
    model = load(tmp_path / "model.skops")

    assert model.partial_fit(*noise).n_iter_ == 3
    with pytest.raises(ValueError, match="weights changed since"):
        model.set_params(weights=None).partial_fit(*noise)


@pytest.mark.parametrize(
    "change",
    [
        {"optimizer": "adamw"},
        {"momentum": 0.0},
        {"nesterov": False},
        {"label_smoothing": 0.5},
        {"backbone_learning_rate_factor": 0.0},
        {"precision": "float64"},
        {"learning_rate": 0.5},
        {"weight_decay": 0.3},
        {"class_weight": {0: 9.0, 1: 1.0, 2: 1.0}},
        {"mixup": 0.4},
        {"batch_size": 7},
    ],
    ids=str,
)
def test_what_a_training_depends_on_is_used(tiny, noise, change):
    """From the next `partial_fit` on."""
    models = [clone(tiny).fit(*noise) for _ in range(2)]

    models[0].partial_fit(*noise)
    models[1].set_params(**change).partial_fit(*noise)

    weights = [model.net_.module_.state_dict() for model in models]
    assert any(not np.allclose(weights[0][key], weights[1][key]) for key in weights[0])
    assert models[1].n_iter_ == len(models[1].history_) == 3


@pytest.mark.parametrize("precision", ["float64", "bfloat16"])
def test_another_precision_is_used_after_loading(tiny, noise, precision):
    """The network of a file has the number format that it was saved in."""
    model = tiny.set_params(precision="float32").fit(*noise)
    copy = pickle.loads(pickle.dumps(model))

    copy.set_params(precision=precision).partial_fit(*noise)
    model.set_params(precision=precision).partial_fit(*noise)

    assert copy.net_.network.dtype == model.net_.network.dtype
    assert copy.net_.network.bfloat16 == model.net_.network.bfloat16
    assert copy.n_iter_ == len(copy.history_) == 3


def test_another_device_is_used_after_loading(tiny, noise):
    """One that is not here is an error, as without loading."""
    model = pickle.loads(pickle.dumps(tiny.set_params(device="cpu").fit(*noise)))

    with pytest.raises(ValueError, match="device='xpu'"):
        model.set_params(device="xpu").partial_fit(*noise)


def test_callbacks_of_the_net_outlive_another_optimizer(tiny, noise):
    """Those that were set on `net_` itself."""

    class Counts(Callback):
        n_epochs = 0

        def on_epoch_end(self, net, **kwargs):
            self.n_epochs += 1

    counts = Counts()
    tiny.fit(*noise).net_.set_params(callbacks=[counts])

    tiny.set_params(optimizer="adamw").partial_fit(*noise)

    assert counts.n_epochs == 1


def test_callbacks_of_the_net_outlive_its_own_fit(tiny, noise):
    """Beside those that the classifier was given, which have not changed."""

    class Counts(Callback):
        n_epochs = 0

        def on_epoch_end(self, net, **kwargs):
            self.n_epochs += 1

    X, y = noise
    counts = Counts()
    net = tiny.set_params(callbacks=[Callback()]).fit(X, y).net_
    net.set_params(callbacks=[counts]).fit(X, y)

    tiny.partial_fit(X, y)

    assert counts.n_epochs == tiny.max_epochs + 1


def test_a_momentum_that_stays_is_kept(tiny, noise):
    """The same parameters go on with the same optimizer."""
    net = tiny.fit(*noise).net_

    tiny.set_params(optimizer="auto", momentum=0.9).partial_fit(*noise)

    assert tiny.net_ is net


SOLVED = "ignores {}: with freeze=True"


@pytest.mark.parametrize(
    "parameters",
    [
        {"optimizer": "adamw"},
        {"learning_rate": 0.1},
        {"max_epochs": 7},
        {"lr_schedule": "constant", "n_frozen_epochs": 2},
    ],
    ids=str,
)
def test_a_solved_layer_names_what_it_ignores(noise, frozen, parameters):
    """Parameters of a training by steps, where they are set."""
    model = CNNClassifier(weights=frozen, freeze=True, conv_channels=(4,))
    model.set_params(hidden_units=(), **parameters)

    with pytest.warns(
        UserWarning, match=SOLVED.format(", ".join(parameters))
    ) as caught:
        model.fit(*noise)

    assert len(caught) == 1
    assert model.n_iter_ == 1


def test_a_solved_layer_sets_no_images_aside(noise, frozen):
    """There is nothing to stop early; a warning says so, and all images are used."""
    parameters = {"weights": frozen, "freeze": True, "random_state": 0}
    model = CNNClassifier(conv_channels=(4,), hidden_units=(), **parameters)
    expected = clone(model).fit(*noise).predict_proba(noise[0])

    with pytest.warns(UserWarning, match=SOLVED.format("early_stopping")):
        model.set_params(early_stopping=True).fit(*noise)

    assert_array_equal(model.predict_proba(noise[0]), expected)
    assert "valid_loss" not in model.history_[0]


def test_a_solved_layer_is_validated_on_images_given(noise, frozen):
    """With `X_val`, `history_` has their loss, and no parameter is ignored."""
    X, y = noise
    model = CNNClassifier(weights=frozen, freeze=True, conv_channels=(4,))

    model.set_params(hidden_units=()).fit(X, y, X_val=X[:6], y_val=y[:6])

    assert "valid_loss" in model.history_[0]


def test_a_frozen_body_with_random_steps_stops_early(noise, frozen):
    """Rows are set aside, and no warning is given."""
    X, y = noise
    model = CNNClassifier(weights=frozen, freeze=True, conv_channels=(4,), max_epochs=3)

    model.set_params(hidden_units=(), early_stopping=True)
    model.fit(RandomFlip().fit_transform(X), y)

    assert "valid_loss" in model.history_[-1]
    assert model.n_iter_ == 3

"""Weights from elsewhere, frozen layers and images that are resized within."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from skorch.callbacks import EpochScoring
from torch import nn

from sklcnn import CNNClassifier, available_networks
from sklcnn.augmentation import RandomFlip
from sklcnn.persistence import dump, load

SMALL = "shufflenet_v2_x0_5"


@pytest.fixture(scope="module")
def pictures():
    """Give 24 color pictures of 32x32 pixels in three classes, uint8."""
    rng = np.random.default_rng(0)
    y = np.arange(24) % 3
    X = rng.integers(0, 100, (24, 32, 32, 3))
    X[np.arange(24), :, :, y] += 120
    return X.astype(np.uint8), np.array(["red", "green", "blue"])[y]


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory):
    """Give a file of random weights of the small network, of 1,000 classes."""
    from torchvision import models

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "small.pt"
    torch.save(models.get_model(SMALL).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def source(pictures):
    """Give a small built-in network, fitted."""
    X, y = pictures
    parameters = {"conv_channels": (4, 8), "hidden_units": (), "random_state": 0}
    return CNNClassifier(max_epochs=3, **parameters).fit(X, y)


def body_of(model):
    """Copy the weights of all layers but the last."""
    network = model._network
    state = network.module.body.state_dict()
    return {
        key: tensor.clone().numpy()
        for key, tensor in state.items()
        if not network.module.is_in_head(key)
    }


def test_named_network_trains_and_is_saved(pictures, tmp_path):
    """It predicts the same as a pickle, from a file and trained again as a clone."""
    X, y = pictures
    model = CNNClassifier(network=SMALL, max_epochs=2, random_state=0).fit(X, y)
    expected = model.predict_proba(X)

    dump(model, tmp_path / "model.skops")

    assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), expected)
    assert_array_equal(load(tmp_path / "model.skops").predict_proba(X), expected)
    assert_array_equal(clone(model).fit(X, y).predict_proba(X), expected)


def test_frozen_head_is_logistic_regression(pictures, weights_file):
    """The last layer is what scikit-learn finds on the same features and penalty."""
    X, y = pictures
    decay = 0.01

    model = CNNClassifier(
        network=SMALL, weights=weights_file, freeze=True, weight_decay=decay
    ).fit(X, y)

    features = model.transform(X).astype(np.float64)
    reference = LogisticRegression(C=1 / (decay * len(X)), tol=1e-8, max_iter=10_000)
    expected = reference.fit(features, y).predict_proba(features)
    assert_allclose(model.predict_proba(X), expected, atol=1e-3)
    assert model.n_iter_ == 1


def test_frozen_head_counts_weights_and_smoothing(pictures, weights_file):
    """Rows of weight 2 count as twice there; smoothed labels are less sure."""
    X, y = pictures
    parameters = {"network": SMALL, "weights": weights_file, "freeze": True}
    parameters["weight_decay"] = 0.01
    weight = np.where(np.arange(24) < 6, 2.0, 1.0)
    twice = np.concatenate([np.arange(24), np.arange(6)])

    weighted = CNNClassifier(**parameters).fit(X, y, sample_weight=weight)
    repeated = CNNClassifier(**parameters).fit(X[twice], y[twice])
    smooth = CNNClassifier(label_smoothing=0.3, **parameters).fit(X, y)

    p = weighted.predict_proba(X)
    assert_allclose(p, repeated.predict_proba(X), atol=1e-3)
    assert smooth.predict_proba(X).max() < p.max()


@pytest.mark.parametrize("has_steps", [False, True])
def test_frozen_body_stays_as_it_was(pictures, weights_file, has_steps):
    """Only the last layer is trained, with random steps in front or without."""
    X, y = pictures
    saved = torch.load(weights_file, weights_only=True)
    model = CNNClassifier(network=SMALL, weights=weights_file, freeze=True)
    steps = [RandomFlip()] if has_steps else []
    model.set_params(max_epochs=3 if has_steps else 1)

    pipeline = make_pipeline(*steps, model).fit(X, y)

    for key, array in body_of(pipeline[-1]).items():
        assert_array_equal(array, saved[key].numpy(), err_msg=key)
    assert pipeline[-1].n_iter_ == (3 if has_steps else 1)


def test_thawed_network_begins_with_the_solved_head(pictures, weights_file):
    """After one epoch all layers are as frozen; then weights change, statistics not."""
    X, y = pictures
    parameters = {"network": SMALL, "weights": weights_file, "random_state": 0}

    frozen = CNNClassifier(freeze=True, **parameters).fit(X, y)
    thawed = CNNClassifier(max_epochs=3, **parameters).fit(X, y)

    first = thawed.history_[0]
    assert first["train_loss"] == pytest.approx(frozen.history_[0]["train_loss"])
    assert first["learning_rate"] == 0
    before, after = body_of(frozen), body_of(thawed)
    assert_array_equal(after["conv1.1.running_mean"], before["conv1.1.running_mean"])
    assert np.abs(after["conv1.0.weight"] - before["conv1.0.weight"]).max() > 0


def test_frozen_epochs_come_first(pictures, weights_file):
    """With as many as there are, the body is never trained."""
    X, y = pictures
    saved = torch.load(weights_file, weights_only=True)

    model = CNNClassifier(
        network=SMALL, weights=weights_file, n_frozen_epochs=1, max_epochs=2
    )
    with pytest.warns(UserWarning, match="leaves none"):
        model.fit(X, y)

    key = "conv1.0.weight"
    assert_array_equal(body_of(model)[key], saved[key].numpy())


def test_backbone_rate_of_zero_trains_the_head_alone(pictures, weights_file):
    """The factor reaches all layers but the last."""
    X, y = pictures
    saved = torch.load(weights_file, weights_only=True)
    parameters = {"network": SMALL, "weights": weights_file, "max_epochs": 3}

    model = CNNClassifier(backbone_learning_rate_factor=0, **parameters).fit(X, y)
    head = CNNClassifier(freeze=True, **parameters | {"max_epochs": 1}).fit(X, y)

    key = "conv1.0.weight"
    assert_array_equal(body_of(model)[key], saved[key].numpy())
    assert np.abs(model.predict_proba(X) - head.predict_proba(X)).max() > 0


@pytest.mark.parametrize("kind", ["frozen", "skops", "safetensors"])
def test_weights_of_a_fitted_classifier_are_taken(pictures, source, tmp_path, kind):
    """Of an estimator or a file: embeddings are those of the source."""
    X, y = pictures
    weights = FrozenEstimator(source)
    if kind == "skops":
        weights = tmp_path / "source.skops"
        dump(make_pipeline(source), weights)
    elif kind == "safetensors":
        from safetensors.torch import save_file

        weights = tmp_path / "source.safetensors"
        state = source._network.module.body.state_dict()
        save_file({key: t.contiguous() for key, t in state.items()}, weights)

    model = (
        clone(source)
        .set_params(weights=weights, freeze=True, max_epochs=1)
        .fit(X, y == "red")
    )

    # statistics of the pixels are those of the same images, whoever tells them
    if kind != "safetensors":
        assert_allclose(model.transform(X), source.transform(X), atol=1e-4)
    assert_array_equal(body_of(model)["0.weight"], body_of(source)["0.weight"])
    assert set(model.classes_) == {False, True}


def test_weights_of_an_estimator_have_to_be_frozen(pictures, source):
    """A bare one would be unfitted by `clone`: the error says how to keep it."""
    X, y = pictures

    with pytest.raises(ValueError, match="FrozenEstimator"):
        CNNClassifier(weights=source).fit(X, y)
    with pytest.raises((ValueError, NotFittedError), match="fitted"):
        CNNClassifier(weights=FrozenEstimator(CNNClassifier())).fit(X, y)


@pytest.mark.parametrize("n_channels", [1, 5])
def test_first_layer_is_adapted_to_channels(pictures, weights_file, n_channels):
    """Gray images give the features of the same ones in color, with one mean."""
    X, y = pictures
    gray = X.mean(3, keepdims=True).astype(np.uint8)
    parameters = {"network": SMALL, "weights": weights_file, "freeze": True}
    parameters["standardize"] = "images"

    model = CNNClassifier(**parameters).fit(gray.repeat(n_channels, 3), y)
    color = CNNClassifier(**parameters).fit(gray.repeat(3, 3), y)

    expected = color.transform(gray.repeat(3, 3))
    if n_channels == 1:
        assert_allclose(model.transform(gray), expected, atol=1e-3)
    assert model.transform(gray.repeat(n_channels, 3)).shape == expected.shape


def test_statistics_are_those_of_the_weights(pictures, weights_file):
    """Unless the pixels are of another range, of which a warning tells."""
    X, y = pictures
    parameters = {"network": SMALL, "weights": weights_file, "freeze": True}

    model = CNNClassifier(**parameters).fit(X, y)

    standardize = model._network.module.standardize
    assert_allclose(standardize.mean, [0.485, 0.456, 0.406], atol=1e-6)
    assert model.resolved_params_["standardize"] == "weights"
    with pytest.warns(UserWarning, match="range from 0 to"):
        wide = CNNClassifier(**parameters).fit(X.astype(np.float32), y)
    assert wide.resolved_params_["standardize"] == "images"


@pytest.mark.parametrize("size", [16, (48, 40), "network"])
def test_images_are_resized_within_the_network(pictures, weights_file, size):
    """Whatever their size, the network sees one; small ones are averaged."""
    X, y = pictures
    parameters = {"network": SMALL, "weights": weights_file, "freeze": True}
    model = CNNClassifier(image_size=size, **parameters).fit(X[:9], y[:9])

    sizes = []
    body = model._network.module.body
    handle = body.register_forward_pre_hook(lambda _, x: sizes.append(x[0].shape[2:]))
    model.predict(X[:2])
    handle.remove()

    expected = {16: (16, 16), "network": (224, 224)}.get(size, size)
    assert sizes == [expected]
    assert pickle.loads(pickle.dumps(model)).predict(X[:2]).shape == (2,)


@pytest.mark.filterwarnings("ignore:CNNClassifier ignores max_epochs")
def test_search_over_networks_is_resumed(pictures, weights_file, tmp_path):
    """One grid of networks, frozen layers and sizes; the second run trains nothing."""
    X, y = pictures
    grid = [
        {"network": ["convnet"], "conv_channels": [(4,)]},
        {"network": [SMALL], "weights": [weights_file], "freeze": [True, False]},
        {"network": [SMALL], "image_size": [16, 24]},
    ]
    model = CNNClassifier(max_epochs=2, checkpoint_dir=tmp_path, random_state=0)

    first = GridSearchCV(model, grid, cv=2).fit(X, y)
    second = GridSearchCV(model, grid, cv=2).fit(X, y)

    assert_array_equal(
        first.cv_results_["mean_test_score"], second.cv_results_["mean_test_score"]
    )
    # seconds of epochs are among the records: they were not trained again
    assert second.best_estimator_.history_ == first.best_estimator_.history_


def test_other_weights_are_another_training(pictures, weights_file, tmp_path):
    """Of the same name and size, the file's content decides what is resumed."""
    X, y = pictures
    path, state = tmp_path / "w.pt", torch.load(weights_file, weights_only=True)
    parameters = {"network": SMALL, "weights": path, "freeze": True, "random_state": 0}
    model = CNNClassifier(checkpoint_dir=tmp_path / "kept", **parameters)
    torch.save(state, path)
    before = model.fit(X, y).transform(X)

    state["conv1.0.weight"] *= 2
    torch.save(state, path)

    after = model.fit(X, y).transform(X)
    assert np.abs(after - before).max() > 0.1 * np.abs(before).max()


def test_frozen_network_learns_from_parts(pictures, weights_file):
    """`partial_fit` trains the last layer, and leaves the others."""
    X, y = pictures
    saved = torch.load(weights_file, weights_only=True)
    model = CNNClassifier(network=SMALL, weights=weights_file, freeze=True)

    for _ in range(2):
        model.partial_fit(X, y, classes=np.unique(y))

    key = "conv1.0.weight"
    assert_array_equal(body_of(model)[key], saved[key].numpy())
    assert model.n_iter_ == 2


def test_skorch_net_draws_no_random_weights(pictures, source):
    """`fit` of the net of a network that began with weights is refused."""
    X, y = pictures
    model = clone(source).set_params(weights=FrozenEstimator(source)).fit(X, y)
    assert model.resolved_params_["learning_rate"] == 0.02
    targets = np.searchsorted(model.classes_, y)

    model.net_.partial_fit(X, targets)

    with pytest.raises(ValueError, match="weights of another training"):
        model.net_.fit(X, targets)


def test_groups_stay_together_as_the_penalty_is_chosen(source):
    """Copies of few images look alike to folds, unless their group is told."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (6, 32, 32, 3), dtype=np.uint8).repeat(10, axis=0)
    y, groups = np.repeat([0, 1, 0, 1, 0, 1], 10), np.repeat(np.arange(6), 10)
    model = clone(source).set_params(
        weights=FrozenEstimator(source), freeze=True, max_epochs=1
    )

    alone = model.fit(X, y).resolved_params_["weight_decay"]
    grouped = model.fit(X, y, groups=groups).resolved_params_["weight_decay"]

    assert grouped > alone


def test_networks_are_listed_without_a_download():
    """Names of both sources, with size and weights."""
    known = {network.name: network for network in available_networks("*resnet18")}

    assert known["resnet18"].image_size == (224, 224)
    assert known["resnet18"].weights == ("IMAGENET1K_V1",)
    assert known["timm/resnet18"].weights[0] == "a1_in1k"


def test_head_that_is_not_linear_is_trained(pictures):
    """Of a frozen body, by more epochs at the rate of a new layer."""
    X, y = pictures
    parameters = {"network": "squeezenet1_1", "random_state": 0}
    source = CNNClassifier(max_epochs=1, **parameters).fit(X, y)

    model = CNNClassifier(
        weights=FrozenEstimator(source), freeze=True, **parameters
    ).fit(X, y)

    assert model.n_iter_ == 30
    assert model.resolved_params_["learning_rate"] == 1e-3
    key = "features.0.weight"
    assert_array_equal(body_of(model)[key], body_of(source)[key])


def test_first_part_solves_the_head(pictures, weights_file):
    """`partial_fit` begins as `fit` does, and goes on with all that is trained."""
    X, y = pictures
    parameters = {"network": SMALL, "weights": weights_file, "freeze": True}

    whole = CNNClassifier(**parameters).fit(X, y)
    part = CNNClassifier(**parameters).partial_fit(X, y, classes=np.unique(y))

    assert_allclose(part.predict_proba(X), whole.predict_proba(X), atol=1e-6)


def test_groups_that_hold_a_class_alone_are_cut(pictures, source):
    """A warning says so, and the penalty is that of folds without groups."""
    X, y = pictures
    model = clone(source).set_params(
        weights=FrozenEstimator(source), freeze=True, max_epochs=1
    )

    with pytest.warns(UserWarning, match="cut groups"):
        model.fit(X, y, groups=np.unique(y, return_inverse=True)[1])

    expected = clone(model).fit(X, y).resolved_params_
    assert model.resolved_params_ == expected


def test_frozen_epochs_are_added_or_warned_of(pictures, weights_file):
    """By default they are added; where they are all there is, a warning says so."""
    X, y = pictures
    parameters = {"network": SMALL, "weights": weights_file, "n_frozen_epochs": 2}

    assert CNNClassifier(**parameters).fit(X, y).n_iter_ == 8
    with pytest.warns(UserWarning, match="leaves none of max_epochs=2"):
        CNNClassifier(max_epochs=2, **parameters).fit(X, y)


def test_callbacks_see_the_epoch_that_solves(pictures, weights_file):
    """Scores on the training images are there from the first epoch on."""
    X, y = pictures
    score = EpochScoring("accuracy", on_train=True, name="found")

    model = CNNClassifier(
        network=SMALL, weights=weights_file, max_epochs=2, callbacks=[score]
    ).fit(X, y)

    assert all("found" in record for record in model.history_)


def test_weights_that_are_not_finite_are_refused(pictures, weights_file, tmp_path):
    """They would make every embedding NaN."""
    X, y = pictures
    state = torch.load(weights_file, weights_only=True)
    state["conv1.0.weight"][0] = np.nan
    torch.save(state, tmp_path / "nan.pt")

    with pytest.raises(ValueError, match="NaN or infinity"):
        CNNClassifier(network=SMALL, weights=tmp_path / "nan.pt").fit(X, y)


def test_path_of_weights_is_saved(pictures, weights_file, tmp_path):
    """As a string, which any system can load."""
    X, y = pictures
    parameters = {"network": SMALL, "weights": weights_file, "freeze": True}
    model = CNNClassifier(**parameters).fit(X, y)

    dump(model, tmp_path / "model.skops")

    assert load(tmp_path / "model.skops").weights == str(weights_file)


def test_positions_of_other_sizes_are_resized(tmp_path):
    """Whatever number of classes a vision transformer of timm was trained on."""
    timm = pytest.importorskip("timm")
    path = tmp_path / "vit.pt"
    torch.save(timm.create_model("test_vit", num_classes=5).state_dict(), path)
    X = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)

    model = CNNClassifier(network="timm/test_vit", weights=path, freeze=True)

    assert model.fit(X, np.arange(6) % 2).predict(X).shape == (6,)


@pytest.mark.parametrize(
    ("field", "value"), [("heads", ["none"]), ("image_size", [20_000, 20_000])]
)
def test_forged_descriptions_are_refused(pictures, weights_file, field, value):
    """Also with a digest that fits."""
    X, y = pictures
    parameters = {"network": SMALL, "weights": weights_file, "freeze": True}
    model = CNNClassifier(image_size=32, **parameters).fit(X, y)
    state = model.__getstate__()

    state["_fitted"]["spec"][field] = value

    with pytest.raises(ValueError, match="damaged"):
        CNNClassifier().__setstate__(state)


class Versioned(nn.Linear):
    """Layer that refuses weights of an unknown version, as mnasnets do."""

    _version = 2

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *args):
        if local_metadata.get("version") != 2:
            raise ValueError("version should be set to 2")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)


def versioned(n_channels, n_classes):
    """Build a network whose last layers know their version."""
    flat = nn.Flatten(), nn.Linear(32 * 32 * n_channels, 4)
    return nn.Sequential(*flat, Versioned(4, 4), Versioned(4, n_classes))


def test_layers_that_check_their_version_are_restored(pictures, tmp_path):
    """By pickles, early stopping, checkpoints, files and fitted classifiers."""
    X, y = pictures
    model = CNNClassifier(
        network=versioned, lr_schedule="constant", max_epochs=2, random_state=0
    ).set_params(checkpoint_dir=tmp_path / "kept", weight_decay=0.0)
    model.fit(X, y)
    torch.save(model.net_.module_.body.state_dict(), tmp_path / "weights.pt")

    longer = clone(model).set_params(max_epochs=3).fit(X, y)
    stopped = clone(model).set_params(early_stopping=True, max_epochs=3).fit(X, y)

    assert longer.history_[:2] == model.history_  # with seconds: not trained again
    for fitted in (model, longer, stopped):
        copy = pickle.loads(pickle.dumps(fitted))
        assert_array_equal(copy.predict_proba(X), fitted.predict_proba(X))
    for weights in (tmp_path / "weights.pt", FrozenEstimator(model)):
        taken = clone(model).set_params(weights=weights, freeze=True).fit(X, y)
        assert_array_equal(body_of(taken)["2.weight"], body_of(model)["2.weight"])

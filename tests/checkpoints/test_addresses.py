"""Which trainings have a checkpoint in common, and which do not."""

import os
import random
import threading

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.base import clone
from skorch.callbacks import Callback

from sklcnn import CNNClassifier
from sklcnn.augmentation import BaseAugmentation, Pixelwise, RandomRotation
from sklcnn.images import ImageFiles
from sklcnn.parallel import ShareBatches


@pytest.mark.filterwarnings("ignore:CNNClassifier ignores")
@pytest.mark.parametrize(
    "parameters",
    [
        {"learning_rate": 0.04},
        {
            "network": lambda c, k: torch.nn.Sequential(
                torch.nn.Flatten(), torch.nn.Linear(64, k)
            )
        },
        {"conv_channels": (5,)},
        {"random_state": 1},
        {"max_epochs": 3},
        {"precision": "float64"},
        {"early_stopping": True},
        {"mixup": 0.1},
        {"class_weight": {0: 2.0}},
        {"callbacks": [Callback()]},
    ],
    ids=lambda parameters: next(iter(parameters)),
)
def test_other_parameters_are_another_training(tiny, noise, folder, epochs, parameters):
    """What changes the result is trained, not loaded."""
    tiny.set_params(checkpoint_dir=folder).fit(*noise)
    epochs.clear()

    clone(tiny).set_params(**parameters).fit(*noise)

    assert epochs[0] == 0


def test_other_data_are_another_training(tiny, noise, folder, epochs):
    """Other pixels, dtypes, labels, weights and transforms are trained on."""
    X, y = noise
    tiny.set_params(checkpoint_dir=folder)
    changed = X.copy()
    changed[7, 3, 2] ^= 1
    turned = RandomRotation(degrees=5).fit_transform(X)
    trainings = [
        (X, y, None),
        (changed, y, None),
        (X.astype(np.float32), y, None),
        (X[..., np.newaxis], y, None),
        (X, y[::-1], None),
        (X, y.astype(str), None),
        (X, y, np.r_[2.0, np.ones(29)]),
        (turned, y, None),
        (RandomRotation(degrees=6).fit_transform(X), y, None),
        (turned[::-1], y, None),
    ]

    for training in trainings:
        clone(tiny).fit(*training)
    assert len(epochs) == 2 * len(trainings)
    X[0, 0, 0] ^= 1  # in place
    clone(tiny).fit(X, y)
    assert len(epochs) == 2 * len(trainings) + 2
    X[0, 0, 0] ^= 1
    for training in trainings:
        clone(tiny).fit(*training)
    assert len(epochs) == 2 * len(trainings) + 2


def test_what_changes_nothing_is_not_trained_again(tiny, noise, folder, epochs):
    """Messages, the folder's own name and how sizes are written down do not count."""
    X, y = noise
    tiny.set_params(checkpoint_dir=folder).fit(X, y)

    tiny.set_params(
        checkpoint_dir=str(folder), conv_channels=[4], n_jobs=1, device="cpu"
    )
    clone(tiny).fit(np.asfortranarray(X), y.tolist(), np.full(30, 2.0))

    assert len(epochs) == 2


def test_default_dtype_of_torch_is_another_training(tiny, noise, folder, epochs):
    """It decides how initial weights are drawn."""
    tiny.set_params(checkpoint_dir=folder).fit(*noise)
    torch.set_default_dtype(torch.float64)
    try:
        clone(tiny).fit(*noise)
    finally:
        torch.set_default_dtype(torch.float32)

    assert epochs == [0, 1, 0, 1]


def test_lazy_images_of_ones_own_are_told_by_their_pixels(
    tiny, folder, epochs, tmp_path
):
    """A subclass may give other pixels for the same files."""
    for number in range(6):
        pixels = np.full((8, 8), 40 * number, dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    paths = sorted(map(str, tmp_path.glob("*.png")))
    tiny.set_params(checkpoint_dir=folder)

    class Inverted(ImageFiles):
        def read(self, rows):
            return 255 - super().read(rows)

    for kind in (ImageFiles, Inverted, Inverted):
        clone(tiny).fit(kind(paths, (8, 8)), [0, 1, 0, 1, 0, 1])

    assert epochs == [0, 1, 0, 1]


@pytest.mark.parametrize("named", [False, True])
def test_training_that_processes_share_is_not_kept(
    tiny, noise, folder, monkeypatch, named
):
    """One process may find what another does not, and all would wait for ever."""
    callback = ShareBatches()
    monkeypatch.setattr(ShareBatches, "is_shared", True)
    monkeypatch.setattr(ShareBatches, "on_train_begin", lambda *args, **known: None)
    callback.handles_ = []
    tiny.set_params(
        checkpoint_dir=folder, callbacks=[("share", callback) if named else callback]
    )

    with pytest.warns(UserWarning, match="where processes share a training"):
        tiny.fit(*noise)
    assert not folder.exists()


def test_seed_must_be_given(tiny, noise, folder):
    """Without `random_state` nothing is written, as nothing could be found again."""
    tiny.set_params(checkpoint_dir=folder, random_state=None)

    with pytest.warns(UserWarning, match="not used without random_state"):
        tiny.fit(*noise)
    assert not folder.exists()


def of_the_environment(n_channels, n_classes):
    """Build a network of what the environment says when it is called."""
    activation = getattr(torch.nn, os.environ["ACTIVATION"])
    width = int(os.environ["WIDTH"])
    return torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(64, width),
        activation(),
        torch.nn.Linear(width, n_classes),
    )


@pytest.mark.parametrize("change", [("ACTIVATION", "Tanh"), ("WIDTH", "6")])
def test_network_is_told_by_what_was_built(noise, folder, epochs, monkeypatch, change):
    """Whatever a function looks up, another network is another training."""
    monkeypatch.setenv("ACTIVATION", "ReLU")
    monkeypatch.setenv("WIDTH", "5")
    model = CNNClassifier(
        network=of_the_environment, max_epochs=2, random_state=0, checkpoint_dir=folder
    )
    first = clone(model).fit(*noise).predict_proba(noise[0])
    clone(model).fit(*noise)
    assert epochs == [0, 1]
    monkeypatch.setenv(*change)

    second = clone(model).fit(*noise).predict_proba(noise[0])

    assert epochs == [0, 1, 0, 1]
    assert not np.allclose(first, second)
    unkept = clone(model).set_params(checkpoint_dir=None).fit(*noise)
    assert_array_equal(second, unkept.predict_proba(noise[0]))


class Scaled(torch.nn.Module):
    """A network whose code looks something up when it is run."""

    def __init__(self, n_channels, n_classes):
        super().__init__()
        self.layer = torch.nn.Linear(64 * n_channels, n_classes)

    def forward(self, images):
        """Compute logits."""
        return self.layer(images.flatten(1)) * float(os.environ["SCALE"])


def test_network_that_computes_something_else_is_trained(
    noise, folder, epochs, monkeypatch
):
    """What neither layers nor source show, the outputs of the untrained one do."""
    monkeypatch.setenv("SCALE", "1")
    model = CNNClassifier(
        network=Scaled, max_epochs=2, random_state=0, checkpoint_dir=folder
    )
    clone(model).fit(*noise)
    monkeypatch.setenv("SCALE", "2")

    with pytest.warns(UserWarning, match="computes something else than the one at"):
        clone(model).fit(*noise)

    assert epochs == [0, 1, 0, 1]


def test_network_that_hides_what_it_does_is_trained_without(noise, folder):
    """A layer that holds something without a fingerprint warns."""

    def network(n_channels, n_classes):
        layers = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, n_classes))
        layers.lock = threading.Lock()
        return layers

    model = CNNClassifier(
        network=network, max_epochs=1, random_state=0, checkpoint_dir=folder
    )

    with pytest.warns(UserWarning, match="lock does not tell what it holds"):
        model.fit(*noise)
    assert not folder.exists()


def test_files_are_told_by_where_they_are(tiny, folder, epochs, tmp_path, monkeypatch):
    """Equal names, sizes and dates in another folder are other files."""
    for name, order in (("one", 1), ("other", -1)):
        (tmp_path / name).mkdir()
        for number in range(6):
            pixels = np.full((8, 8), 40 * number, dtype=np.uint8)[:, ::order]
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
            os.utime(tmp_path / name / f"{number}.png", (0, 0))
    tiny.set_params(checkpoint_dir=folder)

    for name in ("one", "other", "one"):
        monkeypatch.chdir(tmp_path / name)
        paths = [f"{number}.png" for number in range(6)]
        clone(tiny).fit(ImageFiles(paths, (8, 8)), [0, 1, 0, 1, 0, 1])

    assert epochs == [0, 1, 0, 1]


def test_link_is_told_by_where_it_points(tiny, folder, epochs, tmp_path):
    """A name that stands for another folder than before stands for other files."""
    link = tmp_path / "link"
    for name, order in (("one", 1), ("other", -1)):
        (tmp_path / name).mkdir()
        for number in range(6):
            pixels = np.full((8, 8), 40 * number, dtype=np.uint8)[:, ::order]
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
            os.utime(tmp_path / name / f"{number}.png", (0, 0))
    tiny.set_params(checkpoint_dir=folder)

    for name in ("one", "other", "one"):
        link.unlink(missing_ok=True)
        link.symlink_to(tmp_path / name)
        paths = [link / f"{number}.png" for number in range(6)]
        clone(tiny).fit(ImageFiles(paths, (8, 8)), [0, 1, 0, 1, 0, 1])

    assert epochs == [0, 1, 0, 1]


class Hidden(torch.nn.Module):
    """A network that looks things up in training mode alone."""

    def __init__(self, n_channels, n_classes):
        super().__init__()
        self.layer = torch.nn.Linear(64 * n_channels, n_classes)
        self.norm = torch.nn.BatchNorm1d(64 * n_channels)
        self.n_calls = 0

    def forward(self, images):
        """Compute logits."""
        features = self.norm(images.flatten(1))
        if self.training:
            self.n_calls += 1
            features = HELPERS[os.environ["HELPER"]](features)
        return self.layer(features)


def of_torch(features):
    """Leave out what torch draws."""
    return torch.nn.functional.dropout(features, float(os.environ["DROPOUT"]))


def of_numpy(features):
    """Leave out what numpy draws, for a few images."""
    kept = np.random.random(len(features)) >= float(os.environ["DROPOUT"])  # noqa: NPY002
    return features * torch.as_tensor(kept, dtype=features.dtype)[:, None]


def of_python(features):
    """Leave out all of a batch, now and then."""
    is_left_out = random.random() < float(os.environ["DROPOUT"])
    return features * (not is_left_out)


HELPERS = {"torch": of_torch, "numpy": of_numpy, "python": of_python}


@pytest.mark.parametrize(
    ("helper", "before", "after"),
    [
        ("torch", "0.1", "0.2"),
        ("torch", "0", "0.02"),
        ("numpy", "0.05", "0.1"),
        ("python", "0", "1"),
    ],
)
def test_network_that_trains_otherwise_is_trained(
    noise, folder, epochs, monkeypatch, helper, before, after
):
    """What it does in training mode alone is part of what tells it from others."""
    monkeypatch.setenv("HELPER", helper)
    monkeypatch.setenv("DROPOUT", before)
    model = CNNClassifier(
        network=Hidden, max_epochs=2, random_state=0, checkpoint_dir=folder
    )
    clone(model).fit(*noise)
    clone(model).fit(*noise)
    assert epochs == [0, 1]
    monkeypatch.setenv("DROPOUT", after)

    with pytest.warns(UserWarning, match="computes something else than the one at"):
        clone(model).fit(*noise)

    assert epochs == [0, 1, 0, 1]


@pytest.mark.parametrize("helper", HELPERS)
def test_trial_leaves_no_trace(noise, folder, monkeypatch, helper):
    """Weights, statistics, attributes and all random generators are as without."""
    monkeypatch.setenv("HELPER", helper)
    monkeypatch.setenv("DROPOUT", "0.3")
    model = CNNClassifier(network=Hidden, max_epochs=2, random_state=0)
    results = []
    for where in (None, folder):
        np.random.seed(3)  # noqa: NPY002
        random.seed(3)
        torch.manual_seed(3)
        fitted = clone(model).set_params(checkpoint_dir=where).fit(*noise)
        drawn = np.random.random(), random.random(), torch.rand(()).item()  # noqa: NPY002
        body = fitted.net_.module_.body
        results.append((body.n_calls, drawn, fitted.predict_proba(noise[0])))

    assert results[0][:2] == results[1][:2]
    assert_array_equal(results[0][2], results[1][2])


class Unrepeatable(Hidden):
    """A network whose training nobody can repeat."""

    def forward(self, images):
        """Compute logits, with dropout of a generator without a seed."""
        images = images.flatten(1)
        if self.training:
            images = images * np.random.default_rng().random()
        return self.layer(images)


def test_network_that_draws_by_itself_is_resumed(noise, folder, epochs):
    """What differs from call to call tells nothing."""
    model = CNNClassifier(
        network=Unrepeatable, max_epochs=2, random_state=0, checkpoint_dir=folder
    )

    for _ in range(2):
        clone(model).fit(*noise)

    assert epochs == [0, 1]


class RareFade(BaseAugmentation):
    """A random step that changes few images, and looks up how."""

    def draw_stage(self, random, image_format):
        """Draw which images fade."""
        factor = float(os.environ["FADE"])
        return Pixelwise(torch.multiply, np.where(random.happens(0.02), factor, 1.0))


def test_rare_draws_of_a_step_count(digits, folder, epochs, monkeypatch, tiny):
    """Also where one image in fifty is changed."""
    X, y = digits
    X = RareFade().fit_transform(X)
    tiny.set_params(checkpoint_dir=folder, calibration_fraction=0)

    for factor in ("0.5", "0.6", "0.5"):
        monkeypatch.setenv("FADE", factor)
        clone(tiny).fit(X, y)

    assert epochs == [0, 1, 0, 1]

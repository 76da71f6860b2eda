"""Estimators in files: they come back equal, or not at all."""

import io
import os
import pickle
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import skops.io
from numpy.testing import assert_array_equal, assert_equal
from PIL import Image
from scipy.stats import loguniform
from skimage.filters import gaussian
from skimage.io import imread
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier
from skorch.callbacks import EpochTimer
from torch import nn

from sklcnn import CNNClassifier, augmentation, preprocessing
from sklcnn.persistence import dump, load
from sklcnn.preprocessing import ImageFunction, ReadImages

TINY = {"conv_channels": (2,), "hidden_units": (), "max_epochs": 1, "random_state": 0}
SETTINGS = {
    "CenterCrop": {"size": (7, 8)},
    "ImageFunction": {"function": gaussian, "sigma": 1.5, "preserve_range": True},
    "Resize": {"size": (8, 8)},
}


FEATURES = ("Flatten", "HOG")
"""Steps that give features, which come last."""


def every_step():
    """Make one of each step, of those on images first."""
    return [
        getattr(room, name)(**SETTINGS.get(name, {}))
        for room in (preprocessing, augmentation)
        for name in room.__all__
        if name not in ("ReadImages", *FEATURES)
        and (room is preprocessing or name.startswith("Random"))
    ]


def small(**parameters):
    """Make a classifier that trains in no time."""
    return CNNClassifier(**{**TINY, **parameters})


def flat_network(n_channels, n_classes):
    """Build a network of one layer, for gray images of 8 by 8 pixels."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64 * n_channels, n_classes))


class OwnStep(TransformerMixin, BaseEstimator):
    """A step that nobody else has."""


ESTIMATORS = {
    "classifier": small,
    "numpy parameters": lambda: small(
        learning_rate=np.float64(0.05), conv_channels=np.array([2, 3])
    ),
    "class weights": lambda: small(class_weight={0: 2.0, 1: 1.0, 2: np.float32(1)}),
    "every step": lambda: make_pipeline(*every_step(), small()),
    "features": lambda: make_pipeline(
        preprocessing.HOG(pixels_per_cell=(4, 4)), LogisticRegression()
    ),
    "pixels": lambda: make_pipeline(preprocessing.Flatten(), LogisticRegression()),
    "embeddings": lambda: make_pipeline(small(), LogisticRegression()),
    "voting": lambda: VotingClassifier([("a", small())], voting="soft"),
    "calibrated": lambda: CalibratedClassifierCV(small(), cv=2),
    "grid": lambda: GridSearchCV(
        make_pipeline(ImageFunction(gaussian), small()),
        {
            "cnnclassifier__learning_rate": np.logspace(-2, -1, 2),
            "imagefunction__sigma": [1],
        },
        cv=2,
    ),
    "grid of tuples": lambda: GridSearchCV(
        small(),
        {"conv_channels": [(2,), (2, 3)]},
        cv=StratifiedKFold(2),
        scoring=["accuracy", "f1_macro"],
        refit="accuracy",
    ),
    "adam": lambda: make_pipeline(small(), MLPClassifier(max_iter=2, random_state=0)),
    "sgd": lambda: make_pipeline(
        small(), MLPClassifier(solver="sgd", max_iter=2, random_state=0)
    ),
    "random": lambda: RandomizedSearchCV(
        small(), {"momentum": [0.5, 0.9]}, n_iter=2, cv=2, random_state=0
    ),
    "halving": lambda: HalvingGridSearchCV(
        small(), {"momentum": [0.5, 0.9]}, cv=2, min_resources=12, random_state=0
    ),
}


@pytest.fixture
def images(noise):
    """Give 30 RGB 8x8 images of noise, and three labels."""
    X, y = noise
    return np.stack([X, X.transpose(0, 2, 1), 255 - X], axis=-1), y


@pytest.fixture
def saved(noise, tmp_path):
    """Give a fitted classifier and its file."""
    model = small().fit(*noise)
    dump(model, tmp_path / "model.skops")
    return model, tmp_path / "model.skops"


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_estimators_come_back_equal(kind, images, tmp_path):
    """What is loaded has the same parameters and predictions, and trains the same."""
    X, y = images
    model = ESTIMATORS[kind]().fit(X, y)

    dump(model, tmp_path / "model.skops")
    loaded = load(tmp_path / "model.skops")

    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert loaded.__repr__(N_CHAR_MAX=9999) == model.__repr__(N_CHAR_MAX=9999)
    again = clone(loaded).fit(X, y).predict_proba(X)
    assert_array_equal(again, model.predict_proba(X))
    assert_array_equal(loaded.fit(X, y).predict_proba(X), again)


@pytest.mark.parametrize("dtype", [str, object, np.int64, bool])
def test_fitted_state_comes_back(dtype, noise, tmp_path):
    """Labels keep their dtype, the history its numbers, the generator its state."""
    X, y = noise
    y = y.astype(str) if dtype is object else y
    model = small(random_state=np.random.RandomState(0)).fit(X, y.astype(dtype))
    dump(model, tmp_path / "model.skops")

    loaded = load(tmp_path / "model.skops")

    assert loaded.classes_.dtype == model.classes_.dtype
    assert_array_equal(loaded.predict(X), model.predict(X))
    assert loaded.history_ == model.history_
    assert loaded.random_state.randint(2**31) == model.random_state.randint(2**31)
    assert loaded.partial_fit(X, y.astype(dtype)).n_iter_ == 2


def test_results_of_a_search_come_back(noise, tmp_path):
    """The table of a search is the same, masked entries included."""
    grid = [{"momentum": [0.5]}, {"conv_channels": [(2,), (3,)]}]
    search = GridSearchCV(small(), grid, cv=2).fit(*noise)
    dump(search, tmp_path / "search.skops")

    loaded = load(tmp_path / "search.skops")

    assert loaded.best_params_ == search.best_params_
    assert_equal(loaded.cv_results_, search.cv_results_)


@pytest.mark.parametrize("convert", [str, os.fsencode])
def test_paths_of_any_kind(convert, tmp_path):
    """Strings and bytes name a file like a Path."""
    path = convert(tmp_path / "model.skops")

    dump(small(dropout=0.25), path)

    assert load(path).dropout == 0.25


def test_what_names_no_file_is_told():
    """An open file, or one in memory, has no place where a file is replaced."""
    with pytest.raises(TypeError, match=r"dump expects the name of a file.*BytesIO"):
        dump(small(), io.BytesIO())
    with pytest.raises(TypeError, match=r"load expects the name of a file.*int"):
        load(3)


def test_unfitted_estimator_comes_back(tmp_path):
    """Parameters alone can be saved too."""
    dump(small(dropout=0.5), tmp_path / "model.skops")

    loaded = load(tmp_path / "model.skops")

    assert repr(loaded) == repr(small(dropout=0.5))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_fresh_process_predicts_the_same(noise, tmp_path):
    """What was dumped here predicts the same elsewhere; only then is skops imported."""
    X, y = noise
    files = [tmp_path / f"{i}.png" for i in range(len(X))]
    for file, image in zip(files, X, strict=True):
        Image.fromarray(image).save(file)
    model = make_pipeline(ReadImages((8, 8)), augmentation.RandomFlip(), small())
    search = GridSearchCV(model, {"randomflip__p": [0, 0.5]}, cv=2).fit(files, y)
    dump(search.best_estimator_, tmp_path / "model.skops")
    script = (
        "import sys; from sklcnn.persistence import dump, load\n"
        "assert 'skops' not in sys.modules\n"
        "model = load('model.skops')\n"
        "dump(model, 'again.skops')\n"
        "print(model.predict_proba(['3.png', '4.png']).tolist())"
    )

    output = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True
    ).stdout

    assert_array_equal(eval(output), search.predict_proba(files[3:5]))


def test_file_is_little_more_than_the_weights(noise, tmp_path):
    """Beside the weights, a file holds about 10 kB for a short fit."""
    model = small(conv_channels=(32, 64), hidden_units=(128,)).fit(*noise)
    n_bytes = sum(p.numel() * 4 for p in model.net_.module_.parameters())

    dump(model, tmp_path / "model.skops")

    assert n_bytes < (tmp_path / "model.skops").stat().st_size < n_bytes + 15_000


def test_flipped_bytes_are_told(saved):
    """Of 100 files with one changed byte each, none is loaded."""
    _, path = saved
    good = path.read_bytes()
    rng = np.random.default_rng(0)

    for position in rng.integers(len(good), size=100):
        bad = bytearray(good)
        bad[position] ^= rng.integers(1, 256)
        path.write_bytes(bad)
        with pytest.raises(ValueError, match=r"can't use the file '.*model.skops'"):
            load(path)


def test_every_changed_byte_at_the_end_is_told(saved):
    """The digest and what stands before it is safe from changes as well."""
    _, path = saved
    good = path.read_bytes()

    for position in range(len(good) - 110, len(good)):
        path.write_bytes(good[:position] + b"~" + good[position + 1 :])
        with pytest.raises(ValueError, match=r"damaged|not written by"):
            load(path)


@pytest.mark.parametrize("share", [0, 1e-4, 0.01, 0.5, 0.99])
def test_truncated_file_is_told(share, saved):
    """A file that lost its end is not loaded."""
    _, path = saved
    good = path.read_bytes()

    path.write_bytes(good[: int(share * len(good))])

    with pytest.raises(ValueError, match=r"model.skops'.*(empty|not written by)"):
        load(path)


def write_zip(path):
    """Write a zip file of other content."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("schema.json", "{}")


FOREIGN = {
    "pickle": lambda path: path.write_bytes(pickle.dumps(small())),
    "zip": write_zip,
    "text": lambda path: path.write_text("a text"),
    "skops": lambda path: skops.io.dump(LogisticRegression(), path),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_file_is_told(kind, tmp_path):
    """What `dump` did not write is not loaded."""
    path = tmp_path / "foreign.skops"
    FOREIGN[kind](path)

    with pytest.raises(ValueError, match=r"foreign.skops': it .*not written by"):
        load(path)


def test_path_that_is_no_file_is_told(tmp_path):
    """A missing file or folder, and a folder for a file, are told."""
    with pytest.raises(
        FileNotFoundError, match=r"No such file .*persistence.dump`.*none"
    ):
        load(tmp_path / "none.skops")
    with pytest.raises(IsADirectoryError, match=r"load can't read .*irectory"):
        load(tmp_path)
    with pytest.raises(NotADirectoryError, match=r"load can't read .*ot a directory"):
        load(Path(__file__) / "model.skops")
    with pytest.raises(ValueError, match=r"in a folder that is not there"):
        dump(small(), tmp_path / "none" / "model.skops")
    with pytest.raises(ValueError, match=r"is a folder"):
        dump(small(), tmp_path)


REFUSED = {
    r"OwnStep \(in steps\[0\]\[1\]\)": lambda: make_pipeline(OwnStep(), small()),
    r"<lambda> \(in function\)": lambda: ImageFunction(lambda image: image),
    r"imread \(in function\)": lambda: ImageFunction(imread),
    r"flat_network \(in network\)": lambda: small(network=flat_network),
    r"EpochTimer \(in callbacks\[0\]\)": lambda: small(callbacks=[EpochTimer()]),
    r"frozen \(in param_distributions.dropout\)": lambda: RandomizedSearchCV(
        small(), {"dropout": loguniform(0.1, 0.5)}
    ),
    r"Outside are .* trees, forests": lambda: DecisionTreeClassifier().fit(
        [[0], [1]], [0, 1]
    ),
    r"nearest neighbors \(but with algorithm='brute'\)": lambda: KNeighborsClassifier(
        1, algorithm="kd_tree"
    ).fit([[0], [1]], [0, 1]),
    r"this CNNClassifier: class_weight would not": lambda: small(
        class_weight={True: 1.0, False: 2.0}
    ),
    r"keys must be str": lambda: small(class_weight={("a", 1): 1.0}),
    r"cannot pickle 'generator'": lambda: GridSearchCV(
        small(), {}, cv=(split for split in [])
    ),
    r"Got <class .*CNNClassifier": lambda: CNNClassifier,
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_would_not_load_is_not_dumped(message, tmp_path):
    """Foreign types and functions are told when saving, and an old file stays."""
    path = tmp_path / "model.skops"
    path.write_text("what was there")

    with pytest.raises(ValueError, match=message):
        dump(REFUSED[message](), path)

    assert path.read_text() == "what was there"
    assert os.listdir(tmp_path) == ["model.skops"]


def test_failing_write_leaves_the_old_file(saved):
    """Where the disk has no room for all of the file, the old one stays."""
    resource = pytest.importorskip("resource")
    model, path = saved
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
        with pytest.raises(OSError, match="File too large"):
            dump(model, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)

    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_dump_replaces_the_file_behind_a_link(saved, tmp_path):
    """A symbolic link goes on pointing to the file, which is new."""
    _, path = saved
    link = tmp_path / "link.skops"
    link.symlink_to(path)

    dump(small(dropout=0.25), link)

    assert link.is_symlink()
    assert load(path).dropout == 0.25

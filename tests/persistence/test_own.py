"""Steps and networks of one's own in files, and files that skops itself reads."""

import numpy as np
import pytest
import skops.io
from numpy.testing import assert_array_equal, assert_equal
from skimage.filters import gaussian
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from torch import nn

from sklcnn import CNNClassifier
from sklcnn.augmentation import RandomErasing, RandomFlip
from sklcnn.persistence import dump, load, trusted_types
from sklcnn.preprocessing import ImageFunction


class OwnStep(TransformerMixin, BaseEstimator):
    """A step that nobody else has."""

    def fit(self, X, y=None):
        """Keep the number of images."""
        self.n_ = len(X)
        return self

    def transform(self, X):
        """Give the images back."""
        return X


class RandomDots(RandomErasing):
    """A random step of one's own."""


def flat_network(n_channels, n_classes):
    """Build a network of one layer, for gray images of 8 by 8 pixels."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64 * n_channels, n_classes))


def test_own_steps_are_saved_under_explicit_trust(noise, tmp_path):
    """Named in `trusted`, steps and networks of one's own are saved and loaded."""
    path, (X, y) = tmp_path / "model.skops", noise
    own = [OwnStep, RandomDots, flat_network]
    classifier = CNNClassifier(network=flat_network, max_epochs=1, random_state=0)
    model = make_pipeline(OwnStep(), RandomDots(), classifier)
    model.fit(X, y)

    dump(model, path, trusted=own)
    loaded = load(path, trusted=own)
    names = [f"{thing.__module__}.{thing.__name__}" for thing in own]

    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert_array_equal(load(path, trusted=names).predict(X), model.predict(X))
    assert loaded[0].n_ == 30
    for missing in range(3):
        some = [thing for i, thing in enumerate(own) if i != missing]
        name = own[missing].__name__
        with pytest.raises(ValueError, match=rf"{name} \(in .*name them in `trusted`"):
            load(path, trusted=some)
        with pytest.raises(ValueError, match=rf"{name} \(in .*your own in `trusted`"):
            dump(model, path, trusted=some)


@pytest.mark.parametrize("trusted", [OwnStep, "OwnStep", [OwnStep()], [3]])
def test_trust_is_given_to_classes_and_names(trusted, tmp_path):
    """A class alone, a name alone and an estimator are no list of what to trust."""
    path = tmp_path / "model.skops"

    with pytest.raises(TypeError, match=r"load expects trusted to .* names.*Got "):
        load(path, trusted=trusted)
    with pytest.raises(TypeError, match=r"dump expects trusted to .* names.*Got "):
        dump(CNNClassifier(), path, trusted=trusted)


def test_skops_loads_with_the_list_of_trusted_types(tiny, noise, tmp_path):
    """What skops and mlflow save is loaded with `trusted_types`, and files of ours."""
    model = tiny.fit(*noise)
    dump(model, tmp_path / "model.skops")
    search = GridSearchCV(
        make_pipeline(ImageFunction(gaussian), RandomFlip(), clone(tiny)),
        {"imagefunction__sigma": [1]},
        cv=2,
    ).fit(*noise)
    skops.io.dump(search, tmp_path / "search.skops")

    loaded = skops.io.load(tmp_path / "search.skops", trusted=trusted_types())
    ours = skops.io.load(tmp_path / "model.skops", trusted=trusted_types())

    X, _ = noise
    assert_array_equal(loaded.predict_proba(X), search.predict_proba(X))
    assert_array_equal(ours.predict_proba(X), model.predict_proba(X))


def test_bytes_and_masks_come_back(tmp_path):
    """Arrays of no elements and of text, masks, bytes and slices pass the checks."""
    path = tmp_path / "model.skops"
    model = LogisticRegression()
    kept = {
        "empty": np.zeros((0, 3)),
        "text": np.array(["a", "bcd"]),
        "none": np.array(5.0),
        "mask": np.ma.array([1.0, 2.0], mask=[True, False]),
        "objects": np.array([["a", None], [1, 2.5]], dtype=object),
        "bytes": b"abc",
        "scalar": np.float32(2),
        "fortran": np.asfortranarray(np.ones((2, 3))),
        "dates": np.array(["2020-01-01"], dtype="datetime64[D]"),
        "random": np.random.RandomState(0),
    }
    vars(model).update(kept)
    dump(model, path)

    loaded = vars(load(path))

    for name in kept.keys() - {"random"}:
        assert_equal(loaded[name], kept[name])
        assert type(loaded[name]) is type(kept[name])
    assert loaded["random"].randint(2**31) == np.random.RandomState(0).randint(2**31)

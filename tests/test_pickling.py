"""A fitted classifier as plain arrays: pickles, copies, and what damages them."""

import copy
import pickle

import joblib
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.base import clone

from sklcnn import CNNClassifier
from tests._strategies import NEUTRAL, PARAMETERS, some_of


def test_pickle_is_small_and_plain(digits):
    """A pickle holds little more than the weights, and predicts the same."""
    X, y = digits
    model = CNNClassifier(max_epochs=1, random_state=0).fit(X, y)
    n_bytes = sum(p.numel() * 4 for p in model.net_.module_.parameters())

    data = pickle.dumps(model)

    assert len(data) < 1.2 * n_bytes + 20_000
    assert b"torch" not in data
    loaded = pickle.loads(data)
    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert loaded.partial_fit(X, y).n_iter_ == 2


def test_damaged_pickle_is_an_error(tiny, noise):
    """A flipped bit, a lost or a misshapen weight is told, not predicted with."""
    state = pickle.dumps(tiny.fit(*noise).__getstate__())
    flipped, lost, misshapen, no_array = (pickle.loads(state) for _ in range(4))
    name = "body.0.weight"
    flipped["_fitted"]["weights"][name].view(np.uint8).flat[5] ^= 1
    del lost["_fitted"]["weights"][name]
    misshapen["_fitted"]["weights"][name] = np.zeros((1, 1), np.float32)
    no_array["_fitted"]["weights"][name] = [1.0]

    for damaged in (flipped, lost, misshapen, no_array):
        with pytest.raises(ValueError, match="The saved CNNClassifier is damaged"):
            CNNClassifier().__setstate__(damaged)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("classes_", np.array([2, 1, 0])),
        ("classes_", np.array([0, 1])),
        ("_seed", 3),
        ("_fitted", None),
        ("_fitted", {"weights": {}}),
        ("_fitted", {}),
    ],
)
def test_damaged_facts_are_an_error(tiny, noise, name, value):
    """What belongs to the weights is sealed with them."""
    state = tiny.fit(*noise).__getstate__()
    state[name] = value

    with pytest.raises(ValueError, match="The saved CNNClassifier is damaged"):
        CNNClassifier().__setstate__(state)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_model_made_for_a_gpu_loads_without_one(tiny, noise):
    """What was trained with device="cuda" predicts on a CPU, with a warning."""
    X, y = noise
    model = tiny.fit(X, y)
    state = model.__getstate__()
    state["device"] = "cuda"
    network = model._network
    network.device_asked_for = "cuda"
    state["_fitted"] = network.state(model._sealed())
    loaded = CNNClassifier()

    with pytest.warns(UserWarning, match="made for device='cuda', which is not here"):
        loaded.__setstate__(state)

    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert loaded.device == "cuda"


def test_unfitted_classifier_is_pickled(tiny):
    """Parameters alone are pickled too."""
    loaded = pickle.loads(pickle.dumps(tiny))

    assert loaded.get_params() == tiny.get_params()
    assert not loaded.__sklearn_is_fitted__()


def test_hashing_does_not_depend_on_training(tiny):
    """Joblib gives equal classifiers the same hash."""
    assert joblib.hash(tiny) == joblib.hash(clone(tiny))


def test_copies_are_independent(tiny, noise):
    """Training a copy on does not change the original."""
    X, y = noise
    model = tiny.fit(X, y)
    before = model.predict_proba(X)

    copy.deepcopy(model).partial_fit(X, y)
    copy.copy(model).partial_fit(X, y)

    assert_array_equal(model.predict_proba(X), before)


def test_joblib_loads_as_a_memory_map(tiny, noise, tmp_path):
    """A model that joblib dumped can be loaded as a memory map."""
    X, y = noise
    model = tiny.fit(X, y)
    joblib.dump(model, tmp_path / "model.joblib")

    loaded = joblib.load(tmp_path / "model.joblib", mmap_mode="r")

    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


def test_parameters_set_later_change_no_pickle(tiny, noise):
    """What was fitted is saved as it was, and nothing of it is read again."""
    X, y = noise
    model = tiny.fit(X, y)
    expected = model.predict_proba(X)
    later = {"precision": "bfloat16", "optimizer": "bogus", "network": len}
    model.set_params(**later, device="nowhere", conv_channels=(99,), callbacks=[1])

    loaded = pickle.loads(pickle.dumps(model))

    assert_array_equal(model.predict_proba(X), expected)
    assert_array_equal(loaded.predict_proba(X), expected)
    assert loaded.history_ == model.history_
    assert loaded.get_params()["optimizer"] == "bogus"


def test_parameters_of_later_versions_have_their_defaults(tiny, noise):
    """A state that lacks some is that of an older version."""
    X, y = noise
    state = tiny.fit(X, y).__getstate__()
    for name in ("mixup", "compile", "checkpoint_dir"):
        del state[name]
    loaded = CNNClassifier()

    loaded.__setstate__(state)

    assert loaded.get_params() == tiny.get_params()
    assert_array_equal(loaded.predict_proba(X), tiny.predict_proba(X))


ABSURD = {
    name: st.sampled_from([None, "bogus", -1, (0, "a")])
    for name in CNNClassifier().get_params()
}


@pytest.fixture(scope="module")
def fitted():
    """Give a fitted classifier, images and what it predicts."""
    X = np.random.default_rng(0).random((30, 8, 8))
    model = CNNClassifier(conv_channels=(4,), max_epochs=1, random_state=0)
    model.fit(X, np.arange(30) % 3)
    return pickle.dumps(model), X, model.predict_proba(X), model.transform(X)


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(parameters=some_of(PARAMETERS | NEUTRAL) | some_of(ABSURD))
def test_no_parameter_set_later_changes_a_prediction(fitted, parameters):
    """Neither before nor after pickling and copying, whether it makes sense or not."""
    saved, X, probabilities, embeddings = fitted
    parameters.pop("n_jobs", None)  # which is a matter of the process at hand
    model = pickle.loads(saved).set_params(**parameters)

    for same in (model, pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert_array_equal(same.predict_proba(X), probabilities)
        assert_array_equal(same.transform(X), embeddings)
        assert same.get_params() == model.get_params()

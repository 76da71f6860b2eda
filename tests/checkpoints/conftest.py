"""Settings that the tests of checkpoints share."""

import math

import pytest
import torch
from numpy.testing import assert_array_equal

from sklcnn import CNNClassifier
from sklcnn.checkpoints import _folder
from sklcnn.network import _training


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Give a folder in which every epoch is written, however little it takes."""
    monkeypatch.setattr(_folder, "PAUSE", 0)
    return tmp_path / "checkpoints"


@pytest.fixture
def model(folder):
    """Give a classifier that keeps checkpoints, and uses all that is drawn."""
    return CNNClassifier(
        conv_channels=(4,),
        hidden_units=(8,),
        dropout=0.3,
        mixup=0.2,
        early_stopping=True,
        validation_fraction=0.2,
        n_iter_no_change=3,
        max_epochs=6,
        random_state=0,
        checkpoint_dir=folder,
    )


@pytest.fixture
def epochs(monkeypatch):
    """Give the list of epochs that are trained, and interrupt them on demand."""

    class Epochs(list):
        interrupted_after = math.inf

    trained, train_epoch = Epochs(), _training.train_epoch

    def run(training):
        epoch = len(training.net.history)
        if epoch >= trained.interrupted_after:
            raise KeyboardInterrupt
        trained.append(epoch)
        train_epoch(training)

    monkeypatch.setattr(_training, "train_epoch", run)
    return trained


def without_seconds(records):
    """Leave out of a history what no two trainings have in common."""
    return [record | {"seconds": 0} for record in records]


SCRIPT = """
import sys
import numpy as np
from sklearn.datasets import load_digits
from sklcnn import CNNClassifier
from sklcnn.augmentation import RandomRotation
data = load_digits()
X, y = data.images[:300], data.target[:300]
model = CNNClassifier(
    early_stopping=True, max_epochs=30, dropout=0.2, random_state=0,
    checkpoint_dir=sys.argv[1] or None,
)
print("ready", flush=True)
model.fit(RandomRotation().fit_transform(X), y)
history = [[record["train_loss"], record["valid_loss"]] for record in model.history_]
np.savez(sys.argv[2], proba=model.predict_proba(X), history=history)
"""


def _assert_equal_models(one, two):
    """Compare all that was fitted, to the last bit."""
    states = [model.net_.module_.state_dict() for model in (one, two)]
    assert states[0].keys() == states[1].keys()
    for name, tensor in states[0].items():
        assert torch.equal(tensor, states[1][name]), name
    moments = [model.net_.optimizer_.state_dict()["state"] for model in (one, two)]
    for first, second in zip(moments[0].values(), moments[1].values(), strict=True):
        for name, tensor in first.items():
            assert torch.equal(tensor, second[name])
            assert tensor.stride() == second[name].stride()
    assert without_seconds(one.history_) == without_seconds(two.history_)
    assert without_seconds(one.net_.history) == without_seconds(two.net_.history)
    for name in ("n_iter_", "best_epoch_", "image_shape_", "_seed"):
        assert getattr(one, name) == getattr(two, name)
    assert one._network.pixel_range == two._network.pixel_range
    assert_array_equal(one.classes_, two.classes_)


@pytest.fixture
def assert_equal_models():
    """Give the comparison of all that was fitted, to the last bit."""
    return _assert_equal_models

"""Files that earlier versions wrote: they load, and predict what they predicted."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.special import softmax

from sklcnn import CNNClassifier
from sklcnn.checkpoints._file import read_checkpoint
from sklcnn.checkpoints._state import restore
from sklcnn.network import (
    FittedNetwork,
    TrainingData,
    make_net,
    plan_training,
    use_best_weights,
)
from sklcnn.network._fitted import build_module
from sklcnn.persistence import load

VERSIONS = sorted(path for path in (Path(__file__).parent / "golden").glob("0.*"))

pytestmark = [
    pytest.mark.parametrize("folder", VERSIONS, ids=lambda folder: folder.name),
    pytest.mark.filterwarnings("ignore:Trying to unpickle estimator"),
]


@pytest.fixture
def images():
    """Give the images that the files were made with, and their labels."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (30, 10, 8, 3), dtype=np.uint8)
    return X, np.array(["cat", "dog", "owl"])[np.arange(30) % 3]


def expected(folder):
    """Read what the models of a folder predicted."""
    return np.load(folder / "expected.npz")


def test_pickles_load(folder, images):
    """Predictions, embeddings, history; and training goes on."""
    X, y = images
    model = pickle.loads((folder / "classifier.pickle").read_bytes())

    assert_allclose(model.predict_proba(X), expected(folder)["classifier"], atol=1e-5)
    assert_allclose(model.transform(X), expected(folder)["embeddings"], atol=1e-5)
    assert model.classes_.tolist() == ["cat", "dog", "owl"]
    assert model.n_iter_ == len(model.history_) == 3
    assert model.partial_fit(X, y).n_iter_ == 4


def test_files_of_pipelines_load(folder, images):
    """Steps before the classifier included."""
    model = load(folder / "pipeline.skops")

    probabilities = model.predict_proba(images[0])

    assert_allclose(probabilities, expected(folder)["pipeline"], atol=1e-5)


def test_checkpoints_load(folder, images):
    """A training is restored from one, and is finished."""
    X, y = images
    checkpoint = read_checkpoint(folder / "training.checkpoint", None)
    model = CNNClassifier(hidden_units=(5,), dropout=0.2, max_epochs=3)
    model.set_params(early_stopping=True, random_state=1).fit(X, y)
    network = model.net_.network
    blocks = [
        {"channels": n, "kernel": [3, 3], "stride": [1, 1], "pool": [2, 2]}
        for n in (4, 6)
    ]
    layout = network.spec.layout | {"blocks": blocks}
    spec, module = build_module(replace(network.spec, layout=layout), 0, "cpu")
    network = FittedNetwork(spec, module, network.pixel_range, "cpu")
    network.move("cpu", dtype=torch.float32, bfloat16=(False, False))
    net = make_net(network, model.get_params(), seed=1)
    rows = np.arange(30)
    data = TrainingData(X, rows % 3, np.ones(30), rows)
    data.valid = data
    training = plan_training(net, data, model.get_params())

    restore(training, checkpoint)
    use_best_weights(training)

    assert training.is_finished
    assert len(net.history) == 3
    probabilities = softmax(network.logits(X), axis=1)
    assert_allclose(probabilities, expected(folder)["checkpoint"], atol=1e-5)

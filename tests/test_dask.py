"""Searches on a Dask cluster whose workers are killed, and predictions in blocks."""

import os
import signal

import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from joblib.parallel import get_active_backend
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from torch import nn

from sklcnn import CNNClassifier
from sklcnn.network import _training
from sklcnn.network._hardware import number_of_worker
from sklcnn.parallel import register_dask

distributed = pytest.importorskip("distributed")
dask_array = pytest.importorskip("dask.array")


@pytest.fixture(scope="module")
def client():
    """Give a client of two worker processes, that take what they are."""
    register_dask()
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def deadly_network(folder, fatal):
    """Make a function that builds a network, and kills the worker in fatal calls."""
    owner = os.getpid()

    def network(n_channels, n_classes):
        if os.getpid() != owner:
            number = len(list(folder.iterdir()))
            (folder / f"{number}-{os.getpid()}").touch()
            if number in fatal:
                os.kill(os.getpid(), signal.SIGKILL)
        return nn.Sequential(
            nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * n_channels, n_classes)
        )

    return network


@pytest.mark.parametrize(
    ("n_candidates", "fatal"),
    [(3, (4,)), pytest.param(8, (5, 14), marks=pytest.mark.slow)],
)
def test_search_ends_though_workers_are_killed(
    client, noise, tmp_path, n_candidates, fatal
):
    """A search some of whose fits kill their worker gives the same scores."""
    X, y = (np.repeat(array, 10, axis=0) for array in noise)
    model = CNNClassifier(
        network=deadly_network(tmp_path, fatal), max_epochs=1, random_state=0
    )
    grid = {"learning_rate": np.geomspace(1e-3, 0.1, n_candidates)}
    search = GridSearchCV(model, grid, cv=3, error_score="raise")
    expected = search.fit(X, y).cv_results_

    with parallel_config(backend="sklcnn-dask", n_jobs=-1):
        actual = search.fit(X, y).cv_results_

    for name in expected:
        if not name.endswith("_time"):
            assert_array_equal(actual[name], expected[name])
    assert len(list(tmp_path.iterdir())) >= 3 * n_candidates + len(fatal)


def test_what_workers_trained_is_loaded_elsewhere(
    client, tiny, noise, tmp_path, monkeypatch
):
    """A search on the cluster leaves checkpoints for the same search without it."""
    search = GridSearchCV(
        tiny.set_params(checkpoint_dir=tmp_path),
        {"learning_rate": [0.01, 0.05]},
        cv=2,
        error_score="raise",
    )
    with parallel_config(backend="sklcnn-dask", n_jobs=-1):
        expected = clone(search).fit(*noise)

    monkeypatch.delattr(_training, "train_epoch")
    actual = search.fit(*noise)

    for name in ("mean_test_score", "split1_test_score"):
        assert_array_equal(actual.cv_results_[name], expected.cv_results_[name])
    X, _ = noise
    assert_array_equal(actual.predict_proba(X), expected.predict_proba(X))


def test_workers_have_numbers(client):
    """Each worker process has its own, from 0, and the client has none."""
    client.wait_for_workers(2)
    numbers = [
        client.submit(number_of_worker, workers=[address], pure=False).result()
        for address in client.scheduler_info()["workers"]
    ]

    assert sorted(numbers) == [0, 1]
    assert number_of_worker() is None


def test_calls_within_calls_go_to_the_cluster(client):
    """A parallel call on a worker uses the cluster, and data that come back."""
    data = np.arange(1000.0)

    def total(rows):
        parts = np.array_split(rows, 4)
        backend = type(get_active_backend()[0]).__name__
        return backend, sum(Parallel(n_jobs=-1)(delayed(np.sum)(p) for p in parts))

    with parallel_config(backend="sklcnn-dask", n_jobs=-1):
        found = Parallel()(delayed(total)(data) for _ in range(2))

    assert found == [("KeepingBackend", data.sum())] * 2


def test_data_named_beforehand_are_sent_as_tasks(client):
    """`scatter=` sends data that come back, too."""
    data = np.arange(1000.0)

    with parallel_config(backend="sklcnn-dask", n_jobs=-1, scatter=[data]):
        found = Parallel()(delayed(np.sum)(data) for _ in range(2))

    assert found == [data.sum()] * 2


def test_blocks_of_a_dask_array_are_predicted_alike(client, tiny, noise):
    """Probabilities of a Dask array, block by block, are those of the whole array."""
    X, y = noise
    model = tiny.fit(X, y)
    blocks = dask_array.from_array(X, chunks=(7, -1, -1))

    lazy = blocks.map_blocks(
        model.predict_proba,
        drop_axis=2,
        chunks=(blocks.chunks[0], (3,)),
        meta=np.empty((0, 0)),
    )

    assert lazy.shape == (30, 3)
    assert_allclose(lazy.compute(), model.predict_proba(X), rtol=0, atol=1e-6)

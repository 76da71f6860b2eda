"""Searches on a Dask cluster whose workers are killed, and predictions in blocks."""

import os
import signal
import sys
import threading
import time

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

dask = pytest.importorskip("dask")
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


class OwnError(Exception):
    """An error that takes two arguments, but remembers one: it can't be unpickled."""

    def __init__(self, name, number):
        super().__init__(f"{name} has {number}")


class UnreadableResult:
    """Something that can be pickled, but not unpickled."""

    def __reduce__(self):
        return int, ("no number",)


class Unpicklable:
    """Something large enough to be sent on its own, that can't be."""

    def __init__(self):
        self.lock, self.zeros = threading.Lock(), np.zeros(1000)

    def __sizeof__(self):
        return 8000


def raise_value(error):
    """Raise an error that is made on the worker."""
    raise error()


def slowly(number):
    """Take half a second."""
    time.sleep(0.5)
    return number


FAILURES = {
    r"no finite loss": (raise_value, lambda: ValueError("no finite loss")),
    r"a has 3": (raise_value, lambda: OwnError("a", 3)),
    r"raised KeyboardInterrupt\(\)": (raise_value, KeyboardInterrupt),
    r"raised SystemExit": (sys.exit, 3),
    r"pickle .*lock": (lambda _: threading.Lock(), 0),
    r"invalid literal": (lambda _: UnreadableResult(), 0),
    r"(?i)cannot pickle|serialize": (id, Unpicklable()),
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("message", FAILURES)
def test_error_of_a_task_ends_the_call(client, message):
    """What a task raises is raised here, and the cluster forgets the other tasks."""
    function, argument = FAILURES[message]

    with (
        parallel_config(backend="sklcnn-dask", n_jobs=-1),
        pytest.raises(Exception, match=message),
    ):
        Parallel(timeout=60)(delayed(function)(argument) for _ in range(4))

    deadline = time.monotonic() + 20
    while client.processing() and any(client.processing().values()):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_cluster_of_one_worker_gets_the_work():
    """Calls are not made by this process because the cluster has a single core."""
    register_dask()
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster),
        parallel_config(backend="sklcnn-dask", n_jobs=-1),
    ):
        pids = Parallel()(delayed(os.getpid)() for _ in range(3))

    assert os.getpid() not in pids


@pytest.fixture
def own_client(request):
    """Give a client of a cluster of the test's own, with settings of Dask."""
    register_dask()
    with (
        dask.config.set(request.param),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.slow
@pytest.mark.parametrize(
    "own_client", [{"distributed.scheduler.allowed-failures": 1}], indirect=True
)
def test_deadly_fit_ends_the_search(own_client, noise, tmp_path):
    """A fit under which worker after worker dies is named, and the search ends."""
    model = CNNClassifier(network=deadly_network(tmp_path, range(100)), max_epochs=1)
    search = GridSearchCV(model, {"learning_rate": [0.1]}, cv=2, refit=False)

    with (
        parallel_config(backend="sklcnn-dask", n_jobs=-1),
        pytest.raises(distributed.KilledWorker, match=r"_fit_and_score.*2 different"),
    ):
        search.fit(*noise)


@pytest.mark.slow
@pytest.mark.parametrize(
    "own_client", [{"distributed.scheduler.worker-ttl": "15s"}], indirect=True
)
def test_stopped_worker_is_replaced(own_client):
    """A worker that is stopped for longer than `worker-ttl` is done without."""
    pid = next(iter(own_client.run(os.getpid).values()))
    timer = threading.Timer(1, os.kill, (pid, signal.SIGSTOP))
    timer.start()

    with parallel_config(backend="sklcnn-dask", n_jobs=-1):
        found = Parallel(timeout=120)(delayed(slowly)(i) for i in range(8))

    timer.join()
    assert found == list(range(8))


@pytest.mark.slow
@pytest.mark.parametrize("own_client", [{}], indirect=True)
def test_cluster_without_workers_ends_the_call(own_client):
    """Where all workers are gone for longer than said, the call ends with an error."""
    workers = list(own_client.scheduler_info()["workers"])
    timer = threading.Timer(1, own_client.retire_workers, [workers])
    timer.start()

    with (
        parallel_config(backend="sklcnn-dask", n_jobs=-1, no_workers_timeout=2),
        pytest.raises(
            TimeoutError, match=r"no worker for 2 seconds.*no_workers_timeou"
        ),
    ):
        Parallel(timeout=120)(delayed(slowly)(i) for i in range(20))

    timer.join()


def test_users_settings_of_dask_stay():
    """Only Dask's own default is replaced, not what a user has set."""
    name = "distributed.deploy.lost-worker-timeout"

    register_dask()
    assert dask.config.get(name) == "60s"
    with dask.config.set({name: "7s"}):
        register_dask()
        assert dask.config.get(name) == "7s"


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

"""Many callers of one estimator: threads, forked servers, pools of processes."""

import os

import pytest

from tests.reliability import _callers
from tests.reliability._processes import FRESH, Job

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX")
slow = pytest.mark.slow


@pytest.mark.parametrize("n_calls", [40, pytest.param(800, marks=slow)])
def test_callers_in_threads_get_what_one_gets(n_calls):
    """8 threads predict and embed while two train, with two threads of torch."""
    n_wrong, n_trained = Job(_callers.ask_in_threads, n_calls, context=FRESH).result(
        300
    )

    assert n_wrong == 0
    assert n_trained > 0


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("n_rounds", [1, pytest.param(5, marks=slow)])
def test_preloaded_server_answers(n_jobs, n_rounds):
    """Fitted in the parent; 4 forked workers predict in 4 threads each."""
    for _ in range(n_rounds):
        codes = Job(_callers.serve, n_jobs, context=FRESH).result(60)

        assert codes == [0] * 4


@pytest.mark.parametrize("n_forks", [15, pytest.param(1000, marks=slow)])
def test_processes_forked_beside_training_do_not_hang(n_forks):
    """A fork waits for the end of the batch, whose libraries hold locks until then."""
    job = Job(_callers.fork_beside_training, n_forks, context=FRESH)

    codes = job.result(60 + 10 * n_forks)

    assert codes == [0] * n_forks


@slow
@pytest.mark.parametrize("backend", ["multiprocessing", "loky", "threading"])
@pytest.mark.parametrize("n_rounds", [10])
def test_backends_of_joblib_do_not_hang(backend, n_rounds):
    """After a fit and a prediction in the parent, with two threads of torch."""
    assert Job(_callers.ask_backend, backend, n_rounds, context=FRESH).result(300) == 0


@slow
@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
@pytest.mark.parametrize("n_rounds", [10])
def test_pools_of_processes_do_not_hang(method, n_rounds):
    """However they are started."""
    assert Job(_callers.ask_pool, method, n_rounds, context=FRESH).result(300) == 0

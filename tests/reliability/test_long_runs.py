"""Memory, threads and open files over hundreds of calls in one process."""

from pathlib import Path

import numpy as np
import pytest

from tests.reliability import _long_runs
from tests.reliability._processes import Job

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")


@pytest.mark.parametrize("n_calls", [30, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("call", _long_runs.CALLS)
def test_nothing_grows_after_the_tenth_call(tmp_path, call, n_calls):
    """Threads and open files are as many as then, memory within a megabyte."""
    measured = Job(_long_runs.measure, call, n_calls, tmp_path).result(300)

    mebibytes, n_threads, n_files = np.array(measured).T
    growth = np.median(mebibytes[-10:]) - np.median(mebibytes[10:20])
    print(f"{call}: {growth:+.2f} MiB of {mebibytes[-1]:.0f} in {n_calls} calls")
    assert set(n_threads[10:]) == {n_threads[9]}
    assert set(n_files[10:]) == {n_files[9]}
    assert growth < 1

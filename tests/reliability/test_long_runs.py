"""Memory, threads and open files over hundreds of calls, and with wide outputs."""

from pathlib import Path

import numpy as np
import pytest

from tests.reliability import _long_runs
from tests.reliability._processes import Job

slow = pytest.mark.slow
pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")


@pytest.mark.parametrize("n_calls", [30, pytest.param(200, marks=slow)])
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


@pytest.mark.parametrize("n_images", [6_000, pytest.param(80_000, marks=slow)])
@pytest.mark.parametrize(
    "method",
    ["transform", "predict_proba", "predict_log_proba", "decision_function"],
)
def test_wide_outputs_take_their_own_memory_and_little_more(method, n_images):
    """Beside the output of 1,024 columns there is about one batch."""
    size, peak = Job(_long_runs.peak_of, method, n_images).result(600)

    print(f"{method}: {size:.0f} MiB of output, {peak:.0f} MiB at the peak")
    assert peak < size + 20

"""Processes that share a folder of checkpoints, each killed and started again."""

import fnmatch
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.reliability import _jobs
from tests.reliability._processes import disturbed, timed

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX")

FITS = [{}, {"dropout": 0.1}, {"random_state": 1}]


@pytest.mark.parametrize(
    ("n_processes", "n_kills"), [(3, 1), pytest.param(6, 10, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("fits", [FITS[:1], FITS], ids=["the same", "different"])
def test_crowd_ends_as_each_does_alone(tmp_path, fits, n_processes, n_kills):
    """Whoever is killed, and whoever finds the work of others: equal to the bit."""
    alone = [timed(_jobs.fit, None, tmp_path / "log", known) for known in fits]
    folder, killed = tmp_path / "folder", []

    def insist(number):
        (expected, length), known = alone[number % len(fits)], fits[number % len(fits)]
        log, rng = tmp_path / f"log{number}", np.random.default_rng(number)
        for moment in rng.uniform(0, 2 * length, n_kills):
            answer = disturbed(signal.SIGKILL, moment, _jobs.fit, folder, log, known)
            assert answer in (None, expected)
            killed.append(answer is None)
        assert timed(_jobs.fit, folder, log, known)[0] == expected

    with ThreadPoolExecutor(n_processes) as pool:
        list(pool.map(insist, range(n_processes)))

    print(f"{sum(killed)} of {len(killed)} processes were killed at work")
    assert any(killed)
    names = [path.name for path in folder.iterdir()]
    assert len(fnmatch.filter(names, "*-[0-9]*.checkpoint")) == len(fits)
    assert not [name for name in names if name.endswith("running.checkpoint")]

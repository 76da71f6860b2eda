"""Signals at random moments: nothing is lost, and nothing looks finished too early."""

import os
import signal
from collections import Counter

import numpy as np
import pytest

from sklcnn.checkpoints._file import read_checkpoint
from sklcnn.persistence import load
from tests.reliability import _jobs
from tests.reliability._processes import disturbed, timed

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX")
signals = pytest.mark.parametrize(
    "number", [signal.SIGKILL, signal.SIGINT], ids=["SIGKILL", "SIGINT"]
)
often = pytest.mark.parametrize(
    "n_moments", [2, pytest.param(20, marks=pytest.mark.slow)]
)


def moments_of(length, n_moments):
    """Draw one moment of each of so many equal parts of some seconds."""
    starts = np.arange(n_moments) + np.random.default_rng(0).random(n_moments)
    return starts * length / n_moments


def epochs_in(log, kind):
    """List the epochs that began, or ended, as they were written down."""
    lines = log.read_text().split("\n") if log.exists() else []
    return [int(line.split()[1]) for line in lines if line.startswith(kind)]


def digests_in(log):
    """Give the digest of what was trained after each number of epochs."""
    ends = [line.split() for line in log.read_text().splitlines() if "end" in line]
    return {0: None} | {int(epoch) + 1: digest for _, epoch, digest in ends}


def finished_in(folder):
    """Give the numbers in the files of finished trainings, and the files themselves."""
    paths = folder.glob("*[0-9].checkpoint")
    read = {path: read_checkpoint(path, None) for path in paths}
    numbers = {
        path.name: {name: value.tolist() for name, value in found.tensors.items()}
        for path, found in read.items()
    }
    return numbers, {path.name: path.stat().st_ino for path in read}


@signals
@often
def test_fit_goes_on_after_its_last_epoch(tmp_path, number, n_moments):
    """At most the epoch that was under way is trained again; all bits are the same."""
    expected, length = timed(_jobs.fit, tmp_path / "whole", tmp_path / "log")
    states = digests_in(tmp_path / "log")
    n_epochs, n_disturbed = len(states) - 1, 0
    for index, moment in enumerate(moments_of(length, n_moments)):
        folder, log = tmp_path / f"folder{index}", tmp_path / f"log{index}"
        answer = disturbed(number, moment, _jobs.fit, folder, log)
        n_before = len(epochs_in(log, "begin"))
        if answer != expected:
            n_disturbed += 1
            assert answer is None or answer[1][1] == states[answer[1][0]]
            assert not list(folder.glob("*[0-9].checkpoint")) or n_before == n_epochs

        assert timed(_jobs.fit, folder, log)[0] == expected

        assert set(epochs_in(log, "begin")) == set(range(n_epochs))
        assert len(epochs_in(log, "begin")) <= n_epochs + 1
        print(f"{moment:.2f} of {length:.2f} s: {n_before} epochs of {n_epochs}")
    assert n_disturbed >= n_moments // 2  # loads change, and some come too late


@signals
@often
def test_partial_fit_keeps_whole_epochs(tmp_path, number, n_moments):
    """The file and the estimator at hand are those of the end of an epoch."""
    expected, length = timed(_jobs.partial_fit, tmp_path / "whole", tmp_path / "log")
    states, n_disturbed = digests_in(tmp_path / "log"), 0
    for index, moment in enumerate(moments_of(length, n_moments)):
        path, log = tmp_path / f"{index}.skops", tmp_path / f"log{index}"
        answer = disturbed(number, moment, _jobs.partial_fit, path, log)
        saved = _jobs.state_of(load(path))[0] if path.exists() else 0
        if answer != expected:
            n_disturbed += 1
            assert answer is None or answer[1][1] == states[answer[1][0]]
            begun = epochs_in(log, "begin")
            assert saved >= max(begun, default=0)

        assert timed(_jobs.partial_fit, path, log)[0] == expected

        assert max(Counter(epochs_in(log, "begin")).values()) <= 2
        assert not list(tmp_path.glob(f"{index}.skops?*")) or number == signal.SIGKILL
        print(f"{moment:.2f} of {length:.2f} s: {saved} epochs saved")
    assert n_disturbed >= n_moments // 2  # loads change, and some come too late


@signals
@pytest.mark.parametrize(
    ("search", "n_moments", "n_jobs"),
    [
        (_jobs.search, 2, None),
        pytest.param(_jobs.search, 20, None, marks=pytest.mark.slow),
        pytest.param(_jobs.search, 6, 2, marks=pytest.mark.slow),
        pytest.param(_jobs.search_networks, 4, None, marks=pytest.mark.slow),
    ],
)
def test_search_ranks_nothing_half_trained(tmp_path, number, search, n_moments, n_jobs):
    """Finished candidates stay, files of others are not there, scores are the same."""
    whole = tmp_path / "whole"
    expected, length = timed(search, whole, tmp_path / "log", n_jobs)
    n_epochs, n_disturbed = len(epochs_in(tmp_path / "log", "begin")), 0
    results, _ = finished_in(whole)
    for index, moment in enumerate(moments_of(length, n_moments)):
        folder, log = tmp_path / f"folder{index}", tmp_path / f"log{index}"
        answer = disturbed(number, moment, search, folder, log, n_jobs)
        finished, files = finished_in(folder)
        if answer != expected:
            n_disturbed += 1
            assert answer in (None, ("interrupted", False))
        assert finished.items() <= results.items()

        assert timed(search, folder, log, n_jobs)[0] == expected

        assert files.items() <= finished_in(folder)[1].items()
        assert finished_in(folder)[0] == results
        if n_jobs is None:  # workers write nothing down
            assert len(epochs_in(log, "begin")) <= n_epochs + 1
        print(f"{moment:.2f} of {length:.2f} s: {len(files)} of {len(results)} done")
    assert n_disturbed >= n_moments // 2  # loads change, and some come too late

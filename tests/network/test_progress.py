"""The progress bar is there where somebody looks."""

import os
import pty
import subprocess
import sys
import termios
import textwrap
from types import SimpleNamespace

import pytest

from sklcnn.network._progress import is_looked_at, progress_bar

SCRIPT = textwrap.dedent(
    """
    import sys
    import numpy as np
    from sklcnn import CNNClassifier
    from sklcnn.network import _progress

    _progress.DELAY = float(sys.argv[1])
    X, y = np.zeros((8, 4, 4)), np.arange(8) % 2
    model = CNNClassifier(conv_channels=(2,), hidden_units=(), max_epochs=3)
    model.set_params(**{"verbose": eval(sys.argv[2])}).fit(X, y)
    """
)


def fit_in_terminal(delay, verbose):
    """Fit in a process whose standard error is a terminal, and read it."""
    reader, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    command = [sys.executable, "-c", SCRIPT, str(delay), repr(verbose)]
    subprocess.run(command, stderr=terminal, check=True)
    os.close(terminal)
    shown = b""
    try:
        while part := os.read(reader, 4096):
            shown += part
    except OSError:  # the end
        pass
    os.close(reader)
    return shown.decode()


def test_a_terminal_has_a_bar_with_the_time_that_remains():
    """By default, and for as long as the training lasts."""
    shown = fit_in_terminal(0, "auto")

    assert "0/3" in shown
    assert "epoch" in shown
    assert shown.rstrip(" ").endswith("\r")


@pytest.mark.parametrize(("delay", "verbose"), [(60, "auto"), (0, 0)])
def test_short_trainings_and_verbose_0_have_none(delay, verbose):
    """Nothing at all is written."""
    assert fit_in_terminal(delay, verbose) == ""


def test_files_and_workers_have_none(monkeypatch):
    """Only the main process, and only where standard error is a terminal."""
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    assert not is_looked_at()  # pytest captures
    assert progress_bar("auto", total=3).disable
    assert not progress_bar(True, total=3).disable


def test_notebooks_have_one(monkeypatch):
    """Whose standard error is no terminal."""
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    main, worker = (SimpleNamespace(name=n) for n in ("MainProcess", "LokyProcess-1"))

    monkeypatch.setattr("multiprocessing.current_process", lambda: main)
    assert is_looked_at()

    monkeypatch.setattr("multiprocessing.current_process", lambda: worker)
    assert not is_looked_at()


@pytest.mark.parametrize("progress", ["auto", True])
def test_a_program_without_standard_error_shows_none(monkeypatch, progress):
    """Such as one that pythonw runs, which has no console."""
    monkeypatch.setattr(sys, "stderr", None)

    with progress_bar(progress, total=2) as bar:
        bar.update()

    assert bar.disable

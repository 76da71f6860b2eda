"""Processes that are killed, and processes that share a folder."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal

DRIVER = """
import os, re, signal, sys, time
from pathlib import Path
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklcnn import CNNClassifier
from sklcnn.augmentation import RandomRotation

data, where = load_digits(), Path(sys.argv[1])
X, y = data.images[:200], data.target[:200]

def make(folder):
    return CNNClassifier(
        early_stopping=True, max_epochs=12, n_iter_no_change=12, dropout=0.2,
        conv_channels=(8, 16), hidden_units=(16,), random_state=0,
        checkpoint_dir=folder,
    )

def fit(folder, result):
    model = make(folder).set_params(max_epochs=200, n_iter_no_change=100)
    X, y = data.images[:600], data.target[:600]
    model.fit(RandomRotation().fit_transform(X), y)
    history = [[r["train_loss"], r["valid_loss"]] for r in model.history_]
    weights = model.net_.module_.state_dict().values()
    weights = np.concatenate([tensor.double().numpy().ravel() for tensor in weights])
    proba = model.predict_proba(X)
    np.savez(where / result, history=history, weights=weights, proba=proba)

def search(folder, result):
    grid = {"learning_rate": [0.01, 0.02, 0.05], "dropout": [0.0, 0.2]}
    search = GridSearchCV(make(folder), grid, cv=2, n_jobs=2)
    search.fit(X, y)
    scores = [search.cv_results_[f"split{i}_test_score"] for i in range(2)]
    np.savez(where / result, scores=scores, proba=search.predict_proba(X))

# what takes seconds is imported once; then processes are forked
make(None).set_params(max_epochs=1).fit(RandomRotation().fit_transform(X), y)

def start(work, *arguments):
    process = os.fork()
    if process:
        os.setpgid(process, process)
    else:
        try:
            work(*arguments)
            os._exit(0)
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(1)
    return process

def end(process):
    assert os.waitpid(process, 0)[1] == 0
    kill_group(process)  # workers of joblib wait for more

def kill(process):
    kill_group(process)
    return os.waitpid(process, 0)[1] != 0

def kill_group(process):
    try:
        os.killpg(process, signal.SIGKILL)
    except ProcessLookupError:
        pass
"""

KILLED_FITS = """
def n_epochs_in(path):
    return int(re.search(rb'"n_epochs": (\\d+)', path.read_bytes())[1])

end(start(fit, None, "0"))
begun = time.monotonic()
end(start(fit, None, "0"))
length, done = time.monotonic() - begun, []
for pause in np.random.default_rng(0).uniform(0, 2 * 0.8 * length / 20, 20):
    process = start(fit, where / "folder", "1")
    time.sleep(pause)
    was_killed, at_work = kill(process), list((where / "folder").glob("*running*"))
    assert was_killed
    done.append([0, *map(n_epochs_in, at_work)][-1])
    print(f"{pause:.2f} of {length:.1f} s, {done[-1]} epochs done", flush=True)
end(start(fit, where / "folder", "1"))
assert done == sorted(done)
assert len(set(done)) > 10, done
"""

KILLED_SEARCHES = """
def finished():
    # who trains again writes a new file, with another number
    paths = (where / "folder").glob("*[0-9].checkpoint")
    return {path.name: path.stat().st_ino for path in paths}

end(start(search, None, "0"))
before = {}
for n_wanted in (3, 6, 9):
    process = start(search, where / "folder", "1")
    while len(finished()) < n_wanted:
        time.sleep(0.01)
    assert kill(process)
    now = finished()
    assert before.items() <= now.items() and len(now) < 13
    before = now
    print(len(now), flush=True)
end(start(search, where / "folder", "1"))
assert before.items() <= finished().items()
assert len(finished()) == 13  # with the refit
"""

CONCURRENT_FITS = """
end(start(fit, None, "0"))
both = [start(fit, where / "folder", result) for result in ("1", "2")]
for process in both:
    end(process)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "story",
    [KILLED_FITS, KILLED_SEARCHES, CONCURRENT_FITS],
    ids=["killed fits", "killed searches", "concurrent fits"],
)
def test_killed_and_concurrent_processes_end_like_an_undisturbed_one(tmp_path, story):
    """Neither SIGKILL at any moment nor company changes a bit, or a finished file."""
    finished = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DRIVER + story, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=900,
    )

    print(finished.stdout)
    assert finished.returncode == 0, finished.stderr
    first, *others = (dict(np.load(path)) for path in sorted(tmp_path.glob("*.npz")))
    assert others
    for other in others:
        for name, values in first.items():
            assert_array_equal(other[name], values)

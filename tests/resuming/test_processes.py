"""Processes that are killed, and processes that share a folder."""

import signal
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal

SCRIPT = """
import sys
import numpy as np
from sklearn.datasets import load_digits
from sklcnn import CNNClassifier
from sklcnn.augmentation import RandomRotation
data = load_digits()
X, y = data.images[:300], data.target[:300]
model = CNNClassifier(
    early_stopping=True, max_epochs=30, dropout=0.2, random_state=0,
    checkpoint_dir=sys.argv[1] or None,
)
print("ready", flush=True)
model.fit(RandomRotation().fit_transform(X), y)
history = [[record["train_loss"], record["valid_loss"]] for record in model.history_]
np.savez(sys.argv[2], proba=model.predict_proba(X), history=history)
"""


def start(script, *arguments):
    """Start a process that fits, and wait until it begins to."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)], stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"ready\n"
    return process


@pytest.mark.slow
def test_killed_at_random_moments_is_undisturbed(tmp_path):
    """SIGKILL at any moment loses nothing but the epochs since the last write."""
    rng = np.random.default_rng(0)
    start(SCRIPT, "", tmp_path / "expected.npz").communicate()
    n_killed = 0

    for pause in rng.uniform(0, 1.5, 20):
        process = start(SCRIPT, tmp_path / "folder", tmp_path / "actual.npz")
        try:
            process.wait(pause)
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            n_killed += 1
        process.communicate()
    start(SCRIPT, tmp_path / "folder", tmp_path / "actual.npz").communicate()

    assert n_killed > 2
    with (
        np.load(tmp_path / "expected.npz") as one,
        np.load(tmp_path / "actual.npz") as two,
    ):
        for name in ("history", "proba"):
            assert_array_equal(one[name], two[name])


@pytest.mark.slow
def test_two_processes_with_the_same_work_both_end_right(tmp_path):
    """Two that write the same files at once give what one gives."""
    start(SCRIPT, "", tmp_path / "0.npz").communicate()

    both = [start(SCRIPT, tmp_path / "folder", tmp_path / f"{i}.npz") for i in (1, 2)]
    assert [process.wait(60) for process in both] == [0, 0]

    for process in both:
        process.communicate()
    probabilities = [np.load(tmp_path / f"{i}.npz")["proba"] for i in range(3)]
    assert_array_equal(probabilities[0], probabilities[1])
    assert_array_equal(probabilities[0], probabilities[2])

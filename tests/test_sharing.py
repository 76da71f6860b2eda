"""One training shared out to processes."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from torch import distributed

from sklcnn import CNNClassifier
from sklcnn.parallel import ShareBatches, _sharing

EXAMPLE = Path(__file__).parents[1] / "examples" / "share_batches.py"


def losses(text):
    """Read the losses that the example prints."""
    lines = [line for line in text.splitlines() if line.startswith("epoch")]
    return np.array([float(line.split()[-1]) for line in lines])


@pytest.mark.skipif(not distributed.is_available(), reason="torch has no distributed")
def test_two_processes_have_the_losses_of_one(capfd):
    """Under torchrun, two processes follow the loss curve of one."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    subprocess.run([*command, "--nproc-per-node", "2", str(EXAMPLE)], check=True)
    two = losses(capfd.readouterr().out)

    runpy.run_path(str(EXAMPLE))
    one = losses(capfd.readouterr().out)

    assert len(one) == 5
    assert one[-1] < one[0] / 2
    assert_allclose(two, one, atol=3e-4)


@pytest.fixture
def group(tmp_path):
    """Start a process group of this process alone."""
    distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1
    )
    yield
    distributed.destroy_process_group()


@pytest.mark.filterwarnings("ignore::UserWarning:torch")
@pytest.mark.usefixtures("group")
def test_one_process_is_left_alone(tiny, noise):
    """In a group of one process nothing changes, to the last bit."""
    X, y = noise
    alone = clone(tiny).fit(X, y)

    shared = tiny.set_params(callbacks=[ShareBatches()]).fit(X, y)

    assert_array_equal(shared.predict_proba(X), alone.predict_proba(X))


PROGRAM = """
import datetime, os, sys, time, warnings
from pathlib import Path

import numpy as np
import torch
from skorch.callbacks import Callback
from sklearn.model_selection import cross_val_score
from torch import distributed

from sklcnn import CNNClassifier
from sklcnn.parallel import ShareBatches

torch.set_num_threads(1)
place, rank, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
distributed.init_process_group(
    "gloo", init_method=f"file://{place}/group", rank=rank, world_size=2,
    timeout=datetime.timedelta(seconds=seconds),
)
X = np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)
y = np.arange(60) % 3
parameters = dict(
    conv_channels=(4,), hidden_units=(), batch_size=16, max_epochs=2, random_state=0
)
callbacks, index = [ShareBatches()], 0

def attempt(function):
    try:
        print(function(), flush=True)
    except Exception as error:
        print(type(error).__name__, error, flush=True)

class FailsOnce(Callback):
    def __init__(self, where):
        self.where = where
    def fail(self, where):
        mark = Path(place) / f"failed {where} {index}"
        if rank == 1 and where == self.where and not mark.exists():
            mark.touch()
            raise ArithmeticError("once")
    def on_epoch_begin(self, net, **kwargs):
        self.fail("first")
    def on_batch_begin(self, net, **kwargs):
        self.fail("batch")
    def on_grad_computed(self, net, **kwargs):
        self.fail("gradients")
    def on_epoch_end(self, net, **kwargs):
        self.fail("epoch")
    def on_train_end(self, net, **kwargs):
        self.fail("end")

def fit():
    model = CNNClassifier(**parameters, callbacks=callbacks).fit(X, y)
    return f"loss {model.history_[-1]['train_loss']:.6f}"

def validate():
    model = CNNClassifier(**parameters, callbacks=callbacks)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = cross_val_score(model, X, y, cv=3, error_score=np.nan)
    return np.isnan(scores).tolist()
"""
"""What two processes run, each with lines of a test's own."""


def run_two(folder, *lines, seconds=60):
    """Run lines in two processes of one group; give what each of them prints."""
    script = folder / "program.py"
    script.write_text("\n".join([PROGRAM, *lines]))
    command = [sys.executable, str(script), str(folder)]
    processes = [
        subprocess.Popen(
            [*command, str(rank), str(seconds)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    outputs = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    return [output for output, _ in outputs]


DIFFERENCES = {
    r"images \(in process 1\), labels": (
        "order = np.random.default_rng(1).permutation(60)",
        "X, y = X[order], y[order]",
    ),
    r"differ: labels \(in process 1\)\.": ("y = np.roll(y, 1)",),
    r"differ: images \(in process 1\)\.": ("X[3, 0, :2] = X[3, 0, 1::-1]",),
    r"differ: learning_rate \(0.05 in process 0, 0.01": (
        "parameters['learning_rate'] = 0.01",
    ),
    r"differ: backbone_learning_rate_factor \(1 in process 0, 0.1": (
        "parameters['backbone_learning_rate_factor'] = 0.1",
    ),
    r"differ: max_epochs \(2 in process 0, 4 in process 1\)\.": (
        "parameters['max_epochs'] = 4",
    ),
    r"differ: lr_schedule \('onecycle' in process 0, 'cosine'": (
        "parameters['lr_schedule'] = 'cosine'",
    ),
    r"differ: class labels \(\[0, 1, 2.*in process 0, \[10, 11": ("y = y + 10",),
    r"differ: weight_decay \('auto' in process 0, 0.1": (
        "parameters['weight_decay'] = 0.1",
    ),
    r"batch_size \(16 in process 0, 32": ("parameters['batch_size'] = 32",),
    r"callbacks \(\['ShareBatches'\]": ("callbacks.append(FailsOnce(None))",),
    r"weights of the network": ("parameters['random_state'] = 1",),
    r"layers of the network": ("parameters['conv_channels'] = (5,)",),
    r"class_weight \(in process 1\)": (
        "parameters['class_weight'] = {0: 2.0, 1: 1.0, 2: 1.0}",
    ),
    r"mixup \(0.0 in process 0, 0.3|mixup \(0 in process 0, 0.3": (
        "parameters['mixup'] = 0.3",
    ),
    r"rows to validate on": ("parameters['early_stopping'] = True",),
}


def test_what_differs_is_named_in_both_processes(tmp_path):
    """Data and parameters that are other ones in one process end training in both."""
    lines = ["same = (X.copy(), y.copy(), dict(parameters), list(callbacks))"]
    for changes in DIFFERENCES.values():
        lines += [
            "if rank == 1:",
            *(f"    {change}" for change in changes),
            "attempt(fit)",
            "X, y = same[0].copy(), same[1].copy()",
            "parameters, callbacks = dict(same[2]), list(same[3])",
        ]
    lines += ["attempt(fit)"]

    outputs = [text.splitlines() for text in run_two(tmp_path, *lines)]

    for printed in outputs:
        for message, line in zip(DIFFERENCES, printed, strict=False):
            assert re.search(message, line), line
    assert outputs[0][-1] == outputs[1][-1]
    assert re.fullmatch(r"loss \d\.\d+", outputs[0][-1])


FAILING = [
    (where, index)
    for where in ("first", "batch", "gradients", "epoch", "end")
    for index in (0, 1)
    if (where, index) != ("end", 1)  # after shared training: nobody waits
]
"""Where a callback fails, and its place among the callbacks."""


def test_failure_is_common_to_all_processes(tmp_path):
    """A fit that fails in one process fails in the other, and both go on together."""
    lines = [f"for where, index in {FAILING}:"]
    lines += ["    callbacks = [ShareBatches()]"]
    lines += ["    callbacks.insert(index, FailsOnce(where))", "    attempt(validate)"]

    outputs = run_two(tmp_path, *lines)

    assert outputs == ["[True, False, False]\n" * len(FAILING)] * 2


@pytest.mark.slow
def test_waiting_ends_at_the_time_limit(tmp_path):
    """A process that does not come is waited for as long as the group's timeout."""
    lines = [
        "start = time.monotonic()",
        "if rank == 0:",
        "    attempt(fit)",
        "    print(time.monotonic() - start)",
        "else:",
        "    time.sleep(8)",
    ]

    output, _ = run_two(tmp_path, *lines, seconds=2)

    message, seconds = output.splitlines()
    assert re.search(r"lost another process: .*`timeout` given to torch", message)
    assert float(seconds) < 7


@pytest.mark.slow
def test_process_that_ends_is_missed(tmp_path):
    """Where one process has nothing more to fit, the other is told."""
    output, _ = run_two(tmp_path, "if rank == 0:", "    attempt(fit)")

    assert re.search(r"RuntimeError ShareBatches has lost another process", output)


def test_rows_are_put_together_where_they_were(monkeypatch):
    """Each of three processes has its rows, and their gradients, in their place."""
    module = torch.nn.Linear(2, 2).train()
    X = torch.arange(10.0).reshape(5, 2)
    expected = module(X)
    parts = []

    monkeypatch.setattr(distributed, "get_world_size", lambda: 3)
    monkeypatch.setattr(distributed, "all_reduce", parts.append)
    monkeypatch.setattr(_sharing, "agree", lambda stage, **facts: None)
    for rank in range(3):
        monkeypatch.setattr(distributed, "get_rank", lambda rank=rank: rank)
        callback = ShareBatches()
        callback.step_ = {}
        (own,) = callback._take_part(module, (X,))
        callback._put_together(module, (own,), module(own))

    assert_allclose(torch.stack(parts).sum(0).detach(), expected.detach(), rtol=1e-6)


def test_shared_model_is_pickled_without_hooks(noise):
    """After training, no trace of the sharing is left on the network."""
    model = CNNClassifier(
        conv_channels=(4,), max_epochs=1, callbacks=[ShareBatches()], random_state=0
    )

    model.fit(*noise)

    assert not model.net_.module_._forward_hooks
    assert not model.net_.module_._forward_pre_hooks

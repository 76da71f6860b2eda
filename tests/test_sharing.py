"""One training shared out to processes."""

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
from sklcnn.parallel import ShareBatches

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
    assert_allclose(two, one, atol=1e-4)


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


def test_rows_are_put_together_where_they_were(monkeypatch):
    """Each of three processes has its rows, and their gradients, in their place."""
    module = torch.nn.Linear(2, 2).train()
    X = torch.arange(10.0).reshape(5, 2)
    expected = module(X)
    parts = []

    monkeypatch.setattr(distributed, "get_world_size", lambda: 3)
    monkeypatch.setattr(distributed, "all_reduce", parts.append)
    for rank in range(3):
        monkeypatch.setattr(distributed, "get_rank", lambda rank=rank: rank)
        callback = ShareBatches()
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

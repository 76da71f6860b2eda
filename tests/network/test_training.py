"""The training loop: what an epoch depends on, and batches that have no room."""

import math
import types
import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from sklcnn.network._batches import Batches, TrainingBatches
from sklcnn.network._net import Net
from sklcnn.network._training import Training, train, train_epoch, validate


def make_batches(kind, n=10, **options):
    """Make batches of random images."""
    rng = np.random.default_rng(0)
    return kind(
        rng.random((n, 2, 2, 1)),
        np.arange(n) % 3,
        np.linspace(0.5, 1.5, n),
        np.arange(n),
        image_shape=(2, 2, 1),
        batch_size=4,
        device="cpu",
        dtype=torch.float64,
        **options,
    )


def test_an_epoch_depends_on_its_seed_and_number_alone(make_net):
    """Dropout and order repeat, whatever was drawn before."""
    states = []
    for n_before, epoch in ((0, 5), (3, 5), (0, 6)):
        torch.manual_seed(0)
        module = nn.Sequential(
            nn.Flatten(), nn.Linear(4, 8), nn.Dropout(), nn.Linear(8, 3)
        )
        net = make_net(module)
        net.history.extend([{"epoch": 1, "batches": [], "train_loss": 1.0}] * epoch)
        torch.rand(n_before)
        batches = make_batches(TrainingBatches, pixel_range=(0.0, 1.0))
        training = Training(net, batches, None, np.full((1, 3), 0.1), 0.0)
        train_epoch(training)
        states.append(module[1].weight.detach().clone())
        assert len(net.history) == epoch + 1

    assert_array_equal(states[0], states[1])
    assert not np.allclose(states[0], states[2])


@pytest.fixture
def room(monkeypatch):
    """Let a device have room for some rows at a time, and note how many there were."""
    rows, compute = [], Net.compute_losses

    def limited(net, batch):
        rows.append(len(batch[1]))
        if rows[-1] > room.n_rows:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return compute(net, batch)

    monkeypatch.setattr(Net, "compute_losses", limited)
    room = types.SimpleNamespace(n_rows=math.inf, rows=rows)
    return room


@pytest.mark.parametrize("mixing", [{}, {"mixup": 0.5}, {"cutmix": 1.0}])
def test_batches_that_have_no_room_are_trained_on_in_parts(room, make_net, mixing):
    """Gradients, losses and logits are those of whole batches, with one warning."""
    records, weights, steps = [], [], []
    for n_rows in (math.inf, 1):
        room.n_rows = n_rows
        torch.manual_seed(0)
        module = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
        net = make_net(module)
        batches = make_batches(TrainingBatches, pixel_range=(0.0, 1.0), **mixing)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            train(Training(net, batches, None, np.full((2, 3), 0.1), 0.0))
        batches.draw(1, 2)
        steps.append(net.train_step(next(iter(batches))))
        records.append(net.history[-1, "train_loss"])
        weights.append(module[1].weight.detach())

    assert records[0] == pytest.approx(records[1], rel=1e-12)
    assert_allclose(weights[0], weights[1], rtol=1e-12)
    for name in ("loss", "y_pred"):
        assert_allclose(steps[0][name], steps[1][name], rtol=1e-12)
    (warning,) = caught
    assert "batches of 4 images" in str(warning.message)
    assert "such as 2" in str(warning.message)
    assert room.rows[7:10] == [4, 2, 1]  # after six batches and a step with all room
    assert set(room.rows[9:]) == {1}


def test_no_room_for_a_single_row_is_an_error(room, make_net):
    """Nothing is left to split."""
    room.n_rows = 0
    net = make_net(nn.Sequential(nn.Flatten(), nn.Linear(4, 3)))
    batches = make_batches(TrainingBatches, pixel_range=(0.0, 1.0))
    batches.draw(0, 0)

    with (
        pytest.warns(UserWarning, match="ran out of memory"),
        pytest.raises(torch.OutOfMemoryError),
    ):
        net.train_step(next(iter(batches)))
    assert room.rows == [4, 2, 1]


def test_batches_that_may_not_be_split_are_an_error(room, make_net):
    """Where other processes wait for each part, the first failure is the last."""
    room.n_rows = 2
    net = make_net(nn.Sequential(nn.Flatten(), nn.Linear(4, 3)))
    net.may_split = False
    batches = make_batches(TrainingBatches, pixel_range=(0.0, 1.0))
    batches.draw(0, 0)

    with pytest.raises(torch.OutOfMemoryError):
        net.train_step(next(iter(batches)))
    assert room.rows == [4]


def test_validation_is_a_weighted_mean(make_net):
    """Loss and accuracy are those of all rows, by their weights."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    net, batches = make_net(module), make_batches(Batches)
    net.history.new_epoch()

    validate(net, batches)

    images = torch.as_tensor(batches.images)
    logits = module(images).detach()
    losses = nn.functional.cross_entropy(logits, batches.targets, reduction="none")
    weights = batches.weights / batches.weights.sum()
    correct = (logits.argmax(1) == batches.targets).double()
    assert net.history[-1, "valid_loss"] == pytest.approx((weights @ losses).item())
    assert net.history[-1, "valid_accuracy"] == pytest.approx(
        (weights @ correct).item()
    )

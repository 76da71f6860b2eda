"""Learning rates, early stopping, and what an epoch depends on."""

import math
import types
import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR

from sklcnn.network._batches import Batches, TrainingBatches
from sklcnn.network._net import EarlyStopping, Net, plan_learning_rates


def rates_of(scheduler, optimizer, n_steps):
    """Take the learning rates of torch's scheduler, step by step."""
    rates = []
    for _ in range(n_steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize(("n_epochs", "n_steps"), [(1, 50), (7, 11), (20, 100)])
def test_one_cycle_is_torchs(n_epochs, n_steps):
    """Step k has the rate of torch's, of which the last step is left out."""
    n = n_epochs * n_steps
    optimizer = torch.optim.SGD([torch.zeros(1)], 0.1)
    scheduler = OneCycleLR(
        optimizer,
        0.1,
        total_steps=n + 1,
        pct_start=(0.3 * n + 1) / (n + 1),  # torch turns one step earlier
        final_div_factor=1e4 / 25,
        cycle_momentum=False,
    )

    planned = plan_learning_rates("onecycle", 0.1, n_epochs, n_steps)

    assert planned.shape == (n_epochs, n_steps)
    assert_allclose(planned.ravel(), rates_of(scheduler, optimizer, n), atol=1e-9)
    assert planned.ravel()[0] == pytest.approx(0.1 / 25)
    assert planned.max() <= 0.1


def test_cosine_is_torchs():
    """From the peak to nothing, along half a cosine."""
    optimizer = torch.optim.SGD([torch.zeros(1)], 0.1)
    scheduler = CosineAnnealingLR(optimizer, T_max=60)

    planned = plan_learning_rates("cosine", 0.1, 6, 10)

    assert_allclose(planned.ravel(), rates_of(scheduler, optimizer, 60), atol=1e-9)


def test_constant_is_constant():
    """Every step has the peak."""
    assert_array_equal(plan_learning_rates("constant", 0.3, 2, 3), np.full((2, 3), 0.3))


def watched(losses, *, patience=2, tol=0.1):
    """Watch losses; the weights of epoch k are k."""
    watch, module = EarlyStopping(patience, tol), nn.Linear(1, 1)
    stopped = []
    for epoch, loss in enumerate(losses):
        nn.init.constant_(module.weight, epoch)
        stopped.append(watch.update(loss, module))
    return watch, stopped


def test_training_stops_after_epochs_without_improvement():
    """`patience` of them in a row; the count starts anew at each improvement."""
    _, stopped = watched([3.0, 2.0, 2.1, 1.5, 1.6, 1.5])

    assert stopped == [False] * 5 + [True]


def test_small_improvements_do_not_count_but_are_kept():
    """Less than `tol` at a time is no progress; the best weights are the best."""
    watch, stopped = watched([1.0, 0.95, 0.93])

    assert stopped == [False, False, True]
    assert watch.best_epoch == 2
    assert watch.weights["weight"].item() == 2


def test_small_improvements_add_up():
    """What counts is how far the loss fell since it last counted."""
    _, stopped = watched([1.0, 0.94, 0.88, 0.82, 0.76, 0.70])

    assert not any(stopped)


def test_weights_kept_are_a_copy_of_the_best():
    """What is trained later does not change them."""
    watch, _ = watched([3.0, 1.0, 2.0])

    assert watch.best_epoch == 1
    assert watch.weights["weight"].item() == 1


def make_net(module, **parameters):
    """Make a net for three classes on 2x2 images."""
    options = {"dtype": torch.float64, "autocast": (False, False)} | parameters
    return Net(module.double(), classes=range(3), **options).initialize()


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


def test_an_epoch_depends_on_its_seed_and_number_alone():
    """Dropout and order repeat, whatever was drawn before."""
    states = []
    for n_before, epoch in ((0, 5), (3, 5), (0, 6)):
        torch.manual_seed(0)
        module = nn.Sequential(
            nn.Flatten(), nn.Linear(4, 8), nn.Dropout(), nn.Linear(8, 3)
        )
        net = make_net(module)
        net.notify("on_train_begin", X=None, y=None)
        torch.rand(n_before)
        batches = make_batches(TrainingBatches, pixel_range=(0.0, 1.0))
        record, stop = net.run_epoch(
            batches, None, epoch=epoch, seed=1, learning_rates=np.full(3, 0.1)
        )
        states.append(module[1].weight.detach().clone())
        assert set(record) == {"train_loss", "learning_rate", "seconds"}
        assert not stop

    assert_array_equal(states[0], states[1])
    assert not np.allclose(states[0], states[2])


@pytest.fixture
def room(monkeypatch):
    """Let a device have room for some rows at a time, and note how many there were."""
    rows, loss_of = [], Net.loss_of

    def limited(net, batch):
        rows.append(len(batch[1]))
        if rows[-1] > room.n_rows:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return loss_of(net, batch)

    monkeypatch.setattr(Net, "loss_of", limited)
    room = types.SimpleNamespace(n_rows=math.inf, rows=rows)
    return room


@pytest.mark.parametrize("mixing", [{}, {"mixup": 0.5}, {"cutmix": 1.0}])
def test_batches_that_have_no_room_are_trained_on_in_parts(room, mixing):
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
            for epoch in range(2):
                record, _ = net.run_epoch(
                    batches, None, epoch=epoch, seed=1, learning_rates=np.full(3, 0.1)
                )
        batches.draw(1, 2)
        steps.append(net.train_step(next(iter(batches))))
        records.append(record["train_loss"])
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


def test_no_room_for_a_single_row_is_an_error(room):
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


def test_batches_that_may_not_be_split_are_an_error(room):
    """Where other processes wait for each part, the first failure is the last."""
    room.n_rows = 2
    net = make_net(nn.Sequential(nn.Flatten(), nn.Linear(4, 3)))
    net.may_split = False
    batches = make_batches(TrainingBatches, pixel_range=(0.0, 1.0))
    batches.draw(0, 0)

    with pytest.raises(torch.OutOfMemoryError):
        net.train_step(next(iter(batches)))
    assert room.rows == [4]


def test_validation_is_a_weighted_mean():
    """Loss and accuracy are those of all rows, by their weights."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    net, batches = make_net(module), make_batches(Batches)
    net.history.new_epoch()

    net.validate(batches)

    images = torch.as_tensor(batches.images)
    logits = module(images).detach()
    losses = nn.functional.cross_entropy(logits, batches.targets, reduction="none")
    weights = batches.weights / batches.weights.sum()
    correct = (logits.argmax(1) == batches.targets).double()
    assert net.history[-1, "valid_loss"] == pytest.approx((weights @ losses).item())
    assert net.history[-1, "valid_accuracy"] == pytest.approx(
        (weights @ correct).item()
    )

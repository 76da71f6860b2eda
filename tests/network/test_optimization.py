"""Learning rates, parameter groups and early stopping."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR

from sklcnn.network._modules import ImageNetwork, Standardize
from sklcnn.network._optimization import (
    EarlyStopping,
    group_parameters,
    learning_rate_of,
    plan_learning_rates,
    set_learning_rate,
    set_weight_decay,
)


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


@pytest.mark.parametrize(
    ("accuracy", "n_rows", "chosen"),
    [(0.9, 100, 1), (0.87, 100, 3), (0.82, 10_000, 1), (0.7, 100, 3)],
)
def test_early_weights_are_kept_where_they_are_clearly_better(accuracy, n_rows, chosen):
    """By more than two standard errors, while the learning rate is still to fall."""
    watch, module = EarlyStopping(5, 0.1), nn.Linear(1, 1)
    losses = [2.0, 0.5, 1.2, 1.0]
    accuracies = [0.5, accuracy, 0.8, 0.8]
    for epoch in range(4):
        nn.init.constant_(module.weight, epoch)
        watch.update(
            losses[epoch], module, accuracy=accuracies[epoch], is_settled=epoch > 1
        )

    epoch, weights = watch.choose(n_rows)

    assert epoch == chosen
    assert weights["weight"].item() == chosen


def test_weights_kept_are_a_copy_of_the_best():
    """What is trained later does not change them."""
    watch, _ = watched([3.0, 1.0, 2.0])

    assert watch.best_epoch == 1
    assert watch.weights["weight"].item() == 1


@pytest.fixture
def grouped():
    """Give a network with a head, and the groups of its parameters."""
    body = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 3)
    )
    network = ImageNetwork(Standardize([0.0], [1.0]), body, ["3"])
    return body, group_parameters(network, {"head": 2.0})


def test_parameters_are_grouped_by_what_they_are(grouped):
    """Head, weights of the body, and what else has one value per unit."""
    body, groups = grouped

    found = {group["name"]: set(map(id, group["params"])) for group in groups}

    assert found == {
        "body": {id(body[0].weight)},
        "head": {id(body[3].weight), id(body[3].bias)},
        "normalization": {
            id(tensor) for tensor in (body[0].bias, *body[1].parameters())
        },
    }


def test_groups_have_rates_of_their_own(grouped):
    """Each is multiplied by the factor of its group; weight decay is that of all."""
    _, groups = grouped
    optimizer = torch.optim.SGD(groups, lr=1.0)

    set_learning_rate(optimizer, 0.1)
    set_weight_decay(optimizer, 0.01)

    values = {
        group["name"]: (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
    }
    assert values == {
        "body": (0.1, 0.01),
        "head": (0.2, 0.01),
        "normalization": (0.1, 0.01),
    }


@pytest.mark.parametrize(
    ("factors", "expected"),
    [([1.0, 1.0], 0.4), ([0.1, 1.0], 0.4), ([0.0, 1.0], 0.4), ([0.1, 0.5], 0.04)],
)
def test_the_learning_rate_is_that_of_groups_without_a_factor(factors, expected):
    """The first group's where all have one."""
    groups = [{"params": [torch.zeros(1)], "lr_factor": factor} for factor in factors]
    optimizer = torch.optim.SGD(groups, lr=1.0)

    set_learning_rate(optimizer, 0.4)

    assert learning_rate_of(optimizer) == pytest.approx(expected)

"""How the classifier trains: weights, epochs, schedules, seeds."""

import pickle
import shutil
import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import cross_val_predict
from sklearn.utils.class_weight import compute_sample_weight
from skorch.callbacks import LRScheduler

from sklcnn import CNNClassifier


def weights_of(model):
    """Give all weights of a model as one vector."""
    state = model.net_.module_.state_dict()
    return np.concatenate(
        [tensor.double().numpy().ravel() for tensor in state.values()]
    )


def test_equal_seeds_give_equal_bits(digits):
    """The same `random_state` gives the same weights, another one others."""
    X, y = digits
    model = CNNClassifier(max_epochs=2, dropout=0.3, random_state=0)

    first, second = (weights_of(clone(model).fit(X, y)) for _ in range(2))
    other = weights_of(clone(model).set_params(random_state=1).fit(X, y))

    assert_array_equal(first, second)
    assert not np.allclose(first, other)


def test_number_of_workers_changes_nothing(digits):
    """Cross-validation in two processes gives the same bits as in one."""
    X, y = digits
    model = CNNClassifier(max_epochs=2, dropout=0.3, random_state=0)

    one, two = (
        cross_val_predict(model, X, y, cv=3, method="predict_proba", n_jobs=n_jobs)
        for n_jobs in (1, 2)
    )

    assert_array_equal(one, two)


def test_threads_of_the_process_change_nothing(digits):
    """`n_jobs` says how many threads torch has in fit, and is undone."""
    X, y = digits
    model = CNNClassifier(max_epochs=1, random_state=0)
    expected = weights_of(clone(model).fit(X, y))

    torch.set_num_threads(2)
    try:
        actual = weights_of(clone(model).fit(X, y))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)

    assert_array_equal(actual, expected)


def test_global_generators_are_left_alone(tiny, noise):
    """Fitting draws nothing from numpy's and torch's global generators."""
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002

    tiny.fit(*noise).partial_fit(*noise)

    assert_array_equal(torch.get_rng_state(), before[0])
    assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002


def test_fit_without_seed_draws_one(tiny, noise):
    """Without `random_state`, two fits differ."""
    tiny.set_params(random_state=None)

    first, second = (weights_of(clone(tiny).fit(*noise)) for _ in range(2))

    assert not np.allclose(first, second)


def test_zero_weight_is_leaving_out(tiny, noise):
    """A row of weight 0 counts for nothing, not even the pixels' mean."""
    X, y = noise
    weights = np.r_[np.ones(20), np.zeros(10)]

    weighted = clone(tiny).fit(X, y, sample_weight=weights)

    assert_array_equal(
        weights_of(weighted), weights_of(clone(tiny).fit(X[:20], y[:20]))
    )


def test_classes_without_weight_are_left_out(tiny, noise):
    """A class all of whose rows have weight 0 is no class."""
    X, y = noise

    model = tiny.fit(X, y, sample_weight=(y != 1).astype(float))

    assert_array_equal(model.classes_, [0, 2])


def test_class_weight_multiplies_sample_weight(tiny, noise):
    """A dict of class weights equals weights of the rows."""
    X, y = noise
    weights = np.linspace(0.5, 2, len(y))

    both = clone(tiny).set_params(class_weight={0: 3.0}).fit(X, y, weights)
    rows = clone(tiny).fit(X, y, weights * np.where(y == 0, 3.0, 1.0))

    assert_array_equal(weights_of(both), weights_of(rows))


def test_balanced_weights_are_inverse_frequencies(tiny, noise):
    """With "balanced", every class has the same total weight."""
    X, y = noise
    y = (y == 0).astype(int)

    balanced = clone(tiny).set_params(class_weight="balanced").fit(X, y)
    rows = clone(tiny).fit(X, y, compute_sample_weight("balanced", y))

    assert_array_equal(weights_of(balanced), weights_of(rows))


def test_balanced_weights_go_on(tiny, noise):
    """A warm start has all labels, as the first fit has."""
    tiny.set_params(class_weight="balanced", warm_start=True)

    assert tiny.fit(*noise).fit(*noise).n_iter_ == 4


def test_balanced_is_refused_in_partial_fit(tiny, noise):
    """One batch does not tell how frequent the classes are."""
    tiny.set_params(class_weight="balanced")

    with pytest.raises(ValueError, match=r"partial_fit does not take it\. Give a dict"):
        tiny.partial_fit(*noise, classes=[0, 1, 2])


def test_partial_fit_is_one_epoch(noise):
    """Calls of `partial_fit` are the epochs of a constant schedule."""
    X, y = noise
    model = CNNClassifier(
        max_epochs=3,
        lr_schedule="constant",
        weight_decay=5e-4,
        dropout=0.2,
        random_state=0,
    )
    expected = clone(model).fit(X, y)

    for _ in range(3):
        model.partial_fit(X, y, classes=[0, 1, 2])

    assert_array_equal(weights_of(model), weights_of(expected))
    assert model.n_iter_ == len(model.history_) == 3


def test_partial_fit_takes_batches_without_all_classes(tiny, noise):
    """Classes that a call lacks are still there."""
    X, y = noise

    tiny.partial_fit(X[y < 2], y[y < 2], classes=[0, 1, 2])
    tiny.partial_fit(X[y > 1], y[y > 1])

    assert tiny.predict_proba(X).shape == (30, 3)


def test_warm_start_goes_on(tiny, noise):
    """With `warm_start`, fit goes on from the weights, with the parameters as set."""
    X, y = noise
    tiny.set_params(warm_start=True).fit(X, y)
    first = tiny.history_[-1]["train_loss"]

    tiny.set_params(learning_rate=0.01).fit(X, y)

    assert tiny.n_iter_ == len(tiny.history_) == 4
    assert tiny.history_[2]["learning_rate"] <= 0.01
    assert tiny.history_[2]["train_loss"] < first * 1.2
    with pytest.raises(ValueError, match="previously unseen labels"):
        tiny.fit(X, y + 1)


def test_fit_starts_anew(tiny, noise):
    """Without `warm_start`, a second fit is like the first."""
    once = weights_of(clone(tiny).fit(*noise))

    assert_array_equal(weights_of(tiny.fit(*noise).fit(*noise)), once)


@pytest.mark.parametrize("schedule", ["onecycle", "cosine", "constant"])
def test_learning_rate_schedules(tiny, noise, schedule):
    """The recorded learning rates follow the schedule."""
    tiny.set_params(lr_schedule=schedule, max_epochs=20, learning_rate=0.05)

    rates = np.array([record["learning_rate"] for record in tiny.fit(*noise).history_])

    assert rates.max() == pytest.approx(0.05, rel=0.05)
    if schedule == "constant":
        assert_allclose(rates, 0.05)
    else:
        assert rates[-1] < 0.001
        assert (rates.argmax() > 3) == (schedule == "onecycle")


def test_automatic_weight_decay_pulls_alike(tiny, noise):
    """Learning rate times weight decay has one sum for any number of steps."""
    pulls = []
    for max_epochs, rate in ((60, 0.2), (40, 0.3)):
        tiny.set_params(
            max_epochs=max_epochs, learning_rate=rate, lr_schedule="constant"
        )
        group = tiny.fit(*noise).net_.optimizer_.param_groups[0]
        pulls.append(group["weight_decay"] * rate * max_epochs * 2)

    assert_allclose(pulls, 0.2)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_optimizers_learn(digits, optimizer):
    """Either optimizer learns."""
    X, y = digits
    model = CNNClassifier(
        optimizer=optimizer,
        learning_rate={"sgd": 0.1, "adamw": 0.003}[optimizer],
        max_epochs=8,
        random_state=0,
    )

    assert model.fit(X[:150], y[:150]).score(X[150:], y[150:]) > 0.8


def test_momentum_may_be_zero(tiny, noise):
    """Plain gradient descent needs no second parameter."""
    assert tiny.set_params(momentum=0.0).fit(*noise).n_iter_ == 2


def test_auto_trains_1000_steps_in_7_to_50_epochs(noise):
    """Automatic sizes depend on the number of images."""
    model = CNNClassifier(conv_channels=(2,), hidden_units=(), random_state=0)
    X = np.random.default_rng(0).random((1000, 2, 2))

    small = clone(model).fit(X[:20], np.arange(20) % 2)
    large = clone(model).fit(X, np.arange(1000) % 2)

    assert small.n_iter_ == 50
    assert large.n_iter_ == -(-1000 // -(-1000 // 16))


@pytest.mark.parametrize("factor", [0.0, 0.1, 2.0])
def test_history_has_the_learning_rate_of_the_head(tiny, noise, factor):
    """Not that of a backbone; from parts, and by a scheduler, as well."""
    tiny.set_params(backbone_learning_rate_factor=factor, learning_rate=0.05)
    step = LRScheduler("StepLR", step_size=1, gamma=0.5)

    model = tiny.set_params(lr_schedule="constant").fit(*noise).partial_fit(*noise)
    rates = [record["learning_rate"] for record in model.history_]
    scheduled = clone(tiny).set_params(callbacks=[step]).fit(*noise)

    assert_allclose(rates, 0.05)
    assert_allclose([e["learning_rate"] for e in scheduled.history_], [0.05, 0.025])


def test_history_tells_every_epoch(tiny, noise):
    """Without early stopping, all rows train and nothing is validated."""
    model = tiny.fit(*noise)

    assert [set(record) for record in model.history_] == [
        {"train_loss", "learning_rate", "seconds"}
    ] * 2
    assert model.best_epoch_ == 1


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float64"])
def test_precisions(digits, precision):
    """Every number format learns; weights are float32 but for float64."""
    X, y = digits
    model = CNNClassifier(precision=precision, max_epochs=8, random_state=0)

    model.fit(X[:150], y[:150])

    expected = np.float64 if precision == "float64" else np.float32
    assert model.transform(X).dtype == expected
    assert model.decision_function(X).dtype == np.float64
    assert model.score(X[150:], y[150:]) > 0.8


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a compiler")
@pytest.mark.filterwarnings("default")
def test_compiled_training_is_the_same(digits):
    """Up to rounding; and what is saved and predicted with is the network itself."""
    X, y = digits
    model = CNNClassifier(
        conv_channels=(8,), max_epochs=2, precision="float64", random_state=0
    )
    expected = clone(model).fit(X, y).predict_proba(X)

    compiled = model.set_params(compile=True).fit(X, y)

    assert_allclose(compiled.predict_proba(X), expected, atol=1e-6)
    loaded = pickle.loads(pickle.dumps(compiled))
    assert_array_equal(loaded.predict_proba(X), compiled.predict_proba(X))


def test_quiet_about_everything_normal(digits):
    """The default classifier gives no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CNNClassifier(max_epochs=1).fit(*digits).predict(digits[0])


@pytest.mark.parametrize(
    ("shape", "channels", "stride"),
    [
        ((8, 8), (16, 32, 64, 128), 1),
        ((64, 64, 3), (16, 32, 64, 128), 2),
        ((224, 224), (16, 32, 64, 128, 128), 4),
        ((20, 50), (16, 32, 64, 128), (1, 2)),
    ],
)
def test_every_parameter_that_is_auto_is_resolved(shape, channels, stride):
    """Also those of the layers; `verbose` has nothing to resolve."""
    X, y = np.zeros((4, *shape), dtype=np.uint8), [0, 1, 0, 1]
    model = CNNClassifier(max_epochs=1, calibration_fraction=0).fit(X, y)

    resolved = model.resolved_params_

    auto = {name for name, value in model.get_params().items() if value == "auto"}
    assert resolved.keys() == auto - {"verbose"}
    assert resolved["conv_channels"] == channels
    assert resolved["stride"] == stride
    own = CNNClassifier(max_epochs=1, conv_channels=np.array([4]), stride=1).fit(X, y)
    assert not {"conv_channels", "stride"} & own.resolved_params_.keys()

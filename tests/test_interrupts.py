"""Trainings that are interrupted or fail: what was finished stays."""

import os
import pickle
import signal
import threading
import time

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from sklcnn import CNNClassifier


class Failure(Callback):
    """Raise an error in one of the epochs, after one of its steps."""

    def __init__(self, epoch, error=KeyboardInterrupt):
        self.epoch, self.error = epoch, error

    def on_batch_end(self, net, training, **kwargs):
        """Raise the error."""
        if len(net.history) == self.epoch:
            raise self.error("stop")


def constant(**parameters):
    """Make a classifier whose epochs do not depend on how many there are."""
    return CNNClassifier(
        conv_channels=(4,),
        hidden_units=(),
        lr_schedule="constant",
        weight_decay=0.0,
        random_state=0,
        **parameters,
    )


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, MemoryError])
def test_first_fit_keeps_its_last_epoch(noise, error):
    """It is fitted as if it had been asked for as many epochs, and the error raised."""
    X, y = noise
    expected = constant(max_epochs=3).fit(X, y)
    model = constant(max_epochs=9, callbacks=[Failure(4, error)])

    with pytest.raises(error):
        model.fit(X, y)

    assert_array_equal(model.predict_proba(X), expected.predict_proba(X))
    assert model.n_iter_ == len(model.history_) == 3
    assert model.best_epoch_ == 2


def test_nothing_is_fitted_before_an_epoch_has_ended(noise):
    """A first epoch that fails leaves an estimator as it was."""
    model = constant(callbacks=[Failure(1)])
    before = dict(vars(model))

    with pytest.raises(KeyboardInterrupt):
        model.fit(noise[0].reshape(30, -1), noise[1])

    assert vars(model) == before


@pytest.mark.parametrize("call", ["partial_fit", "warm"])
def test_what_was_fitted_stays(noise, call):
    """Where a training goes on and fails, and goes on as if nothing had happened."""
    X, y = noise
    failure = Failure(3)
    model = constant(max_epochs=2, warm_start=True, callbacks=[failure]).fit(X, y)
    expected = clone(model).set_params(callbacks=[Callback()]).fit(X, y)
    go_on = CNNClassifier.fit if call == "warm" else CNNClassifier.partial_fit

    with pytest.raises(KeyboardInterrupt):
        go_on(model, X, y)

    assert_array_equal(model.predict_proba(X), expected.predict_proba(X))
    assert model.history_[-1]["train_loss"] == expected.history_[-1]["train_loss"]
    assert model.n_iter_ == 2
    failure.epoch = None
    model.partial_fit(X, y)
    expected.partial_fit(X, y)
    assert model.n_iter_ == 3
    assert_array_equal(model.predict_proba(X), expected.predict_proba(X))


def test_divergence_keeps_what_was_before(noise):
    """`partial_fit` at an absurd rate raises, and changes nothing."""
    X, y = noise
    model = constant(max_epochs=2, batch_norm=False).fit(X, y)
    before = model.predict_proba(X)

    with pytest.raises(ValueError, match="diverged"):
        model.set_params(learning_rate=1e30).partial_fit(X, y)

    assert_array_equal(model.predict_proba(X), before)


@pytest.mark.parametrize(
    "arguments",
    [
        lambda X, y: (X, y[:5]),
        lambda X, y: (X.astype(str), y),
        lambda X, y: (X * np.nan, y),
        lambda X, y: (X[:, 0, 0, np.newaxis, np.newaxis, np.newaxis, np.newaxis], y),
        lambda X, y: (X, y, -np.ones(30)),
    ],
)
@pytest.mark.parametrize("flat", [True, False])
def test_a_mistake_leaves_a_fitted_estimator_fitted(noise, arguments, flat):
    """Everything is checked before anything of an earlier fit is let go."""
    X, y = noise
    model = constant(max_epochs=1).fit(X.reshape(30, -1) if flat else X, y)
    before = dict(vars(model))

    with pytest.raises(ValueError, match=r"\w"):
        model.fit(*arguments(X, y))

    assert vars(model) == before


def test_warm_start_with_other_layers_is_an_error(noise):
    """The parameters that changed are named, and the network stays."""
    model = constant(max_epochs=1, warm_start=True).fit(*noise)
    before = model.predict_proba(noise[0])
    model.set_params(conv_channels=(8,), dropout=0.5)

    with pytest.raises(ValueError, match=r"conv_channels changed since\. Set it back"):
        model.fit(*noise)

    assert_array_equal(model.predict_proba(noise[0]), before)
    model.set_params(conv_channels=[4], dropout=0.0).fit(*noise)
    assert model.n_iter_ == 2


def facts_of(model):
    """Collect all that a fitted classifier tells, and what its net is set to."""
    network, net = model._network, model.net_
    weights = {k: v.clone() for k, v in net.module_.state_dict().items()}
    steps = net.optimizer_.state_dict()["state"].values()
    steps = [{k: v.clone() for k, v in state.items()} for state in steps]
    facts = {name: getattr(network, name) for name in ("pixel_range", "dtype")}
    facts |= {name: getattr(network, name) for name in ("bfloat16", "device")}
    facts |= {name: getattr(net, name) for name in ("lr", "batch_size", "max_epochs")}
    facts |= {"best": model.best_epoch_, "history": model.history_, "net": net}
    facts["groups"] = [g | {"params": 0} for g in net.optimizer_.param_groups]
    return facts, weights, steps


@pytest.mark.parametrize("call", ["partial_fit", "warm"])
@pytest.mark.parametrize(
    ("changed", "failure"),
    [
        ({"precision": "float64"}, KeyboardInterrupt),
        ({"precision": "bfloat16", "learning_rate": 0.01}, RuntimeError),
        ({"batch_size": 7, "weight_decay": 0.1}, MemoryError),
        ({"learning_rate": 1e30}, None),
    ],
)
def test_a_call_that_fails_changes_nothing(noise, call, changed, failure):
    """Neither weights nor formats, range of pixels, history, best epoch or net."""
    X, y = noise
    X = X.astype(float)
    fails = Failure(None)
    options = {"early_stopping": True, "n_iter_no_change": 2, "precision": "float32"}
    model = constant(
        max_epochs=6, warm_start=True, batch_norm=False, callbacks=[fails], **options
    ).fit(X, y)
    expected, weights, steps = facts_of(model)
    assert model.best_epoch_ < model.n_iter_ - 1
    fails.epoch = model.n_iter_ + 1 if failure else None
    fails.error = failure
    model.set_params(**changed, early_stopping=False)
    go_on = CNNClassifier.fit if call == "warm" else CNNClassifier.partial_fit

    with pytest.raises(failure or ValueError):
        go_on(model, 1.5 * X, y)

    facts, weights_now, steps_now = facts_of(model)
    assert facts == expected
    for name, tensor in weights.items():
        assert weights_now[name].dtype == tensor.dtype
        assert_array_equal(weights_now[name], tensor)
    for one, two in zip(steps, steps_now, strict=True):
        assert all(torch.equal(one[key], two[key]) for key in one)


def test_weights_in_float64_survive_a_failure_in_float32(noise):
    """Bits that another format would cut off are still there."""
    X, y = noise
    fails = Failure(None)
    model = constant(
        max_epochs=2, warm_start=True, callbacks=[fails], precision="float64"
    ).fit(X, y)
    before = model.decision_function(X)
    fails.epoch = 3

    with pytest.raises(KeyboardInterrupt):
        model.set_params(precision="float32").fit(X, y)

    assert_array_equal(model.decision_function(X), before)


def test_a_loaded_classifier_is_left_as_it_was_loaded(noise):
    """Where its first `partial_fit` fails, it has no net yet."""
    X, y = noise
    model = constant(max_epochs=2, batch_norm=False).fit(X // 2, y)
    model = pickle.loads(pickle.dumps(model)).set_params(learning_rate=1e30)
    before = dict(vars(model))
    pixel_range = model._network.pixel_range

    with pytest.raises(ValueError, match="diverged"):
        model.partial_fit(X, y)

    assert vars(model) == before
    assert model._network.pixel_range == pixel_range


alone = pytest.mark.skipif(
    "PYTEST_XDIST_WORKER" in os.environ, reason="needs a process of its own: use -n 0"
)
MOMENTS = np.random.default_rng(0).uniform(0.05, 1.5, 20)


def interrupt_after(seconds):
    """Send SIGINT to this process, as Ctrl-C does."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells may ignore it
    main = threading.main_thread().ident
    threading.Timer(seconds, signal.pthread_kill, (main, signal.SIGINT)).start()


@alone
@pytest.mark.slow
@pytest.mark.parametrize("call", ["fit", "partial_fit"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c_at_any_moment(noise, moment, call):
    """SIGINT leaves whole epochs, wherever it comes."""
    X, y = noise
    model = constant(max_epochs=10**6)
    start = time.monotonic()
    interrupt_after(moment)

    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        while call == "partial_fit":
            model.partial_fit(X, y, classes=[0, 1, 2])
        model.fit(X, y)

    assert time.monotonic() - start < moment + 5
    if model.__sklearn_is_fitted__():
        expected = constant(max_epochs=1).fit(X, y)
        while expected.n_iter_ < model.n_iter_:
            expected.partial_fit(X, y)
        assert_array_equal(model.predict_proba(X), expected.predict_proba(X))


@alone
@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c_in_a_search(noise, moment, tmp_path):
    """Nothing half-trained is ranked, and what was finished is not trained again."""
    search = GridSearchCV(
        constant(max_epochs=40), {"learning_rate": [0.01, 0.05, 0.1]}, cv=3
    )
    expected = clone(search).fit(*noise)
    search.set_params(estimator__checkpoint_dir=str(tmp_path))
    interrupted = clone(search)
    interrupt_after(moment)
    try:
        interrupted.fit(*noise)
        time.sleep(2)
    except KeyboardInterrupt:
        assert not hasattr(interrupted, "cv_results_")

    search.fit(*noise)

    for key in ("mean_test_score", "split2_test_score", "rank_test_score"):
        assert_array_equal(search.cv_results_[key], expected.cv_results_[key])
    X = noise[0]
    assert_array_equal(search.predict_proba(X), expected.predict_proba(X))

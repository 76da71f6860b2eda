"""`net_` is a net of skorch: what its users do with it works, after `load` as well."""

import pickle
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from skorch import NeuralNetClassifier, callbacks
from skorch.dataset import Dataset, ValidSplit
from skorch.helper import predefined_split

from sklcnn import CNNClassifier
from sklcnn.persistence import dump, load


@pytest.fixture(params=["fit", "load"])
def model(request, tiny, noise, tmp_path):
    """Give a classifier that was fitted, and one that was loaded."""
    fitted = tiny.fit(*noise)
    if request.param == "fit":
        return fitted
    dump(fitted, tmp_path / "model.skops")
    return load(tmp_path / "model.skops")


def weights_of(net):
    """Give all weights of a net as one vector."""
    return torch.cat([p.detach().ravel() for p in net.module_.parameters()]).numpy()


def test_net_predicts_as_the_classifier(model, noise):
    """Probabilities, class numbers and scores."""
    X, y = noise
    net = model.net_

    assert isinstance(net, NeuralNetClassifier)
    assert_allclose(net.predict_proba(X), model.predict_proba(X), atol=1e-6)
    assert_array_equal(net.predict(X), model.predict(X))
    assert net.score(X, y) == model.score(X, y)
    assert_allclose(net.forward(X).numpy(), model.decision_function(X), atol=1e-6)
    assert_array_equal(net.classes_, [0, 1, 2])
    assert net.module_ is model._network.module


def test_net_has_the_history(model, noise):
    """Of all epochs, as skorch keeps them."""
    losses = [record["train_loss"] for record in model.history_]

    assert model.net_.history[:, "train_loss"] == losses
    assert [record["epoch"] for record in model.net_.history] == [1, 2]


def test_net_trains_on(model, noise):
    """`partial_fit` and `fit_loop` change the classifier along."""
    X, y = noise
    before = model.predict_proba(X)
    net = model.net_

    net.fit_loop(X, y, epochs=3)
    middle = model.predict_proba(X)
    net.partial_fit(X, y)

    assert model.n_iter_ == 2 + 3 + net.max_epochs
    assert model.best_epoch_ == model.n_iter_ - 1
    assert len(model.history_) == model.n_iter_
    assert not np.allclose(before, middle)
    assert_allclose(net.predict_proba(X), model.predict_proba(X), atol=1e-6)


def test_net_is_fitted_anew(tiny, noise):
    """`fit` of the net draws weights again, and the classifier follows."""
    X, y = noise
    net = tiny.set_params(lr_schedule="constant", weight_decay=0.0).fit(X, y).net_
    expected = weights_of(net).copy()
    net.partial_fit(X, y)

    net.fit(X, y)

    assert_allclose(weights_of(net), expected, atol=1e-6)
    assert tiny.n_iter_ == net.max_epochs == 2


def test_clone_of_the_net_is_not_fitted(model, noise):
    """It has the parameters, and is trained by itself."""
    X, y = noise
    before = model.predict_proba(X)

    copied = clone(model.net_)
    assert not copied.initialized_
    copied.set_params(lr=0.01, max_epochs=1).fit(X, y)

    assert len(copied.history) == 1
    assert copied.predict_proba(X).shape == (30, 3)
    assert_array_equal(model.predict_proba(X), before)


def test_parameters_are_saved_and_loaded(model, noise, tmp_path):
    """`save_params` and `load_params` take weights, optimizer and history."""
    X, y = noise
    before = model.predict_proba(X)
    files = {
        "f_params": str(tmp_path / "params.pt"),
        "f_optimizer": str(tmp_path / "optimizer.pt"),
        "f_history": str(tmp_path / "history.json"),
    }
    model.net_.save_params(**files)
    model.net_.partial_fit(X, y)

    model.net_.load_params(**files)

    assert_array_equal(model.predict_proba(X), before)
    assert model.n_iter_ == 2


def test_net_validates_by_its_split(tiny, noise):
    """`train_split` of skorch is used where the net is trained."""
    X, y = noise
    net = tiny.fit(X, y).net_
    net.set_params(train_split=predefined_split(Dataset(X[:6], y[:6])))

    net.fit_loop(X, y, epochs=1)

    expected = net.criterion_(
        torch.as_tensor(net.forward(X[:6])), torch.as_tensor(y[:6])
    )
    assert net.history[-1, "valid_loss"] == pytest.approx(expected.mean().item(), 1e-5)
    assert "valid_accuracy" in tiny.history_[-1]


def fit_with(noise, *given, **parameters):
    """Train with callbacks."""
    options = {
        "conv_channels": (4,),
        "hidden_units": (),
        "max_epochs": 4,
        "random_state": 0,
        "callbacks": list(given),
    }
    return CNNClassifier(**options | parameters).fit(*noise)


def rates_of(model):
    """Give the learning rates of the epochs."""
    return [record["learning_rate"] for record in model.history_]


def test_a_scheduler_sets_the_learning_rate(noise):
    """In place of `lr_schedule`, from epoch to epoch or from batch to batch."""
    step = callbacks.LRScheduler("StepLR", step_size=2, gamma=0.5)
    cyclic = callbacks.LRScheduler(
        "CosineAnnealingLR", T_max=8, step_every="batch", event_name="rate"
    )

    by_epoch = fit_with(noise, step, learning_rate=0.04)
    by_batch = fit_with(noise, cyclic, learning_rate=0.04)

    assert_allclose(rates_of(by_epoch), [0.04, 0.04, 0.02, 0.02])
    expected = 0.02 * (1 + np.cos(np.pi * np.arange(8) / 8))
    assert_allclose(np.ravel(by_batch.net_.history[:, "batches", :, "rate"]), expected)
    assert_allclose(by_batch.net_.optimizer_.param_groups[0]["lr"], 0, atol=1e-12)


def test_a_scheduler_follows_the_validation_loss(noise):
    """`ReduceLROnPlateau` divides the rate where the loss does not fall."""
    plateau = callbacks.LRScheduler(
        "ReduceLROnPlateau", monitor="valid_loss", patience=0, threshold=10.0
    )

    model = fit_with(noise, plateau, early_stopping=True, validation_fraction=0.2)

    assert rates_of(model)[-1] < rates_of(model)[0] / 5


def test_a_scheduler_goes_on_after_loading(noise, tmp_path):
    """`partial_fit` of a loaded classifier steps on from its last epoch."""
    step = callbacks.LRScheduler("StepLR", step_size=1, gamma=0.5)
    model = fit_with(noise, step, learning_rate=0.04, max_epochs=2)

    model.partial_fit(*noise)

    assert rates_of(model)[:2] == [0.04, 0.02]


def test_layers_can_be_frozen(noise):
    """`Freezer` keeps weights as they were drawn, `Unfreezer` trains them later."""
    initial = weights_in(fit_with(noise, learning_rate=1e-30))

    frozen = weights_in(fit_with(noise, callbacks.Freezer("body.0.*")))
    thawed = weights_in(
        fit_with(
            noise,
            callbacks.Freezer("body.0.*"),
            callbacks.Unfreezer("body.0.*", at=3),
        )
    )

    assert_array_equal(frozen["body.0.weight"], initial["body.0.weight"])
    assert not np.allclose(frozen["body.5.weight"], initial["body.5.weight"])
    assert not np.allclose(thawed["body.0.weight"], initial["body.0.weight"])


def weights_in(model):
    """Give the weights by their names."""
    parameters = model.net_.module_.named_parameters()
    return {name: tensor.detach().numpy() for name, tensor in parameters}


def test_weights_can_be_initialized(noise):
    """`Initializer` sets them before the first epoch."""
    zeros = callbacks.Initializer("body.5.*", fn=torch.nn.init.zeros_)

    model = fit_with(noise, zeros, learning_rate=1e-30)

    assert_allclose(weights_in(model)["body.5.weight"], 0, atol=1e-20)


def test_gradients_are_clipped(noise):
    """`GradientNormClipping` bounds how far a step goes."""
    clipping = callbacks.GradientNormClipping(1e-3)
    parameters = {"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.0}
    parameters |= {"lr_schedule": "constant", "learning_rate": 0.1, "batch_size": 30}

    initial = fit_with(noise, **parameters | {"learning_rate": 1e-30})
    clipped = fit_with(noise, clipping, **parameters)

    moved = weights_of(clipped.net_) - weights_of(initial.net_)
    assert 0 < np.linalg.norm(moved) <= 4 * 0.1 * 1e-3 * 1.001


def test_early_stopping_of_skorch_takes_the_best_weights(noise):
    """`EarlyStopping(load_best=True)` stops, and goes back."""
    stopping = callbacks.EarlyStopping(
        patience=2, threshold=1e6, load_best=True, sink=lambda message: None
    )

    model = fit_with(
        noise, stopping, early_stopping=True, validation_fraction=0.2, max_epochs=9
    )

    assert model.n_iter_ == 3


def test_checkpoints_of_skorch_are_loaded_at_the_end(noise, tmp_path):
    """`Checkpoint(load_best=True)` gives the weights of the best epoch back."""
    best = callbacks.Checkpoint(
        monitor="train_loss_best",
        dirname=str(tmp_path),
        load_best=True,
        sink=lambda message: None,
    )

    model = fit_with(noise, best)

    saved = torch.load(tmp_path / "params.pt", weights_only=True)
    state = model.net_.module_.state_dict()
    assert all(torch.equal(saved[name], state[name]) for name in saved)


def test_a_training_starts_from_a_checkpoint_of_skorch(noise, tmp_path):
    """`LoadInitState` loads what `Checkpoint` saved."""
    kept = callbacks.Checkpoint(
        monitor=None, dirname=str(tmp_path), sink=lambda message: None
    )
    first = fit_with(noise, kept)

    second = fit_with(noise, callbacks.LoadInitState(kept), learning_rate=1e-30)

    assert_allclose(weights_of(second.net_), weights_of(first.net_), atol=1e-6)


@pytest.mark.parametrize("use_caching", [True, False])
def test_epochs_are_scored(noise, use_caching):
    """`EpochScoring` records in the history of net and classifier alike."""
    scoring = callbacks.EpochScoring(
        "accuracy", name="seen", on_train=True, use_caching=use_caching
    )
    validation = callbacks.EpochScoring(
        "accuracy", name="unseen", on_train=False, use_caching=use_caching
    )

    model = fit_with(
        noise, scoring, validation, early_stopping=True, validation_fraction=0.2
    )

    for record, kept in zip(model.history_, model.net_.history, strict=True):
        assert record["seen"] == kept["seen"]
        assert record["unseen"] == pytest.approx(record["valid_accuracy"])
        assert set(record) == {
            *["learning_rate", "seconds", "seen", "train_loss"],
            *["unseen", "valid_accuracy", "valid_loss"],
        }


def test_scoring_changes_nothing(noise):
    """Also with several threads in the process, and dropout in the network."""
    parameters = {"hidden_units": (8,), "dropout": 0.3}
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        plain = fit_with(noise, callbacks.Callback(), **parameters)
        scored = fit_with(
            noise,
            callbacks.EpochScoring("accuracy", on_train=True, use_caching=False),
            **parameters,
        )
    finally:
        torch.set_num_threads(before)

    assert_array_equal(weights_of(plain.net_), weights_of(scored.net_))


def test_progress_is_printed(noise, capsys):
    """`PrintLog` prints, whatever `verbose` is."""
    fit_with(noise, callbacks.PrintLog())

    assert "train_loss" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("verbose", "expected"),
    [(0, 0), (False, 0), ("auto", 0), (1, 1), (True, 1), (2, 1)],
)
def test_the_net_is_verbose_where_asked_for(tiny, noise, verbose, expected):
    """Any number above 0 counts, as it does in `fit`."""
    net = tiny.set_params(verbose=verbose).fit(*noise).net_

    assert net.verbose == expected


def test_progress_of_further_parts_is_printed(tiny, noise, capsys):
    """`PrintLog` prints as well where it is set later on."""
    tiny.set_params(verbose=0).fit(*noise)

    tiny.set_params(callbacks=[callbacks.PrintLog()]).partial_fit(*noise)
    printed = capsys.readouterr().out
    tiny.set_params(callbacks=None).partial_fit(*noise)

    assert "train_loss" in printed
    assert not capsys.readouterr().out
    assert not tiny.net_.verbose


def test_net_is_quiet(noise):
    """Nothing of the above is deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit_with(noise, callbacks.EpochTimer())


def test_a_clone_validates_by_its_split(model, noise):
    """What skorch hands on between its own methods is not for the split."""
    copied = clone(model.net_).set_params(train_split=ValidSplit(5), max_epochs=1)

    copied.fit(*noise)

    assert "valid_loss" in copied.history[-1]


def test_callbacks_are_added_to_the_list_in_place(tiny, noise):
    """`partial_fit` calls those that are in the list now."""
    calls = []

    class Counts(callbacks.Callback):
        def on_epoch_end(self, net, **kwargs):
            calls.append(len(net.history))

    tiny.set_params(callbacks=[]).partial_fit(*noise, classes=[0, 1, 2])
    tiny.callbacks.append(Counts())
    tiny.partial_fit(*noise).partial_fit(*noise)

    assert calls == [2, 3]


def test_callbacks_are_set_afterwards(model, noise):
    """Also where there were none; they take part in the next training."""
    scoring = callbacks.EpochScoring("accuracy", name="seen", on_train=True)
    net = model.net_

    net.set_params(callbacks=[("scoring", scoring)])
    net.set_params(callbacks__scoring__use_caching=False)
    net.partial_fit(*noise)

    assert "seen" in model.history_[-1]
    assert not scoring.use_caching
    with pytest.raises(ValueError, match="callbacks of skorch, or pairs"):
        net.set_params(callbacks=[3])
    net.set_params(callbacks=None)
    with pytest.raises(ValueError, match="has no callbacks whose parameters"):
        net.set_params(callbacks__scoring__name="other")


def test_an_open_iteration_does_not_keep_others_from_training(model, noise):
    """Each batch is computed by the network as it is then."""
    X, y = noise
    many = np.repeat(X, 100, axis=0)
    outputs = model.net_.forward_iter(many)
    first = next(outputs)

    trainer = threading.Thread(target=model.partial_fit, args=(X, y))
    trainer.start()
    trainer.join(60)

    assert not trainer.is_alive()
    rest = torch.cat(list(outputs)).numpy()
    assert len(first) + len(rest) == len(many)
    assert_allclose(rest, model.net_.forward(many)[len(first) :], atol=1e-6)


def test_outputs_as_in_training_leave_others_alone(noise):
    """Batch statistics are not those that another thread predicts with meanwhile."""
    X = noise[0]
    model = fit_with(noise, hidden_units=(8,), dropout=0.5)
    expected = model.net_.network.logits(X)
    for layer in model.net_.module_.modules():
        if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm):
            layer.momentum = 0.0

    with ThreadPoolExecutor(2) as pool:
        training = pool.submit(
            lambda: [model.net_.forward(X, training=True) for _ in range(20)]
        )
        seen = [model.net_.network.logits(X) for _ in range(20)]
        outputs = training.result()

    assert all(np.array_equal(each, expected) for each in seen)
    assert not torch.equal(outputs[0], outputs[1])


def test_the_net_needs_parameters_that_are_valid(tiny, noise):
    """What was set after `fit` is checked where the net is made of it."""
    tiny.fit(*noise).set_params(optimizer="bogus")
    loaded = pickle.loads(pickle.dumps(tiny))

    loaded.predict(noise[0])

    with pytest.raises(ValueError, match="'optimizer' parameter of CNNClassifier"):
        _ = loaded.net_
    loaded.set_params(optimizer="sgd", callbacks=[3])
    with pytest.raises(ValueError, match="callbacks of skorch, or pairs"):
        _ = loaded.net_


def test_each_batch_has_one_record(noise):
    """As in skorch, with its loss and size."""
    model = fit_with(noise, callbacks.Callback(), batch_size=10, max_epochs=1)

    (epoch,) = model.net_.history

    assert [record["train_batch_size"] for record in epoch["batches"]] == [10, 10, 10]


def test_callbacks_set_between_parts_are_called(tiny, noise):
    """`partial_fit` reads `callbacks` anew, as the other parameters."""
    X, y = noise
    calls = []

    class Count(callbacks.Callback):
        def on_epoch_end(self, net, **kwargs):
            calls.append(len(net.history))

    tiny.partial_fit(X, y, classes=[0, 1, 2])

    tiny.set_params(callbacks=[Count()]).partial_fit(X, y)
    tiny.set_params(callbacks=None).partial_fit(X, y)

    assert calls == [2]
    assert tiny.n_iter_ == 3

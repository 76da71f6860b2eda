"""Trainings that go on, or are loaded, from a folder of checkpoints."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback

from sklcnn import CNNClassifier
from sklcnn.augmentation import RandomErasing, RandomRotation
from sklcnn.network._net import Net
from sklcnn.persistence import dump, load


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_interrupted_at_every_epoch_is_undisturbed(
    model, noise, epochs, optimizer, assert_equal_models
):
    """Stopped after each epoch and called again, the bits are those of one call."""
    X, y = noise
    X = RandomErasing().fit_transform(RandomRotation().fit_transform(X))
    model.set_params(optimizer=optimizer)
    expected = clone(model).set_params(checkpoint_dir=None).fit(X, y)
    n_epochs = len(epochs)
    epochs.clear()

    for n_done in range(n_epochs):
        epochs.interrupted_after = n_done
        with pytest.raises(KeyboardInterrupt):
            clone(model).fit(X, y)
    epochs.interrupted_after = math.inf
    resumed = clone(model).fit(X, y)
    loaded = clone(model).fit(X, y)

    assert epochs == list(range(n_epochs))
    for actual in (resumed, loaded):
        assert_equal_models(actual, expected)
        assert_array_equal(
            actual.predict_proba(X.images), expected.predict_proba(X.images)
        )


def test_parts_of_batches_stay_small(
    tiny, noise, folder, epochs, monkeypatch, assert_equal_models
):
    """What a GPU had no room for is not tried again after a kill."""
    rows, compute = [], Net.compute_losses

    def limited(net, batch):
        rows.append(len(batch[1]))
        if rows[-1] > 8:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return compute(net, batch)

    monkeypatch.setattr(Net, "compute_losses", limited)
    with pytest.warns(UserWarning, match="ran out of memory"):
        expected = clone(tiny).fit(*noise)
    tiny.set_params(checkpoint_dir=folder)
    epochs.interrupted_after = 1
    with (
        pytest.warns(UserWarning, match="ran out of memory"),
        pytest.raises(KeyboardInterrupt),
    ):
        clone(tiny).fit(*noise)
    epochs.interrupted_after = math.inf
    rows.clear()

    resumed = tiny.fit(*noise)

    assert max(rows) == 8
    assert_equal_models(resumed, expected)


def test_what_follows_a_loaded_fit_is_the_same(model, noise, assert_equal_models):
    """`partial_fit` goes on from a loaded fit as from a trained one."""
    trained, loaded = clone(model).fit(*noise), clone(model).fit(*noise)

    for fitted in (trained, loaded):
        fitted.partial_fit(*noise)

    assert_equal_models(trained, loaded)


def test_checkpoints_change_nothing(tiny, noise, folder, assert_equal_models):
    """A fit with checkpoints equals one without."""
    expected = clone(tiny).fit(*noise)

    assert_equal_models(tiny.set_params(checkpoint_dir=folder).fit(*noise), expected)


def test_longer_training_goes_on_with_a_constant_rate(
    tiny, noise, folder, epochs, assert_equal_models
):
    """With a constant schedule, more epochs begin where fewer ended."""
    tiny.set_params(lr_schedule="constant", weight_decay=1e-3, max_epochs=6)
    expected = clone(tiny).fit(*noise)
    epochs.clear()
    tiny.set_params(checkpoint_dir=folder)

    for max_epochs in (2, 4, 6, 4, 2, 3):
        clone(tiny).set_params(max_epochs=max_epochs).fit(*noise)

    assert epochs == [*range(6), 2]
    assert_equal_models(clone(tiny).fit(*noise), expected)


def test_shorter_training_leaves_a_longer_one_that_was_killed(
    tiny, noise, folder, epochs, assert_equal_models
):
    """What a longer training of the same address has done is not lost."""
    tiny.set_params(lr_schedule="constant", weight_decay=1e-3, max_epochs=6)
    expected = clone(tiny).fit(*noise)
    tiny.set_params(checkpoint_dir=folder)
    epochs.interrupted_after = 4
    with pytest.raises(KeyboardInterrupt):
        clone(tiny).fit(*noise)
    epochs.interrupted_after = math.inf
    epochs.clear()

    clone(tiny).set_params(max_epochs=2).fit(*noise)
    resumed = clone(tiny).fit(*noise)

    assert epochs == [0, 1, 4, 5]
    assert_equal_models(resumed, expected)
    assert len(list(folder.iterdir())) == 2


def test_stopped_early_is_finished_for_any_length(
    model, noise, folder, epochs, assert_equal_models
):
    """Where early stopping ended training, a larger `max_epochs` trains nothing."""
    model.set_params(lr_schedule="constant", weight_decay=0, max_epochs=50)
    first = clone(model).fit(*noise)
    n_epochs = len(epochs)

    second = clone(model).set_params(max_epochs=60).fit(*noise)

    assert n_epochs == first.n_iter_ < 50
    assert len(epochs) == n_epochs
    assert_equal_models(first, second)


def test_training_that_was_stopped_by_patience_stays_so(
    model, noise, epochs, folder, assert_equal_models
):
    """A kill between the last epoch and the end adds no epoch."""
    model.set_params(max_epochs=50)
    expected = clone(model).fit(*noise)
    n_epochs = len(epochs)
    (finished,) = folder.iterdir()
    running = finished.with_name(f"{finished.name[:64]}-running.checkpoint")
    finished.rename(running)

    resumed = clone(model).fit(*noise)

    assert len(epochs) == n_epochs < 50
    assert_equal_models(resumed, expected)
    assert [path.name for path in folder.iterdir()] == [finished.name]


def test_callbacks_leave_finished_trainings_only(tiny, noise, folder, epochs):
    """What a callback holds is not kept, so its training can't be cut in two."""
    tiny.set_params(callbacks=[Callback()], checkpoint_dir=folder, max_epochs=3)
    epochs.interrupted_after = 2
    with pytest.raises(KeyboardInterrupt):
        clone(tiny).fit(*noise)
    epochs.interrupted_after = math.inf

    for _ in range(2):
        clone(tiny).fit(*noise)

    assert epochs == [0, 1, 0, 1, 2]


def test_partial_fit_and_warm_start_write_nothing(tiny, noise, folder):
    """What goes on from weights at hand has no address."""
    tiny.set_params(checkpoint_dir=folder, warm_start=True)

    tiny.partial_fit(*noise, classes=[0, 1, 2]).fit(*noise)

    assert not folder.exists()


def test_saved_classifier_names_its_folder(tiny, noise, folder):
    """A folder given as a path can be saved, and goes on to be used."""
    tiny.set_params(checkpoint_dir=folder).fit(*noise)
    dump(tiny, folder / "model.skops")

    loaded = load(folder / "model.skops")

    assert loaded.checkpoint_dir == str(folder)
    assert tiny.checkpoint_dir is folder
    assert_array_equal(loaded.predict_proba(noise[0]), tiny.predict_proba(noise[0]))


def test_verbose_tells_the_size_of_the_folder(tiny, noise, folder, capsys):
    """One line tells what was found, and what the folder holds."""
    tiny.set_params(checkpoint_dir=folder, verbose=1)

    clone(tiny).fit(*noise)
    clone(tiny).fit(*noise)

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("0 files, 0.0 MB; this training is new.")
    assert lines[1].endswith("MB; this training of 2 epochs is finished.")


def test_search_is_not_trained_again(tiny, noise, folder, epochs):
    """A second search trains nothing, and has the same scores."""
    search = GridSearchCV(
        make_pipeline(RandomRotation(), tiny.set_params(checkpoint_dir=folder)),
        {"cnnclassifier__learning_rate": [0.01, 0.05]},
        cv=2,
    )
    first = clone(search).fit(*noise)
    epochs.clear()

    second = clone(search).fit(*noise)

    assert not epochs
    for key in ("mean_test_score", "std_test_score", "split1_test_score"):
        assert_array_equal(first.cv_results_[key], second.cv_results_[key])


class Scores(Callback):
    """Record numbers of numpy, as functions of scikit-learn give them."""

    def on_epoch_end(self, net, **kwargs):
        """Record one of each kind."""
        for name in ("float32", "float64", "int64", "bool_", "str_", "longdouble"):
            net.history.record(name, getattr(np, name)(1))


def test_records_of_callbacks_are_loaded(tiny, noise, folder, epochs):
    """Numbers of numpy are in the history of a loaded training as of a trained one."""
    tiny.set_params(callbacks=[Scores()], checkpoint_dir=folder)
    trained = clone(tiny).fit(*noise)

    loaded = clone(tiny).fit(*noise)

    assert epochs == [0, 1]
    assert loaded.history_ == trained.history_
    assert loaded.history_[0]["float32"] == 1.0
    assert {type(value) for value in loaded.history_[0].values()} <= PLAIN


PLAIN = {bool, int, float, str}


@pytest.mark.slow
def test_number_of_workers_changes_nothing(digits, folder):
    """With checkpoints and without, two workers find what one finds."""
    model = CNNClassifier(max_epochs=2, random_state=0)
    searches = [
        GridSearchCV(model, {"checkpoint_dir": [where], "dropout": [0, 0.3]}, cv=2)
        for where in (None, str(folder / "one"), str(folder / "two"))
    ]

    for search, n_jobs in zip(searches, (1, 1, 2), strict=True):
        search.set_params(n_jobs=n_jobs).fit(*digits)

    for search in searches[1:]:
        for actual, expected in (
            (
                search.cv_results_["mean_test_score"],
                searches[0].cv_results_["mean_test_score"],
            ),
            (search.predict_proba(digits[0]), searches[0].predict_proba(digits[0])),
        ):
            assert_array_equal(actual, expected)

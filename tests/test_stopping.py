"""When training stops, and who watches it: early stopping, progress, callbacks."""

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.utils.fixes import parse_version
from skorch.callbacks import Callback, Checkpoint, EpochScoring
from skorch.callbacks import EarlyStopping as SkorchEarlyStopping

from sklcnn import CNNClassifier
from sklcnn.images import ImageFiles
from sklcnn.network import split_rows
from sklcnn.preprocessing import Resize

HAS_CALLBACKS = parse_version(sklearn.__version__) >= parse_version("1.9")


def test_early_stopping_keeps_the_best_weights(digits):
    """The weights are those of the epoch with the smallest validation loss."""
    X, y = digits
    model = CNNClassifier(
        early_stopping=True,
        n_iter_no_change=3,
        lr_schedule="constant",
        weight_decay=5e-4,
        max_epochs=60,
        calibration_fraction=0,
        random_state=0,
    )
    model.fit(X, y)
    losses = [record["valid_loss"] for record in model.history_]

    again = clone(model).set_params(max_epochs=model.best_epoch_ + 1).fit(X, y)

    assert model.best_epoch_ == np.argmin(losses)
    assert model.n_iter_ < 60
    assert_array_equal(model.predict_proba(X), again.predict_proba(X))
    assert 0 <= model.history_[0]["valid_accuracy"] <= 1


def test_early_stopping_does_not_train_on_what_it_sets_aside(tiny, noise):
    """Rows set aside are a tenth of every class, and are never trained on."""
    trained, validated = set(), set()

    class Spy(Callback):
        def on_batch_end(self, net, batch, training, **kwargs):
            (trained if training else validated).update(batch[0][:, 0, 0, 0].tolist())

    X = np.arange(100, dtype=np.float32).repeat(4).reshape(100, 2, 2)
    y = np.arange(100) % 5
    tiny.set_params(early_stopping=True, callbacks=[Spy()]).fit(X, y)

    assert len(validated) == 10
    assert sorted(int(row) % 5 for row in validated) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert trained == set(range(100)) - validated


def test_patience_waits_for_the_schedule(digits):
    """While the learning rate is to fall, so is the loss."""
    X, y = digits
    model = CNNClassifier(
        conv_channels=(4,),
        early_stopping=True,
        n_iter_no_change=1,
        tol=1e9,
        max_epochs=40,
        random_state=0,
    )

    stopped = {
        schedule: clone(model).set_params(lr_schedule=schedule).fit(X, y).n_iter_
        for schedule in ("onecycle", "cosine", "constant")
    }

    assert 32 < stopped["onecycle"] < 40
    assert 30 < stopped["cosine"] < 40
    assert stopped["constant"] == 2


@pytest.mark.parametrize("stops", [True, False])
def test_images_of_ones_own_validate(digits, stops):
    """All of `X` trains, and `X_val` decides when to stop, or is only recorded."""
    X, y = digits
    model = CNNClassifier(max_epochs=4, early_stopping=stops, random_state=0)
    expected = CNNClassifier(max_epochs=4, random_state=0).fit(X[:150], y[:150])

    model.fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:])

    losses = [record["train_loss"] for record in model.history_]
    assert losses == [record["train_loss"] for record in expected.history_]
    accuracies = [record["valid_accuracy"] for record in model.history_]
    best = model.best_epoch_
    assert accuracies[best] == pytest.approx(model.score(X[150:], y[150:]))
    valid = [record["valid_loss"] for record in model.history_]
    assert best == (np.argmin(valid) if stops else 3)


def test_images_to_validate_on_are_checked(tiny, noise):
    """They come with labels that are known, and have the size of the others."""
    X, y = noise

    with pytest.raises(ValueError, match=r"expects both X_val and y_val.*only X_val"):
        tiny.fit(X, y, X_val=X)
    with pytest.raises(ValueError, match="previously unseen labels"):
        tiny.fit(X, y, X_val=X, y_val=y + 1)
    with pytest.raises(ValueError, match="was fitted on images of shape"):
        tiny.fit(X, y, X_val=X[:, :4], y_val=y)
    unreadable = ImageFiles(["gone.png"], 8, color_mode="gray", bad_rows=[0])
    with pytest.raises(ValueError, match="no image in X_val that can be read"):
        tiny.fit(X, y, X_val=unreadable, y_val=[0])


def test_images_to_validate_on_go_through_pipelines(noise):
    """With metadata routing, steps before the classifier transform them."""
    X, y = noise
    with sklearn.config_context(enable_metadata_routing=True):
        classifier = CNNClassifier(
            conv_channels=(4,), max_epochs=2, early_stopping=True, random_state=0
        )
        classifier.set_fit_request(X_val=True, y_val=True)
        model = Pipeline(
            [("resize", Resize((4, 4))), ("cnn", classifier)], transform_input=["X_val"]
        )

        model.fit(X[:20], y[:20], X_val=X[20:], y_val=y[20:])

    assert "valid_loss" in model[-1].history_[-1]
    assert model[-1].image_shape_ == (4, 4, 1)


def test_groups_are_set_aside_whole(tiny):
    """No group trains and validates."""
    trained, validated = set(), set()

    class Spy(Callback):
        def on_batch_end(self, net, batch, training, **kwargs):
            (trained if training else validated).update(batch[0][:, 0, 0, 0].tolist())

    groups = np.arange(100) // 4
    X = groups.astype(np.float32).repeat(4).reshape(100, 2, 2)
    y = np.arange(100) % 2
    tiny.set_params(early_stopping=True, callbacks=[Spy()])

    tiny.fit(X, y, groups=groups)

    assert not trained & validated
    assert len(trained | validated) == 25
    assert 2 <= len(validated) <= 4
    with pytest.raises(ValueError, match=r"class [01] are of the groups set aside"):
        tiny.fit(X, y, groups=y)
    with pytest.raises(ValueError, match="all are of one group"):
        tiny.fit(X, y, groups=np.zeros(100))


@pytest.mark.parametrize("seed", range(6))
def test_of_uneven_groups_those_are_set_aside_that_come_next_to_the_share(seed):
    """Not the group that most images are of, nor one with all images of a class."""
    rows, groups = np.arange(200), np.repeat(np.arange(11), [100, *[10] * 10])
    labels = np.where(groups == 4, 2, rows % 2)

    train, valid = split_rows(rows, labels, 0.1, seed, groups)

    assert len(valid) in (10, 20)
    assert not set(groups[valid]) & {0, 4}
    assert_array_equal(np.sort([*train, *valid]), rows)


def test_groups_too_large_for_the_share_are_warned_of(tiny, noise):
    """Half of the images is more than a tenth."""
    X, y = noise
    tiny.set_params(early_stopping=True)

    with pytest.warns(UserWarning, match="=0.1 sets 15 of 30 images"):
        tiny.fit(X, y, groups=np.arange(30) % 2)


def test_groups_are_routed_by_default(tiny, noise):
    """Cross-validation by groups hands them on to the classifier."""
    X, y = noise
    tiny.set_params(early_stopping=True, validation_fraction=0.3)
    with sklearn.config_context(enable_metadata_routing=True):
        groups = {"groups": np.arange(30) // 3}
        splits = {"cv": GroupKFold(2), "params": groups, "error_score": "raise"}
        scores = cross_val_score(tiny, X, y, **splits)

    assert scores.shape == (2,)


def test_a_single_image_of_a_class_trains(noise):
    """It can't be on both sides."""
    X, y = noise
    y = np.where(np.arange(30) == 7, 9, y)
    model = CNNClassifier(
        conv_channels=(4,), max_epochs=1, early_stopping=True, random_state=0
    )

    assert model.fit(X, y).classes_.tolist() == [0, 1, 2, 9]


def test_weights_are_split_along_with_their_rows(tiny, noise):
    """The validation loss is weighted like the training loss."""
    X, y = noise
    tiny.set_params(early_stopping=True, validation_fraction=0.5)
    weights = np.where(y == 0, 1.0, 1e-6)

    history = tiny.fit(X, y, sample_weight=weights).history_

    assert history[-1]["valid_accuracy"] == pytest.approx(1, abs=1e-4)


def test_verbose_shows_a_progress_bar(tiny, noise, capsys):
    """`verbose=1` shows epochs and loss, `verbose=0` nothing at all."""
    tiny.fit(*noise)
    silent = capsys.readouterr()

    tiny.set_params(verbose=1).fit(*noise)

    assert silent.out == silent.err == ""
    assert "2/2" in (shown := capsys.readouterr().err)
    assert "loss=" in shown


def test_skorch_callbacks_are_called(noise):
    """A skorch callback scores epochs, and may stop training."""
    X, y = noise
    scoring = EpochScoring("accuracy", on_train=True, name="train_accuracy")
    stopping = SkorchEarlyStopping(monitor="train_loss", patience=2, threshold=10)
    model = CNNClassifier(
        max_epochs=9, callbacks=[scoring, stopping], verbose=0, random_state=0
    )
    stopping.sink = lambda message: None

    model.fit(X, y)

    assert model.n_iter_ == 3
    assert 0 <= model.net_.history[-1, "train_accuracy"] <= 1


def test_skorch_checkpoints_know_the_best_epoch(noise, tmp_path):
    """`Checkpoint`, as it comes, saves where the validation loss is the smallest."""
    X, y = noise
    checkpoint = Checkpoint(dirname=tmp_path, sink=lambda message: None)
    model = CNNClassifier(
        max_epochs=3, callbacks=[checkpoint], early_stopping=True, random_state=0
    )

    model.fit(np.repeat(X, 2, 0), np.repeat(y, 2))

    assert (tmp_path / "params.pt").exists()


def test_interrupt_reaches_the_user(tiny, noise):
    """Ctrl-C during an epoch ends fit, and leaves nothing that looks fitted."""

    class Interrupt(Callback):
        def on_batch_begin(self, net, **kwargs):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tiny.set_params(callbacks=[Interrupt()]).fit(*noise)

    assert not tiny.__sklearn_is_fitted__()


@pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn before 1.9")
def test_scikit_learn_callbacks_see_epochs(tiny, noise):
    """A callback gets a classifier ready to predict after each epoch, and may stop."""
    X, y = noise
    begun, seen = [], []

    class Callback:
        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            begun.append(context.task_name)

        def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
            seen.append((context.task_name, fitted_estimator.score(X, y)))
            return len(seen) == 3

    model = tiny.set_params(max_epochs=7).set_callbacks(Callback()).fit(X, y)

    assert model.n_iter_ == 3
    assert begun == ["fit", "epoch", "epoch", "epoch"]
    assert [name for name, _ in seen] == ["epoch", "epoch", "epoch", "fit"]
    assert seen[-1][1] == model.score(X, y)


@pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn before 1.9")
def test_progress_bar_of_a_search_shows_epochs(tiny, noise, capsys):
    """scikit-learn's ProgressBar reaches through a search to the epochs."""
    from sklearn.callback import ProgressBar

    search = GridSearchCV(tiny, {"learning_rate": [0.01, 0.1]}, cv=2)

    search.set_callbacks(ProgressBar()).fit(*noise)

    shown = capsys.readouterr().out
    assert "GridSearchCV - fit" in shown
    assert "CNNClassifier - fit" in shown

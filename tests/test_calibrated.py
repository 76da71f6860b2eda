"""`predict_proba` means what it says on images that were not trained on."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.base import clone
from sklearn.metrics import log_loss

import sklcnn._calibrated
from sklcnn import CNNClassifier
from sklcnn._calibrated import hold_out
from sklcnn.augmentation import RandomFlip
from sklcnn.checkpoints import _folder
from sklcnn.network import TrainingData, _training, fit_temperature
from sklcnn.persistence import dump, load


def make_noisy(n, seed=0, share=0.3):
    """Make bright halves in noise, a share of the labels wrong."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    X = rng.normal(size=(n, 8, 8)).astype(np.float32)
    X[y == 1, :, 4:] += 1
    return X, np.where(rng.random(n) < share, 1 - y, y)


def make_classifier(**parameters):
    """Make a network that learns noise by heart."""
    known = {"conv_channels": (8, 16), "hidden_units": (32,), "random_state": 0}
    return CNNClassifier(**known | {"max_epochs": 25, "weight_decay": 0.0} | parameters)


def test_the_log_loss_of_images_to_come_falls():
    """By far, where labels are wrong; the predicted classes stay as they are."""
    X, y = make_noisy(300)
    X_test, y_test = make_noisy(2000, seed=1)

    plain = make_classifier(calibration_fraction=0).fit(X, y)
    calibrated = make_classifier().fit(X, y)

    losses = [log_loss(y_test, m.predict_proba(X_test)) for m in (plain, calibrated)]
    assert plain.temperature_ == 1
    assert calibrated.temperature_ > 1.5
    assert losses[1] < losses[0] - 0.1
    assert_array_equal(plain.predict(X_test), calibrated.predict(X_test))
    assert_allclose(
        calibrated.decision_function(X_test) * calibrated.temperature_,
        plain.decision_function(X_test),
        rtol=1e-5,
        atol=1e-5,
    )


def test_every_output_agrees():
    """Probabilities, logits, the skorch net and its module."""
    X, y = make_noisy(150)
    y = np.where(X[:, 0, 0] > 1, 2, y)
    model = make_classifier(max_epochs=8).fit(X, y)

    probabilities = model.predict_proba(X)

    assert model.temperature_ != 1
    assert_allclose(softmax(model.decision_function(X), axis=1), probabilities)
    assert_allclose(np.exp(model.predict_log_proba(X)), probabilities)
    assert_allclose(model.net_.predict_proba(X), probabilities, atol=1e-6)


def test_the_temperature_is_saved(tmp_path):
    """In pickles and files."""
    X, y = make_noisy(150)
    model = make_classifier(max_epochs=8).fit(X, y)
    dump(model, tmp_path / "model.skops")

    copies = pickle.loads(pickle.dumps(model)), load(tmp_path / "model.skops")

    for copy in copies:
        assert copy.temperature_ == model.temperature_ != 1
        assert_array_equal(copy.predict_proba(X), model.predict_proba(X))


def test_finished_and_killed_trainings_have_the_same_temperature(tmp_path):
    """A checkpoint holds it; the auxiliary network is not trained twice."""
    X, y = make_noisy(150)
    expected = make_classifier(max_epochs=8).fit(X, y)
    model = make_classifier(max_epochs=8, checkpoint_dir=tmp_path)

    first = model.fit(X, y).predict_proba(X)
    again = model.fit(X, y).predict_proba(X)

    assert_array_equal(first, expected.predict_proba(X))
    assert_array_equal(again, first)
    assert model.temperature_ == expected.temperature_


def test_a_training_that_goes_on_for_longer_has_the_temperature_of_a_long_one(tmp_path):
    """Its auxiliary network has more epochs than that of the shorter one had."""
    X, y = make_noisy(150)
    known = {"lr_schedule": "constant", "random_state": 0}
    expected = make_classifier(**known, max_epochs=12).fit(X, y)
    model = make_classifier(**known, checkpoint_dir=tmp_path)

    shorter = model.set_params(max_epochs=5).fit(X, y).temperature_
    model.set_params(max_epochs=12).fit(X, y)

    assert model.temperature_ == expected.temperature_ != shorter
    assert_array_equal(model.predict_proba(X), expected.predict_proba(X))


def test_a_longer_training_killed_amid_calibration_is_calibrated_anew(
    tmp_path, monkeypatch
):
    """Not with the temperature of the shorter one, which its checkpoint holds."""
    X, y = make_noisy(150)
    known = {"lr_schedule": "constant", "random_state": 0}
    expected = make_classifier(**known, max_epochs=12).fit(X, y)
    model = make_classifier(**known, checkpoint_dir=tmp_path)
    model.set_params(max_epochs=5).fit(X, y)

    model.set_params(max_epochs=12)
    with monkeypatch.context() as patch:
        patch.setattr("sklcnn._calibrated._train_beside", interrupt_all)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, y)
    model.fit(X, y)

    assert model.temperature_ == expected.temperature_


def interrupt_all(*_):
    """Interrupt as Ctrl-C does."""
    raise KeyboardInterrupt


def test_a_folder_that_can_not_be_written_to_is_told_before_calibration(
    tmp_path, parts
):
    """No network is trained for nothing."""
    (tmp_path / "file").touch()
    model = make_classifier(checkpoint_dir=tmp_path / "file" / "folder")

    with pytest.raises(OSError, match="can't be written to"):
        model.fit(*make_noisy(150))

    assert not parts


def test_the_auxiliary_network_is_frozen_for_the_same_share_of_its_epochs():
    """It has fewer epochs: a warning would say that all of them are frozen."""
    X, y = make_noisy(150)

    model = make_classifier(max_epochs=20, n_frozen_epochs=8).fit(X, y)

    assert model.temperature_ != 1


@pytest.mark.filterwarnings("ignore:The number of unique classes")
@pytest.mark.parametrize("kind", ["one group", "groups of a class", "single images"])
def test_images_that_can_not_be_set_aside_are_warned_of(kind):
    """Nobody asked for calibration: the network is trained without."""
    X, y = make_noisy(150)
    groups = {"one group": np.zeros(150), "groups of a class": y}.get(kind)
    y = np.arange(150) if kind == "single images" else y

    with pytest.warns(UserWarning, match="not calibrated.*calibration_fraction=0"):
        model = make_classifier(max_epochs=5).fit(X, y, groups=groups)

    assert model.temperature_ == 1
    assert model.n_iter_ == 5


def test_many_images_that_can_not_be_set_aside_are_all_trained_on():
    """Of one group, say; one warning says so."""
    X, y = make_noisy(10_000)
    model = make_classifier(max_epochs=5, conv_channels=(2,), hidden_units=())

    with pytest.warns(
        UserWarning, match="not calibrated.*all are of one group"
    ) as told:
        model.fit(X, y, groups=np.zeros(10_000))

    assert len(told) == 1
    assert model.temperature_ == 1


@pytest.mark.parametrize("how", ["early_stopping", "X_val"])
def test_validation_images_calibrate(how):
    """No auxiliary network is needed."""
    X, y = make_noisy(400)
    model = make_classifier()

    if how == "X_val":
        model.fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
    else:
        model.set_params(early_stopping=True, validation_fraction=0.25).fit(X, y)

    X_test, y_test = make_noisy(2000, seed=1)
    logits = model.decision_function(X_test) * model.temperature_
    uncalibrated = 1 / (1 + np.exp(-logits))
    assert model.temperature_ > 1
    assert log_loss(y_test, model.predict_proba(X_test)) < log_loss(
        y_test, uncalibrated
    )


def test_many_images_spare_some(monkeypatch):
    """Those set aside are not trained on, and no network beside it is trained."""
    monkeypatch.setattr("sklcnn._calibrated.MANY_ROWS", 600)
    monkeypatch.setattr("sklcnn._calibrated.MOST_ROWS", 150)
    X, y = make_noisy(600)
    batches = []

    class Count(skorch_callback()):
        def on_batch_end(self, net, batch, training, **kwargs):
            batches.append(len(batch[1]))

    model = make_classifier(max_epochs=1, callbacks=[Count()]).fit(X, y)

    assert sum(batches) == 450
    assert model.temperature_ != 1


def skorch_callback():
    """Import the base class of callbacks."""
    from skorch.callbacks import Callback

    return Callback


@pytest.fixture
def parts(monkeypatch):
    """List the parts that auxiliary networks are trained on."""
    train, listed = sklcnn._calibrated._train_beside, []

    def record(training, part, *others):
        listed.append(part)
        return train(training, part, *others)

    monkeypatch.setattr("sklcnn._calibrated._train_beside", record)
    return listed


def test_each_of_a_few_images_is_left_out_once(parts):
    """By two networks, each of which is trained on what the other one leaves out."""
    make_classifier(max_epochs=5).fit(*make_noisy(151))

    left_out = np.concatenate([part.valid.rows for part in parts])
    assert len(parts) == 2
    assert_array_equal(np.sort(left_out), np.arange(151))
    for part in parts:
        assert_array_equal(np.sort([*part.rows, *part.valid.rows]), np.arange(151))


@pytest.mark.parametrize(("share", "n", "expected"), [(0.4, 150, 60), (0.5, 1200, 500)])
def test_fewer_than_half_are_left_out_by_one_network(parts, share, n, expected):
    """500 images are enough."""
    X, y = make_noisy(n)
    make_classifier(max_epochs=5, calibration_fraction=share).fit(X, y)

    assert [len(part.valid.rows) for part in parts] == [expected]


def test_a_network_is_not_calibrated_on_classes_that_it_has_not_seen(parts):
    """Of which there is a single image; two of another class."""
    X, y = make_noisy(150)
    y[:3] = [2, 3, 3]

    model = make_classifier(max_epochs=5).fit(X, y)

    for part in parts:
        assert set(y[part.valid.rows]) <= set(y[part.rows])
    assert 0 in parts[0].rows
    assert model.temperature_ != 1


def test_short_trainings_have_no_temperature(parts):
    """Networks that have hardly learnt anything tell nothing, whatever they cost.

    Also where warm starts train for an epoch each.
    """
    X, y = make_noisy(150)
    model = make_classifier(max_epochs=4, warm_start=True)

    temperatures = [model.fit(X, y).temperature_ for _ in range(3)]

    assert temperatures == [1, 1, 1]
    assert not parts


@pytest.mark.parametrize("n_epochs", [10, 25])
def test_the_temperature_follows_the_size_of_logits(n_epochs):
    """It is that of the classifier, whose logits are larger than of shorter trainings.

    Beside the best temperature for images to come.
    """
    X, y = make_noisy(400)
    X_test, y_test = make_noisy(2000, seed=1)

    model = make_classifier(max_epochs=n_epochs).fit(X, y)

    logits = model.decision_function(X_test) * model.temperature_
    logits = np.stack([np.zeros(len(logits)), logits], axis=1)
    best = fit_temperature(logits, y_test, np.ones(len(y_test)))
    loss, least = (
        log_loss(y_test, softmax(logits / value, axis=1))
        for value in (model.temperature_, best)
    )
    assert loss < 1.05 * least


def test_the_progress_bar_names_calibration(capsys):
    """It comes before the training itself, and takes as long as a share of it."""
    make_classifier(max_epochs=5, verbose=1).fit(*make_noisy(150))

    shown = capsys.readouterr().err
    assert shown.count("calibration: 100%") == 2
    assert shown.rstrip().endswith("]")
    assert "calibration" not in shown.splitlines()[-1]


@pytest.mark.parametrize(("spread", "expected"), [(1e9, 10), (1e-9, 0.1), (3, 3)])
def test_temperatures_are_raised_and_lowered_within_bounds(
    monkeypatch, spread, expected
):
    """Of auxiliary networks that learnt nothing, say."""
    spreads = iter([1.0, 1.0, spread, 1.0, 1.0, 1.0])
    monkeypatch.setattr("sklcnn._calibrated._spread", lambda *_: next(spreads))
    X, y = make_noisy(150)

    grown, same = (make_classifier(max_epochs=5).fit(X, y) for _ in range(2))

    assert_allclose(grown.temperature_, expected * same.temperature_)


def test_an_interrupted_training_ends_with_the_same_temperature(tmp_path, monkeypatch):
    """The checkpoint holds what tells how far logits have grown."""
    X, y = make_noisy(150)
    expected = make_classifier(max_epochs=12).fit(X, y)
    model = make_classifier(max_epochs=12, checkpoint_dir=tmp_path)
    train_epoch = _training.train_epoch

    def interrupt(training):
        if training.n_epochs == 12 and training.n_done == 5:
            raise KeyboardInterrupt
        train_epoch(training)

    monkeypatch.setattr(_folder, "PAUSE", 0)
    monkeypatch.setattr(_training, "train_epoch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    monkeypatch.setattr(_training, "train_epoch", train_epoch)
    assert model.n_iter_ == 5
    monkeypatch.setattr("sklcnn._calibrated._train_beside", None)
    model.fit(X, y)

    assert model.temperature_ == expected.temperature_
    assert_array_equal(model.predict_proba(X), expected.predict_proba(X))


def test_groups_are_not_cut_in_two():
    """Copies of training images would say that the network is right."""
    X, y = make_noisy(200)
    X, y, groups = np.tile(X, (2, 1, 1)), np.tile(y, 2), np.tile(np.arange(200), 2)

    cut = make_classifier().fit(X, y)
    whole = make_classifier().fit(X, y, groups=groups)

    assert whole.temperature_ > 1.2 * cut.temperature_


@pytest.mark.parametrize(
    ("n", "parameters"),
    [
        (99, {}),
        (200, {"calibration_fraction": 0.05}),
        (40, {"early_stopping": False}),
        (10_000, {"calibration_fraction": 0.002}),
    ],
)
def test_few_images_have_no_temperature(n, parameters):
    """Too few to tell."""
    X, y = make_noisy(n)

    model = make_classifier(max_epochs=5, **parameters).fit(X, y)

    assert model.temperature_ == 1


def test_partial_fit_leaves_it_as_it_is():
    """`fit` finds another one."""
    X, y = make_noisy(150)
    model = make_classifier(max_epochs=5).fit(X, y)
    temperature = model.temperature_

    assert model.partial_fit(X, y).temperature_ == temperature
    assert model.set_params(max_epochs=25).fit(X, y).temperature_ != temperature


def test_warm_starts_follow_the_size_of_logits():
    """Those of images that it was trained on, divided by it, stay as large."""
    X, y = make_noisy(150)
    model = make_classifier(max_epochs=5, warm_start=True).fit(X, y)
    first, before = model.temperature_, np.std(model.decision_function(X))

    model.set_params(max_epochs=20).fit(X, y)

    assert model.temperature_ > 1.2 * first
    assert_allclose(np.std(model.decision_function(X)), before, rtol=0.1)


def test_warm_starts_calibrate_what_was_not(parts):
    """Also where `calibration_fraction` is set after a first fit, or after a part."""
    X, y = make_noisy(150)
    model = make_classifier(max_epochs=8, warm_start=True, calibration_fraction=0)
    assert model.fit(X, y).temperature_ == 1

    assert model.set_params(calibration_fraction=0.5).fit(X, y).temperature_ != 1
    assert len(parts) == 2
    assert model.set_params(calibration_fraction=0).fit(X, y).temperature_ == 1
    model = clone(model).set_params(calibration_fraction=0.5)
    assert model.partial_fit(X, y, classes=[0, 1]).temperature_ == 1
    assert model.fit(X, y).temperature_ != 1
    assert len(parts) == 4


@pytest.mark.parametrize("held_out", ["early_stopping", "many"])
def test_interrupted_trainings_are_calibrated(monkeypatch, held_out):
    """By the images that were set aside for it."""
    monkeypatch.setattr("sklcnn._calibrated.MANY_ROWS", 600)
    X, y = make_noisy(600)
    train_epoch = _training.train_epoch

    def interrupt(training):
        if training.n_done == 3:
            raise KeyboardInterrupt
        train_epoch(training)

    monkeypatch.setattr(_training, "train_epoch", interrupt)
    model = make_classifier(early_stopping=held_out == "early_stopping")
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)

    assert model.n_iter_ == 3
    assert model.temperature_ != 1


def test_few_validation_images_do_not_calibrate():
    """Auxiliary networks do, as if they were not there."""
    X, y = make_noisy(180)

    model = make_classifier(max_epochs=8)
    expected = model.fit(X[:150], y[:150]).temperature_
    model.fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:])

    assert model.temperature_ == expected != 1
    small = make_classifier(max_epochs=8, early_stopping=True).fit(X[:60], y[:60])
    assert small.temperature_ == 1


@pytest.mark.parametrize(
    ("sizes", "n_held_out"),
    [
        ([9_980, 20], 0),
        ([5_000, 5_000], 0),
        ([2_500] * 4, 0),
        ([7_000, *[100] * 30], 200),
        ([10] * 1_000, 500),
    ],
)
def test_groups_of_many_images_that_are_left_out(sizes, n_held_out):
    """About 500 images; where whole groups are far more, or few, none of them."""
    rows, groups = np.arange(10_000), np.repeat(np.arange(len(sizes)), sizes)
    data = TrainingData(None, rows % 2, np.ones(10_000), rows, groups=groups)

    rest, held_out = hold_out(data, np.array([0, 1]), CNNClassifier(), seed=0)

    assert len(rest.rows) == 10_000 - n_held_out
    if n_held_out:
        assert len(held_out.rows) == n_held_out
        assert not set(groups[rest.rows]) & set(groups[held_out.rows])
    else:
        assert held_out is None


def test_large_groups_are_left_out_by_an_auxiliary_network(parts, monkeypatch):
    """Which is calibrated on 500 of their images."""
    fit, listed = sklcnn._calibrated.fit_temperature, []
    monkeypatch.setattr(
        "sklcnn._calibrated.fit_temperature",
        lambda *arrays: listed.append(len(arrays[0])) or fit(*arrays),
    )
    X, y = make_noisy(10_000)
    model = make_classifier(max_epochs=5, conv_channels=(2,), hidden_units=())

    model.fit(X, y, groups=np.arange(10_000) % 4)

    assert [len(part.rows) for part in parts] == [7_500]
    assert listed == [500]
    assert model.temperature_ != 1


@pytest.mark.parametrize("sizes", [[170, 30], [190, 10], [40, 160]])
def test_groups_too_uneven_to_be_left_out_are_warned_of(parts, sizes):
    """Networks of few images are no help: none is trained."""
    X, y = make_noisy(200)

    with pytest.warns(UserWarning, match="groups are too uneven: of 200 images"):
        model = make_classifier(max_epochs=5).fit(X, y, groups=np.repeat([0, 1], sizes))

    assert model.temperature_ == 1
    assert not parts


def test_of_uneven_groups_a_network_is_trained_on_the_larger_ones(parts):
    """Not one on the smaller ones as well."""
    X, y = make_noisy(200)

    make_classifier(max_epochs=5).fit(X, y, groups=np.repeat([0, 1], [140, 60]))

    assert [(len(part.rows), len(part.valid.rows)) for part in parts] == [(140, 60)]


def test_random_steps_are_for_the_auxiliary_network_too():
    """It is trained as the classifier is, and images set aside are left as they are."""
    X, y = make_noisy(150)

    model = make_classifier(max_epochs=5).fit(RandomFlip().fit_transform(X), y)

    assert model.temperature_ != 1
    assert model.n_iter_ == 5


def test_sample_weights_count():
    """Wrong labels of no weight cost no confidence."""
    X, y = make_noisy(300, share=0.0)
    wrong = np.random.default_rng(2).random(300) < 0.4
    y = np.where(wrong, 1 - y, y)

    model = make_classifier().fit(X, y, sample_weight=np.where(wrong, 0.0, 1.0))
    trusting = make_classifier().fit(X, y)

    assert model.temperature_ < trusting.temperature_

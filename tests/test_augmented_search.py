"""Random transforms inside scikit-learn's searches and ensembles."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    cross_val_score,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.semi_supervised import SelfTrainingClassifier

from sklcnn.augmentation import RandomFlip, RandomNoise, RandomRotation
from sklcnn.preprocessing import ResizeByFactor


def rows_in(batches):
    """Give the images in batches as a set of bytes, those of zeros left out."""
    return {image.tobytes() for batch in batches for image in batch if image.any()}


def test_cross_validation_scores_on_the_images(spy, signs):
    """Held-out images are fed as they are, training images are not."""
    X, y = signs

    cross_val_score(make_pipeline(RandomNoise(), spy.classifier), X, y, cv=3)

    assert rows_in(spy.asked) == rows_in([X])
    assert rows_in(spy.trained).isdisjoint(rows_in([X]))


def test_a_search_after_the_transforms_scores_on_the_images(spy, signs):
    """Folds are cut from images still to be redrawn, for training alone."""
    X, y = signs
    grid = {"learning_rate": [0.01, 0.1]}

    make_pipeline(RandomNoise(), GridSearchCV(spy.classifier, grid, cv=2)).fit(X, y)

    assert rows_in(spy.asked) == rows_in([X])
    assert rows_in(spy.trained).isdisjoint(rows_in([X]))
    assert len(spy.trained) == (2 * 2 + 1) * 3


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda model: CalibratedClassifierCV(model, cv=2),
        lambda model: VotingClassifier([("cnn", model)]),
        lambda model: StackingClassifier([("cnn", model)], cv=2),
    ],
    ids=["calibrated", "voting", "stacking"],
)
def test_ensembles_after_the_transforms_redraw(spy, signs, wrapped):
    """What hands its images on as they come, trains on redrawn ones."""
    X, y = signs

    model = make_pipeline(RandomNoise(), wrapped(spy.classifier)).fit(X, y)
    model.predict(X)

    assert rows_in(spy.asked) == rows_in([X])
    assert rows_in(spy.trained).isdisjoint(rows_in([X]))


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda model: BaggingClassifier(model, n_estimators=2, random_state=0),
        lambda model: OneVsRestClassifier(model),
        lambda model: SelfTrainingClassifier(model, max_iter=1),
    ],
    ids=["bagging", "one against the rest", "self-training"],
)
def test_ensembles_of_pipelines_redraw(spy, signs, wrapped):
    """Around a whole pipeline, any other estimator of scikit-learn does."""
    X, y = signs
    flat, y = X.reshape(30, -1), np.where(np.arange(30) < 3, -1, y)

    model = wrapped(make_pipeline(RandomNoise(), spy.classifier)).fit(flat, y)
    model.predict(flat)

    assert rows_in(spy.asked) == rows_in([X])
    assert rows_in(spy.trained).isdisjoint(rows_in([X]))


def test_images_that_a_bootstrap_repeats_are_drawn_differently(spy, signs):
    """No two rows of an epoch are fed alike, though few images are in the sample."""
    X, y = signs
    bootstrap = np.random.default_rng(0).integers(0, 5, 30)
    augmented = RandomNoise().fit_transform(X)

    spy.classifier.fit(augmented[bootstrap], y[bootstrap])

    assert [len(np.unique(batch, axis=0)) for batch in spy.trained] == [30, 30, 30]


def test_an_ensemble_that_reads_its_images_says_so(tiny, noise):
    """Bagging makes one array of what it gets: the warning names it."""
    X, y = noise
    bagged = BaggingClassifier(tiny, n_estimators=2, random_state=0)

    with pytest.warns(UserWarning, match="BaggingClassifier can't redraw") as record:
        make_pipeline(RandomFlip(), bagged).fit(X.reshape(30, -1), y)

    assert len(record) == 1


def test_parameters_of_a_transform_are_searched(tiny, noise):
    """Every value is tried, and the best pipeline is that of its parameters."""
    X, y = noise
    model = make_pipeline(RandomFlip(), RandomRotation(), tiny)
    grid = {"randomrotation__degrees": [0, (10, 20)], "randomflip__p": [0.0, 0.5]}

    search = GridSearchCV(model, grid, cv=2).fit(X, y)

    expected = clone(model).set_params(**search.best_params_).fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert_array_equal(search.predict_proba(X), expected.predict_proba(X))


def test_whether_to_transform_is_searched(tiny, noise):
    """A step and "passthrough" are values like any other."""
    X, y = noise
    model = Pipeline([("turn", RandomRotation()), ("cnn", tiny)])
    steps = [RandomRotation(degrees=45), RandomFlip(), "passthrough"]

    search = GridSearchCV(model, {"turn": steps}, cv=2, refit=False).fit(X, y)

    scores = search.cv_results_["mean_test_score"]
    expected = [
        cross_val_score(clone(model).set_params(turn=step), X, y, cv=2).mean()
        for step in steps
    ]
    assert_array_equal(scores, expected)


def test_a_search_inside_a_pipeline_inside_a_search(tiny, noise):
    """Parameters are reached, and images redrawn, however deep."""
    X, y = noise
    inner = make_pipeline(RandomFlip(), RandomRotation(), tiny)
    search = GridSearchCV(inner, {"randomrotation__degrees": [5, 30]}, cv=2)
    outer = make_pipeline(ResizeByFactor(0.5), search)
    grid = {
        "resizebyfactor__factor": [0.5, 1.0],
        "gridsearchcv__estimator__cnnclassifier__mixup": [0.0, 0.2],
    }

    both = RandomizedSearchCV(outer, grid, n_iter=2, cv=2, random_state=0).fit(X, y)

    best = both.best_estimator_[-1].best_estimator_
    assert best[1].degrees in (5, 30)
    assert both.predict(X).shape == (30,)


def test_number_of_workers_changes_nothing(tiny):
    """Pending images, shared by memory map, give the same bits in two processes."""
    X = np.random.default_rng(0).integers(0, 256, (300, 64, 64), dtype=np.uint8)
    transforms = make_pipeline(RandomFlip(), RandomRotation(), RandomNoise())
    augmented = transforms.fit_transform(X)
    tiny.set_params(pool_size=8, max_epochs=1)
    grid = {"learning_rate": [0.01, 0.1]}
    options = {"cv": 2, "scoring": "neg_log_loss", "refit": False}

    one, two = (
        GridSearchCV(tiny, grid, n_jobs=n_jobs, **options)
        .fit(augmented, np.arange(300) % 3)
        .cv_results_
        for n_jobs in (1, 2)
    )

    for key in ("split0_test_score", "split1_test_score"):
        assert_array_equal(one[key], two[key])

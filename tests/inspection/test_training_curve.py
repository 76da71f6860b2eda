"""Curves show the records of trainings."""

import numpy as np
import pytest
from matplotlib import pyplot
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_validate

from sklcnn.inspection import TrainingCurveDisplay


def test_lines_are_the_records(gray):
    """Losses, accuracy and learning rate of each epoch."""
    history = gray.model[-1].history_

    loss, accuracy, rate = TrainingCurveDisplay.from_estimator(gray.model).axes_

    drawn = [line.get_ydata() for line in loss.lines]
    assert_allclose(drawn[0], [record["train_loss"] for record in history])
    assert_allclose(drawn[1], [record["valid_loss"] for record in history])
    assert_allclose(
        accuracy.lines[0].get_ydata(), [record["valid_accuracy"] for record in history]
    )
    assert_allclose(
        rate.lines[0].get_ydata(), [record["learning_rate"] for record in history]
    )


def test_kept_epoch_is_marked(gray):
    """On the curve of the validation loss."""
    best = gray.model[-1].best_epoch_

    loss = TrainingCurveDisplay.from_estimator(gray.model).axes_[0]

    x, y = loss.lines[2].get_data()
    assert np.ravel(x) == best
    assert_allclose(y, gray.model[-1].history_[best]["valid_loss"])


def test_panels_without_records_are_left_out(color):
    """Without validation there is no accuracy."""
    display = TrainingCurveDisplay.from_estimator(color.model)

    assert [ax.get_title() for ax in display.axes_] == ["loss", "learning rate"]


def test_band_is_mean_and_standard_deviation(gray, tiny):
    """Over the folds of a cross-validation."""
    results = cross_validate(
        tiny.set_params(early_stopping=True, max_epochs=3),
        gray.X,
        gray.y,
        cv=3,
        return_estimator=True,
    )
    losses = [[r["train_loss"] for r in e.history_] for e in results["estimator"]]

    loss = TrainingCurveDisplay.from_cv_results(results).axes_[0]

    assert_allclose(loss.lines[0].get_ydata(), np.mean(losses, axis=0))
    edges = loss.collections[0].get_paths()[0].get_extents()
    low = np.mean(losses, axis=0) - np.std(losses, axis=0)
    high = np.mean(losses, axis=0) + np.std(losses, axis=0)
    assert_allclose([edges.y0, edges.y1], [low.min(), high.max()])


def test_folds_may_differ_in_length():
    """The mean is over those that have an epoch."""
    histories = [[{"train_loss": 4.0}, {"train_loss": 2.0}], [{"train_loss": 2.0}]]

    loss = TrainingCurveDisplay(histories, as_band=True).plot().axes_[0]

    assert_allclose(loss.lines[0].get_ydata(), [3, 2])


def test_panels_may_be_given(gray):
    """One for each record; too few are an error."""
    _, axes = pyplot.subplots(3)

    display = TrainingCurveDisplay.from_estimator(gray.model, ax=axes)

    assert list(display.axes_) == list(axes)
    with pytest.raises(ValueError, match=r"draws 3 panels. Got 2 axes"):
        display.plot(ax=axes[:2])


def test_cv_results_need_estimators():
    """The error names the parameter."""
    with pytest.raises(ValueError, match="return_estimator=True"):
        TrainingCurveDisplay.from_cv_results({"test_score": [1.0]})


def test_estimators_without_records_are_refused(noise):
    """Such as those of scikit-learn."""
    X, y = noise
    model = LogisticRegression().fit(X.reshape(30, 64), y)

    with pytest.raises(
        ValueError, match=r"records of their epochs.*LogisticRegression"
    ):
        TrainingCurveDisplay.from_estimator(model)

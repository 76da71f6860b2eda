"""Cells count and show what was confused."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.metrics import confusion_matrix

from sklcnn.inspection import ConfusionDisplay

Y = np.array(["a", "a", "b", "c", "c", "c"])
PREDICTED = np.array(["a", "b", "b", "c", "a", "a"])
X = np.arange(6, dtype=np.uint8)[:, np.newaxis, np.newaxis] + np.zeros((4, 4), np.uint8)
X = X * 50


def test_matrix_is_that_of_scikit_learn(gray):
    """Of all classes."""
    display = ConfusionDisplay.from_estimator(gray.model, gray.X, gray.y)

    expected = confusion_matrix(gray.y, gray.model.predict(gray.X))
    assert_array_equal(display.confusion_matrix, expected)


def test_cells_show_an_image_of_their_own():
    """The first with this label and prediction; empty ones show none."""
    display = ConfusionDisplay.from_predictions(X, Y, PREDICTED)

    assert display.pictures.keys() == {(0, 0), (0, 1), (1, 1), (2, 2), (2, 0)}
    assert_array_equal(display.pictures[2, 0], X[4])


def test_cell_shows_the_surest_prediction(gray):
    """Where probabilities are known."""
    probabilities = gray.model.predict_proba(gray.X)
    predicted = probabilities.argmax(axis=1)

    display = ConfusionDisplay.from_estimator(gray.model, gray.X, gray.y)

    for (row, column), picture in display.pictures.items():
        of_cell = np.flatnonzero((gray.y == row) & (predicted == column))
        surest = of_cell[probabilities[of_cell, column].argmax()]
        assert_array_equal(picture, gray.X[surest])


def test_classes_can_be_chosen():
    """By label, in any order."""
    display = ConfusionDisplay.from_predictions(X, Y, PREDICTED, classes=["c", "a"])

    assert display.display_labels == ["c", "a"]
    assert_array_equal(display.confusion_matrix, [[1, 2], [0, 1]])


def test_classes_that_are_confused_most_are_shown():
    """Of more than there is room for."""
    display = ConfusionDisplay.from_predictions(X, Y, PREDICTED, classes=2)

    assert display.display_labels == ["a", "c"]
    assert "2 of 3 classes" in display.ax_.get_title()


def test_ten_of_many_classes_are_shown(many):
    """By default."""
    display = ConfusionDisplay.from_estimator(many.model, many.X, many.y)

    assert display.confusion_matrix.shape == (10, 10)
    assert display.n_left_out == 90


def test_names_are_those_asked_for():
    """One for each class."""
    display = ConfusionDisplay.from_predictions(
        X, Y, PREDICTED, display_labels=["ant", "bee", "cow"]
    )

    texts = [text.get_text() for text in display.ax_.texts]
    assert texts.count("bee") == 2


def test_unknown_labels_are_left_out_with_a_warning(color):
    """As the matrix has no row for them."""
    y = color.y.astype(object)
    y[3] = "zebra"

    with pytest.warns(UserWarning, match="1 of 40 images.*'zebra'"):
        display = ConfusionDisplay.from_estimator(color.model, color.X, y)

    assert display.confusion_matrix.sum() == 39


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"classes": ["A"]}, "does not know"),
        ({"classes": 0}, "number of at least 1"),
        ({"y": Y[:2]}, "one label for each of 6 images"),
        ({"y_pred": PREDICTED[:2]}, "one label for each of 6 images"),
    ],
)
def test_wrong_input_is_refused(options, match):
    """Before anything is drawn."""
    given = {"y": Y, "y_pred": PREDICTED} | options

    with pytest.raises(ValueError, match=match):
        ConfusionDisplay.from_predictions(X, **given)


def test_labels_are_needed(color):
    """An error says so before images are predicted."""
    with pytest.raises(ValueError, match="needs the given labels"):
        ConfusionDisplay.from_estimator(color.model, color.X, None)

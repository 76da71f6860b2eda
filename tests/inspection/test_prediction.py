"""Images are chosen and told by what was predicted."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from sklcnn.inspection import PredictionDisplay
from sklcnn.preprocessing import Flatten

PROBABILITIES = np.array(
    [
        [0.7, 0.2, 0.1],
        [0.1, 0.6, 0.3],
        [0.5, 0.45, 0.05],
        [0.05, 0.05, 0.9],
        [0.4, 0.3, 0.3],
    ]
)
Y = np.array(["a", "c", "b", "c", "b"])
X = np.arange(5 * 16, dtype=np.uint8).reshape(5, 4, 4)


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        ("worst", [1, 4, 2, 0, 3]),
        ("surest", [3, 0, 1, 2, 4]),
        ("doubtful", [2, 4, 1, 0, 3]),
        ("confused", [4, 2, 1]),
    ],
)
def test_images_are_chosen_by_kind(kind, rows):
    """The most telling come first."""
    display = PredictionDisplay.from_predictions(X, Y, PROBABILITIES, kind=kind)

    assert sorted(display.rows) == sorted(rows)
    assert display.rows[0] == rows[0]


def test_a_pair_leaves_room_for_others():
    """Of the most frequent confusion, a third of the images is shown."""
    probabilities = np.tile([0.9, 0.1, 0.0], (20, 1))
    y = np.array(["b"] * 15 + ["c"] * 3 + ["a"] * 2)

    display = PredictionDisplay.from_predictions(
        np.zeros((20, 4, 4)), y, probabilities, kind="confused", n_images=6
    )

    assert display.given == ["b", "b", "c", "c"]


def test_labels_and_probabilities_are_those_of_the_images():
    """Of the predicted class, by name."""
    display = PredictionDisplay.from_predictions(
        X, Y, PROBABILITIES, n_images=2, display_labels=["ant", "bee", "cow"]
    )

    assert display.given == ["cow", "bee"]
    assert display.predicted == ["bee", "ant"]
    assert_allclose(display.probabilities, [0.6, 0.4])
    assert display.names == ["row 1", "row 4"]


def test_estimator_and_its_predictions_show_the_same(gray):
    """In blocks or at once."""
    probabilities = gray.model.predict_proba(gray.X)

    one = PredictionDisplay.from_estimator(gray.model, gray.X, gray.y)
    other = PredictionDisplay.from_predictions(gray.X, gray.y, probabilities)

    assert_array_equal(one.rows, other.rows)
    assert one.predicted == other.predicted
    assert_allclose(one.probabilities, other.probabilities)


def test_files_are_shown_and_named(drawn):
    """Paths in, pictures as the network gets them, names of files."""
    display = PredictionDisplay.from_estimator(
        drawn.model, drawn.X, drawn.y, n_images=3
    )

    assert display.pictures[0].shape == (16, 24, 3)
    assert display.names[0].endswith(".png")


def test_files_without_an_estimator_are_read_at_their_own_size(drawn):
    """Held-out predictions of files show the files."""
    probabilities = drawn.model.predict_proba(drawn.X)

    display = PredictionDisplay.from_predictions(drawn.X, drawn.y, probabilities)

    assert display.pictures[0].shape == (24, 36, 3)


def test_other_classifiers_will_do(color):
    """A pipeline of features shows its images."""
    model = make_pipeline(Flatten(), GaussianNB()).fit(color.X, color.y)

    display = PredictionDisplay.from_estimator(model, color.X, color.y, n_images=1)

    assert_array_equal(display.pictures[0], color.X[display.rows[0]])


def test_threshold_decides_what_is_predicted(color):
    """Where it is not the likeliest class."""
    model = FixedThresholdClassifier(color.model, threshold=1e-9).fit(color.X, color.y)

    display = PredictionDisplay.from_estimator(model, color.X, color.y, n_images=40)

    assert set(display.predicted) == {"dogs"}


def test_labels_need_not_be_there():
    """Without them, the surest and the most doubtful images are."""
    display = PredictionDisplay.from_predictions(X, None, PROBABILITIES, kind="surest")

    assert display.given is None
    assert display.predicted[0] == "2"


def test_labels_that_are_no_class_have_probability_zero():
    """They are shown as they are."""
    y = np.array(["a", "c", "b", "c", "zebra"])

    display = PredictionDisplay.from_predictions(
        X, y, PROBABILITIES, classes=["a", "b", "c"], n_images=1
    )

    assert display.given == ["zebra"]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"kind": "best"}, "kind to be one of 'worst'"),
        ({"n_images": 0}, "n_images of at least 1"),
        ({"y": None}, "needs the given labels"),
        ({"y": Y[:3]}, "expects probabilities of shape|one label for each"),
        ({"probabilities": PROBABILITIES[:, :2]}, r"shape \(5, 3\).*Got \(5, 2\)"),
        (
            {"y": [1, 2, 3, 1, 2], "classes": ["a", "b", "c"]},
            "none of which is a class",
        ),
        ({"display_labels": ["a"]}, "each of 3 classes. Got 1"),
    ],
)
def test_wrong_input_is_refused(options, match):
    """Before anything is drawn."""
    given = {"y": Y, "probabilities": PROBABILITIES} | options

    with pytest.raises(ValueError, match=match):
        PredictionDisplay.from_predictions(X, **given)


def test_nothing_confused_is_told():
    """Where every image is predicted right."""
    with pytest.raises(ValueError, match="no image that is predicted wrong"):
        PredictionDisplay.from_predictions(
            X[:2], ["a", "b"], [[0.9, 0.1], [0.2, 0.8]], kind="confused"
        )


def test_classifier_without_probabilities_is_refused(color):
    """The error says how to get them."""
    model = LinearSVC().fit(color.X.reshape(40, -1), color.y)

    with pytest.raises(ValueError, match="CalibratedClassifierCV"):
        PredictionDisplay.from_estimator(model, color.X, color.y)

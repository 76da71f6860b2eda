"""Fitted estimators are taken apart, and images go through their steps."""

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline

from sklcnn.augmentation import RandomFlip
from sklcnn.inspection import saliency_maps, summary
from sklcnn.inspection._parts import (
    check_rows,
    find_class,
    images_to_show,
    names_of,
    network_input,
    network_of,
    take_apart,
    take_rows,
)
from sklcnn.preprocessing import Flatten, ReadImages, Resize


def test_classifier_is_found_within_what_wraps_it(tiny, color):
    """Through searches, frozen estimators, thresholds and pipelines in pipelines."""
    inner = Pipeline([("flip", RandomFlip()), ("nothing", "passthrough")])
    pipeline = make_pipeline(inner, Resize((6, 10)), tiny)
    search = GridSearchCV(pipeline, {"cnnclassifier__dropout": [0.0]}, cv=2)
    with pytest.warns(UserWarning, match="can't redraw"):
        search.fit(color.X, color.y)
    threshold = FixedThresholdClassifier(FrozenEstimator(search)).fit(color.X, color.y)

    steps, last = take_apart(threshold)

    assert [type(step) for step in steps] == [RandomFlip, Resize]
    assert last is search.best_estimator_[-1]


def test_images_enter_the_network_as_in_predict(tiny, color):
    """What the steps give is what the network is fed."""
    model = make_pipeline(Resize((6, 10)), tiny).fit(color.X, color.y)

    images = network_input(model, color.X[:5], name="test")

    np.testing.assert_array_equal(images, model[0].transform(color.X[:5]))


def test_flat_images_get_their_shape(tiny, noise):
    """Rows of pixels are images again."""
    X, y = noise
    model = tiny.fit(X.reshape(30, 64), y)

    images = network_input(model, X.reshape(30, 64), name="test")

    np.testing.assert_array_equal(images[..., 0], X)


def test_images_are_those_before_features(color):
    """Where a pipeline ends in features, the last images are shown."""
    model = make_pipeline(Resize((4, 8)), Flatten(), GaussianNB())
    model.fit(color.X, color.y)

    images = images_to_show(model, color.X[:2], name="test")

    np.testing.assert_array_equal(images, model[0].transform(color.X[:2]))


@pytest.mark.parametrize("ask", [summary, lambda model: saliency_maps(model, [0])])
def test_other_estimators_are_refused(ask, noise):
    """The error says what is expected and what came."""
    X, y = noise
    model = LogisticRegression().fit(X.reshape(30, 64), y)

    with pytest.raises(ValueError, match=r"expects a fitted CNNClassifier.*Logistic"):
        ask(model)


def test_unfitted_estimator_is_told(tiny):
    """By scikit-learn's own error."""
    with pytest.raises(NotFittedError, match="not fitted"):
        network_of(make_pipeline(RandomFlip(), tiny), name="test")


def test_images_of_another_shape_are_refused(color):
    """The error names both shapes."""
    with pytest.raises(ValueError, match=r"\(6, 15, 3\).*\(9, 9, 3\)"):
        saliency_maps(color.model, np.zeros((2, 9, 9, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("label", "match"),
    [
        ("dosg", "Close to it: 'dogs'"),
        ("zzz", "The classes are 'cats', 'dogs'"),
        (3, "got the class 3"),
    ],
)
def test_wrong_class_names_the_closest(label, match, color):
    """A typo is answered by the names that are close."""
    with pytest.raises(ValueError, match=match):
        saliency_maps(color.model, color.X[:1], target=label)


def test_class_is_found_by_label_of_any_kind():
    """Numbers of numpy and Python are one label."""
    classes = np.array([3, 5, 9])

    assert find_class(np.int64(5), classes, name="test") == 1
    assert find_class(9, classes, name="test") == 2


def test_rows_are_positions_masks_or_the_first():
    """As numpy would take them."""
    assert check_rows(None, 3, n_default=8, name="test").tolist() == [0, 1, 2]
    assert check_rows([-1, 0], 3, n_default=8, name="test").tolist() == [2, 0]
    mask = np.array([True, False, True])
    assert check_rows(mask, 3, n_default=8, name="test").tolist() == [0, 2]
    assert check_rows(1, 3, n_default=8, name="test").tolist() == [1]


@pytest.mark.parametrize("rows", [[], [3], [-4], [0.5], "ab", [True], [[0]]])
def test_wrong_rows_are_refused(rows):
    """Before anything is computed."""
    with pytest.raises(ValueError, match="rows"):
        check_rows(rows, 3, n_default=8, name="test")


def test_rows_are_taken_of_any_container(tmp_path, noise):
    """Lists, tensors, frames and lazy images."""
    import pandas as pd

    X, _ = noise
    rows = np.array([4, 1])

    np.testing.assert_array_equal(take_rows(list(X), rows), X[rows])
    np.testing.assert_array_equal(take_rows(torch.as_tensor(X), rows), X[rows])
    frame = pd.DataFrame(X.reshape(30, 64), index=range(100, 130))
    np.testing.assert_array_equal(take_rows(frame, rows), X[rows].reshape(2, 64))
    lazy = RandomFlip().fit_transform(X)
    np.testing.assert_array_equal(take_rows(lazy, rows).read(np.arange(2)), X[rows])


def test_files_are_named_by_their_names(drawn):
    """Whatever lists them; arrays by their rows."""
    import pandas as pd

    paths = [str(path) for path in drawn.X[:2]]
    rows = np.array([1, 0])
    expected = [path.rpartition("/")[2] for path in paths[::-1]]

    assert names_of(paths, rows) == expected
    assert names_of(pd.Series(paths, index=[7, 8]), rows) == expected
    assert names_of(pd.DataFrame({"path": paths}), rows) == expected
    assert names_of(ReadImages((8, 8)).fit_transform(paths), rows) == expected
    assert names_of(np.zeros((3, 4, 4)), rows) == ["row 1", "row 0"]
    assert names_of(np.zeros((3, 16)), rows) == ["row 1", "row 0"]

"""Labels become class numbers, weights become floats."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils.class_weight import compute_sample_weight

from sklcnn._labels import check_labels, check_weights, encode_labels, find_classes

LABELS = {
    "strings": np.array(["b", "a", "c", "a"]),
    "objects": np.array(["b", "a", "c", "a"], dtype=object),
    "integers": np.array([20, 10, 30, 10]),
    "whole floats": np.array([2.0, 1.0, 3.0, 1.0]),
    "bool": np.array([True, False, True, False]),
}


@pytest.mark.parametrize("kind", LABELS)
def test_class_numbers_lead_back_to_the_labels(kind):
    """Classes are sorted, and keep the dtype of the labels."""
    y = check_labels(np.zeros((4, 1)), LABELS[kind], name="CNN")

    classes = find_classes(y, np.ones(4))
    targets = encode_labels(y, classes, np.ones(4))

    assert classes.dtype == LABELS[kind].dtype
    assert_array_equal(classes, np.unique(LABELS[kind]))
    assert_array_equal(classes[targets], LABELS[kind])


def test_rows_without_weight_need_no_class():
    """Their label is no class, and their number is any."""
    y, weights = np.array(["a", "b", "?", "a"]), np.array([1.0, 2.0, 0.0, 1.0])

    classes = find_classes(y, weights)

    assert_array_equal(classes, ["a", "b"])
    assert_array_equal(encode_labels(y, classes, weights)[weights > 0], [0, 1, 0])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed"),
        ([0.5, 1.5, 2.5], "Unknown label type"),
        ([0, 1, np.nan], "Input y contains NaN"),
        (np.array(["a", None, "b"], dtype=object), "Input y contains None"),
        (pd.Series(["a", pd.NA, "b"], dtype=object), "Input y contains NA"),
        (np.array([1, 2, 1], dtype=object), r"dtype object that hold int.*astype"),
        ([0, 1], "inconsistent numbers of samples"),
        ([0], r"add the sample axis with `X\[np.newaxis\]`"),
        (np.zeros((3, 2)), "should be a 1d array"),
    ],
)
def test_other_labels_are_an_error(y, message):
    """The message says what is wrong."""
    with pytest.raises(ValueError, match=message):
        check_labels(np.zeros((3, 4)), y, name="CNN")


@pytest.mark.parametrize("kind", [list, lambda y: np.array(y, dtype=object)])
def test_strings_and_numbers_do_not_mix(kind):
    """The message says how to make them strings."""
    y = kind(["a", 1, "b"])

    with pytest.raises(TypeError, match=r"Got \['int', 'str'\].*`y.astype\(str\)`"):
        check_labels(np.zeros((3, 4)), y, name="CNN")


@pytest.mark.parametrize(
    ("classes", "labels"),
    [
        (["cat", "dog"], ["catfish", "dog"]),
        (np.array([0, 1], dtype=np.int8), [256, 1]),
        ([False, True], [0, 2]),
        (["0", "1"], [0, 1]),
    ],
)
def test_unseen_labels_are_not_taken_for_seen_ones(classes, labels):
    """Neither by cutting strings, nor by wrapping integers, nor by truth."""
    with pytest.raises(ValueError, match="y contains previously unseen labels"):
        encode_labels(np.array(labels), np.array(classes), np.ones(2))


def weigh(sample_weight=None, class_weight=None, **options):
    """Check the weights of four rows."""
    y = options.pop("y", np.array([0, 0, 0, 1]))
    return check_weights(
        sample_weight, y, class_weight=class_weight, name="CNN", **options
    )


def test_weights_of_rows_and_classes_are_multiplied():
    """Both are given back: as they were, and with those of the classes."""
    given, total = weigh([1, 2, 0, 1], {0: 3})

    assert_array_equal(given, [1, 2, 0, 1])
    assert_array_equal(total, [3, 6, 0, 1])
    assert_array_equal(weigh()[1], np.ones(4))


def test_balanced_weights_are_scikit_learns():
    """Every class has the same total."""
    _, total = weigh(class_weight="balanced")

    assert_allclose(total, compute_sample_weight("balanced", [0, 0, 0, 1]))


def test_balanced_weights_count_weights():
    """A weight is as good as that many rows, and rows without weight are not there."""
    y, weights = np.array([0, 0, 1, 1]), np.array([3.0, 1.0, 1.0, 0.0])

    _, total = weigh(weights, "balanced", y=y)

    expected = compute_sample_weight("balanced", [0, 0, 0, 0, 1])
    assert_allclose(total, [3 * expected[0], expected[0], expected[-1], 0])


def test_unreadable_rows_weigh_nothing():
    """And the array that the user gave stays as it is."""
    weights = np.ones(4)

    given, total = weigh(weights, unreadable=np.array([1, 2]))

    assert_array_equal(given, [1, 0, 0, 1])
    assert_array_equal(total, [1, 0, 0, 1])
    assert_array_equal(weights, np.ones(4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample_weight": [1, -1, 1, 1]}, "[Nn]egative"),
        ({"sample_weight": [1, np.inf, 1, 1]}, "infinity"),
        ({"sample_weight": np.zeros(4)}, "at least one non-zero"),
        ({"sample_weight": np.ones(3)}, "inconsistent|shape"),
        ({"class_weight": {2: 1.0}}, "does not have: \\[2\\]"),
        ({"class_weight": {0: -1.0}}, "finite and not negative"),
        ({"class_weight": {0: np.nan}}, "finite and not negative"),
        ({"class_weight": {0: 0, 1: 0}}, "gives every row of X the weight 0"),
        ({"unreadable": np.arange(4)}, "."),
        (
            {"class_weight": "balanced", "classes": np.array([0, 1])},
            "needs all labels at once",
        ),
    ],
)
def test_other_weights_are_an_error(options, message):
    """The message says what is wrong."""
    with pytest.raises(ValueError, match=message):
        weigh(**options)

"""Labels become class numbers, weights become floats."""

import datetime
import enum
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils.class_weight import compute_sample_weight

from sklcnn import CNNClassifier
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


BIG = [2**53, 2**53 + 1]
"""Whole numbers that are one number as floats."""


class Kind(str, enum.Enum):  # noqa: UP042
    """Labels that are strings and print as something else."""

    CAT = "cat"
    DOG = "dog"


class Rank(enum.Enum):
    """Labels that are no strings and no numbers."""

    FIRST = 1
    SECOND = 2


def column(module, *arguments, **keywords):
    """Make a column of labels by a library, where it is installed."""
    library = pytest.importorskip(module)
    make = {"pandas": "Series", "polars": "Series", "pyarrow": "array"}[module]
    return getattr(library, make)(*arguments, **keywords)


@pytest.mark.parametrize(
    "make",
    [
        lambda: column("pandas", BIG, dtype="Int64"),
        lambda: column("pandas", BIG, dtype="int64[pyarrow]"),
        lambda: column("pandas", pd.array(BIG, dtype="Int64")).astype("category"),
        lambda: column("pandas", BIG, dtype=int),
        lambda: pd.array(BIG, dtype="Int64"),
        lambda: pd.Index(BIG, dtype="Int64"),
        lambda: column("pyarrow", BIG),
        lambda: column("polars", BIG),
        lambda: BIG,
        lambda: tuple(map(np.int64, BIG)),
        lambda: torch.tensor(BIG),
        lambda: list(torch.tensor(BIG)),
    ],
)
def test_whole_numbers_stay_what_they_are(make):
    """No way of holding integers makes floats of them, which hold 53 bits."""
    y = check_labels(np.zeros((2, 1)), make(), name="CNN")

    assert y.dtype == np.int64
    assert y.tolist() == BIG


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: column("pandas", [True, False], dtype="boolean"), [True, False]),
        (lambda: column("pandas", ["b", "a"], dtype="string"), ["b", "a"]),
        (lambda: column("pandas", ["b", "a"], dtype="category"), ["b", "a"]),
        (lambda: column("pandas", [2.0, 1.0], dtype="Float64"), [2.0, 1.0]),
        (lambda: column("pandas", [0, 1], dtype="Sparse[int]"), [0, 1]),
        (lambda: column("polars", ["b", "a"]), ["b", "a"]),
        (lambda: column("pyarrow", ["b", "a"]), ["b", "a"]),
        (lambda: np.array(["b", "a"], dtype=np.dtypes.StringDType()), ["b", "a"]),
        (lambda: [2**63, 2**63 + 1], [2**63, 2**63 + 1]),
        (lambda: np.ma.array([2, 1], mask=[False, False]), [2, 1]),
        (lambda: [Kind.CAT, Kind.DOG], ["cat", "dog"]),
        (lambda: np.array([Kind.CAT, Kind.DOG], dtype=object), ["cat", "dog"]),
        (lambda: pd.Series([Kind.CAT, "dog"], dtype=object), ["cat", "dog"]),
        (lambda: [enum.IntEnum("Size", "S M").M, 1], [2, 1]),
    ],
)
def test_labels_of_many_kinds_stay_what_they_are(make, expected):
    """Each value comes out as it went in, an enumeration of strings as strings."""
    y = check_labels(np.zeros((2, 1)), make(), name="CNN")

    assert y.tolist() == expected
    assert [type(label) for label in y.tolist()] == [type(label) for label in expected]


@pytest.mark.parametrize(
    ("y", "missing"),
    [
        (["a", float("nan"), "b"], "NaN"),
        (["a", None, "b"], "None"),
        ([1, None, 2], "None"),
        ([1.0, np.nan, 2.0], "NaN"),
        (np.array([[1.0], [np.nan], [2.0]]), "NaN"),
        (np.array(["a", np.nan, "b"], dtype=object), "NaN"),
        (pd.Series(["a", None, "b"], dtype="string"), "NA"),
        (pd.Series(["a", None, "b"], dtype="category"), "NaN"),
        (pd.Series([1, None, 2], dtype="Int64"), "NA"),
        (pd.Series([True, None, False], dtype="boolean"), "NA"),
        (pd.DataFrame({"label": pd.array([1, None, 2], dtype="Int64")}), "NA"),
        (pd.to_datetime(pd.Series(["2020", None, "2021"])), "NaT"),
        (np.array(["2020", "NaT", "2021"], dtype="M8[D]"), "NaT"),
        (np.ma.array([1, 2, 1], mask=[False, True, False]), "a masked label"),
        (torch.tensor([1.0, np.nan, 2.0]), "NaN"),
        (list(torch.tensor([1.0, np.nan, 2.0])), "NaN"),
    ],
)
def test_missing_labels_are_named_with_their_row(y, missing):
    """One message for all kinds of what is missing."""
    message = f"Input y contains {missing} in row 1. CNN needs a label for each image"

    with pytest.raises(ValueError, match=message):
        check_labels(np.zeros((3, 4)), y, name="CNN")


def test_nulls_of_polars_and_pyarrow_are_missing():
    """Numpy would make NaN of them, or None."""
    for module in ("polars", "pyarrow"):
        for labels in ([1, None, 2], ["a", None, "b"]):
            with pytest.raises(ValueError, match="y contains None in row 1"):
                check_labels(np.zeros((3, 4)), column(module, labels), name="CNN")


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([2**53 + 1, 2.0], "9007199254740993 would become 9007199254740992.0. Make"),
        ([-1, 2**63], "-1 would become -1.0. Make them strings"),
        (["a\0", "a"], "would become 'a'. .* `np.array"),
        ([2**64, 1], r"hold int. Make them strings: `\[str\(label\) for"),
        ([Rank.FIRST, Rank.SECOND], r"hold Rank. .* `\[label.value for label in y\]`"),
        (
            np.array(["2020", "2021"], dtype="M8[Y]"),
            "got dates .*astype.str.* the year",
        ),
        ([datetime.date(2020, 1, 1)] * 2, "hold date. Make them strings, by `y.astype"),
        (pd.to_timedelta([1, 2]), "got dates .dtype timedelta64.*Make them strings"),
        (np.zeros(2, dtype=[("a", int)]), "labels that have several parts"),
        ([(1, 2), (3,)], "a list of labels that have several parts"),
        ({1, 2}, "one label for each image. Got an object of type set"),
        ((label for label in "ab"), "Got an object of type generator"),
        ("ab", "Got an object of type str"),
        (np.eye(2), r"\(2, 2\) instead. It looks one-hot: .*`y.argmax\(axis=1\)`"),
        (np.eye(3, dtype=bool)[:2], "It looks one-hot"),
        (pd.get_dummies(pd.Series(["a", "b"])), r"one-hot.*`y.idxmax\(axis=1\)`"),
        (pd.DataFrame(np.eye(2)).astype("Int64"), "It looks one-hot"),
        ([[0, 1], [1, 0]], "It looks one-hot"),
        (np.ones((2, 2), dtype=int), "instead. CNN takes one label for each image"),
        (np.eye(2)[..., np.newaxis], "instead. CNN takes one label for each image"),
    ],
)
def test_labels_that_are_not_one_value_each_are_refused(y, message):
    """What would change in silence is an error, with a mend for its kind."""
    with pytest.raises(ValueError, match=message):
        check_labels(np.zeros((2, 4)), y, name="CNN")


def test_nullable_labels_are_predicted_as_they_were(noise):
    """The classifier gives integers for nullable integers, and tells big ones apart."""
    X, _ = noise
    y = pd.Series(BIG * 15, dtype="Int64", index=range(30, 60))
    model = CNNClassifier(conv_channels=(4,), max_epochs=1, random_state=0)

    predicted = model.fit(X, y).predict(X)

    assert model.classes_.tolist() == BIG
    assert predicted.dtype == np.int64


def test_labels_of_other_dtypes_are_numbered_without_rounding():
    """Numpy compares int64 and uint64 as floats."""
    classes = np.array(BIG)

    numbers = encode_labels(classes.astype(np.uint64), classes, np.ones(2))

    assert_array_equal(numbers, [0, 1])


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

    with pytest.raises(TypeError, match=r"Got \['int', 'str'\].*`\[str\(label\)"):
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


def test_class_that_a_fold_lacks_may_have_a_weight():
    """Where all other classes have one, nothing can be misspelled."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, total = weigh(class_weight={0: 2, 1: 3, 2: 9})

    assert_array_equal(total, [2, 2, 2, 3])


def test_class_without_weight_beside_an_unknown_one_is_told():
    """It may be misspelled; the weights that are known count."""
    with pytest.warns(UserWarning, match=r"not have: \[7\]. The classes are \[0, 1\]"):
        _, total = weigh(class_weight={0: 2, 7: 3})

    assert_array_equal(total, [2, 2, 2, 1])


def test_the_only_weight_may_be_of_a_class_that_a_fold_lacks():
    """A search goes on with the other classes as they are, and a warning says so."""
    for names, rare in ((["a", "b"], "rare"), ([0, 1], 2)):
        with pytest.warns(UserWarning, match=f"does not have: \\[{rare!r}\\]"):
            _, total = weigh(class_weight={rare: 10}, y=np.array(names * 2))
        assert_array_equal(total, np.ones(4))


def test_weights_of_an_enumeration_are_those_of_its_strings():
    """Labels and names of classes are both taken for what they hold."""
    _, total = weigh(class_weight={Kind.CAT: 3}, y=np.array(["cat", "dog"] * 2))

    assert_array_equal(total, [3, 1, 3, 1])


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
        ({"class_weight": {"0": 1.0}}, "does not have: .*Give strings for strings"),
        ({"sample_weight": np.full(4, 1e308)}, "sum to infinity. Divide sample_weight"),
        (
            {"sample_weight": np.full(4, 1e308), "class_weight": "balanced"},
            "sum to infinity",
        ),
        (
            {"sample_weight": np.full(4, 1e300), "class_weight": {0: 1e300}},
            "sum to infinity",
        ),
        (
            {"sample_weight": np.ma.array(np.ones(4), mask=[0, 1, 0, 0])},
            r"masked array as sample_weight.*filled\(0\)",
        ),
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

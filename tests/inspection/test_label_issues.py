"""Labels that are probably wrong."""

import builtins
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_predict,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from sklcnn import CNNClassifier
from sklcnn.images import ImageFiles, group_duplicates
from sklcnn.inspection import LabelIssues, find_label_issues
from sklcnn.preprocessing import Flatten, ReadImages

FAST = LogisticRegression(C=0.1, max_iter=1000)


@pytest.fixture(scope="module")
def digits():
    """Give digits from 0 to 2, labels of which 12 are wrong, and which these are."""
    X, y = load_digits(n_class=3, return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(y))[:12]
    y[rows] = (y[rows] + 1) % 3
    return X / 16, y, np.isin(np.arange(len(y)), rows)


@pytest.fixture(scope="module")
def folder(digits):
    """Write the first 60 digits as files; list these."""
    folder = Path(tempfile.mkdtemp())
    for row, image in enumerate(digits[0][:60]):
        pixels = (image.reshape(8, 8) * 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{row:02}.png")
    return sorted(map(str, folder.iterdir()))


def test_wrong_labels_are_found_and_the_right_ones_suggested(digits):
    """Most of those planted, few besides, and the class that each was of."""
    X, y, is_wrong = digits

    issues = find_label_issues(FAST, X, y)

    assert issues.is_issue[is_wrong].mean() > 0.8
    assert is_wrong[issues.is_issue].mean() > 0.8
    found = is_wrong[issues.rows]
    assert_array_equal(issues.given, y[issues.rows])
    assert_array_equal(issues.suggested[found], (issues.given[found] - 1) % 3)
    assert 0.9 < issues.accuracy < 1


def test_issues_are_those_of_cleanlab_on_cross_validated_probabilities(digits):
    """Beside cross_val_predict and cleanlab's own function."""
    from cleanlab.filter import find_label_issues as filter_issues

    X, y, _ = digits
    cv = StratifiedKFold(4, shuffle=True, random_state=0)
    probabilities = cross_val_predict(FAST, X, y, cv=cv, method="predict_proba")
    expected = filter_issues(
        y,
        probabilities,
        filter_by="low_self_confidence",
        return_indices_ranked_by="self_confidence",
        n_jobs=1,
    )

    issues = find_label_issues(FAST, X, y, cv=cv)

    wrong = probabilities[expected].argmax(axis=1) != y[expected]
    assert_array_equal(issues.rows, expected[wrong])
    assert_allclose(issues.label_quality, probabilities[np.arange(len(y)), y])
    assert_allclose(issues.confidence, probabilities[issues.rows].max(axis=1))


def test_issues_are_a_sequence_from_the_most_doubtful(digits):
    """Of named tuples of plain numbers, which pandas makes a frame of."""
    X, y, _ = digits

    issues = find_label_issues(FAST, X, y)

    confidences = [issue.self_confidence for issue in issues]
    assert confidences == sorted(confidences)
    assert [issue.row for issue in issues[:3]] == issues.rows[:3].tolist()
    assert type(issues[0].row) is type(issues[-1].given) is int
    assert all(issue.given != issue.suggested for issue in issues)
    frame = pd.DataFrame(issues)
    assert list(frame) == list(issues[0]._fields)
    assert_array_equal(frame["row"], issues.rows)


@pytest.mark.parametrize(
    "names",
    [
        np.array(["zero", "one", "two"]),
        np.array(["zero", "one", "two"], dtype=object),
        np.array([2**60, 2**60 + 1, -5]),
        np.array([0.0, 1.0, 7.0]),
    ],
    ids=lambda names: str(names.dtype),
)
def test_labels_may_be_of_any_kind(digits, names):
    """The estimator is trained on them as they are, and they come back."""
    X, y, _ = digits
    expected = find_label_issues(GaussianNB(var_smoothing=0.1), X, y)

    issues = find_label_issues(GaussianNB(var_smoothing=0.1), X, names[y])

    assert_array_equal(issues.rows, expected.rows)
    assert_array_equal(issues.suggested, names[expected.suggested])
    assert issues[0].given == names[expected[0].given]


def test_columns_of_frames_are_labels(digits):
    """Nullable integers, categories and strings of pandas, whatever their index."""
    X, y, _ = digits
    expected = find_label_issues(FAST, X, y).rows
    frame = pd.DataFrame(X).set_index(np.arange(len(X))[::-1])

    for dtype in ("Int64", "category", "string"):
        column = pd.Series(y, index=frame.index).astype(dtype)
        assert_array_equal(find_label_issues(FAST, frame, column).rows, expected)


def test_class_weights_name_the_labels_themselves(digits):
    """They are not numbered before, as by `cross_val_predict`."""
    X, y, is_wrong = digits
    labels = np.array(["zero", "one", "two"])[y]
    model = clone(FAST).set_params(class_weight={"zero": 2.0, "one": 1.0, "two": 1.0})

    issues = find_label_issues(model, X, labels)

    assert issues.is_issue[is_wrong].mean() > 0.8


def test_paths_and_lazy_images_are_read_and_named(digits, folder):
    """In lists, arrays, columns, and as images on demand."""
    y = digits[1][:60]
    reading = make_pipeline(ReadImages((8, 8)), Flatten(), FAST)
    expected = find_label_issues(reading, folder, y)

    assert expected.paths == folder
    assert folder[expected[0].row] in repr(expected)
    frame = pd.DataFrame({"path": folder})
    for X in (np.array(folder), frame, frame["path"], list(map(Path, folder))):
        issues = find_label_issues(reading, X, y)
        assert_array_equal(issues.rows, expected.rows)
        assert issues.paths == folder
    lazy = ImageFiles(folder, (8, 8), color_mode="gray")
    issues = find_label_issues(make_pipeline(Flatten(), FAST), lazy, y)
    assert_array_equal(issues.rows, expected.rows)
    assert issues.paths == folder


def test_networks_judge_the_images_of_a_list(digits):
    """Folds in threads give what one after the other gives."""
    images = [image.reshape(8, 8).astype(np.float32) for image in digits[0][:60]]
    model = CNNClassifier(conv_channels=(4,), max_epochs=20, random_state=0)

    one = find_label_issues(model, images, digits[1][:60], cv=2)
    with parallel_config(backend="threading"):
        two = find_label_issues(model, images, digits[1][:60], cv=2, n_jobs=2)

    assert one.paths is None
    assert not hasattr(model, "classes_")
    assert_array_equal(one.label_quality, two.label_quality)


def test_searches_judge_labels(digits):
    """An estimator that chooses its parameters in folds of its own."""
    X, y, is_wrong = digits
    search = GridSearchCV(FAST, {"C": [0.03, 0.1]}, cv=2)

    issues = find_label_issues(search, X, y, cv=2)

    assert issues.is_issue[is_wrong].mean() > 0.5


def test_groups_keep_copies_from_hiding_each_other(digits, tmp_path):
    """Four copies of a picture with one wrong label are found if kept together."""
    X, y = digits[0][:90], digits[1][:90].copy()
    is_right = y == load_digits(n_class=3, return_X_y=True)[1][:90]
    copied = np.flatnonzero(is_right)[0]
    X = np.concatenate([X, *[X[[copied]]] * 3])
    wrong = (y[copied] + 1) % 3
    y[copied] = wrong
    y = np.concatenate([y, [wrong] * 3])
    paths = [tmp_path / f"{row}.png" for row in range(len(X))]
    for path, image in zip(paths, X, strict=True):
        Image.fromarray((image.reshape(8, 8) * 255).astype(np.uint8)).save(path)
    copies = [copied, 90, 91, 92]
    groups = group_duplicates(paths)
    memory = make_pipeline(LogisticRegression(C=10, max_iter=1000))

    apart = find_label_issues(memory, X, y)
    together = find_label_issues(memory, X, y, groups=groups)

    assert len(set(groups[copies])) == 1
    assert not apart.is_issue[copies].any()
    assert together.is_issue[copies].all()


def test_predictions_of_an_image_are_averaged(digits):
    """Where the folds are repeated."""
    X, y, _ = digits
    cv = RepeatedStratifiedKFold(n_splits=2, n_repeats=3, random_state=0)
    expected = np.zeros(len(y))
    for train, test in cv.split(X, y):
        probabilities = FAST.fit(X[train], y[train]).predict_proba(X[test])
        expected[test] += probabilities[np.arange(len(test)), y[test]] / 3

    issues = find_label_issues(FAST, X, y, cv=cv)

    assert_allclose(issues.label_quality, expected)


@pytest.mark.parametrize("kind", [list, tuple, "mask"])
def test_splits_are_lists_or_masks_as_well(digits, kind):
    """Whatever scikit-learn indexes by."""
    X, y, _ = digits
    known = list(KFold(3).split(X))

    def convert(rows):
        return np.isin(np.arange(len(y)), rows) if kind == "mask" else kind(rows)

    issues = find_label_issues(FAST, X, y, cv=[map(convert, pair) for pair in known])

    expected = find_label_issues(FAST, X, y, cv=KFold(3))
    assert_array_equal(issues.label_quality, expected.label_quality)


def test_a_class_of_one_image_is_not_judged(digits):
    """It is named, and no model is asked about a class that it has not seen."""
    X, y, _ = digits
    labels = np.array(["zero", "one", "two"], dtype=object)[y]
    labels[17] = "seven"

    cv = KFold(5, shuffle=True, random_state=0)

    with pytest.warns(UserWarning, match=r"1 of 537 labels, all of .*'seven' among"):
        issues = find_label_issues(FAST, X, labels, cv=cv)

    assert not issues.is_issue[17]
    assert np.isnan(issues.label_quality[17])


def test_images_that_are_never_predicted_are_not_judged(digits):
    """Where splits are no partition."""
    X, y, _ = digits

    with pytest.warns(UserWarning, match="can't judge 268 of 537 labels: no fold"):
        issues = find_label_issues(FAST, X, y, cv=ShuffleSplit(1, test_size=0.5))

    assert np.isnan(issues.label_quality).sum() == 268


def test_poor_accuracy_warns():
    """Where the labels are noise, of two classes or of ten, balanced or not."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 5))

    for y in (rng.integers(0, 2, 200), rng.integers(0, 10, 200), rng.random(200) < 0.1):
        with pytest.warns(UserWarning, match="Improve the model first"):
            find_label_issues(LogisticRegression(), X, y, cv=3)


def test_no_warning_where_labels_are_right():
    """And a report without issues is empty, and prints and shows as such."""
    y = np.arange(40) % 2
    X = y[:, np.newaxis] + np.linspace(0, 0.1, 40)[:, np.newaxis]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        issues = find_label_issues(GaussianNB(), X, y, cv=4)

    assert len(issues) == 0
    assert not issues.is_issue.any()
    assert repr(issues) == (
        "0 of 40 labels in doubt, at a cross-validated accuracy of 1.00"
    )
    assert "<table>" not in issues._repr_html_()


def test_tables_are_aligned_cut_and_escaped():
    """As text and as HTML."""
    n = 25
    names = np.array(["<b>cat</b>", "d"])
    issues = LabelIssues(
        range(n), names[[0] * n], names[[1] * n], [0.5] * n, [0.25] * 30, 0.8
    )

    lines = repr(issues).splitlines()
    page = issues._repr_html_()

    assert lines[-1] == "... and 5 more"
    assert len(lines) == 23
    assert len(set(map(len, lines[1:-1]))) == 1
    assert page.count("<tr>") == 21
    assert "<b>cat" not in page
    assert "&lt;b&gt;cat" in page


@pytest.mark.parametrize(
    ("estimator", "y", "match"),
    [
        (LinearSVC(), [0, 1] * 5, "expects a classifier with predict_proba"),
        (FAST, ["cat"] * 10, "at least 2 classes"),
        (FAST, [0, 1] * 4, "inconsistent numbers of samples"),
        (FAST, np.linspace(0, 1, 10), "Unknown label type"),
        (FAST, [0, None] * 5, "row 1"),
        (FAST, None, "requires y"),
    ],
)
def test_what_can_not_be_judged_is_an_error(estimator, y, match):
    """Of the estimator or of the labels."""
    with pytest.raises((ValueError, TypeError), match=match):
        find_label_issues(estimator, np.zeros((10, 2)), y)


def test_every_class_in_one_fold_is_an_error():
    """There is nothing to be judged."""
    splits = [(np.arange(5), np.arange(5, 10)), (np.arange(5, 10), np.arange(5))]
    y = [0, 1, 0, 1, 0, 2, 3, 2, 3, 2]

    with pytest.raises(ValueError, match="can't judge any label"):
        find_label_issues(FAST, np.random.default_rng(0).random((10, 2)), y, cv=splits)


def test_a_missing_library_is_named_with_its_extra(monkeypatch):
    """Before anything is trained."""
    import_module = builtins.__import__

    def without_cleanlab(name, *args):
        if name.startswith("cleanlab"):
            raise ImportError(name)
        return import_module(name, *args)

    monkeypatch.setattr(builtins, "__import__", without_cleanlab)

    with pytest.raises(ImportError, match=r"pip install 'sklcnn\[labels\]'"):
        find_label_issues(FAST, None, None)

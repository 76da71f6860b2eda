"""Labels that are probably wrong, found by cross-validation."""

import html
import os
from collections.abc import Sequence
from numbers import Integral
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import StratifiedGroupKFold, check_cv
from sklearn.utils import check_consistent_length
from sklearn.utils.parallel import Parallel, delayed

from sklcnn._labels import check_labels
from sklcnn._sklearn import N_JOBS, validate_params
from sklcnn._warnings import warn_user
from sklcnn.images._sources import list_items, name_some
from sklcnn.inspection._parts import take_rows

NAME = "find_label_issues"

N_SHOWN = 20
"""Number of issues that a report shows as text or HTML."""

LEAST_GAIN = 0.5
"""Share of the way from chance to perfect accuracy under which a report says little.

With 10 % of the labels of Fashion-MNIST flipped, at most a third of the labels in doubt
were wrong below it, and more than a third above.
"""


class LabelIssue(NamedTuple):
    """An image and why its label is in doubt."""

    row: int
    given: object
    suggested: object
    self_confidence: float
    confidence: float


class LabelIssues(Sequence):
    """Labels that are probably wrong, the most doubtful first.

    A sequence of named tuples ``(row, given, suggested, self_confidence, confidence)``,
    which prints as a table and makes a data frame by ``pandas.DataFrame(issues)``.

    Parameters
    ----------
    rows : ndarray of int of shape (n_issues,)
        Positions of the images.
    given : ndarray of shape (n_issues,)
        Their labels.
    suggested : ndarray of shape (n_issues,)
        The classes that were predicted for them.
    confidence : ndarray of shape (n_issues,)
        Predicted probabilities of the suggested classes.
    label_quality : ndarray of shape (n_samples,)
        Predicted probability of its label for each image, NaN where there is none.
    accuracy : float
        Share of the images whose label was predicted.
    paths : list of str or None, default=None
        Files of all images, which the tables then name.

    Attributes
    ----------
    rows, given, suggested, confidence : ndarray of shape (n_issues,)
        As above.
    self_confidence : ndarray of shape (n_issues,)
        Predicted probabilities of the given labels, ascending.
    label_quality : ndarray of shape (n_samples,)
        As above.
    accuracy : float
        As above.
    is_issue : ndarray of bool of shape (n_samples,)
        Whether the label of each image is in doubt.
    paths : list of str or None
        As above.

    See Also
    --------
    find_label_issues : Make these reports.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.inspection import LabelIssues
    >>> quality = np.array([0.9, 0.05, 0.8])
    >>> LabelIssues([1], ["cat"], ["dog"], [0.94], quality, accuracy=2 / 3)
    1 of 3 labels in doubt, at a cross-validated accuracy of 0.67
    row  given  suggested  self-confidence  confidence
      1    cat        dog            0.050       0.940
    """

    def __init__(
        self, rows, given, suggested, confidence, label_quality, accuracy, paths=None
    ):
        self.rows = np.asarray(rows, dtype=np.intp)
        self.given = np.asarray(given)
        self.suggested = np.asarray(suggested)
        self.confidence = np.asarray(confidence)
        self.label_quality = np.asarray(label_quality)
        self.self_confidence = self.label_quality[self.rows]
        self.is_issue = np.zeros(len(self.label_quality), dtype=bool)
        self.is_issue[self.rows] = True
        self.accuracy = accuracy
        self.paths = paths
        columns = (
            self.rows,
            self.given,
            self.suggested,
            self.self_confidence,
            self.confidence,
        )
        self._issues = list(map(LabelIssue, *(column.tolist() for column in columns)))

    def __len__(self):
        return len(self._issues)

    def __getitem__(self, key):
        return self._issues[key]

    def __repr__(self):
        cells = self._cells()
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join(map(str.rjust, line, widths)) for line in cells if len(cells) > 1
        ]
        return "\n".join([self._summary(), *lines, *self._rest()])

    def _repr_html_(self):
        head, *lines = [
            "".join(f"<td>{html.escape(cell)}</td>" for cell in line)
            for line in self._cells()
        ]
        rows = "".join(f"<tr>{line}</tr>" for line in lines)
        head = head.replace("td>", "th>")
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        texts = [self._summary(), table if lines else "", *self._rest()]
        return "".join(f"<div>{text}</div>" for text in texts)

    def _summary(self):
        return (
            f"{len(self)} of {len(self.label_quality)} labels in doubt, at a "
            f"cross-validated accuracy of {self.accuracy:.2f}"
        )

    def _cells(self):
        """Give the texts of a table, line by line."""
        head = ["row", "given", "suggested", "self-confidence", "confidence"]
        lines = [
            [*map(str, issue[:3]), *(f"{number:.3f}" for number in issue[3:])]
            for issue in self[:N_SHOWN]
        ]
        if self.paths is not None:
            head.append("file")
            for line, row in zip(lines, self.rows, strict=False):
                line.append(self.paths[row])
        return [head, *lines]

    def _rest(self):
        n_hidden = len(self) - N_SHOWN
        return [f"... and {n_hidden} more"] if n_hidden > 0 else []


@validate_params(
    {
        "estimator": "no_validation",
        "X": "no_validation",
        "y": "no_validation",
        "cv": ["cv_object"],
        "groups": ["array-like", None],
        "n_jobs": N_JOBS,
    },
    prefer_skip_nested_validation=True,
)
def find_label_issues(estimator, X, y, *, cv=5, groups=None, n_jobs=None):
    """Find labels that are probably wrong.

    The estimator is trained in a cross-validation, and predicts the probabilities of
    images that it was not trained on. How many labels are wrong is estimated by
    confident learning (`cleanlab`): these are the ones of the lowest probabilities.
    Look at them before they are changed or left out: among them are images that are
    merely hard. Labels that were confused at random are found more easily than those of
    classes that look alike.

    Parameters
    ----------
    estimator : estimator
        A classifier with `predict_proba`, or a pipeline or search that ends in one. It
        is cloned, and not fitted itself.
    X : array-like of shape (n_samples, ...)
        Whatever the estimator takes: images, lazy images, paths, rows of a frame.
    y : array-like of shape (n_samples,)
        Labels of any kind.
    cv : int, cross-validation generator or iterable, default=5
        Number of folds, stratified by class and, with `groups`, without a group in two
        folds; or how else to split. Where an image is predicted several times, its
        probabilities are averaged.
    groups : array-like of shape (n_samples,), default=None
        Groups of images to be kept together, such as those of
        :func:`~sklcnn.images.group_duplicates`: a copy in training of an image with the
        same wrong label would hide it.
    n_jobs : int or None, default=None
        Number of folds that are trained at the same time, in processes of joblib.

    Returns
    -------
    issues : LabelIssues
        A sequence of ``(row, given, suggested, self_confidence, confidence)``: the
        position of the image, its label, the class predicted for it, and the
        probabilities of both. It begins with the lowest probability of the given label.
        `issues.is_issue` is a mask of all images, and `issues.label_quality` the
        probability of each label, which may serve as `sample_weight`.

    Raises
    ------
    ImportError
        If cleanlab is missing, which ``pip install 'sklcnn[labels]'`` installs.
    ValueError
        If the estimator predicts no probabilities, or `y` is unfit for classification.

    Warns
    -----
    UserWarning
        If the accuracy is too low for the report to mean anything, or if labels can't
        be judged, as all images of their class were in one fold or could not be read.

    See Also
    --------
    sklcnn.images.find_bad_images : Find poor files, and copies with other labels.
    sklcnn.images.group_duplicates : Make groups of copies.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklcnn.inspection import find_label_issues
    >>> X, y = load_digits(n_class=3, return_X_y=True)
    >>> y[30] = 2  # this is a 1
    >>> find_label_issues(LogisticRegression(), X / 16, y)
    1 of 537 labels in doubt, at a cross-validated accuracy of 0.98
    row  given  suggested  self-confidence  confidence
     30      2          1            0.000       1.000
    """
    filter_issues = _import_cleanlab()
    rows = np.arange(X.shape[0] if hasattr(X, "shape") else len(X))
    y = check_labels(rows, y, name=NAME)
    classes, targets = np.unique(y, return_inverse=True)
    _check_estimator(estimator, classes)
    splits = _splits(cv, X, y, groups)
    probabilities = _cross_validate(estimator, X, y, classes, splits, n_jobs)
    judged = np.flatnonzero(~np.isnan(probabilities[rows, targets]))
    _warn_of_unjudged(y, judged)
    predicted = probabilities[judged].argmax(axis=1)
    accuracy = float((predicted == targets[judged]).mean())
    _warn_if_inaccurate(accuracy, targets[judged])
    flagged = judged[
        filter_issues(
            targets[judged],
            probabilities[judged],
            filter_by="low_self_confidence",
            return_indices_ranked_by="self_confidence",
            n_jobs=1,
        )
    ]
    suggested = probabilities[flagged].argmax(axis=1)
    differs = suggested != targets[flagged]
    flagged, suggested = flagged[differs], suggested[differs]
    return LabelIssues(
        flagged,
        y[flagged],
        classes[suggested],
        probabilities[flagged, suggested],
        probabilities[rows, targets],
        accuracy,
        _paths_of(X),
    )


def _import_cleanlab():
    try:
        from cleanlab.filter import find_label_issues as filter_issues
    except ImportError as error:
        raise ImportError(
            f"{NAME} needs cleanlab: `pip install 'sklcnn[labels]'`."
        ) from error
    return filter_issues


def _check_estimator(estimator, classes):
    if not hasattr(estimator, "predict_proba"):
        raise ValueError(
            f"{NAME} expects a classifier with predict_proba. Got {estimator!r}. "
            "`sklearn.calibration.CalibratedClassifierCV` gives it to one that has "
            "decision_function only."
        )
    if len(classes) < 2:
        raise ValueError(
            f"{NAME} needs labels of at least 2 classes. All of y is {classes[0]!r}."
        )


def _splits(cv, X, y, groups):
    """List the pairs of rows to train on and rows to predict."""
    if groups is not None:
        check_consistent_length(y, groups)
        if isinstance(cv, Integral):
            cv = StratifiedGroupKFold(cv)
    positions = np.arange(len(y))  # of lists and masks, too
    return [
        tuple(positions[np.asarray(rows)] for rows in pair)
        for pair in check_cv(cv, y, classifier=True).split(X, y, groups)
    ]


def _cross_validate(estimator, X, y, classes, splits, n_jobs):
    """Average the predicted probabilities of each image.

    Returns
    -------
    probabilities : ndarray of shape (n_samples, n_classes)
        NaN for images that were never predicted by what had seen their class.
    """
    parts = Parallel(n_jobs=n_jobs)(
        delayed(_predict)(clone(estimator), X, y, *split) for split in splits
    )
    total = np.zeros((len(y), len(classes)))
    n_predictions = np.zeros((len(y), 1))
    for (_, test), (seen, probabilities) in zip(splits, parts, strict=True):
        knows = np.isin(y[test], seen)
        rows, columns = test[knows], np.searchsorted(classes, seen)
        total[rows[:, np.newaxis], columns] += probabilities[knows]
        n_predictions[rows] += 1
    n_predictions[n_predictions == 0] = np.nan
    return total / n_predictions


def _predict(estimator, X, y, train, test):
    """Train on some rows, and predict others."""
    estimator.fit(take_rows(X, train), y[train])
    return estimator.classes_, estimator.predict_proba(take_rows(X, test))


def _warn_of_unjudged(y, judged):
    """Warn about images that no prediction tells anything about."""
    if not len(judged):
        raise ValueError(
            f"{NAME} can't judge any label: no image was predicted by a model that had "
            "seen another one of its class. Use another cv."
        )
    if n_lost := len(y) - len(judged):
        lost = list(map(repr, np.setdiff1d(y, y[judged]).tolist()))
        whose = f", all of the classes {name_some(lost)} among them" if lost else ""
        warn_user(
            f"{NAME} can't judge {n_lost} of {len(y)} labels{whose}: no fold predicts "
            "these images by a model that has seen others of their class."
        )


def _warn_if_inaccurate(accuracy, targets):
    """Warn where most of the labels in doubt would be those of hard images."""
    chance = np.bincount(targets).max() / len(targets)
    if accuracy - chance < LEAST_GAIN * (1 - chance):
        warn_user(
            f"{NAME} found a cross-validated accuracy of {accuracy:.2f}, where the "
            f"most frequent class alone gives {chance:.2f}: most labels in doubt will "
            "be those of images that this model finds hard. Improve the model first."
        )


def _paths_of(X):
    """List the paths of files, if these are what images are read from."""
    X = getattr(X, "paths", X)
    if len(getattr(X, "shape", ())) > 2:
        return None
    try:
        items = list_items(X, NAME)
    except ValueError:  # pixels, or columns of a table
        return None
    if not all(isinstance(item, (str, os.PathLike)) for item in items):
        return None
    return [os.fsdecode(item) for item in items]

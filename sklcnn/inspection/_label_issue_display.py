"""Images whose labels, or whose files, are in doubt."""

import os
import re
from itertools import islice

import numpy as np

from sklcnn.images._open import UnreadableImageError
from sklcnn.inspection._drawing import (
    Grid,
    common_aspect,
    fit_text,
    import_pyplot,
    percent,
    text_width,
)
from sklcnn.inspection._parts import images_to_show, names_of, read_to_show, take_rows
from sklcnn.inspection._pictures import make_pictures

N_IMAGES = 12
"""Number of images that are shown by default."""

BLANK = np.full((32, 32), 225, dtype=np.uint8)
"""Picture of a file that can't be read."""


class LabelIssueDisplay:
    """Images with doubtful labels, or bad files, with their problems.

    Make it of what `find_label_issues` returns with `from_issues`, or of a report of
    :func:`~sklcnn.images.find_bad_images` with `from_report`. All parameters are stored
    as attributes.

    Parameters
    ----------
    pictures : list of ndarray of shape (height, width[, 3]), uint8
        Pictures of the images.
    names : list of str
        Names of their files, or their positions as text.
    given : list of str, default=None
        Given labels.
    suggested : list of str, default=None
        Suggested labels.
    confidence : sequence of float, default=None
        Predicted probabilities of the suggested labels, in [0, 1].
    problems : list of str, default=None
        What is wrong with each image, in place of labels.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the pictures.
    figure_ : matplotlib Figure
        Figure with the axes.

    See Also
    --------
    PredictionDisplay : Images that are predicted wrong, or doubtful.
    sklcnn.images.find_bad_images : Find broken files and duplicates.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from sklcnn.inspection import LabelIssueDisplay
    >>> X = load_digits().images
    >>> issues = [(5, 5, 9, 0.01, 0.97)]  # as from find_label_issues
    >>> display = LabelIssueDisplay.from_issues(issues, X)
    >>> display.given, display.suggested
    (['5'], ['9'])
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        pictures,
        *,
        names,
        given=None,
        suggested=None,
        confidence=None,
        problems=None,
    ):
        self.pictures = pictures
        self.names = names
        self.given = given
        self.suggested = suggested
        self.confidence = confidence
        self.problems = problems

    @classmethod
    def from_issues(cls, issues, X, *, estimator=None, n_images=N_IMAGES, ax=None):
        """Draw images whose labels are in doubt, the most doubtful first.

        Parameters
        ----------
        issues : sequence of tuple
            What `find_label_issues` returns: position of the image in `X`, given and
            suggested label, and the predicted probabilities of both.
        X : array-like of shape (n_samples, ...)
            The images or files that it was given.
        estimator : estimator, default=None
            Fitted pipeline whose steps bring `X` to images. None shows `X` itself.
        n_images : int, default=12
            Largest number of images.
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        display : LabelIssueDisplay
            The display.

        Raises
        ------
        ValueError
            If there is no issue.
        """
        name = f"{cls.__name__}.from_issues"
        import_pyplot(name)
        first = _first(issues, n_images, name)
        rows, given, suggested, _, confidence = zip(*first, strict=True)
        rows = np.array(rows, dtype=np.intp)
        images = images_to_show(estimator, take_rows(X, rows), name=name)
        return cls(
            make_pictures(images),
            names=names_of(X, rows),
            given=[str(label) for label in given],
            suggested=[str(label) for label in suggested],
            confidence=list(confidence),
        ).plot(ax=ax)

    @classmethod
    def from_report(cls, report, *, n_images=N_IMAGES, ax=None):
        """Draw the files of a report of bad images.

        Parameters
        ----------
        report : list of (path, problem)
            What :func:`~sklcnn.images.find_bad_images` returns.
        n_images : int, default=12
            Largest number of images.
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        display : LabelIssueDisplay
            The display. Files that can't be read are gray.

        Raises
        ------
        ValueError
            If the report is empty.
        """
        name = f"{cls.__name__}.from_report"
        import_pyplot(name)
        first = _first(report, n_images, name)
        pictures = [_read_or_blank(path) for path, _ in first]
        return cls(
            pictures,
            names=[os.path.basename(path) for path, _ in first],
            problems=[problem for _, problem in first],
        ).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the images.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        display : LabelIssueDisplay
            The display.
        """
        grid = Grid(
            ax,
            len(self.pictures),
            common_aspect(self.pictures),
            n_lines=3,
            title="bad images" if self.given is None else "given → suggested label",
            name=f"{type(self).__name__}.plot",
        )
        for number, picture in enumerate(self.pictures):
            grid.add(number, picture, self._lines(number, grid.text_width))
        self.ax_, self.figure_ = grid.ax, grid.ax.figure
        return self

    def _lines(self, number, width):
        """Write the caption of an image."""
        name = self.names[number]
        if self.given is None:
            return [name, *_in_two_lines(self.problems[number], width)]
        shown = f" ({percent(self.confidence[number])})"
        suggested = fit_text(f"→ {self.suggested[number]}", width - text_width(shown))
        return [self.given[number], suggested + shown, name]


def _first(entries, n_images, name):
    """Take the first entries of a report."""
    first = list(islice(entries, n_images))
    if not first:
        raise ValueError(f"{name} got a report without entries: nothing is in doubt.")
    return first


def _read_or_blank(path):
    """Make a picture of a file, on a brightness scale of its own."""
    try:
        return make_pictures([read_to_show(path)])[0]
    except UnreadableImageError:
        return BLANK


def _in_two_lines(problem, width):
    """Break a text where the first line is full; folders of files are left out."""
    text = re.sub(r"'[^']*[/\\]([^'/\\]+)'", r"\1", problem)
    words, first = text.split(), ""
    while words and text_width(f"{first} {words[0]}") <= width:
        first = f"{first} {words.pop(0)}".strip()
    return [first, " ".join(words)] if first else [text]

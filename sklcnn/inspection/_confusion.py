"""A confusion matrix whose cells show images."""

from numbers import Integral

import numpy as np

from sklcnn._label_arrays import as_labels
from sklcnn._warnings import warn_user
from sklcnn.inspection._drawing import (
    FONT_SIZE,
    GAP,
    LINE,
    RIGHT,
    WRONG,
    fit_text,
    frame,
    import_pyplot,
    show_picture,
    size_in_points,
    text_width,
)
from sklcnn.inspection._parts import (
    find_class,
    images_to_show,
    n_images_of,
    take_rows,
)
from sklcnn.inspection._pictures import make_pictures
from sklcnn.inspection._predictions import (
    UNKNOWN,
    check_choice,
    check_display_labels,
    check_given,
    number_labels,
    predict,
)

MAX_CLASSES = 10
"""Largest number of classes that are shown by default."""

CELL, LABEL, HEAD = 56, 110, 32
"""Size of a cell in a new figure, longest label, and room for the name of an axis and
for gaps, in points."""


class ConfusionDisplay:
    """Confusion matrix with an image in every cell that is not empty.

    Make it with `from_estimator`, or of held-out predictions with `from_predictions`.
    All parameters are stored as attributes.

    Parameters
    ----------
    confusion_matrix : ndarray of shape (n_classes, n_classes)
        Numbers of images, by given (rows) and predicted class (columns).
    pictures : dict of (int, int) to ndarray of shape (height, width[, 3]), uint8
        A picture for each row and column with images.
    display_labels : list of str
        Names of the classes.
    n_left_out : int, default=0
        Number of classes that are not shown.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the matrix. Frames are blue on the diagonal and red elsewhere.
    figure_ : matplotlib Figure
        Figure with the axes.

    See Also
    --------
    sklearn.metrics.ConfusionMatrixDisplay : The numbers alone.
    PredictionDisplay : More images of the pairs that are confused most often.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import cross_val_predict
    >>> from sklcnn import CNNClassifier
    >>> from sklcnn.inspection import ConfusionDisplay
    >>> digits = load_digits()
    >>> X, y = digits.images[:200], digits.target[:200]
    >>> model = CNNClassifier(max_epochs=10, random_state=0)
    >>> y_pred = cross_val_predict(model, X, y, cv=2)
    >>> display = ConfusionDisplay.from_predictions(X, y, y_pred)
    >>> int(display.confusion_matrix.sum())
    200
    >>> plt.close(display.figure_)
    """

    def __init__(self, confusion_matrix, pictures, *, display_labels, n_left_out=0):
        self.confusion_matrix = confusion_matrix
        self.pictures = pictures
        self.display_labels = display_labels
        self.n_left_out = n_left_out

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        classes=None,
        display_labels=None,
        verbose=0,
        ax=None,
    ):
        """Predict images, and draw the matrix.

        Each cell shows the image of the surest prediction in it.

        Parameters
        ----------
        estimator : estimator
            Fitted classifier, pipeline or search, with `predict_proba`. Images are
            shown as its last step gets them.
        X : array-like of shape (n_samples, ...)
            Images or files, which are predicted in blocks.
        y : array-like of shape (n_samples,)
            Given labels.
        classes : array-like of shape (n,) or int, default=None
            Labels of the classes to show, or a number of those that are confused most.
            None is all up to ten classes, else ten.
        display_labels : array-like of shape (n_classes,), default=None
            Names of all classes of the estimator. None is their labels.
        verbose : int, default=0
            1 shows a progress bar over the images.
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        display : ConfusionDisplay
            The display.

        Raises
        ------
        ValueError
            If labels or classes are not valid.
        """
        name = f"{cls.__name__}.from_estimator"
        import_pyplot(name)
        check_choice("confused", 1, y, name=name)
        predictions, known, labels = predict(
            estimator, X, y, verbose=verbose, name=name
        )
        is_unknown = predictions.given == UNKNOWN
        if is_unknown.any():
            warn_user(
                f"{is_unknown.sum()} of {len(labels)} images have labels that are no "
                f"class of the estimator, such as {labels[is_unknown][0]!r}: they are "
                "left out of the matrix."
            )
        order = np.argsort(-predictions.probability, kind="stable")
        return cls._of_numbers(
            predictions.given,
            predictions.predicted,
            order,
            known,
            classes,
            check_display_labels(display_labels, known, name=name),
            lambda rows: images_to_show(estimator, take_rows(X, rows), name=name),
            name,
        ).plot(ax=ax)

    @classmethod
    def from_predictions(
        cls, X, y, y_pred, *, classes=None, display_labels=None, ax=None
    ):
        """Draw the matrix of given predictions.

        Each cell shows the first image in it.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images or files.
        y : array-like of shape (n_samples,)
            Given labels.
        y_pred : array-like of shape (n_samples,)
            Predicted labels, as from ``cross_val_predict``.
        classes : array-like of shape (n,) or int, default=None
            Labels of the classes to show, or a number of those that are confused most.
            None is all up to ten classes, else ten.
        display_labels : array-like of shape (n_classes,), default=None
            Names of all classes in `y` and `y_pred`, sorted. None is their labels.
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        display : ConfusionDisplay
            The display.

        Raises
        ------
        ValueError
            If numbers of images and labels don't agree, or classes are not valid.
        """
        name = f"{cls.__name__}.from_predictions"
        import_pyplot(name)
        labels, predicted = as_labels(y, name=name), as_labels(y_pred, name=name)
        known = np.unique(np.concatenate([labels, predicted]))
        n_samples = n_images_of(X)
        check_given(labels, known, n_samples, name=name)
        check_given(predicted, known, n_samples, name=name)
        return cls._of_numbers(
            number_labels(labels, known),
            number_labels(predicted, known),
            np.arange(n_samples),
            known,
            classes,
            check_display_labels(display_labels, known, name=name),
            lambda rows: images_to_show(None, take_rows(X, rows), name=name),
            name,
        ).plot(ax=ax)

    @classmethod
    def _of_numbers(cls, given, predicted, order, known, classes, labels, read, name):
        """Choose classes, and the first image of each cell."""
        matrix = count_pairs(given, predicted, len(known))
        shown = choose_classes(matrix, classes, known, name=name)
        is_chosen = classes is not None and not isinstance(classes, Integral)
        place = {number: position for position, number in enumerate(shown)}
        firsts = {}
        for row in order[
            np.isin(given, shown)[order] & np.isin(predicted, shown)[order]
        ]:
            firsts.setdefault((place[given[row]], place[predicted[row]]), row)
        rows = np.array(list(firsts.values()), dtype=np.intp)
        pictures = make_pictures(read(rows)) if len(rows) else []
        return cls(
            matrix[np.ix_(shown, shown)],
            dict(zip(firsts, pictures, strict=True)),
            display_labels=[labels[number] for number in shown],
            n_left_out=0 if is_chosen else len(known) - len(shown),
        )

    def plot(self, ax=None):
        """Draw the matrix.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        display : ConfusionDisplay
            The display.
        """
        n = len(self.confusion_matrix)
        room = LABEL if ax is None else np.clip(min(size_in_points(ax)) / 5, 40, LABEL)
        labels = [fit_text(label, room) for label in self.display_labels]
        longest = max(map(text_width, labels))
        if ax is None:
            side = n * CELL + longest + HEAD
            pyplot = import_pyplot(f"{type(self).__name__}.plot")
            figure = pyplot.figure(figsize=((side + 8) / 72, (side + 32) / 72))
            ax = figure.add_axes((0, 0, 1, 1 - 28 / (side + 32)))
        self.ax_, self.figure_ = ax, ax.figure
        ax.set_axis_off()
        if self.n_left_out:
            title = f"the {n} of {n + self.n_left_out} classes that are confused most"
            ax.set_title(fit_text(title, size_in_points(ax)[0], 10), fontsize=10)
        self._lay_out(n, longest)
        self._draw_cells(n)
        self._write_labels(labels, longest)
        return self

    def _lay_out(self, n, longest):
        """Choose the size of a cell, with room for the labels beside and below."""
        wide, high = size_in_points(self.ax_)
        by_width = (wide - longest - HEAD) / n
        upright = (high - longest - HEAD) / n
        flat = (high - LINE * FONT_SIZE - HEAD) / n
        self._is_flat = longest + GAP <= min(by_width, flat)
        self._cell = max(4, min(by_width, flat if self._is_flat else upright))
        below = LINE * FONT_SIZE if self._is_flat else longest
        self.ax_.set(
            xlim=(-longest - HEAD, n * self._cell + 2),
            ylim=(n * self._cell + below + HEAD, -2),
            aspect="equal",
            anchor="N",
        )

    def _draw_cells(self, n):
        """Draw shares of the classes as gray levels, and pictures with their counts."""
        ax, cell = self.ax_, self._cell
        totals = self.confusion_matrix.sum(axis=1, keepdims=True)
        shares = self.confusion_matrix / np.maximum(totals, 1)
        edges = np.arange(n + 1) * cell
        ax.pcolormesh(
            edges, edges, shares, cmap="Greys", vmin=0, vmax=2, ec="0.7", lw=0.5
        )
        font = float(np.clip(cell / 4.5, 5, FONT_SIZE))
        strip = LINE * font
        for (row, column), picture in self.pictures.items():
            left, top = column * cell, row * cell
            box = left + 2, top + strip + 1, cell - 4, cell - strip - 3
            image = show_picture(ax, picture, *box)
            frame(ax, image, RIGHT if row == column else WRONG)
            count = f"{self.confusion_matrix[row, column]:,}"
            place = left + cell / 2, top + strip / 2 + 1
            ax.text(*place, count, fontsize=font, ha="center", va="center")

    def _write_labels(self, labels, longest):
        """Name rows and columns, and the axes."""
        ax, side = self.ax_, len(labels) * self._cell
        style = {"fontsize": FONT_SIZE, "parse_math": False}
        rotation = 0 if self._is_flat else 90
        for number, text in enumerate(labels):
            middle = (number + 0.5) * self._cell
            ax.text(-GAP, middle, text, ha="right", va="center", **style)
            ax.text(
                middle,
                side + GAP,
                text,
                ha="center",
                va="top",
                rotation=rotation,
                **style,
            )
        below = LINE * FONT_SIZE if self._is_flat else longest
        middle = side / 2
        ax.text(
            -longest - 2 * GAP, middle, "given", rotation=90, ha="right", va="center"
        )
        ax.text(middle, side + below + 2 * GAP, "predicted", ha="center", va="top")


def count_pairs(given, predicted, n_classes):
    """Count images by given and predicted class, without labels that are no class."""
    is_known = given != UNKNOWN
    pairs = given[is_known] * n_classes + predicted[is_known]
    counts = np.bincount(pairs, minlength=n_classes**2)
    return counts.reshape(n_classes, n_classes)


def choose_classes(matrix, classes, known, *, name):
    """Choose the classes to show.

    Parameters
    ----------
    matrix : ndarray of shape (n_classes, n_classes)
        Confusion matrix.
    classes : array-like of shape (n,), int or None
        Labels, or a number of classes.
    known : ndarray of shape (n_classes,)
        Labels of all classes.
    name : str
        Name of the function or class that asks, for messages.

    Returns
    -------
    numbers : list of int
        Numbers of the classes: in the order asked for, or sorted.
    """
    if classes is not None and not isinstance(classes, Integral):
        return [find_class(label, known, name=name) for label in classes]
    if classes is not None and classes < 1:
        raise ValueError(
            f"{name} expects classes to be labels, or a number of at least 1. Got "
            f"{classes!r}."
        )
    n_shown = min(MAX_CLASSES if classes is None else classes, len(known))
    if n_shown == len(known):
        return list(range(n_shown))
    errors = matrix.copy()
    np.fill_diagonal(errors, 0)
    order = np.argsort(-(errors.sum(axis=0) + errors.sum(axis=1)), kind="stable")
    return sorted(order[:n_shown].tolist())

"""Images with what was predicted for them."""

import numpy as np

from sklcnn._label_arrays import as_labels
from sklcnn.inspection._drawing import (
    RIGHT,
    WRONG,
    Grid,
    common_aspect,
    fit_text,
    import_pyplot,
    percent,
    text_width,
)
from sklcnn.inspection._parts import images_to_show, n_images_of, names_of, take_rows
from sklcnn.inspection._pictures import make_pictures
from sklcnn.inspection._predictions import (
    UNKNOWN,
    Predictions,
    check_choice,
    check_display_labels,
    check_given,
    choose,
    number_labels,
    predict,
    summarize,
)

N_IMAGES = 12
"""Number of images that are shown by default."""

TITLES = {
    "worst": "least probability of the given label",
    "surest": "largest probability",
    "doubtful": "least margin between the first two classes",
    "confused": "classes that are confused most often",
}


class PredictionDisplay:
    """Images with their given and predicted labels and probabilities.

    Make it with `from_estimator`, or of held-out predictions with `from_predictions`.
    All parameters are stored as attributes.

    Parameters
    ----------
    pictures : list of ndarray of shape (height, width[, 3]), uint8
        Pictures of the images.
    rows : ndarray of shape (n,)
        Their positions.
    names : list of str
        Names of their files, or their positions as text.
    predicted : list of str
        Predicted labels.
    probabilities : ndarray of shape (n,)
        Their probabilities, in [0, 1].
    given : list of str, default=None
        Given labels.
    kind : {"worst", "surest", "doubtful", "confused"}, default=None
        How the images were chosen.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the pictures. Frames are blue where prediction and label agree, and
        red where they don't.
    figure_ : matplotlib Figure
        Figure with the axes.

    See Also
    --------
    ConfusionDisplay : All pairs of classes, each with an image.
    LabelIssueDisplay : Labels that are likely to be wrong.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import cross_val_predict
    >>> from sklcnn import CNNClassifier
    >>> from sklcnn.inspection import PredictionDisplay
    >>> digits = load_digits()
    >>> X, y = digits.images[:200], digits.target[:200]
    >>> model = CNNClassifier(max_epochs=10, random_state=0)
    >>> proba = cross_val_predict(model, X, y, cv=2, method="predict_proba")
    >>> display = PredictionDisplay.from_predictions(X, y, proba, n_images=6)
    >>> len(display.names)
    6
    >>> plt.close(display.figure_)
    """

    def __init__(
        self, pictures, *, rows, names, predicted, probabilities, given=None, kind=None
    ):
        self.pictures = pictures
        self.rows = rows
        self.names = names
        self.predicted = predicted
        self.probabilities = probabilities
        self.given = given
        self.kind = kind

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        kind="worst",
        n_images=N_IMAGES,
        display_labels=None,
        verbose=0,
        ax=None,
    ):
        """Predict images, and draw some of them.

        Parameters
        ----------
        estimator : estimator
            Fitted classifier, pipeline or search, with `predict_proba`. Images are
            shown as its last step gets them.
        X : array-like of shape (n_samples, ...)
            Images or files, which are predicted in blocks.
        y : array-like of shape (n_samples,), default=None
            Given labels. Without, only "surest" and "doubtful" images can be chosen.
        kind : {"worst", "surest", "doubtful", "confused"}, default="worst"
            Images with the least probability of the given label, with the largest of
            the predicted one, with the least margin between the first two classes, or
            of the pairs of classes that are confused most often.
        n_images : int, default=12
            Number of images.
        display_labels : array-like of shape (n_classes,), default=None
            Names of the classes. None is their labels.
        verbose : int, default=0
            1 shows a progress bar over the images.
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        display : PredictionDisplay
            The display.

        Raises
        ------
        ValueError
            If the estimator has no probabilities, or labels are not valid.
        """
        name = f"{cls.__name__}.from_estimator"
        import_pyplot(name)
        check_choice(kind, n_images, y, name=name)
        predictions, classes, labels = predict(
            estimator, X, y, verbose=verbose, name=name
        )
        shown = check_display_labels(display_labels, classes, name=name)
        rows = choose(predictions, kind, n_images, name=name)
        facts = _describe(predictions, rows, labels, shown)
        images = images_to_show(estimator, take_rows(X, rows), name=name)
        return cls(
            make_pictures(images), names=names_of(X, rows), kind=kind, **facts
        ).plot(ax=ax)

    @classmethod
    def from_predictions(
        cls,
        X,
        y,
        probabilities,
        *,
        classes=None,
        kind="worst",
        n_images=N_IMAGES,
        display_labels=None,
        ax=None,
    ):
        """Draw images with given predictions.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images or files.
        y : array-like of shape (n_samples,) or None
            Given labels.
        probabilities : array-like of shape (n_samples, n_classes)
            Probabilities, as from ``cross_val_predict(..., method="predict_proba")``.
        classes : array-like of shape (n_classes,), default=None
            Labels of the columns. None is the labels in `y`, sorted.
        kind : {"worst", "surest", "doubtful", "confused"}, default="worst"
            As in `from_estimator`.
        n_images : int, default=12
            Number of images.
        display_labels : array-like of shape (n_classes,), default=None
            Names of the classes. None is their labels.
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        display : PredictionDisplay
            The display.

        Raises
        ------
        ValueError
            If numbers of images, labels, classes and columns don't agree.
        """
        name = f"{cls.__name__}.from_predictions"
        import_pyplot(name)
        check_choice(kind, n_images, y, name=name)
        probabilities = np.asarray(probabilities)
        if classes is None and y is not None:
            classes = np.unique(as_labels(y, name=name))
        elif classes is None:
            classes = np.arange(probabilities.shape[-1])
        classes = np.asarray(classes)
        n_samples = n_images_of(X)
        if probabilities.shape != (n_samples, len(classes)):
            raise ValueError(
                f"{name} expects probabilities of shape ({n_samples}, {len(classes)}), "
                f"one row for each image and one column for each class. Got "
                f"{probabilities.shape}."
            )
        labels = check_given(y, classes, n_samples, name=name)
        given = None if labels is None else number_labels(labels, classes)
        predictions = Predictions(*summarize(probabilities, given))
        shown = check_display_labels(display_labels, classes, name=name)
        rows = choose(predictions, kind, n_images, name=name)
        facts = _describe(predictions, rows, labels, shown)
        images = images_to_show(None, take_rows(X, rows), name=name)
        return cls(
            make_pictures(images), names=names_of(X, rows), kind=kind, **facts
        ).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the images.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        display : PredictionDisplay
            The display.
        """
        grid = Grid(
            ax,
            len(self.pictures),
            common_aspect(self.pictures),
            n_lines=2 if self.given is None else 3,
            title=self._title(),
            name=f"{type(self).__name__}.plot",
        )
        for number, picture in enumerate(self.pictures):
            predicted = self.predicted[number]
            shown = percent(self.probabilities[number])
            lines, color = [], None
            if self.given is not None:
                color = RIGHT if predicted == self.given[number] else WRONG
                lines.append(self.given[number])
                predicted = f"→ {predicted}"
            room = grid.text_width - text_width(f" ({shown})")
            lines.append(f"{fit_text(predicted, room)} ({shown})")
            grid.add(number, picture, [*lines, self.names[number]], color)
        self.ax_, self.figure_ = grid.ax, grid.ax.figure
        return self

    def _title(self):
        labels = "predicted" if self.given is None else "given → predicted"
        return f"{labels}: {TITLES[self.kind]}" if self.kind else labels


def _describe(predictions, rows, labels, shown):
    """Give what is told of the images in some rows, in names of classes."""
    given = None
    if labels is not None:
        given = [
            str(label) if number == UNKNOWN else shown[number]
            for label, number in zip(
                labels[rows].tolist(), predictions.given[rows], strict=True
            )
        ]
    return {
        "rows": rows,
        "predicted": [shown[number] for number in predictions.predicted[rows]],
        "probabilities": predictions.probability[rows],
        "given": given,
    }

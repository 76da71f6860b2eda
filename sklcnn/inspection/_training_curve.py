"""How a training went: losses, accuracy and learning rate by epoch."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklcnn.inspection._drawing import (
    COLORS,
    FONT_SIZE,
    fit_text,
    import_pyplot,
    size_in_points,
)
from sklcnn.inspection._parts import take_apart

PANELS = {
    "loss": ("train_loss", "valid_loss"),
    "validation accuracy": ("valid_accuracy",),
    "learning rate": ("learning_rate",),
}
"""Titles of the panels, and the records that they show."""

PANEL_SIZE = 3.4, 3.0
"""Width and height of a panel in a new figure, in inches."""

NARROW = 120
"""Width of panels, in points, below which they get fewer ticks."""


class TrainingCurveDisplay:
    """Losses, accuracy and learning rate of trainings, by epoch.

    Make it with `from_estimator` or `from_cv_results`. All parameters are stored as
    attributes.

    Parameters
    ----------
    histories : list of list of dict
        Records of the epochs of each training, as `history_` of `CNNClassifier`.
    names : list of str, default=None
        Names of the trainings.
    best_epochs : list of int, default=None
        Epochs whose weights were kept, from 0, which are marked where there are
        validation losses. None marks none.
    as_band : bool, default=False
        Whether to draw the mean over the trainings, and one standard deviation around
        it, in place of each.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        Panels of the loss, the validation accuracy (where there is one) and the
        learning rate.
    figure_ : matplotlib Figure
        Figure with the panels.

    See Also
    --------
    sklearn.model_selection.LearningCurveDisplay : Scores by number of images.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from sklcnn import CNNClassifier
    >>> from sklcnn.inspection import TrainingCurveDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> model = CNNClassifier(max_epochs=2, random_state=0).fit(X[:200], y[:200])
    >>> display = TrainingCurveDisplay.from_estimator(model)
    >>> [ax.get_title() for ax in display.axes_]
    ['loss', 'learning rate']
    >>> plt.close(display.figure_)
    """

    def __init__(self, histories, *, names=None, best_epochs=None, as_band=False):
        self.histories = histories
        self.names = names
        self.best_epochs = best_epochs
        self.as_band = as_band

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the curves of fitted estimators.

        Parameters
        ----------
        estimator : estimator, list of estimators or dict of str to estimator
            Fitted `CNNClassifier`, pipeline that ends in one, or search of these; or
            several of them, with their names.
        ax : matplotlib Axes or array of Axes, default=None
            Axes to divide into panels, or one for each panel. None makes a figure.

        Returns
        -------
        display : TrainingCurveDisplay
            The display.

        Raises
        ------
        ValueError
            If an estimator has no records of epochs.
        """
        import_pyplot(f"{cls.__name__}.from_estimator")
        names = None
        if isinstance(estimator, dict):
            names = [str(name) for name in estimator]
            estimator = list(estimator.values())
        elif isinstance(estimator, (list, tuple)):
            names = [f"estimator {number}" for number in range(len(estimator))]
        else:
            estimator = [estimator]
        histories, best_epochs = _read_histories(estimator, cls.__name__)
        display = cls(histories, names=names, best_epochs=best_epochs)
        return display.plot(ax=ax)

    @classmethod
    def from_cv_results(cls, cv_results, *, ax=None):
        """Draw the mean of the curves of all folds, and a band around it.

        Parameters
        ----------
        cv_results : dict
            What :func:`~sklearn.model_selection.cross_validate` returns with
            ``return_estimator=True``.
        ax : matplotlib Axes or array of Axes, default=None
            Axes to divide into panels, or one for each panel. None makes a figure.

        Returns
        -------
        display : TrainingCurveDisplay
            The display.

        Raises
        ------
        ValueError
            If the estimators are not there, or have no records of epochs.
        """
        import_pyplot(f"{cls.__name__}.from_cv_results")
        if "estimator" not in cv_results:
            raise ValueError(
                f"{cls.__name__}.from_cv_results expects the fitted estimators in "
                "cv_results. Call cross_validate with return_estimator=True."
            )
        histories, best_epochs = _read_histories(cv_results["estimator"], cls.__name__)
        display = cls(histories, best_epochs=best_epochs, as_band=True)
        return display.plot(ax=ax)

    def plot(self, ax=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes or array of Axes, default=None
            Axes to divide into panels, or one for each panel. None makes a figure.

        Returns
        -------
        display : TrainingCurveDisplay
            The display.
        """
        panels = {title: keys for title, keys in PANELS.items() if self._has(keys[0])}
        self.axes_ = _make_panels(ax, len(panels), f"{type(self).__name__}.plot")
        self.figure_ = self.axes_[0].figure
        # labels of ticks must not reach into the panel beside
        n_ticks = 4 if size_in_points(self.axes_[0])[0] < NARROW else 8
        for panel, (title, keys) in zip(self.axes_, panels.items(), strict=True):
            panel.set_title(title, fontsize=10)
            panel.set_xlabel("epoch", fontsize=FONT_SIZE)
            panel.xaxis.get_major_locator().set_params(integer=True)
            panel.yaxis.get_major_locator().set_params(nbins=n_ticks)
            panel.tick_params(labelsize=FONT_SIZE)
            for key in keys:
                self._draw(panel, key, "--" if key.startswith("valid") else "-")
        self._mark_best(self.axes_[0])
        self._add_legend(self.axes_[0])
        return self

    def _has(self, key):
        return any(key in record for history in self.histories for record in history)

    def _colors(self):
        """Give each training a color."""
        n = 1 if self.as_band else len(self.histories)
        if n <= len(COLORS):
            return COLORS[:n]
        from matplotlib import colormaps

        return [colormaps["viridis"](share) for share in np.linspace(0, 0.95, n)]

    def _draw(self, panel, key, style):
        """Draw one record by epoch: of each training, or of all together."""
        values = _as_table(self.histories, key)
        if np.isnan(values).all():
            return
        epochs = np.arange(values.shape[1])
        marker = "." if len(epochs) < 20 else None
        if not self.as_band:
            for row, color in zip(values, self._colors(), strict=True):
                panel.plot(epochs, row, style, color=color, marker=marker)
            return
        there = ~np.isnan(values).all(axis=0)
        mean = np.nanmean(values[:, there], axis=0)
        spread = np.nanstd(values[:, there], axis=0)
        epochs, color = epochs[there], self._colors()[0]
        panel.plot(epochs, mean, style, color=color, marker=marker)
        panel.fill_between(epochs, mean - spread, mean + spread, color=color, alpha=0.2)

    def _mark_best(self, panel):
        """Mark the epochs whose weights were kept, on the curves of validation."""
        if self.best_epochs is None or self.as_band or not self._has("valid_loss"):
            return
        losses = _as_table(self.histories, "valid_loss")
        for row, best, color in zip(
            losses, self.best_epochs, self._colors(), strict=True
        ):
            panel.plot(best, row[best], "o", color=color, ms=9, mfc="none", mew=2)

    def _add_legend(self, panel):
        """Say which line is what, where there is more than one."""
        from matplotlib.lines import Line2D

        entries = []
        if self.names is not None:
            entries += [
                (Line2D([], [], color=color), name)
                for name, color in zip(self.names, self._colors(), strict=True)
            ]
        if self._has("valid_loss"):
            plain = "black" if self.names is not None else self._colors()[0]
            entries += [
                (Line2D([], [], color=plain), "training"),
                (Line2D([], [], color=plain, linestyle="--"), "validation"),
            ]
            if self.best_epochs is not None and not self.as_band:
                circle = Line2D([], [], color=plain, ls="", marker="o", mfc="none")
                circle.set(markersize=8, markeredgewidth=2)
                entries.append((circle, "kept"))
        if self.as_band:
            entries.append((Line2D([], [], alpha=0), "mean ± std"))
        if not entries:
            return
        handles, labels = zip(*entries, strict=True)
        wide, high = size_in_points(panel)
        labels = [fit_text(label, max(wide - 38, 20)) for label in labels]
        legend = panel.legend(
            handles, labels, fontsize=FONT_SIZE, loc="upper right", handlelength=1.5
        )
        for text in legend.get_texts():
            text.set_parse_math(False)
        # the curves stay below it
        share = min((len(labels) * 1.6 * FONT_SIZE + 14) / high, 0.7)
        low, top = panel.get_ylim()
        panel.set_ylim(low, low + (top - low) / (1 - share))


def _read_histories(estimators, name):
    """Read the records of fitted estimators, and which epochs were kept."""
    lasts = [take_apart(estimator).last for estimator in estimators]
    for last in lasts:
        check_is_fitted(last)
        if not hasattr(last, "history_"):
            raise ValueError(
                f"{name} expects fitted estimators with records of their epochs: "
                "CNNClassifier, pipelines that end in one, or searches of these. Got "
                f"{type(last).__name__}."
            )
    return [last.history_ for last in lasts], [last.best_epoch_ for last in lasts]


def _as_table(histories, key):
    """Make an array of shape (n_trainings, n_epochs), with NaN for what is missing."""
    table = np.full((len(histories), max(map(len, histories))), np.nan)
    for row, history in zip(table, histories, strict=True):
        row[: len(history)] = [record.get(key, np.nan) for record in history]
    return table


def _make_panels(ax, n_panels, name):
    """Make panels side by side, or one below the other where axes are high."""
    pyplot = import_pyplot(name)
    if ax is None:
        width, height = PANEL_SIZE
        figure = pyplot.figure(figsize=(width * n_panels, height), layout="constrained")
        return figure.subplots(1, n_panels, squeeze=False).ravel()
    if np.ndim(ax) or isinstance(ax, (list, tuple)):
        axes = np.asarray(ax, dtype=object).ravel()
        if len(axes) < n_panels:
            raise ValueError(
                f"{name} draws {n_panels} panels. Got {len(axes)} axes: give as many, "
                "or one to divide."
            )
        return axes[:n_panels]
    box = ax.get_window_extent()
    shape = (1, n_panels) if box.width > box.height else (n_panels, 1)
    ax.set_axis_off()
    spec = ax.get_subplotspec()
    if spec is None:
        place = ax.get_position()
        grid = ax.figure.add_gridspec(
            *shape, left=place.x0, right=place.x1, bottom=place.y0, top=place.y1
        )
    else:
        grid = spec.subgridspec(*shape, wspace=0.4, hspace=0.8)
    return np.array([ax.figure.add_subplot(part) for part in grid], dtype=object)

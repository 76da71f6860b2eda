"""Images in the plane, close where the network sees them alike."""

from collections import Counter
from typing import NamedTuple

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklcnn._label_arrays import as_labels
from sklcnn.inspection._blocks import in_blocks
from sklcnn.inspection._drawing import (
    COLORS,
    FONT_SIZE,
    fit_text,
    import_pyplot,
    size_in_points,
    text_width,
)
from sklcnn.inspection._parts import images_to_show, n_images_of, take_apart, take_rows
from sklcnn.inspection._pictures import make_pictures

METHODS = ("pca", "tsne")
"""Names of the ways into the plane."""

MAX_CLASSES = 10
"""Number of classes that have colors by default."""

MARKERS = "osD^vP"
"""Markers of classes, which tell equal colors apart."""

OTHER_COLOR = "0.75"
"""Color of all other classes."""

THUMB, SPACING = 26, 1.3
"""Larger side of thumbnails, in points, and their least distance, in this side."""

OFFSET = (16, 16)
"""Place of a thumbnail beside its point, in points."""


class EmbeddingDisplay:
    """Embeddings of images in the plane, with thumbnails.

    Make it with `from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    points : ndarray of shape (n, 2)
        Places of the images.
    labels : list of str, default=None
        Their classes.
    new_points : ndarray of shape (n_new, 2), default=None
        Places of new images.
    new_labels : list of str, default=None
        Their classes.
    pictures : dict of int to ndarray of shape (height, width[, 3]), uint8, default=None
        Pictures of images by their number, where new ones follow the others.
    classes : list of str, default=None
        Classes to color. None is the most frequent ones, ten at most.
    method : {"pca", "tsne"}, default="pca"
        How the places were computed.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the points.
    figure_ : matplotlib Figure
        Figure with the axes.

    See Also
    --------
    sklearn.manifold.TSNE : Projection that keeps neighbors together.
    sklearn.decomposition.PCA : Projection on the directions of largest variance.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from sklcnn import CNNClassifier
    >>> from sklcnn.inspection import EmbeddingDisplay
    >>> digits = load_digits()
    >>> X, y = digits.images[:200], digits.target[:200]
    >>> model = CNNClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> display = EmbeddingDisplay.from_estimator(model, X, y)
    >>> display.points.shape
    (200, 2)
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        points,
        labels=None,
        *,
        new_points=None,
        new_labels=None,
        pictures=None,
        classes=None,
        method="pca",
    ):
        self.points = points
        self.labels = labels
        self.new_points = new_points
        self.new_labels = new_labels
        self.pictures = pictures
        self.classes = classes
        self.method = method

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        X_new=None,
        y_new=None,
        method="pca",
        max_images=2000,
        n_thumbnails=30,
        classes=None,
        random_state=0,
        verbose=0,
        ax=None,
    ):
        """Compute embeddings in blocks, and draw them in the plane.

        Parameters
        ----------
        estimator : estimator
            Fitted `CNNClassifier` or `CNNFeatures`, pipeline or search. Of a pipeline
            that ends in another classifier, what this is given.
        X : array-like of shape (n_samples, ...)
            Images or files.
        y : array-like of shape (n_samples,), default=None
            Their labels, by which points are colored.
        X_new : array-like of shape (n_new, ...), default=None
            Images that are drawn over the others, such as those of another camera.
        y_new : array-like of shape (n_new,), default=None
            Their labels.
        method : {"pca", "tsne"}, default="pca"
            "pca" shows the two directions in which the images of `X` differ most;
            "tsne" keeps neighbors together, and distances between groups mean nothing.
        max_images : int or None, default=2000
            Largest numbers of images of `X` and of `X_new`, which are drawn at random
            from more. None is all.
        n_thumbnails : int, default=30
            Largest number of thumbnails; as many as find room are drawn.
        classes : array-like of labels, default=None
            Classes to color. None is the most frequent ones, ten at most; others are
            gray.
        random_state : int, RandomState instance or None, default=0
            Seed of the choice of images and of t-SNE.
        verbose : int, default=0
            1 shows a progress bar over the images.
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        display : EmbeddingDisplay
            The display.

        Raises
        ------
        ValueError
            If the estimator is not fitted or makes no features, or labels don't fit the
            images.
        """
        name = f"{cls.__name__}.from_estimator"
        import_pyplot(name)
        if method not in METHODS:
            raise ValueError(
                f"{name} expects method to be one of {', '.join(map(repr, METHODS))}. "
                f"Got {method!r}."
            )
        rng = check_random_state(random_state)
        options = {"max_images": max_images, "rng": rng, "verbose": verbose}
        groups = [_embed(estimator, X, y, name=name, **options)]
        if X_new is not None:
            groups.append(_embed(estimator, X_new, y_new, name=name, **options))
        places = to_plane([group.features for group in groups], method, rng)
        pictures = _read_pictures(estimator, groups, places, n_thumbnails, name)
        new = (None, None) if X_new is None else (places[1], groups[1].labels)
        return cls(
            places[0],
            groups[0].labels,
            new_points=new[0],
            new_labels=new[1],
            pictures=pictures,
            classes=None if classes is None else [str(label) for label in classes],
            method=method,
        ).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the points.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        display : EmbeddingDisplay
            The display.
        """
        if ax is None:
            pyplot = import_pyplot(f"{type(self).__name__}.plot")
            _, ax = pyplot.subplots(figsize=(8, 6), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        styles = self._choose_styles()
        self._draw(self.points, self.labels, styles, is_new=False)
        if self.new_points is not None:
            self._draw(self.new_points, self.new_labels, styles, is_new=True)
        names = {"pca": "principal component", "tsne": "t-SNE"}
        ax.margins(0.1, 0.16)
        ax.set(xticks=[], yticks=[])
        ax.set_xlabel(f"{names[self.method]} 1", fontsize=FONT_SIZE)
        ax.set_ylabel(f"{names[self.method]} 2", fontsize=FONT_SIZE)
        self._add_legend(styles)
        self._draw_pictures(styles)
        return self

    def _choose_styles(self):
        """Choose a color and a marker for each class that has one."""
        labels = [*(self.labels or []), *(self.new_labels or [])]
        classes = self.classes
        if classes is None:
            common = Counter(labels).most_common()
            classes = sorted(label for label, _ in common[:MAX_CLASSES])
        return {
            label: (COLORS[number % len(COLORS)], MARKERS[number % len(MARKERS)])
            for number, label in enumerate(classes)
        }

    def _draw(self, points, labels, styles, *, is_new):
        """Draw points, class by class, over those of classes without a color."""
        if labels is None:
            labels = [None] * len(points)
        labels = np.array(labels, dtype=object)
        plain = ("black" if is_new else OTHER_COLOR, "o")
        every = (
            {None: plain, **styles} if styles or is_new else {None: (COLORS[0], "o")}
        )
        for label, (color, marker) in every.items():
            if label is None:
                chosen = np.array([other not in styles for other in labels], dtype=bool)
            else:
                chosen = labels == label
            self.ax_.scatter(
                *points[chosen].T,
                s=45 if is_new else 14,
                color=color,
                marker=marker,
                edgecolor="black" if is_new else "none",
                linewidth=1,
                alpha=1 if is_new else 0.7,
                zorder=3 if is_new else 2,
            )

    def _add_legend(self, styles):
        """Name classes, in room that is made beside the points."""
        from matplotlib.lines import Line2D

        def dot(color, marker, **options):
            options = {"ls": "", "ms": 5, "mec": "none"} | options
            return Line2D([], [], color=color, marker=marker, **options)

        entries = [(dot(*style), label) for label, style in styles.items()]
        known = [*(self.labels or []), *(self.new_labels or [])]
        n_others = len(set(known) - set(styles))
        if n_others:
            ending = "es" if n_others > 1 else ""
            entries.append((dot(OTHER_COLOR, "o"), f"{n_others} other class{ending}"))
        if self.new_points is not None:
            plain = dot("white", "o", mec="black", ms=7)
            entries.append((plain, "new images"))
        if not entries:
            return
        handles, labels = zip(*entries, strict=True)
        wide, _ = size_in_points(self.ax_)
        labels = [fit_text(label, max(0.3 * wide, 50)) for label in labels]
        legend = self.ax_.legend(
            handles,
            labels,
            loc="upper right",
            fontsize=FONT_SIZE,
            handlelength=1,
            borderaxespad=0.3,
        )
        for text in legend.get_texts():
            text.set_parse_math(False)
        share = (max(map(text_width, labels)) + 34) / wide
        left, right = self.ax_.get_xlim()
        self.ax_.set_xlim(left, left + (right - left) / (1 - min(share, 0.6)))

    def _draw_pictures(self, styles):
        """Draw thumbnails that do not overlap, with frames in the colors of classes."""
        points, labels = list(self.points), self._labels_of(self.points, self.labels)
        if self.new_points is not None:
            points += list(self.new_points)
            labels += self._labels_of(self.new_points, self.new_labels)
        lower, upper = np.transpose([self.ax_.get_xlim(), self.ax_.get_ylim()])
        scale = np.array(size_in_points(self.ax_)) / (upper - lower)
        places = []
        for number, picture in (self.pictures or {}).items():
            place = scale * (points[number] - lower)
            if any(np.abs(place - other).max() < SPACING * THUMB for other in places):
                continue
            places.append(place)
            is_new = number >= len(self.points)
            color = styles.get(labels[number], ("black" if is_new else "0.5", ""))[0]
            self._draw_picture(picture, points[number], color, 2 if is_new else 1)

    @staticmethod
    def _labels_of(points, labels):
        return [None] * len(points) if labels is None else list(labels)

    def _draw_picture(self, picture, point, color, linewidth):
        """Draw a thumbnail beside its point."""
        from matplotlib.offsetbox import AnnotationBbox, OffsetImage

        image = OffsetImage(
            picture,
            zoom=THUMB / max(picture.shape[:2]),
            cmap="gray",
            norm="linear",
            interpolation="nearest",
        )
        image.image.set_clim(0, 255)
        self.ax_.add_artist(
            AnnotationBbox(
                image,
                tuple(point),
                xybox=OFFSET,
                boxcoords="offset points",
                pad=0.1,
                bboxprops={"edgecolor": color, "linewidth": linewidth},
                arrowprops={"arrowstyle": "-", "color": color, "linewidth": 1},
                zorder=4,
            )
        )


class Embedded(NamedTuple):
    """Images with their embeddings.

    Parameters
    ----------
    images : array-like of shape (n_samples, ...)
        What the estimator is given.
    rows : ndarray of shape (n,)
        Positions of those that are shown.
    features : ndarray of shape (n, n_features)
        Their embeddings.
    labels : list of str or None
        Their classes.
    """

    images: object
    rows: np.ndarray
    features: np.ndarray
    labels: list | None


def _embed(estimator, X, y, *, max_images, rng, verbose, name):
    """Choose images, and compute their embeddings in blocks."""
    n_samples = n_images_of(X)
    labels = None if y is None else as_labels(y, name=name)
    if labels is not None and labels.shape != (n_samples,):
        raise ValueError(
            f"{name} expects one label for each of {n_samples} images. Got labels of "
            f"shape {labels.shape}."
        )
    rows = np.arange(n_samples)
    if max_images is not None and n_samples > max_images:
        rows = np.sort(rng.choice(n_samples, max_images, replace=False))

    def transform(block, _):
        return (embed(estimator, block, name=name),)

    (features,) = in_blocks(transform, X, rows=rows, verbose=verbose)
    shown = None if labels is None else [str(label) for label in labels[rows].tolist()]
    return Embedded(X, rows, features, shown)


def embed(estimator, X, *, name):
    """Compute embeddings of images.

    Parameters
    ----------
    estimator : estimator
        As in `EmbeddingDisplay.from_estimator`.
    X : array-like of shape (n_samples, ...)
        Images or files.
    name : str
        Name of the function or class that asks, for messages.

    Returns
    -------
    features : ndarray of shape (n_samples, n_features)
    """
    steps, last = take_apart(estimator)
    check_is_fitted(last)
    for step in steps:
        X = step.transform(X)
    if hasattr(last, "transform"):
        X = last.transform(X)
    if len(np.shape(X)) != 2 or (not steps and not hasattr(last, "transform")):
        raise ValueError(
            f"{name} expects an estimator that makes features of images: a fitted "
            "CNNClassifier or CNNFeatures, or a pipeline with one. Got "
            f"{type(last).__name__}."
        )
    return np.asarray(X, dtype=np.float32)


def to_plane(features, method, rng):
    """Find places in the plane for groups of features.

    Parameters
    ----------
    features : list of ndarray of shape (n, n_features)
        Features of images, and of new images if there are any.
    method : {"pca", "tsne"}
        Principal components of the first group, or t-SNE of all together.
    rng : RandomState
        Random numbers of t-SNE.

    Returns
    -------
    places : list of ndarray of shape (n, 2)
    """
    if features[0].shape[1] < 2 or len(features[0]) < 2:
        features = [np.pad(group, ((0, 0), (0, 1))) for group in features]
    if method == "pca":
        if len(features[0]) < 2:
            center = features[0].mean(axis=0)
            return [(group - center)[:, :2] for group in features]
        pca = PCA(2, random_state=rng).fit(features[0])
        return [pca.transform(group) for group in features]
    every = np.concatenate(features)
    perplexity = min(30, max(1, (len(every) - 1) / 3))
    places = TSNE(perplexity=perplexity, random_state=rng).fit_transform(every)
    return np.split(places, [len(features[0])])[: len(features)]


def scattered(points, n):
    """Choose points from all over the plane: one of each square of a grid.

    Parameters
    ----------
    points : ndarray of shape (n_points, 2)
        The points.
    n : int
        Largest number of points.

    Returns
    -------
    chosen : ndarray of shape (at most n,)
        Their numbers.
    """
    side = int(np.sqrt(n))
    if side < 1:
        return np.empty(0, dtype=np.intp)
    low, high = points.min(axis=0), points.max(axis=0)
    scaled = side * (points - low) / np.maximum(high - low, np.finfo(float).tiny)
    squares = np.minimum(scaled.astype(int), side - 1)
    distance = np.abs(scaled - squares - 0.5).max(axis=1)
    order = np.argsort(distance, kind="stable")
    _, first = np.unique(squares[order] @ [side, 1], return_index=True)
    return order[np.sort(first)]


def _read_pictures(estimator, groups, places, n_thumbnails, name):
    """Read the images of points all over the plane, half of them new ones."""
    pictures, start = {}, sum(map(len, places))
    n = n_thumbnails // len(groups)
    chosen = []
    for group, points in zip(groups[::-1], places[::-1], strict=True):  # new ones first
        start -= len(points)
        numbers = scattered(points, n)
        images = take_rows(group.images, group.rows[numbers]) if len(numbers) else []
        images = images_to_show(estimator, images, name=name) if len(numbers) else []
        chosen += zip(numbers + start, images, strict=True)
    if not chosen:
        return pictures
    numbers, images = zip(*chosen, strict=True)
    return dict(zip(map(int, numbers), make_pictures(images), strict=True))

"""Images with what in them speaks for a class."""

import numpy as np

from sklcnn._pixels import working_range
from sklcnn.inspection._drawing import (
    Grid,
    common_aspect,
    fit_text,
    import_pyplot,
    percent,
    text_width,
)
from sklcnn.inspection._parts import (
    check_rows,
    n_images_of,
    names_of,
    network_input,
    network_of_classifier,
    take_apart,
    take_rows,
)
from sklcnn.inspection._pictures import luminance, make_pictures
from sklcnn.inspection._predictions import check_display_labels
from sklcnn.inspection._saliency import choose_method, compute_maps, number_targets
from sklcnn.network import softmax_in_place
from sklcnn.network._batches import read

N_IMAGES = 8
"""Number of images that are shown by default."""

COLORMAP, OPACITY = "viridis", 0.65
"""Colors of the maps, and how much of the image they cover."""

HIGH = 0.99
"""Share of the pixels of a map that are below its highest color."""

TITLES = {
    "grad_cam": "Grad-CAM",
    "integrated_gradients": "integrated gradients",
    "occlusion": "occlusion",
}


class SaliencyDisplay:
    """Images beside maps of what speaks for a class.

    Make it with `from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    pictures : list of ndarray of shape (height, width[, 3]), uint8
        Pictures of the images that enter the network.
    maps : ndarray of shape (n, height, width)
        What speaks for the class, by place.
    targets : list of str
        Names of the classes.
    probabilities : ndarray of shape (n,)
        Predicted probabilities of these classes, in [0, 1].
    names : list of str
        Names of the images.
    method : str
        How the maps were computed.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the pictures. Each map has a scale of its own.
    figure_ : matplotlib Figure
        Figure with the axes.

    See Also
    --------
    saliency_maps : Compute the maps of any number of images.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from sklcnn import CNNClassifier
    >>> from sklcnn.inspection import SaliencyDisplay
    >>> digits = load_digits()
    >>> X, y = digits.images[:200], digits.target[:200]
    >>> model = CNNClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> display = SaliencyDisplay.from_estimator(model, X, target=5, rows=[5, 15])
    >>> display.targets
    ['5', '5']
    >>> plt.close(display.figure_)
    """

    def __init__(self, pictures, maps, *, targets, probabilities, names, method):
        self.pictures = pictures
        self.maps = maps
        self.targets = targets
        self.probabilities = probabilities
        self.names = names
        self.method = method

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        method="grad_cam",
        layer=None,
        target=None,
        rows=None,
        display_labels=None,
        ax=None,
    ):
        """Compute maps of some images, and draw them.

        Parameters
        ----------
        estimator : estimator
            Fitted `CNNClassifier`, pipeline that ends in one, or search of these.
        X : array-like of shape (n_samples, ...)
            Images or files.
        method : {"grad_cam", "integrated_gradients", "occlusion"}, default="grad_cam"
            How maps are computed: see :func:`saliency_maps`.
        layer : str, default=None
            Path of the layer for "grad_cam", as :func:`summary` lists them. None is the
            last convolution whose maps have more than one pixel.
        target : label or array-like of shape (n_samples,), default=None
            The class, or that of each image of `X`. None is the predicted class of
            each.
        rows : array-like of shape (n,), default=None
            Positions of the images in `X`. None is the first eight.
        display_labels : array-like of shape (n_classes,), default=None
            Names of the classes. None is their labels.
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        display : SaliencyDisplay
            The display.

        Raises
        ------
        ValueError
            If the estimator is none with a fitted network, there is no such class or
            layer, or the network has no convolution.
        ImportError
            If captum is needed and not installed.
        """
        name = f"{cls.__name__}.from_estimator"
        import_pyplot(name)
        network = network_of_classifier(estimator, name=name)
        classes = take_apart(estimator).last.classes_
        shown = check_display_labels(display_labels, classes, name=name)
        rows = check_rows(rows, n_images_of(X), n_default=N_IMAGES, name=name)
        numbers = number_targets(estimator, target, n_images_of(X), name=name)
        compute = choose_method(network, method, layer, name=name)
        images = network_input(estimator, take_rows(X, rows), name=name)
        images = read(images, np.arange(len(rows)), network.spec.image_shape)
        logits = network.logits(images, dtype=np.float64, pixel_range=None)
        chosen = logits.argmax(axis=1) if numbers is None else numbers[rows]
        probabilities = softmax_in_place(logits)[np.arange(len(rows)), chosen]
        return cls(
            make_pictures(images, working_range(*network.pixel_range)),
            compute_maps(estimator, images, compute, chosen),
            targets=[shown[number] for number in chosen],
            probabilities=probabilities,
            names=names_of(X, rows),
            method=method,
        ).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the images, each beside its map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        display : SaliencyDisplay
            The display.
        """
        grid = Grid(
            ax,
            len(self.pictures),
            common_aspect(self.pictures) / 2,
            n_lines=2,
            width=160,
            foot=26,
            title=f"what speaks for a class, by {TITLES[self.method]}",
            name=f"{type(self).__name__}.plot",
        )
        for number, picture in enumerate(self.pictures):
            shown = percent(self.probabilities[number])
            room = grid.text_width - text_width(f" ({shown})")
            line = f"{fit_text(self.targets[number], room)} ({shown})"
            pair = beside_map(picture, self.maps[number])
            grid.add(number, pair, [line, self.names[number]])
        grid.draw_scale(COLORMAP, "little", "much")
        self.ax_, self.figure_ = grid.ax, grid.ax.figure
        return self


def beside_map(picture, values):
    """Make a picture of an image and, beside it, of its map over it.

    Parameters
    ----------
    picture : ndarray of shape (height, width[, 3]), uint8
        The image.
    values : ndarray of shape (height, width)
        The map.

    Returns
    -------
    pair : ndarray of shape (height, a little over 2 * width, 3), uint8
    """
    from matplotlib import colormaps

    high = max(float(np.quantile(values, HIGH)), float(values.max()) / 4)
    shares = np.clip(values / high, 0, 1) if high > 0 else np.zeros_like(values)
    colors = colormaps[COLORMAP](_resized(shares, picture.shape[:2]))[..., :3]
    gray = luminance(picture)[..., np.newaxis]
    over = np.rint(255 * (OPACITY * colors + (1 - OPACITY) * gray)).astype(np.uint8)
    image = picture if picture.ndim == 3 else np.dstack([picture] * 3)
    between = np.full((len(image), max(1, image.shape[1] // 32), 3), 255, np.uint8)
    return np.concatenate([image, between, over], axis=1)


def _resized(values, size):
    """Bring a map to the size of a picture, which may be smaller than its image."""
    if values.shape == tuple(size):
        return values
    from skimage.transform import resize

    return resize(values, size, order=1)

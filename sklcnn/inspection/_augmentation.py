"""What random transforms make of images: originals beside several draws."""

from numbers import Integral

import numpy as np
import torch

from sklcnn._pixels import pixel_scale, working_range
from sklcnn._validation import resolve_image_shape
from sklcnn.augmentation import BaseAugmentation
from sklcnn.images import AugmentedImages
from sklcnn.inspection._drawing import Grid, common_aspect, import_pyplot
from sklcnn.inspection._parts import (
    check_rows,
    n_images_of,
    names_of,
    network_input,
    network_of_classifier,
    take_apart,
    take_rows,
)
from sklcnn.inspection._pictures import make_pictures
from sklcnn.network._batches import read

N_IMAGES, N_EPOCHS = 4, 5
"""Numbers of images and of epochs that are shown by default."""


class AugmentationDisplay:
    """Training images beside their random transforms in several epochs.

    Make it with `from_estimator`, or before any training with `from_images`. All
    parameters are stored as attributes.

    Parameters
    ----------
    originals : list of ndarray of shape (height, width[, 3]), uint8
        Pictures of the images before the random transforms.
    draws : list of list of ndarray of shape (height, width[, 3]), uint8
        Pictures of the draws of each epoch.
    epochs : sequence of int
        Numbers of the epochs, from 0.
    names : sequence of str
        Names of the images.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the pictures: a row for each image, a column for each epoch.
    figure_ : matplotlib Figure
        Figure with the axes.

    See Also
    --------
    sklcnn.images.AugmentedImages.draw : Draw images as an array.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from sklcnn.augmentation import RandomRotation
    >>> from sklcnn.inspection import AugmentationDisplay
    >>> images = RandomRotation(30).fit_transform(load_digits().images)
    >>> display = AugmentationDisplay.from_images(images, rows=[0, 5], epochs=3)
    >>> display.names
    ['row 0', 'row 5']
    >>> plt.close(display.figure_)
    """

    def __init__(self, originals, draws, *, epochs, names):
        self.originals = originals
        self.draws = draws
        self.epochs = epochs
        self.names = names

    @classmethod
    def from_estimator(cls, estimator, X, *, rows=None, epochs=N_EPOCHS, ax=None):
        """Draw training images as a fitted pipeline transforms them.

        Where `X` is what the pipeline was fitted on, draws are those of its training,
        but for `mixup` and `cutmix`, which mix the images of a batch.

        Parameters
        ----------
        estimator : estimator
            Fitted pipeline of steps, random steps among them, and a `CNNClassifier`; or
            a search of these.
        X : array-like of shape (n_samples, ...)
            What it was fitted on: images or files.
        rows : array-like of shape (n,), default=None
            Positions of the images in `X`, on which their draws depend. None is the
            first four.
        epochs : int or sequence of int, default=5
            Number of epochs, from the first; or their numbers, from 0.
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        display : AugmentationDisplay
            The display.

        Raises
        ------
        ValueError
            If the pipeline is not fitted, or has no random step right before its
            classifier.
        """
        name = f"{cls.__name__}.from_estimator"
        import_pyplot(name)
        rows = check_rows(rows, n_images_of(X), n_default=N_IMAGES, name=name)
        epochs = _check_epochs(epochs, name)
        network = network_of_classifier(estimator, name=name)
        pixel_range = working_range(*network.pixel_range)
        originals, draws = draw_as_trained(estimator, X, rows, epochs, name=name)
        return cls._of_arrays(
            originals, draws, pixel_range, epochs, names_of(X, rows)
        ).plot(ax=ax)

    @classmethod
    def from_images(
        cls, images, *, rows=None, epochs=N_EPOCHS, random_state=0, ax=None
    ):
        """Draw augmented images, before any training.

        Parameters
        ----------
        images : AugmentedImages of shape (n_samples, ...)
            What random steps give, such as ``pipeline[:-1].fit_transform(X)``.
        rows : array-like of shape (n,), default=None
            Positions of the images. None is the first four.
        epochs : int or sequence of int, default=5
            Number of epochs, from the first; or their numbers, from 0.
        random_state : int, default=0
            Seed of the draws, from 0.
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        display : AugmentationDisplay
            The display.

        Raises
        ------
        ValueError
            If `images` have no random transforms.
        """
        name = f"{cls.__name__}.from_images"
        import_pyplot(name)
        if not isinstance(images, AugmentedImages):
            raise ValueError(
                f"{name} expects AugmentedImages, which steps of sklcnn.augmentation "
                "give: `pipeline[:-1].fit_transform(X)`, or `RandomFlip()."
                f"fit_transform(X)`. Got {type(images).__name__}."
            )
        rows = check_rows(rows, len(images), n_default=N_IMAGES, name=name)
        epochs = _check_epochs(epochs, name)
        shape = resolve_image_shape(images.shape, name=name)
        originals = images.read(rows).reshape(-1, *shape)
        draws = [images.draw(rows, e, random_state).reshape(-1, *shape) for e in epochs]
        return cls._of_arrays(
            originals, draws, None, epochs, names_of(images.images, rows)
        ).plot(ax=ax)

    @classmethod
    def _of_arrays(cls, originals, draws, pixel_range, epochs, names):
        """Make pictures, all on one scale."""
        n = len(originals)
        every = make_pictures([*originals, *np.concatenate(draws)], pixel_range)
        parts = [every[start : start + n] for start in range(n, len(every), n)]
        return cls(every[:n], parts, epochs=epochs, names=names)

    def plot(self, ax=None):
        """Draw the pictures.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        display : AugmentationDisplay
            The display.
        """
        n_columns = 1 + len(self.draws)
        grid = Grid(
            ax,
            len(self.originals) * n_columns,
            common_aspect(self.originals),
            n_lines=1,
            n_columns=n_columns,
            text_width=36,
            headings=["original", *(f"epoch {epoch}" for epoch in self.epochs)],
            name=f"{type(self).__name__}.plot",
        )
        for row, pictures in enumerate(zip(self.originals, *self.draws, strict=True)):
            for column, picture in enumerate(pictures):
                lines = [self.names[row]] if column == 0 else ()
                grid.add(row * n_columns + column, picture, lines)
        self.ax_, self.figure_ = grid.ax, grid.ax.figure
        return self


def draw_as_trained(estimator, X, rows, epochs, *, name):
    """Draw images as the training of a fitted pipeline draws them.

    Parameters
    ----------
    estimator : estimator
        As in `AugmentationDisplay.from_estimator`.
    X : array-like of shape (n_samples, ...)
        What it was fitted on.
    rows : ndarray of shape (n,)
        Positions in `X`.
    epochs : sequence of int
        Numbers of the epochs.
    name : str
        Name of the function or class that asks, for messages.

    Returns
    -------
    originals : ndarray of shape (n, height, width, n_channels)
        Before the random transforms, on the scale of the network.
    draws : list of ndarray of shape (n, height, width, n_channels)
        What the network is fed in each epoch, in the size of the originals: where
        `image_size` is larger, training enlarges images as they are drawn.
    """
    network = network_of_classifier(estimator, name=name)
    steps, last = take_apart(estimator)
    random_steps = []
    for step in steps:  # others after them make the random steps lose their effect
        random_steps = [*random_steps, step] if _is_random(step) else []
    if not random_steps:
        raise ValueError(
            f"{name} expects random steps of sklcnn.augmentation right before the "
            "classifier, in a pipeline: `make_pipeline(RandomFlip(), CNNClassifier())`."
            f" Got {_describe(steps, last)}."
        )
    images = network_input(estimator, take_rows(X, rows), name=name)
    pixels = read(images, np.arange(len(rows)), network.spec.image_shape)
    scale = pixel_scale(pixels.dtype)
    originals = torch.as_tensor(pixels).to(network.dtype) * scale
    augmented = AugmentedImages(images, random_steps, rows)
    pixel_range = working_range(*network.pixel_range)
    positions = np.arange(len(rows))
    draws = [
        augmented.draws(epoch, last._seed, pixel_range)(originals.clone(), positions)
        for epoch in epochs
    ]
    return originals.numpy(), [drawn.numpy() for drawn in draws]


def _is_random(step):
    return isinstance(step, BaseAugmentation)


def _describe(steps, last):
    names = [type(step).__name__ for step in (*steps, last)]
    return f"a pipeline of {', '.join(names)}" if steps else names[0]


def _check_epochs(epochs, name):
    """Make a list of the numbers of epochs."""
    numbers = list(range(epochs)) if isinstance(epochs, Integral) else list(epochs)
    if not numbers or not all(isinstance(n, Integral) and n >= 0 for n in numbers):
        raise ValueError(
            f"{name} expects epochs to be a number of at least 1, or a list of numbers "
            f"from 0. Got {epochs!r}."
        )
    return [int(number) for number in numbers]

"""Fitted pipelines as one torch module, from raw pixels to probabilities."""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sklcnn._pipelines import flat_steps
from sklcnn._pixels import pixel_scale
from sklcnn.augmentation import BaseAugmentation
from sklcnn.network import FittedNetwork, softmax_in_place
from sklcnn.preprocessing import ReadImages

CHANNELS = {"gray": 1, "rgb": 3, "rgba": 4}
CAN_BE = (
    "Resize, ResizeByFactor, CenterCrop, Flip, Grayscale, Rotate by quarter turns that "
    "keep whole pixels, and random steps"
)


@dataclass(frozen=True)
class FittedPipeline:
    """Parts of a fitted estimator that predicts from pixels.

    Parameters
    ----------
    reader : ReadImages or None
        The step that reads files, which comes first if there is one.
    steps : list of (str, transformer)
        The steps between the pixels and the classifier, with their names.
    classifier : CNNClassifier
        The classifier.
    """

    reader: object
    steps: list
    classifier: object

    @property
    def network(self):
        """The fitted network."""
        return self.classifier._network

    def image_shape(self):
        """Find height, width and number of channels of the pixels that come in.

        Returns
        -------
        shape : tuple of three ints
            Height and width are None where images of several sizes were seen.
        """
        if self.reader is not None:
            mode = self.reader.color_mode_
            return *self.reader.size_, CHANNELS.get(mode, mode)
        for _, step in self.steps:
            shape = tuple(getattr(step, "image_shape_", ()))
            if len(shape) > 1:
                return (*shape, 1)[:3]
        return self.network.spec.image_shape

    def pixel_dtype(self):
        """Name the dtype of the pixels in `fit`, or None where it is not known."""
        return self.network.pixel_dtype if self.reader is None else self.reader.dtype_

    def is_flat(self):
        """Tell whether images were rows of features in `fit`."""
        first = self.steps[0][1] if self.steps else self.classifier
        return hasattr(first, "n_features_in_")

    def modules(self, image_shape, dtype):
        """Make torch modules of the steps.

        Parameters
        ----------
        image_shape : tuple of three ints
            Height, width and number of channels of the pixels.
        dtype : numpy dtype
            That of the pixels.

        Returns
        -------
        modules : list of nn.Module

        Raises
        ------
        ValueError
            If a step has none. The message names it.
        """
        modules = []
        images = torch.zeros(1, *image_shape)
        for name, step in self.steps:
            if isinstance(step, BaseAugmentation):
                continue
            make = getattr(step, "_torch_modules", lambda *_: None)
            made = make(tuple(images.shape[1:]), dtype)
            if made is None:
                raise ValueError(
                    f"to_onnx can't express the step {name!r} ({step}) in a graph. "
                    f"Those that can be are {CAN_BE}. Apply it to the pixels before "
                    "they go into the graph, and export the rest of the pipeline: "
                    "`to_onnx(pipeline[i:], path)`."
                )
            for module in made:
                images = module(images)
            modules += made
        return modules

    def predict_proba(self, network, images):
        """Predict the probabilities of pixels.

        Parameters
        ----------
        network : FittedNetwork
            The network, in whatever number format.
        images : ndarray of shape (n, height, width, n_channels)
            Pixels as they are read.

        Returns
        -------
        probabilities : ndarray of shape (n, n_classes)
        """
        if self.is_flat():
            images = images.reshape(len(images), -1)
        for _, step in self.steps:
            images = step.transform(images)
        logits = network.logits(images, pixel_range=None, dtype=np.float64)
        return softmax_in_place(logits)


def take_apart(estimator, *, name):
    """Find the parts of a classifier, a pipeline or a fitted search.

    Parameters
    ----------
    estimator : estimator
        The fitted estimator.
    name : str
        Name of the function, for messages.

    Returns
    -------
    parts : FittedPipeline

    Raises
    ------
    ValueError
        If it is anything else.
    """
    check_is_fitted(estimator)
    steps = flat_steps(estimator)
    step, classifier = steps.pop()
    if not isinstance(getattr(classifier, "_network", None), FittedNetwork) or not (
        hasattr(classifier, "predict_proba")
    ):
        raise ValueError(
            f"{name} expects a fitted CNNClassifier, a Pipeline that ends in one, or a "
            f"search around them. Got {classifier} instead"
            + (f", as the step {step!r}." if step else ".")
        )
    reader = None
    if steps and isinstance(steps[0][1], ReadImages):
        reader = steps.pop(0)[1]
    return FittedPipeline(reader, steps, classifier)


def as_float32(network):
    """Copy a fitted network to the CPU, to compute in float32 there."""
    network = copy.deepcopy(network)
    return network.move("cpu", dtype=torch.float32, bfloat16=(False, False))


def pool_last(body):
    """Move pooling behind normalization and activation, where that changes nothing.

    Runtimes merge a convolution with what follows it directly. The largest value stays
    the largest one if it is multiplied by a number that is not negative.

    Parameters
    ----------
    body : nn.Module
        From images to logits. Changed in place if it is an `nn.Sequential`.
    """
    if not isinstance(body, nn.Sequential):
        return
    layers = list(body)
    blocks = zip(layers[:-2], layers[1:-1], layers[2:], strict=True)
    for i, (pool, norm, activation) in enumerate(blocks):
        is_block = (
            isinstance(pool, nn.MaxPool2d)
            and isinstance(norm, nn.BatchNorm2d)
            and isinstance(activation, nn.ReLU)
        )
        if is_block and (norm.weight >= 0).all():
            body[i], body[i + 1], body[i + 2] = norm, activation, pool


def draw_pixels(n_images, image_shape, dtype, pixel_range):
    """Draw random pixels within the range of the training pixels.

    Parameters
    ----------
    n_images : int
        How many images.
    image_shape : tuple of three ints
        Height, width and number of channels.
    dtype : numpy dtype
        That of the pixels.
    pixel_range : pair of floats
        After `pixel_scale`.

    Returns
    -------
    images : ndarray of shape (n_images, height, width, n_channels)
    """
    low, high = (end / pixel_scale(dtype) for end in pixel_range)
    random = np.random.default_rng(0).uniform(low, high, (n_images, *image_shape))
    return (np.rint(random) if dtype.kind in "iub" else random).astype(dtype)


class PixelsToProbabilities(nn.Module):
    """Network from raw pixels to the number of the likeliest class and probabilities.

    Parameters
    ----------
    modules : list of nn.Module
        The steps.
    network : ImageNetwork
        The network, in float32.
    dtype : torch.dtype
        That of the pixels which the network gets.
    """

    def __init__(self, modules, network, dtype):
        super().__init__()
        self.steps = nn.Sequential(*modules)
        self.network = network
        self.dtype = dtype
        pool_last(network.body)

    def forward(self, images):
        """Predict images of shape (n, height, width, n_channels)."""
        if len(self.steps):
            images = self.steps(images.to(torch.float32)).to(self.dtype)
        logits = self.network(images)
        return logits.argmax(1), logits.softmax(1)

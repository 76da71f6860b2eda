"""Maps of what in an image speaks for a class."""

import difflib

import numpy as np
import torch
from torch import nn

from sklcnn._pixels import pixel_scale
from sklcnn.inspection._blocks import in_blocks
from sklcnn.inspection._parts import (
    find_class,
    n_images_of,
    network_input,
    network_of,
    network_of_classifier,
    take_apart,
)
from sklcnn.network import watch

METHODS = ("grad_cam", "integrated_gradients", "occlusion")
"""Methods by name."""

STEPS = 32
"""Number of steps of integrated gradients."""

WINDOWS = 6
"""Number of windows of occlusion side by side; they overlap by half."""

BODY = "body."
"""Beginning of the paths of layers within a network, which users do not see."""


def saliency_maps(
    estimator, X, *, method="grad_cam", layer=None, target=None, verbose=0
):
    """Compute which parts of images speak for a class.

    Images go through the steps of a pipeline and the network in blocks. The estimator
    does not change, and other threads may use it.

    Parameters
    ----------
    estimator : estimator
        Fitted `CNNClassifier`, pipeline that ends in one, or search of these.
    X : array-like of shape (n_samples, ...)
        Images or files.
    method : {"grad_cam", "integrated_gradients", "occlusion"}, default="grad_cam"
        - "grad_cam" is Grad-CAM [1]_: the maps of a convolution, weighted by the mean
          gradient of the logit, summed and cut at 0. It costs little more than a
          prediction, and is as coarse as these maps.
        - "integrated_gradients" adds up gradients on the way from the mean training
          pixel to the image, in 32 steps [2]_, and sums over the channels. It is as
          fine as the pixels, noisy, and negative where pixels speak against the class.
        - "occlusion" is by how much the logit falls where a window, a sixth of the
          image wide and high, is covered by the mean training pixel. It is negative
          where it rises.

        The latter two need the package captum (extra ``inspect``).
    layer : str, default=None
        Path of the layer for "grad_cam", as :func:`summary` lists them. None is the
        last convolution whose maps have more than one pixel.
    target : label or array-like of shape (n_samples,), default=None
        The class, or that of each image. None is the predicted class of each.
    verbose : int, default=0
        1 shows a progress bar over the images.

    Returns
    -------
    maps : ndarray of shape (n_samples, height, width)
        Of the size of the images that enter the network.

    Raises
    ------
    ValueError
        If the estimator is none with a fitted network, there is no such class or layer,
        or the network has no convolution.
    ImportError
        If captum is needed and not installed.

    See Also
    --------
    SaliencyDisplay : Draw the maps over the images.

    References
    ----------
    .. [1] R. R. Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via
           Gradient-Based Localization", ICCV 2017.
    .. [2] M. Sundararajan, A. Taly and Q. Yan, "Axiomatic Attribution for Deep
           Networks", ICML 2017.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklcnn import CNNClassifier
    >>> from sklcnn.inspection import saliency_maps
    >>> digits = load_digits()
    >>> X, y = digits.images[:200], digits.target[:200]
    >>> model = CNNClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> saliency_maps(model, X[:3], target=5).shape
    (3, 8, 8)
    """
    name = "saliency_maps"
    network = network_of_classifier(estimator, name=name)
    compute = choose_method(network, method, layer, name=name)
    targets = number_targets(estimator, target, n_images_of(X), name=name)

    def compute_block(block, rows):
        images = network_input(estimator, block, name=name)
        chosen = None if targets is None else targets[rows]
        return (compute_maps(estimator, images, compute, chosen),)

    return in_blocks(compute_block, X, verbose=verbose)[0]


def choose_method(network, method, layer, *, name):
    """Choose the function that computes maps.

    Returns
    -------
    compute : callable
        Takes the network's module, a batch, and class numbers; returns maps of shape
        (n, height, width).
    """
    if method not in METHODS:
        raise ValueError(
            f"{name} expects method to be one of {', '.join(map(repr, METHODS))}. Got "
            f"{method!r}."
        )
    if method == "grad_cam":
        path = BODY + find_layer(network, layer, name=name)
        return lambda module, images, targets: enlarge(
            grad_cam(module, images, targets, path), images.shape[1:3]
        )
    if layer is not None:
        raise ValueError(f"{name} takes a layer for method='grad_cam' only.")
    attribution = import_captum(method, name=name)
    function = integrate_gradients if method == "integrated_gradients" else occlude
    return lambda *arguments: function(attribution, *arguments)


def compute_maps(estimator, images, compute, targets=None):
    """Compute maps of images that enter a network.

    Parameters
    ----------
    estimator : estimator
        Whose network it is.
    images : ndarray or lazy images of shape (n_samples, ...)
        As from `network_input`.
    compute : callable
        As from `choose_method`.
    targets : ndarray of shape (n_samples,), default=None
        Numbers of classes; None is those predicted.

    Returns
    -------
    maps : ndarray of shape (n_samples, height, width)
    """
    last = take_apart(estimator).last
    network = network_of(last, name="saliency_maps")
    position = 0

    def compute_batch(module, batch):
        nonlocal position
        if targets is None:
            with torch.no_grad():
                numbers = module(batch).argmax(1)
        else:  # padding has class 0
            numbers = torch.zeros(len(batch), dtype=torch.long)
            part = torch.as_tensor(targets[position : position + len(batch)])
            numbers[: len(part)] = part
            position += len(batch)
        return compute(module, batch, numbers.to(batch.device)).float()

    return network.run(
        images,
        compute_batch,
        grad=True,
        dtype=np.float32,
        batch_size=min(len(images), network.prediction_batch_size()),
        n_jobs=last.n_jobs,
        name=type(last).__name__,
    )


def number_targets(estimator, target, n_samples, *, name):
    """Find class numbers of targets, one for each image; None for those predicted."""
    if target is None:
        return None
    classes = take_apart(estimator).last.classes_
    labels = [target] * n_samples if np.ndim(target) == 0 else list(target)
    if len(labels) != n_samples:
        raise ValueError(
            f"{name} expects target to be a class, or one for each of {n_samples} "
            f"images. Got {len(labels)}."
        )
    numbers = {
        label: find_class(label, classes, name=name)
        for label in dict.fromkeys(np.asarray(labels, dtype=object).tolist())
    }
    return np.array([numbers[label] for label in np.asarray(labels, object).tolist()])


def grad_cam(module, images, targets, path):
    """Compute Grad-CAM, as coarse as the maps of a layer.

    Parameters
    ----------
    module : ImageNetwork
        The network.
    images : tensor of shape (n, height, width, n_channels)
        A batch.
    targets : tensor of shape (n,)
        Numbers of the classes.
    path : str
        Path of the layer.

    Returns
    -------
    maps : tensor of shape (n, height of the maps, width of the maps)
    """
    noted = []

    def compute(_, layer, *args, **kwargs):
        # gradients are needed from here on; a copy, as the next layer may work in place
        noted.append(layer(*args, **kwargs).detach().requires_grad_())
        return noted[-1].clone()

    logits = watch(module, [path], compute)(images)
    maps = noted[-1]
    (gradients,) = torch.autograd.grad(_pick(logits, targets).sum(), maps)
    weights = gradients.mean((2, 3), keepdim=True)
    return (weights * maps.detach()).sum(1).relu()


def enlarge(maps, size):
    """Interpolate maps to the size of the images."""
    maps = maps[:, np.newaxis].float()
    return nn.functional.interpolate(maps, tuple(size), mode="bilinear")[:, 0]


def integrate_gradients(captum, module, images, targets):
    """Compute integrated gradients, summed over the channels."""
    pixels, mean = _on_scale(module, images)
    method = captum.IntegratedGradients(module)
    values = method.attribute(
        pixels.requires_grad_(),
        baselines=mean.expand_as(pixels),
        target=targets,
        n_steps=STEPS,
        internal_batch_size=len(images),
    )
    return values.detach().sum(3)


def occlude(captum, module, images, targets):
    """Compute by how much logits fall where a window is covered."""
    pixels, mean = _on_scale(module, images)
    n_channels = pixels.shape[3]
    sides = [max(1, round(side / WINDOWS)) for side in pixels.shape[1:3]]
    with torch.no_grad():
        values = captum.Occlusion(module).attribute(
            pixels,
            sliding_window_shapes=(*sides, n_channels),
            strides=(*(max(1, side // 2) for side in sides), n_channels),
            baselines=mean.expand_as(pixels),
            target=targets,
        )
    return values.mean(3)


def _on_scale(module, images):
    """Bring pixels to the scale of the network, and give its mean training pixel."""
    mean = module.standardize.mean
    return images.to(mean.dtype) * pixel_scale(images.dtype), mean


def _pick(logits, targets):
    return logits.gather(1, targets[:, np.newaxis])


def import_captum(method, *, name):
    """Import captum's methods.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        from captum import attr
    except ImportError as error:
        raise ImportError(
            f"{name} computes method={method!r} with captum, which is not installed. "
            "Install it by `pip install 'sklcnn[inspect]'`, or use method='grad_cam'."
        ) from error
    return attr


def find_layer(network, layer, *, name):
    """Find the layer whose maps Grad-CAM is made of.

    Parameters
    ----------
    network : FittedNetwork
        The network.
    layer : str or None
        Path of the layer; None is the last convolution, in the order of computing,
        whose maps have more than one pixel.
    name : str
        Name of the function or class that asks, for messages.

    Returns
    -------
    path : str
    """
    layers = dict(network.module.body.named_modules())
    if layer is not None and layer not in layers:
        close = difflib.get_close_matches(str(layer), list(layers), 3, 0.4)
        raise ValueError(
            f"{name} got layer={layer!r}, which the network does not have. "
            + (f"Close to it: {', '.join(map(repr, close))}. " if close else "")
            + "`sklcnn.inspection.summary` lists the layers."
        )
    paths = (
        [layer]
        if layer is not None
        else [path for path, module in layers.items() if isinstance(module, nn.Conv2d)]
    )
    shapes = output_shapes(network, paths)
    maps = {path: shape for path, shape in shapes.items() if len(shape) == 4}
    large = [path for path, shape in maps.items() if max(shape[2:]) > 1]
    if maps:
        return (large or list(maps))[-1]
    if layer is None:
        raise ValueError(
            f"{name} found no convolution among the layers of the network, which "
            "method='grad_cam' needs. Use method='integrated_gradients' or 'occlusion',"
            " or name a layer that gives maps."
        )
    found = f"gives an output of shape {shapes[layer]}" if shapes else "is not called"
    raise ValueError(
        f"{name} expects a layer that gives maps, of shape (n, n_channels, height, "
        f"width). The layer {layer!r} {found}."
    )


def output_shapes(network, paths):
    """Find the shapes of the outputs of layers, in the order of computing."""
    shapes = {}

    def compute(path, layer, *args, **kwargs):
        output = layer(*args, **kwargs)
        shapes.pop(path, None)
        shapes[path] = tuple(getattr(output, "shape", ()))
        return output

    def compute_all(module, batch):
        return watch(module, [BODY + path for path in paths], compute)(batch)

    blank = np.zeros((1, *network.spec.image_shape), dtype=np.float32)
    if paths:
        network.run(blank, compute_all, batch_size=1, pixel_range=None)
    return {path.removeprefix(BODY): shape for path, shape in shapes.items()}

"""Networks, nets and trainings, by the parameters of an estimator."""

import math
import os
import warnings
from dataclasses import replace

import numpy as np
from sklearn.frozen import FrozenEstimator

from sklcnn._validation import warn_if_lost_in_float32, warn_if_out_of_range
from sklcnn.images import AugmentedImages
from sklcnn.network._batches import plain
from sklcnn.network._fitted import FittedNetwork, Origin, build_module
from sklcnn.network._hardware import resolve_device
from sklcnn.network._head import has_linear_head
from sklcnn.network._net import Net, resolve_verbose
from sklcnn.network._optimization import (
    OPTIMIZERS,
    EarlyStopping,
    plan_learning_rates,
)
from sklcnn.network._rules import (
    DECAY_OF_PARTIAL_FIT,
    MAX_EPOCHS_OF_HEAD,
    resolve_factor,
    resolve_learning_rate,
    resolve_max_epochs,
    resolve_optimizer,
    resolve_precision,
    resolve_weight_decay,
)
from sklcnn.network._spec import CONVNET_DEFAULTS, describe_network, is_same
from sklcnn.network._statistics import channel_statistics, choose_statistics
from sklcnn.network._training import Training
from sklcnn.network._weights import adapt_statistics, load_weights


def build_network(parameters, image_shape, n_outputs, *, seed, name, find=None):
    """Build a network with initial weights, on its device and in its number formats.

    Parameters
    ----------
    parameters : dict
        Parameters of the estimator.
    image_shape : tuple of three ints
        Height, width and number of channels.
    n_outputs : int
        Number of outputs per image.
    seed : int
        Seed of the weights.
    name : str
        Name of the estimator, for messages.
    find : callable, default=None
        Takes the description of the network and gives the weights to begin with, as
        `Pretrained`; None where they are drawn.

    Returns
    -------
    network : FittedNetwork
        Its pixel statistics are still to be set.
    """
    spec, ignored = _describe(parameters, image_shape, n_outputs)
    if ignored:
        warnings.warn(
            f"{name} ignores {', '.join(ignored)}: these parameters describe the "
            "built-in network, and another one was chosen with network=.",
            UserWarning,
        )
    device = resolve_device(parameters["device"], name=name)
    spec, module = build_module(spec, seed, device)
    network = FittedNetwork(spec, module, (0.0, 1.0), device)
    if find is not None:
        pretrained = find(spec)
        load_weights(module, spec, pretrained, name=name)
        mean, std = adapt_statistics(pretrained, image_shape[2])
        network.origin = Origin((pretrained.pixel_range, mean, std))
    set_formats(network, parameters, name=name)
    return network


def set_formats(network, parameters, *, name):
    """Move a network to the device and the number formats of an estimator."""
    device = resolve_device(parameters["device"], name=name)
    dtype, bfloat16 = resolve_precision(parameters["precision"], device)
    network.move(
        device, dtype=dtype, bfloat16=bfloat16, device_asked_for=parameters["device"]
    )


def check_same_network(network, parameters, begun_with, *, name, method):
    """Check that parameters describe the network that is to be trained further.

    Parameters
    ----------
    network : FittedNetwork
        The network.
    parameters : dict
        Parameters of the estimator.
    begun_with : dict
        What those of `BEGUN_WITH` were when the network was built.
    name : str
        Name of the estimator, for messages.
    method : {"fit", "partial_fit"}
        What is to train it.

    Raises
    ------
    ValueError
        If they describe another one. The message names those that differ.
    """
    differing = [
        parameter
        for parameter, are_same in OF_BEGINNING.items()
        if not are_same(parameters[parameter], begun_with[parameter], network)
    ]
    if not all(is_same(parameters[key], begun_with[key]) for key in OF_SPEC):
        shape, n_outputs = network.spec.image_shape, network.spec.n_outputs
        spec, _ = _describe(parameters, shape, n_outputs)
        differing = spec.find_differences(network.spec) + differing
    if differing:
        continues, mend = {
            "fit": ("warm_start=True", "warm_start=False"),
            "partial_fit": ("partial_fit", "call fit, which begins anew"),
        }[method]
        raise ValueError(
            f"{name} was fitted with another network, which {continues} would "
            f"train further: {', '.join(differing)} changed since. Set "
            f"{'it' if len(differing) == 1 else 'them'} back, or {mend}."
        )


def _are_same_weights(value, before, network):
    """Whether two values of `weights` are the same weights."""
    if isinstance(value, FrozenEstimator) and isinstance(before, FrozenEstimator):
        return value.estimator is before.estimator
    kinds = str, os.PathLike
    if isinstance(value, kinds) and isinstance(before, kinds):
        return os.fspath(value) == os.fspath(before)
    return value is before


def _are_same_statistics(value, before, network):
    """Whether two values of `standardize` give the statistics of a network."""
    return value in (before, network.standardized_by)


def _is_same_shape(value, before, network):
    """Whether two values of `image_shape` give the shape that a network has."""
    if value is None or before is None:
        shape = before if value is None else value
        return shape is None or (*shape, 1)[:3] == network.spec.image_shape
    return tuple(value) == tuple(before)


OF_BEGINNING = {
    "weights": _are_same_weights,
    "standardize": _are_same_statistics,
    "image_shape": _is_same_shape,
}
"""Parameters that a network is begun with, beside those of its layers, and what tells
whether two values of them are the same for it."""

OF_SPEC = ("network", "image_size", *CONVNET_DEFAULTS)
"""Parameters that a description follows from. Where they are as they were, so is the
network, though later versions would make other layers of them."""

BEGUN_WITH = (*OF_SPEC, *OF_BEGINNING)
"""All parameters that a network is begun with."""


def _describe(parameters, image_shape, n_outputs):
    convnet = {name: parameters[name] for name in CONVNET_DEFAULTS}
    return describe_network(
        parameters["network"],
        image_shape,
        n_outputs,
        convnet,
        parameters["image_size"],
        parameters["weights"],
    )


def make_net(network, parameters, *, seed, history=()):
    """Make the skorch net that trains a network on from the weights it has.

    Parameters
    ----------
    network : FittedNetwork
        The network, which the net does not change until it is trained.
    parameters : dict
        Parameters of the estimator.
    seed : int
        Seed of the training.
    history : sequence of dict, default=()
        Records of the epochs trained so far.

    Returns
    -------
    net : Net
    """
    options, callbacks = {}, parameters["callbacks"]
    optimizer = resolve_optimizer(parameters["optimizer"], network.is_tuned_gently)
    if optimizer == "sgd":
        momentum = parameters["momentum"]
        options["optimizer__momentum"] = momentum
        options["optimizer__nesterov"] = parameters["nesterov"] and momentum > 0
    net = Net(
        network,
        seed=seed,
        classes=range(network.spec.n_outputs),
        criterion__label_smoothing=parameters["label_smoothing"],
        mixup=parameters["mixup"],
        cutmix=parameters["cutmix"],
        compiled=parameters["compile"],
        backbone_factor=resolve_factor(parameters["backbone_learning_rate_factor"]),
        frozen=_frozen(network, parameters),
        lr=_learning_rate(network, parameters),
        batch_size=parameters["batch_size"],
        optimizer=OPTIMIZERS[optimizer],
        callbacks=None if callbacks is None else list(callbacks),
        n_jobs=parameters["n_jobs"],
        device=network.device,
        verbose=resolve_verbose(parameters["verbose"], callbacks),
        made_of={parameter: parameters[parameter] for parameter in MADE_OF},
        asked_callbacks=callbacks,
        **options,
    ).initialize(draw_weights=False)
    net.history.extend(map(dict, history))
    return net


MADE_OF = (
    "backbone_learning_rate_factor",
    "compile",
    "device",
    "label_smoothing",
    "momentum",
    "nesterov",
    "optimizer",
    "precision",
)
"""Parameters that a net is made with; with others it is made anew."""


def is_made_of(net, parameters):
    """Whether a net is what `make_net` would make of parameters, but for callbacks.

    A loaded network keeps the device and the number formats it was saved with, even if
    the parameters have changed since.
    """
    network = net.network
    formats = resolve_precision(parameters["precision"], network.device)
    return (
        all(parameters[name] == value for name, value in net.made_of.items())
        and network.device_asked_for == parameters["device"]
        and (network.dtype, network.bfloat16) == formats
    )


def take_parameters(net, parameters, n_rows):
    """Give a net those parameters that each training reads anew."""
    net.lr = _learning_rate(net.network, parameters, n_rows)
    net.frozen = _frozen(net.network, parameters)
    for name in ("batch_size", "mixup", "cutmix", "n_jobs"):
        setattr(net, name, parameters[name])


def plan_training(net, data, parameters):
    """Plan a training from the beginning to the end of a schedule.

    Parameters
    ----------
    net : Net
        The net to train.
    data : TrainingData
        What to train it on.
    parameters : dict
        Parameters of the estimator.

    Returns
    -------
    training : Training
    """
    take_parameters(net, parameters, len(data.rows))
    batches, valid = net.make_batches(data)
    net.batch_size = batches.batch_size
    solves_head = _solves_head(net, parameters)
    if _trains_new_head(net, parameters, solves_head):
        net.lr = _rate_of_new_head(net, parameters)
    n_epochs = _count_epochs(net, data, parameters, len(batches), solves_head)
    n_frozen = _count_frozen(net, parameters, n_epochs, solves_head)
    rates = _plan_rates(net, parameters, n_epochs, n_frozen, solves_head, len(batches))
    decay = resolve_weight_decay(parameters["weight_decay"], rates)
    stopping = None
    if parameters["early_stopping"] and valid is not None:
        stopping = EarlyStopping(parameters["n_iter_no_change"], parameters["tol"])
    net.max_epochs = n_epochs
    resolved = {"max_epochs": n_epochs, "learning_rate": net.lr}
    net.plan = {name: parameters[name] for name in PLANNED} | resolved
    return Training(
        net,
        batches,
        valid,
        rates,
        decay,
        stopping,
        head_decay=parameters["weight_decay"] if solves_head else None,
        n_frozen_epochs=n_frozen,
    )


PLANNED = (
    "learning_rate",
    "lr_schedule",
    "weight_decay",
    "early_stopping",
    "n_iter_no_change",
    "tol",
)
"""Parameters by which two plans of the same batches may differ."""


def plan_epoch(net, data, parameters):
    """Plan one epoch at a constant learning rate, as `plan_training` does."""
    take_parameters(net, parameters, len(data.rows))
    batches, _ = net.make_batches(data)
    net.batch_size = batches.batch_size
    decay = parameters["weight_decay"]
    decay = DECAY_OF_PARTIAL_FIT if decay == "auto" else float(decay)
    solves_head = _solves_head(net, parameters)
    if _trains_new_head(net, parameters, solves_head):
        net.lr = _rate_of_new_head(net, parameters)
    rates = np.full((1, len(batches)), net.lr)
    net.plan = {name: parameters[name] for name in ("learning_rate", "weight_decay")}
    return Training(
        net,
        batches,
        None,
        rates,
        decay,
        head_decay=parameters["weight_decay"] if solves_head else None,
        n_frozen_epochs=int(solves_head),
    )


def _learning_rate(network, parameters, n_rows=0):
    optimizer = resolve_optimizer(parameters["optimizer"], network.is_tuned_gently)
    return resolve_learning_rate(
        parameters["learning_rate"], optimizer, network.recipe, n_rows
    )


def _frozen(network, parameters):
    """Find what is not trained, once epochs with a frozen body are over."""
    if parameters["freeze"]:
        return "body"
    return "normalization" if network.is_tuned_gently else "nothing"


def _is_random(data, parameters):
    """Whether the images of an epoch are not those of the next."""
    mixes = parameters["mixup"] or parameters["cutmix"]
    return bool(mixes) or isinstance(data.images, AugmentedImages)


def is_solved_at_once(network, data, parameters, defaults, *, name):
    """Whether the last layer of a new network is solved, and nothing else is trained.

    A warning names parameters of training that are set, as they have no effect then.

    Parameters
    ----------
    network : FittedNetwork
        The network, with its initial weights.
    data : TrainingData
        What to train it on.
    parameters, defaults : dict
        Parameters of the estimator, and what they are by default.
    name : str
        Name of the estimator, for messages.
    """
    is_fixed = parameters["freeze"] and not _is_random(data, parameters)
    if not is_fixed or not has_linear_head(network):
        return False
    ignored = [
        parameter
        for parameter in OF_STEPS
        if parameters[parameter] != defaults[parameter]
        and (parameter, parameters[parameter]) != ("max_epochs", 1)
    ]
    if ignored:
        warnings.warn(
            f"{name} ignores {', '.join(ignored)}: with freeze=True and images that "
            "are the same in each epoch, the last layer is solved in one pass, on all "
            "images. Leave "
            f"{'it' if len(ignored) == 1 else 'them'} out, or add random steps, mixup "
            "or cutmix.",
            UserWarning,
        )
    return True


OF_STEPS = (
    "optimizer",
    "learning_rate",
    "momentum",
    "nesterov",
    "lr_schedule",
    "backbone_learning_rate_factor",
    "n_frozen_epochs",
    "max_epochs",
    "early_stopping",
)
"""Parameters of a training by steps."""


def _solves_head(net, parameters):
    """Whether the first epoch solves the last layer."""
    begins = not len(net.history)
    wanted = net.network.is_tuned_gently or parameters["freeze"]
    return bool(begins and wanted and has_linear_head(net.network))


def _trains_new_head(net, parameters, solves_head):
    """Whether last layers that were never solved are trained before a frozen body."""
    was_solved = len(net.history) and "weight_decay" in net.history[0]
    return bool(parameters["freeze"] and not solves_head and not was_solved)


def _rate_of_new_head(net, parameters):
    """Learning rate of last layers with random weights, before a frozen body."""
    optimizer = resolve_optimizer(parameters["optimizer"], net.network.is_tuned_gently)
    return resolve_learning_rate(parameters["learning_rate"], optimizer, "new")


def _count_epochs(net, data, parameters, n_steps, solves_head):
    """Resolve `max_epochs`, by what of the network is trained."""
    is_tuned, freezes = net.network.is_tuned_gently, parameters["freeze"]
    if solves_head and freezes and not _is_random(data, parameters):
        return 1  # features that stay the same need no second pass
    trains_new_head = _trains_new_head(net, parameters, solves_head)
    n_epochs = resolve_max_epochs(
        parameters["max_epochs"],
        n_steps,
        (is_tuned or freezes) and not trains_new_head,
        _is_random(data, parameters),
    )
    if parameters["max_epochs"] != "auto":
        return n_epochs
    if trains_new_head:
        return min(n_epochs, MAX_EPOCHS_OF_HEAD)
    return n_epochs + parameters["n_frozen_epochs"] * is_tuned


def _count_frozen(net, parameters, n_epochs, solves_head):
    """Count the epochs with a frozen body, with the one that solves the head."""
    if len(net.history):  # goes on
        return 0
    if parameters["freeze"]:
        return n_epochs
    n_frozen = parameters["n_frozen_epochs"] + solves_head
    if net.network.is_tuned_gently and not solves_head:  # a new head is trained first
        n_frozen = max(n_frozen, math.ceil(n_epochs / 4))
    if parameters["n_frozen_epochs"] and n_frozen >= n_epochs:
        warnings.warn(
            f"n_frozen_epochs={parameters['n_frozen_epochs']} leaves none of "
            f"max_epochs={n_epochs} to train all layers. Use more max_epochs, or "
            "freeze=True.",
            UserWarning,
        )
    return min(n_frozen, n_epochs)


def _plan_rates(net, parameters, n_epochs, n_frozen, solves_head, n_steps):
    """Plan learning rates: one schedule with a frozen body, another without."""
    schedule = "constant" if net.has_scheduler else parameters["lr_schedule"]
    lengths = [n_frozen - solves_head, n_epochs - n_frozen]
    parts = [
        plan_learning_rates(schedule, net.lr, length, n_steps)
        for length in lengths
        if length
    ]
    if solves_head:  # an epoch of no steps
        first = parts[0][:1] if parts else np.full((1, n_steps), net.lr)
        parts.insert(0, first)
    return np.concatenate(parts)


def resolve_parameters(training, parameters):
    """Give what parameters that are "auto" came to.

    Parameters
    ----------
    training : Training
        The training.
    parameters : dict
        Parameters of the estimator.

    Returns
    -------
    resolved : dict
    """
    net, network = training.net, training.net.network
    decay = training.weight_decay
    if training.head_decay is not None and training.n_epochs == 1:
        decay = net.history[training.first_epoch]["weight_decay"]
    values = {
        "optimizer": resolve_optimizer(
            parameters["optimizer"], network.is_tuned_gently
        ),
        "learning_rate": net.lr,
        "weight_decay": decay,
        "batch_size": net.batch_size,
        "max_epochs": training.n_epochs,
        "backbone_learning_rate_factor": net.backbone_factor,
        "standardize": network.standardized_by,
        "device": network.device,
    }
    return {key: value for key, value in values.items() if parameters[key] == "auto"}


def set_statistics(network, measured, parameters, *, dtype, name):
    """Choose the statistics by which pixels are standardized, and set them.

    Parameters
    ----------
    network : FittedNetwork
        The network.
    measured : tuple
        Range, mean and standard deviation of the training pixels.
    parameters : dict
        Parameters of the estimator.
    dtype : dtype
        Dtype of the training images.
    name : str
        Name of the estimator, for messages.
    """
    used = choose_statistics(
        measured, network.expected_statistics, parameters["standardize"], name=name
    )
    mean, std = map(np.array, used[1:])
    warn_if_lost_in_float32(mean, std, parameters["precision"], name=name)
    network.set_statistics(*used)
    if network.origin is not None:
        network.origin = replace(network.origin, is_used=used is not measured)
    network.pixel_dtype = np.dtype(dtype).name  # of either byte order


def widen_range(network, data, *, name):
    """Add the pixels of further training images to the known range.

    Parameters
    ----------
    network : FittedNetwork
        The network.
    data : TrainingData
        The images.
    name : str
        Name of the estimator, for a warning where their range is another one.
    """
    images, shape = plain(data.images), network.spec.image_shape
    found, _, _ = channel_statistics(images, data.weights, shape)
    low, high = network.pixel_range
    warn_if_out_of_range(found, (low, high), n_images=len(data.rows), name=name)
    network.pixel_range = min(low, found[0]), max(high, found[1])

"""Networks, nets and trainings, by the parameters of an estimator."""

import warnings

import numpy as np

from sklcnn.network._fitted import FittedNetwork, build_module
from sklcnn.network._hardware import resolve_device
from sklcnn.network._net import Net, are_printed
from sklcnn.network._optimization import (
    OPTIMIZERS,
    EarlyStopping,
    plan_learning_rates,
)
from sklcnn.network._rules import (
    DECAY_OF_PARTIAL_FIT,
    resolve_max_epochs,
    resolve_precision,
    resolve_weight_decay,
)
from sklcnn.network._spec import CONVNET_DEFAULTS, describe_network
from sklcnn.network._training import Training


def build_network(parameters, image_shape, n_outputs, *, seed, name):
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
    set_formats(network, parameters, name=name)
    return network


def set_formats(network, parameters, *, name):
    """Move a network to the device and the number formats of an estimator."""
    device = resolve_device(parameters["device"], name=name)
    dtype, bfloat16 = resolve_precision(parameters["precision"], device)
    network.move(
        device, dtype=dtype, bfloat16=bfloat16, device_asked_for=parameters["device"]
    )


def check_same_network(network, parameters, *, name):
    """Check that parameters describe the network that is to be trained further.

    Raises
    ------
    ValueError
        If they describe another one. The message names those that differ.
    """
    spec, _ = _describe(parameters, network.spec.image_shape, network.spec.n_outputs)
    differing = spec.find_differences(network.spec)
    if differing:
        raise ValueError(
            f"{name} was fitted with another network, which warm_start=True would "
            f"train further: {', '.join(differing)} changed since. Set "
            f"{'it' if len(differing) == 1 else 'them'} back, or warm_start=False."
        )


def _describe(parameters, image_shape, n_outputs):
    convnet = {name: parameters[name] for name in CONVNET_DEFAULTS}
    return describe_network(parameters["network"], image_shape, n_outputs, convnet)


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
    optimizer, callbacks = {}, parameters["callbacks"]
    if parameters["optimizer"] == "sgd":
        momentum = parameters["momentum"]
        optimizer["optimizer__momentum"] = momentum
        optimizer["optimizer__nesterov"] = parameters["nesterov"] and momentum > 0
    net = Net(
        network,
        seed=seed,
        classes=range(network.spec.n_outputs),
        criterion__label_smoothing=parameters["label_smoothing"],
        mixup=parameters["mixup"],
        cutmix=parameters["cutmix"],
        compiled=parameters["compile"],
        lr=parameters["learning_rate"],
        batch_size=parameters["batch_size"],
        optimizer=OPTIMIZERS[parameters["optimizer"]],
        callbacks=None if callbacks is None else list(callbacks),
        n_jobs=parameters["n_jobs"],
        device=network.device,
        verbose=int(bool(parameters["verbose"]) or are_printed(callbacks)),
        **optimizer,
    ).initialize(draw_weights=False)
    net.history.extend(map(dict, history))
    return net


def take_parameters(net, parameters):
    """Give a net those parameters that each training reads anew."""
    net.lr = parameters["learning_rate"]
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
    take_parameters(net, parameters)
    batches, valid = net.make_batches(data)
    net.batch_size = batches.batch_size
    n_epochs = resolve_max_epochs(parameters["max_epochs"], len(batches))
    schedule = "constant" if net.has_scheduler else parameters["lr_schedule"]
    rates = plan_learning_rates(schedule, net.lr, n_epochs, len(batches))
    decay = resolve_weight_decay(parameters["weight_decay"], rates)
    stopping = None
    if parameters["early_stopping"]:
        stopping = EarlyStopping(parameters["n_iter_no_change"], parameters["tol"])
    net.max_epochs = n_epochs
    net.plan = {name: parameters[name] for name in PLANNED} | {"max_epochs": n_epochs}
    return Training(net, batches, valid, rates, decay, stopping)


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
    take_parameters(net, parameters)
    batches, _ = net.make_batches(data)
    net.batch_size = batches.batch_size
    decay = parameters["weight_decay"]
    decay = DECAY_OF_PARTIAL_FIT if decay == "auto" else float(decay)
    rates = np.full((1, len(batches)), net.lr)
    net.plan = {name: parameters[name] for name in ("learning_rate", "weight_decay")}
    return Training(net, batches, None, rates, decay)

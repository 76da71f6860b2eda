"""Nets and plans of trainings, by the parameters of an estimator."""

import math

import numpy as np

from sklcnn._warnings import warn_user
from sklcnn.images import AugmentedImages
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
from sklcnn.network._training import Training


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
        asked_callbacks=list(callbacks or ()),
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
    batches, valid, solves_head = _prepare(net, data, parameters)
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
    batches, _, solves_head = _prepare(net, data, parameters)
    decay = parameters["weight_decay"]
    decay = DECAY_OF_PARTIAL_FIT if decay == "auto" else float(decay)
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


def _prepare(net, data, parameters):
    """Give a net the parameters that each training reads anew, and make its batches.

    Returns
    -------
    batches : TrainingBatches
    valid : Batches or None
    solves_head : bool
        Whether the first epoch solves the last layer.
    """
    net.lr = _learning_rate(net.network, parameters, len(data.rows))
    net.frozen = _frozen(net.network, parameters)
    for name in ("batch_size", "mixup", "cutmix", "n_jobs"):
        setattr(net, name, parameters[name])
    batches, valid = net.make_batches(data)
    net.batch_size = batches.batch_size
    solves_head = _solves_head(net, parameters)
    if _trains_new_head(net, parameters, solves_head):
        net.lr = _rate_of_new_head(net, parameters)
    return batches, valid, solves_head


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


def is_solved_at_once(network, data, parameters):
    """Whether the last layer of a new network is solved, and nothing else is trained.

    Parameters
    ----------
    network : FittedNetwork
        The network, with its initial weights.
    data : TrainingData
        What to train it on.
    parameters : dict
        Parameters of the estimator.
    """
    is_fixed = parameters["freeze"] and not _is_random(data, parameters)
    return bool(is_fixed and has_linear_head(network))


def warn_if_steps_are_set(parameters, defaults, *, name):
    """Warn about parameters of steps where the last layer is solved at once.

    Parameters
    ----------
    parameters, defaults : dict
        Parameters of the estimator, and what they are by default.
    name : str
        Name of the estimator, for messages.
    """
    ignored = [
        parameter
        for parameter in OF_STEPS
        if parameters[parameter] != defaults[parameter]
        and (parameter, parameters[parameter]) != ("max_epochs", 1)
    ]
    if ignored:
        warn_user(
            f"{name} ignores {', '.join(ignored)}: with freeze=True and images that "
            "are the same in each epoch, the last layer is solved in one pass, on all "
            "images. Leave "
            f"{'it' if len(ignored) == 1 else 'them'} out, or add random steps, mixup "
            "or cutmix."
        )


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
        warn_user(
            f"n_frozen_epochs={parameters['n_frozen_epochs']} leaves none of "
            f"max_epochs={n_epochs} to train all layers. Use more max_epochs, or "
            "freeze=True."
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
        "precision": "bfloat16" if network.bfloat16[0] else "float32",
    }
    if blocks := network.spec.layout.get("blocks"):
        high, wide = blocks[0]["stride"]
        values["stride"] = high if high == wide else (high, wide)
        values["conv_channels"] = tuple(block["channels"] for block in blocks)
    is_auto = {key: str(parameters[key]) == "auto" for key in values}  # or an array
    return {key: value for key, value in values.items() if is_auto[key]}

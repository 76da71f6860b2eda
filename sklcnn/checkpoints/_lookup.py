"""Looking up the checkpoints of a training, resuming from them, and saving to them."""

import numpy as np
from tqdm.auto import tqdm

from sklcnn._descriptions import describe_device
from sklcnn._warnings import warn_user
from sklcnn.checkpoints._address import address_of, describe_images
from sklcnn.checkpoints._folder import Checkpoints
from sklcnn.checkpoints._state import restore, state_of
from sklcnn.checkpoints._trial import try_out
from sklcnn.network._hardware import count_threads
from sklcnn.network._net import without_name

LEFT_OUT = {
    "batch_norm",
    "checkpoint_dir",
    "class_weight",
    "conv_channels",
    "device",
    "hidden_units",
    "image_shape",
    "kernel_size",
    "n_jobs",
    "network",
    "pool_size",
    "precision",
    "random_state",
    "standardize",
    "stride",
    "verbose",
    "warm_start",
    "weights",
}
"""Parameters left out of the address: they do not affect the result, or a resolved
value stands for them. The network is described as it was built."""


def find_checkpoints(parameters, data, network, *, classes, seed):
    """Look up what has been trained already of a training.

    Parameters
    ----------
    parameters : dict
        Parameters of the estimator.
    data : TrainingData
        Images, targets and weights.
    network : FittedNetwork
        The network with its initial weights.
    classes : ndarray of shape (n_classes,)
        Class labels.
    seed : int
        Seed of the training.

    Returns
    -------
    checkpoints : Checkpoints or None
        None where no folder is to be used, or none can be.
    """
    if parameters["checkpoint_dir"] is None or _is_shared(parameters["callbacks"]):
        return None
    if parameters["random_state"] is None:
        warn_user(
            "checkpoint_dir is not used without random_state, as each fit draws "
            "another seed. Set random_state to an int."
        )
        return None
    try:
        address = _find_address(parameters, data, network, classes=classes, seed=seed)
    except TypeError as error:
        warn_user(
            f"checkpoint_dir is not used, as {error}: network, callbacks and random "
            "steps must be told from others in any process."
        )
        return None
    last = int(parameters["max_epochs"]) if _extends_shorter(parameters) else None
    checkpoints = Checkpoints(
        parameters["checkpoint_dir"],
        address,
        last=last,
        only_finished=bool(parameters["callbacks"]),
        outputs=try_out(network, len(data.rows)),
    )
    if parameters["verbose"] not in (0, "auto"):
        tqdm.write(checkpoints.summary())
    return checkpoints


def resume(training, checkpoints):
    """Restore a training from a checkpoint, if there is one that fits its network.

    That of a training which was to have fewer epochs has no temperature for this one.

    Parameters
    ----------
    training : Training
        The training, before its first epoch.
    checkpoints : Checkpoints or None
        Where to look.
    """
    if checkpoints is None:
        return
    checkpoints.remove_partial_files()
    if checkpoints.found is None:
        return
    try:
        restore(training, checkpoints.found)
    except (KeyError, TypeError, ValueError) as error:
        checkpoints.reject(error)
        return
    if checkpoints.is_finished:
        checkpoints.discard()
    n_planned = checkpoints.found.facts.get("n_epochs_planned", training.n_epochs)
    if n_planned != training.n_epochs and not checkpoints.is_finished:
        training.spread, training.net.network.module.temperature = None, 1.0


def save_first(training, checkpoints):
    """Write a first checkpoint, where there is anything left to train.

    So a folder that can't be written to is an error before anything is trained,
    auxiliary networks as well.

    Parameters
    ----------
    training : Training
        The training, before its first epoch or where it goes on.
    checkpoints : Checkpoints or None
        Where to save to.

    Raises
    ------
    OSError
        If the folder can't be written to, though there is room.
    """
    if checkpoints is not None and not checkpoints.is_finished:
        checkpoints.save(lambda: state_of(training), must=True)


def saver(checkpoints):
    """Make the function that `train` is given to save to checkpoints."""

    def save(training, at_end=False):
        checkpoints.save(
            lambda: state_of(training),
            at_end=at_end,
            is_finished=at_end and training.is_finished,
        )

    return save


def _is_shared(callbacks):
    """Whether processes share the training; a warning then says what that means."""
    if not any(getattr(without_name(c), "is_shared", False) for c in callbacks or ()):
        return False
    warn_user(
        "checkpoint_dir is not used where processes share a training: one of them "
        "may find what another does not."
    )
    return True


def _find_address(parameters, data, network, *, classes, seed):
    """Hash what the result depends on, as `address_of` does."""
    left_out = LEFT_OUT | ({"max_epochs"} if _extends_shorter(parameters) else set())
    facts = {
        "parameters": {
            name: _as_plain(value)
            for name, value in parameters.items()
            if name not in left_out
        },
        "seed": seed,
        "classes": classes,
        "targets": data.targets,
        "rows": data.rows,
        "device": describe_device(network.device),
        "n_threads": count_threads(parameters["n_jobs"]),
        "formats": (network.dtype, network.bfloat16),
        "resized": network.spec.resized,
        "standardized": (parameters["standardize"], network.expected_statistics),
        "groups": data.groups,
    }
    facts = {key: value for key, value in facts.items() if value is not None}
    shape, valid = network.spec.image_shape, data.valid
    if valid is not None:
        facts["valid"] = [valid.rows, valid.targets, valid.weights]
        if valid.images is not data.images:
            images = describe_images(valid.images, valid.rows, shape)
            facts["valid"].append(repr(images))
    body = network.module.body
    return address_of(facts, body, data.images, data.weights, shape)


def _extends_shorter(parameters):
    """Whether an epoch does not depend on how many there are."""
    return (
        parameters["lr_schedule"] == "constant"
        and parameters["weight_decay"] != "auto"
        and parameters["max_epochs"] != "auto"
        and not parameters["callbacks"]
    )


def _as_plain(value):
    """Convert numbers of numpy and lists to what means the same in Python."""
    if isinstance(value, np.generic):
        return value.item()
    return tuple(map(_as_plain, value)) if type(value) is list else value

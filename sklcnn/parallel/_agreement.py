"""What processes that share a training tell each other, to find where they differ."""

import re
import struct
import zlib

import numpy as np
import torch
from torch import distributed

from sklcnn._rows import evenly_spaced

STAGES = ("begin", "logits", "gradients", "statistics", "end")
"""The moments of a training in which processes wait for each other."""

ROWS_COMPARED = 64
"""How many lazy images, evenly spaced, stand for all."""

TRAININGS = [0]
"""How many trainings this process has begun to share."""

N_NUMBERS = 6
LONGEST_SHOWN = 40

CHECKSUMS = {
    "images",
    "labels",
    "sample_weight or class_weight",
    "rows to train on",
    "rows to validate on",
    "rows of a batch",
    "layers of the network",
    "weights of the network",
}
"""Facts whose values tell a reader nothing."""


def agree(stage, *, n_values=0, **numbers):
    """Wait for all processes, and check that they are where this one is.

    A process that failed goes on to its next training, if there is one, and waits at
    its beginning. So those that are within a training fail, too, and join it.

    Parameters
    ----------
    stage : str
        One of `STAGES`.
    n_values : int
        How many values the processes exchange next.
    **numbers : float
        What has to be the same in all processes.

    Raises
    ------
    RuntimeError
        If a process is elsewhere, is gone, or does not come within the time limit of
        the process group.
    ValueError
        If numbers differ.
    """
    training = TRAININGS[0]
    while True:
        own = [STAGES.index(stage), training, n_values]
        own += [_as_int(number) for number in numbers.values()]
        own += [0] * (N_NUMBERS - len(own))  # of one length, wherever the processes are
        everyone = _gather_integers(own)
        places = [(row[0], row[1]) for row in everyone]
        if all(place == places[0] for place in places):
            break
        if stage != "begin" or training < max(number for _, number in places):
            raise RuntimeError(_elsewhere(stage, [STAGES[row[0]] for row in everyone]))
    columns = [[_as_float(row[3 + i]) for row in everyone] for i in range(len(numbers))]
    check_alike(dict(zip(numbers, columns, strict=True)))
    check_alike({"number of values": [row[2] for row in everyone]})


def count_training():
    """Count a training that this process begins to share."""
    TRAININGS[0] += 1


def compare(facts):
    """Check that facts about a training are the same in all processes.

    Parameters
    ----------
    facts : dict of {str: object}
        Plain values, by the names that they have in messages.

    Raises
    ------
    ValueError
        If they differ: what, and in which processes.
    RuntimeError
        As in `agree`.
    """
    everyone = [None] * distributed.get_world_size()
    with_clear_errors(distributed.all_gather_object, everyone, facts)
    names = dict.fromkeys(name for known in everyone for name in known)
    check_alike({name: [known.get(name) for known in everyone] for name in names})


def check_alike(values):
    """Check that every list of values, one a process, holds one value again and again.

    Parameters
    ----------
    values : dict of {str: list}
        The values, by name.

    Raises
    ------
    ValueError
        If one differs from that of process 0.
    """
    differing = [
        name
        for name, column in values.items()
        if any(value != column[0] for value in column)
    ]
    if differing:
        described = ", ".join(_describe(name, values[name]) for name in differing)
        raise ValueError(
            "ShareBatches expects every process to fit the same images and labels with "
            f"the same parameters. These differ: {described}. Load all data in the "
            "same order in every process, and set the same parameters, random_state "
            "to one int."
        )


def facts_of(net, train, valid):
    """Describe a training, each fact by the parameter or the data that it comes from.

    Parameters
    ----------
    net : skorch.NeuralNet
        The net that is trained.
    train : TrainingBatches
        Rows to train on.
    valid : Batches or None
        Rows to validate on.

    Returns
    -------
    facts : dict of {str: object}
    """
    group = net.optimizer_.param_groups[0]
    augmented = getattr(train, "augmented", None)
    names = ("momentum", "nesterov", "betas")
    return {
        "images": images_digest(train.images),
        "image_shape": tuple(train.image_shape),
        "labels": digest(train.targets),
        "sample_weight or class_weight": digest(train.weights),
        "rows to train on": digest(train.rows),
        "rows to validate on": None if valid is None else digest(valid.rows),
        "random steps": None if augmented is None else repr(augmented.steps),
        "batch_size": train.batch_size,
        **getattr(train, "mixing", {}),
        **net.plan,
        "optimizer": type(net.optimizer_).__name__,
        **{name: group[name] for name in names if name in group},
        "backbone_learning_rate_factor": net.backbone_factor,
        "label_smoothing": getattr(net.criterion_, "label_smoothing", None),
        "number format of losses": str(net.network.dtype),
        "callbacks": [type(callback).__name__ for _, callback in net.callbacks_],
        "layers of the network": digest(str(net.module_)),
        "epochs trained before": len(net.history),
        "weights of the network": digest(*net.module_.state_dict().values()),
    }


def images_digest(images):
    """Compute a checksum of all pixels, or of 64 images where they are lazy."""
    rows = np.arange(len(images))
    if not isinstance(images, np.ndarray):
        rows = evenly_spaced(rows, ROWS_COMPARED)
    blocks = np.array_split(rows, max(1, len(rows) // ROWS_COMPARED))
    pixels = (np.asarray(images[block]) for block in blocks)
    return f"{images.shape} {images.dtype} {digest(*pixels)}"


def digest(*values):
    """Compute a checksum of arrays, tensors and strings."""
    checksum = 0
    for value in values:
        if isinstance(value, torch.Tensor):
            value = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        data = value.encode() if isinstance(value, str) else np.ascontiguousarray(value)
        checksum = zlib.crc32(data, checksum)
    return checksum


def with_clear_errors(function, *arguments, **options):
    """Make a call in which processes wait, and explain why it fails."""
    try:
        return function(*arguments, **options)
    except RuntimeError as error:
        first = re.sub(r"^\[.*?\] ", "", str(error).strip()).partition(".")[0]
        raise RuntimeError(
            "ShareBatches has lost another process: it ended, or failed and fits "
            "nothing more, or was waited for longer than the `timeout` given to "
            f"torch.distributed.init_process_group ({first}). Look for the first error "
            "in the output of all processes."
        ) from error


def _gather_integers(own):
    """Gather integers from all processes, as many from each."""
    on_gpu = distributed.get_backend() == "nccl"
    own = torch.tensor(own, device="cuda" if on_gpu else "cpu")
    everyone = [torch.empty_like(own) for _ in range(distributed.get_world_size())]
    with_clear_errors(distributed.all_gather, everyone, own)
    return torch.stack(everyone).tolist()


def _elsewhere(stage, stages):
    """Explain that processes are at different stages."""
    own = distributed.get_rank()
    places = ", ".join(
        f"process {i} at {name!r}" for i, name in enumerate(stages) if i != own
    )
    if "begin" in stages:
        reason = "failed in this training and has begun the next, so it ends here, too"
    else:
        reason = "has other parameters (such as max_epochs), callbacks or layers"
    return (
        f"ShareBatches finds process {own} at {stage!r} of a training and {places}: "
        f"one of them {reason}. Look for the first error in the output of all."
    )


def _describe(name, column):
    """Name a fact, and its value in the first process and the first that differs."""
    other = next(i for i, value in enumerate(column) if value != column[0])
    shown = [_show(column[i]) for i in (0, other)]
    if max(map(len, shown)) > LONGEST_SHOWN or name in CHECKSUMS:
        return f"{name} (in process {other})"
    return f"{name} ({shown[0]} in process 0, {shown[1]} in process {other})"


def _show(value):
    return f"{value:.6g}" if isinstance(value, float) else repr(value)


def _as_int(number):
    """Give the bits of a float."""
    return struct.unpack("<q", struct.pack("<d", number))[0]


def _as_float(bits):
    return struct.unpack("<d", struct.pack("<q", bits))[0]

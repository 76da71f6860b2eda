"""What a checkpoint holds of a training, and how a training goes on from it."""

import torch

from sklcnn.network import plain_record
from sklcnn.network._modules import load_tensors


def state_of(training):
    """Collect what the next epoch depends on, and the history of those before.

    Parameters
    ----------
    training : Training
        The training, between two epochs.

    Returns
    -------
    facts : dict
        Values that JSON can hold.
    tensors : dict of {str: tensor}
        Weights of the network, state of the optimizer and the best weights.

    Raises
    ------
    TypeError
        If the network keeps something that a checkpoint can't hold.
    """
    net, stopping = training.net, training.stopping
    facts = {
        "n_epochs": len(net.history),
        "n_epochs_planned": training.n_epochs,
        "n_parts": net.n_parts,
        "temperature": net.module_.temperature,
        "spread": training.spread,
        "stopped": bool(training.is_stopped),
        "history": [{"batches": []} | plain_record(record) for record in net.history],
        "rates": [
            {name: float(group[name]) for name in ("lr", "weight_decay")}
            for group in net.optimizer_.param_groups
        ],
        "stopping": None if stopping is None else stopping.counters(),
    }
    tensors = _named("network", net.module_.state_dict())
    for number, state in net.optimizer_.state_dict()["state"].items():
        tensors |= _named(f"optimizer/{number}", state)
    if stopping is not None:
        tensors |= _named("best", stopping.weights or {})
        tensors |= _named("early", stopping.early_weights or {})
    for name, value in tensors.items():
        _check_can_be_kept(name, value)
    return facts, tensors


def restore(training, checkpoint):
    """Continue a training from a checkpoint.

    Parameters
    ----------
    training : Training
        The training, before its first epoch.
    checkpoint : Checkpoint
        The checkpoint.

    Raises
    ------
    ValueError
        If the checkpoint is that of another network. Nothing is changed then.
    """
    net, stopping, facts = training.net, training.stopping, checkpoint.facts
    weights = checkpoint.part("network")
    best, early = checkpoint.part("best"), checkpoint.part("early")
    for part in filter(None, (weights, best, early)):
        _check_fits(part, net.module_.state_dict())
    steps = net.optimizer_.state_dict()
    steps["state"] = {}
    for key, value in checkpoint.part("optimizer").items():
        number, _, name = key.partition("/")
        steps["state"].setdefault(int(number), {})[name] = value
    if len(facts["rates"]) != len(net.optimizer_.param_groups):
        raise ValueError("it has other groups of parameters")
    load_tensors(net.module_, weights)
    net.optimizer_.load_state_dict(steps)
    for group, rates in zip(net.optimizer_.param_groups, facts["rates"], strict=True):
        group.update(rates)
    if stopping is not None:
        vars(stopping).update(facts["stopping"])
        stopping.weights, stopping.early_weights = best or None, early or None
    net.history.extend(facts["history"])
    net.n_parts = facts["n_parts"]
    net.module_.temperature = facts.get("temperature", 1.0)
    training.spread = facts.get("spread")
    training.is_stopped = facts["stopped"]


def _named(start, values):
    """Prefix the names of values, without those that are None."""
    return {f"{start}/{k}": value for k, value in values.items() if value is not None}


def _check_can_be_kept(name, value):
    if not isinstance(value, torch.Tensor):
        raise TypeError(
            f"checkpoint_dir can keep tensors only: {name!r} of the state_dict is of "
            f"type {type(value).__name__}. Use checkpoint_dir=None."
        )
    sizes = zip(value.shape, value.stride(), strict=True)
    if any(n > 1 and not step for n, step in sizes):
        raise TypeError(
            f"checkpoint_dir can't keep {name!r} of the state_dict, which was made by "
            "expand(): its elements share memory. Use clone() after it."
        )


def _check_fits(weights, expected):
    """Check the weights of a checkpoint against those of the network at hand."""
    if weights.keys() != expected.keys():
        raise ValueError("it has other layers")
    for name, tensor in expected.items():
        if weights[name].shape != tensor.shape or weights[name].dtype != tensor.dtype:
            raise ValueError(
                f"its {name!r} has shape {tuple(weights[name].shape)} and dtype "
                f"{weights[name].dtype}, the network needs {tuple(tensor.shape)} and "
                f"{tensor.dtype}"
            )

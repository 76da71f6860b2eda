"""The training loop."""

import math
import sys
import time
from dataclasses import dataclass

import numpy as np
import torch

from sklcnn.network._batches import Batches, RowsDataset, TrainingBatches
from sklcnn.network._hardware import gradients, seeded, torch_threads
from sklcnn.network._head import train_head
from sklcnn.network._interrupts import is_raised_on_purpose
from sklcnn.network._lock import COMPUTING, Holding
from sklcnn.network._memory import explained_memory_error
from sklcnn.network._modules import DRAWS_NOTHING, load_tensors
from sklcnn.network._optimization import (
    EarlyStopping,
    is_settled,
    learning_rate_of,
    set_learning_rate,
    set_weight_decay,
)
from sklcnn.network._progress import progress_bar

LARGE = 1e4
"""Norm of all weights from which outputs are checked after each epoch."""


class DivergenceError(ValueError):
    """A training whose losses or outputs are not finite."""


@dataclass
class Training:
    """A training of a net: what it is given, and how far it has come.

    Parameters
    ----------
    net : Net
        The skorch net whose network is trained.
    batches : TrainingBatches
        Rows to train on.
    valid : Batches or None
        Rows to validate on.
    learning_rates : ndarray of shape (n_epochs, n_steps)
        Learning rate of every step.
    weight_decay : float
        Weight decay of all steps.
    stopping : EarlyStopping or None
        What the validation loss decides.
    is_stopped : bool
        Whether early stopping or a callback has ended the training.
    head_decay : float, "auto" or None
        Weight decay with which the first epoch solves the last layer, as `train_head`
        does; None where it is trained as the others.
    n_frozen_epochs : int
        Number of epochs in which the body is frozen.
    spread : float or None
        How far logits spread for which the temperature was fitted; None where it is not
        to follow them.
    """

    net: object
    batches: TrainingBatches
    valid: Batches | None
    learning_rates: np.ndarray
    weight_decay: float
    stopping: EarlyStopping | None = None
    is_stopped: bool = False
    head_decay: object = None
    n_frozen_epochs: int = 0
    spread: float | None = None

    def __post_init__(self):
        self.first_epoch = len(self.net.history)

    @property
    def n_done(self):
        """Number of epochs done in this training."""
        return len(self.net.history) - self.first_epoch

    @property
    def n_epochs(self):
        """Number of epochs of this training, where it is not stopped before."""
        return len(self.learning_rates)

    @property
    def is_finished(self):
        """Whether nothing is left to train."""
        return self.is_stopped or self.n_done >= self.n_epochs


def train(
    training,
    *,
    save=lambda training, at_end=False: None,
    begin_epoch=lambda: None,
    end_epoch=lambda epoch: False,
    n_jobs=None,
    progress=False,
    title=None,
):
    """Train a network, epoch by epoch, and keep the weights of the best one.

    Where an epoch fails or is interrupted, the network, the optimizer and the history
    are left as they were after the last one that ended.

    Parameters
    ----------
    training : Training
        What to train, which may have begun before.
    save : callable, default=do nothing
        Called with the training before the first epoch, after each epoch and, with
        `at_end`, after the last.
    begin_epoch, end_epoch : callable, default=do nothing
        Called around every epoch; the latter with what the former returned. Where it
        returns True, training ends.
    n_jobs : int, default=None
        Number of CPU threads, as in `CNNClassifier`.
    progress : bool or "auto", default=False
        Whether to show a progress bar over the epochs; "auto" as in `CNNClassifier`.
    title : str, default=None
        What the bar says in front.

    Raises
    ------
    DivergenceError
        If loss or outputs are not finite.
    MemoryError
        If a GPU has no room for a single image.
    """
    net, n_epochs = training.net, training.n_epochs
    batch_size = training.batches.batch_size
    set_weight_decay(net.optimizer_, training.weight_decay)
    net.best_epoch = None
    save(training)
    with (
        progress_bar(
            progress, total=n_epochs, initial=training.n_done, desc=title
        ) as bar,
        torch_threads(n_jobs) as limit,
        limit,
        gradients(True) as mode,
        mode,
        explained_memory_error(
            f"training on batches of {batch_size} images",
            f"a smaller batch_size, such as {max(1, batch_size // 2)}",
        ),
    ):
        while not training.is_finished:
            task = begin_epoch()
            train_epoch(training)
            bar.set_postfix(_shown(net.history[-1]), refresh=False)
            bar.update()
            save(training)
            if end_epoch(task):
                break
    save(training, at_end=True)
    use_best_weights(training)


def train_epoch(training):
    """Train one epoch; where it fails, go back to the end of the one before."""
    before = LastEpoch(training.net)
    try:
        run_epoch(training, undo=before.restore)
    except BaseException:
        with training.net.network.lock.writing() as hold, hold:
            before.restore()
        raise


def run_epoch(training, undo):
    """Train on every batch once, validate, and record the epoch.

    Other threads may read the network before and after: `undo` is called before they
    do where something fails in between.
    """
    net, batches, valid = training.net, training.batches, training.valid
    start, epoch = time.perf_counter(), len(net.history)
    learning_rates = training.learning_rates[training.n_done].tolist()
    frozen = "body" if training.n_done < training.n_frozen_epochs else net.frozen
    solves_head = training.head_decay is not None and training.n_done == 0
    datasets = {
        "dataset_train": RowsDataset(batches),
        "dataset_valid": None if valid is None else RowsDataset(valid),
    }
    batches.draw(net.seed, epoch)
    with seeded_where_drawn(net, epoch) as seeds, seeds:
        net.notify("on_epoch_begin", **datasets)
        with (
            net.network.lock.writing(undo) as hold,
            hold,
            net.network.freezing(frozen) as freezing,
            freezing,
        ):
            if solves_head:
                solve_head(net, batches, training.head_decay)
            else:
                train_batches(net, batches, learning_rates)
            if valid is not None:
                validate(net, valid)
            net.module_.eval()
    net.history.record("seconds", time.perf_counter() - start)
    is_stopped = ask_callbacks(net, datasets)
    is_last = training.n_done == training.n_epochs or is_stopped
    check_finite(net, batches, is_last=is_last)
    is_out_of_patience = training.stopping is not None and training.stopping.update(
        net.history[-1, "valid_loss"],
        net.module_,
        accuracy=net.history[-1, "valid_accuracy"],
        is_settled=is_settled(training.learning_rates, training.n_done - 1),
    )
    training.is_stopped = is_stopped or is_out_of_patience


def ask_callbacks(net, datasets):
    """Tell callbacks that an epoch ends, and give whether one stops the training.

    Callbacks of skorch do so by raising KeyboardInterrupt. That of a signal is raised
    again: it stops the program, and not the training alone.
    """
    outer = sys.exception()
    try:
        net.notify("on_epoch_end", **datasets)
    except KeyboardInterrupt as interrupt:
        if not is_raised_on_purpose(interrupt, outer=outer):
            raise
        return True
    return False


def train_batches(net, batches, learning_rates):
    """Take one step of the optimizer for each batch, and record the mean loss."""
    net.module_.train()
    total = torch.zeros((), dtype=net.network.dtype, device=net.device)
    for batch, learning_rate in zip(batches, learning_rates, strict=True):
        if not net.has_scheduler:
            set_learning_rate(net.optimizer_, learning_rate)
        if net.callbacks_:
            net.notify("on_batch_begin", batch=batch, training=True)
        with COMPUTING.reading() as computing, computing:
            step = net.train_step(batch)
        if net.callbacks_:
            record_batch(net, "train", batch, step)
            net.notify("on_batch_end", batch=batch, training=True, **step)
        total += step["loss"] * len(batch[1])
    record_loss(net, "train_loss", total.item() / len(batches.rows))
    net.history.record("learning_rate", learning_rate_of(net.optimizer_))


def solve_head(net, batches, penalty):
    """Solve the last layer on frozen features, and record the mean loss."""
    loss, penalty = train_head(net, batches, penalty)
    record_loss(net, "train_loss", loss)
    net.history.record("learning_rate", 0.0)
    net.history.record("weight_decay", penalty)
    if net.callbacks_:
        show_batches(net, batches)


@torch.no_grad()
def show_batches(net, batches):
    """Tell callbacks of the batches of an epoch that took no steps."""
    net.module_.eval()
    for batch in batches:
        with COMPUTING.reading() as computing, computing:
            losses, outputs = net.compute_losses(batch)
        step = {"loss": losses.mean(), "y_pred": outputs}
        net.history.new_batch()
        net.notify("on_batch_begin", batch=batch, training=True)
        record_batch(net, "train", batch, step)
        net.notify("on_batch_end", batch=batch, training=True, **step)


@torch.no_grad()
def validate(net, batches):
    """Record loss and accuracy of rows that are not trained on."""
    net.module_.eval()
    loss = correct = total = 0.0
    for batch in batches:
        with COMPUTING.reading() as computing, computing:
            losses, outputs = net.compute_losses(batch)
        loss += losses.sum()
        correct += (batch.weights * (outputs.argmax(1) == batch[1])).sum()
        total += batch.weights.sum()
        if net.callbacks_:
            step = {"loss": losses.mean(), "y_pred": outputs}
            net.history.new_batch()
            record_batch(net, "valid", batch, step)
            net.notify("on_batch_end", batch=batch, training=False, **step)
    record_loss(net, "valid_loss", (loss / total).item())
    net.history.record("valid_accuracy", (correct / total).item())


def record_batch(net, prefix, batch, step):
    """Record what callbacks of skorch look up of a batch."""
    net.history.record_batch(f"{prefix}_loss", step["loss"].item())
    net.history.record_batch(f"{prefix}_batch_size", len(batch[1]))


def record_loss(net, name, loss):
    """Record a loss, and whether it is the best, which callbacks of skorch look up."""
    before = [epoch[name] for epoch in net.history[:-1] if name in epoch]
    net.history.record(name, loss)
    net.history.record(f"{name}_best", all(loss < other for other in before))


def plain_record(record):
    """Select the plain values in the record of an epoch, which files can hold.

    Parameters
    ----------
    record : dict
        The record, an element of the history of a skorch net.

    Returns
    -------
    plain : dict
        Its values of type bool, int, float and str; those of numpy are converted.
    """
    values = {name: _plain_value(value) for name, value in record.items()}
    return {name: value for name, value in values.items() if isinstance(value, PLAIN)}


PLAIN = (bool, int, float, str)


def _plain_value(value):
    """Convert a scalar of numpy to one of Python."""
    if isinstance(value, np.longdouble):  # which `item` leaves as it is
        return float(value)
    return value.item() if isinstance(value, np.generic) else value


def check_finite(net, batches, *, is_last):
    """Raise where the losses of the last epoch, or outputs after it, are not finite.

    The last training loss is that before the last step. Outputs are not finite only
    where weights are large.
    """
    record = net.history[-1]
    is_finite = math.isfinite(record["train_loss"] + record.get("valid_loss", 0))
    if is_finite and "valid_loss" not in record:
        weights = [w.detach() for g in net.optimizer_.param_groups for w in g["params"]]
        size = float(torch.nn.utils.get_total_norm(weights))
        if is_last or not size < LARGE:
            is_finite = net.is_finite(batches.first_images())
    if not is_finite:
        raise DivergenceError(
            f"Training diverged: loss or outputs are not finite after "
            f"{len(net.history)} epochs. Use a smaller learning_rate than "
            f"{net.lr:g}, or look for extreme values in X."
        )


def use_best_weights(training):
    """Take the weights of the epoch that early stopping chooses."""
    if training.stopping is not None:
        epoch, weights = training.stopping.choose(len(training.valid.rows))
        if weights is not None:
            with training.net.network.lock.writing() as hold, hold:
                load_tensors(training.net.module_, weights)
            training.net.best_epoch = training.first_epoch + epoch
    training.net.module_.eval()


class LastEpoch:
    """Weights, optimizer and history of a net after its last epoch.

    Parameters
    ----------
    net : Net
        The net. Before its first epoch there are no weights to go back to.
    """

    def __init__(self, net):
        self.net = net
        self.n_epochs = len(net.history)
        self.kept = [(t, t.clone()) for t in tensors_of(net) if self.n_epochs]
        states = net.optimizer_.state
        self.steps = {parameter: dict(state) for parameter, state in states.items()}
        self.groups = [dict(group) for group in net.optimizer_.param_groups]

    def restore(self):
        """Go back to them."""
        net = self.net
        # in a forked process, more threads would be waited for without end
        with torch.no_grad(), torch_threads(None) as limit, limit:
            for tensor, values in self.kept:
                tensor.copy_(values)
        net.optimizer_.state.clear()
        net.optimizer_.state.update(self.steps)
        groups = net.optimizer_.param_groups
        for group, values in zip(groups, self.groups, strict=True):
            group.update(values)
        del net.history[self.n_epochs :]
        net.module_.eval()


def tensors_of(net):
    """List all tensors that a training changes in place."""
    weights = [t.detach() for t in net.module_.state_dict().values()]
    states = net.optimizer_.state.values()
    steps = [value for state in states for value in state.values()]
    return [t for t in (*weights, *steps) if isinstance(t, torch.Tensor)]


def seeded_where_drawn(net, epoch):
    """Seed torch where a layer may draw, which no two threads can do at once."""
    draws = any(type(layer) not in DRAWS_NOTHING for layer in net.module_.modules())
    if not draws and not net.callbacks_:
        return Holding()
    sequence = np.random.SeedSequence((net.seed, epoch))
    return seeded(int(sequence.generate_state(1, np.uint32)[0]), net.device)


def _shown(record):
    """Select what a progress bar shows of an epoch."""
    names = {
        "train_loss": "loss",
        "valid_loss": "valid loss",
        "valid_accuracy": "accuracy",
    }
    return {names[key]: f"{record[key]:.4f}" for key in names if key in record}

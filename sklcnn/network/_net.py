"""The skorch net: training in low precision, without waiting for every batch."""

import contextlib
import copy
import math
import time
import warnings

import numpy as np
import torch
from skorch import NeuralNetClassifier
from torch import nn

from sklcnn.network._hardware import seeded
from sklcnn.network._memory import release_memory
from sklcnn.network._modules import BatchNorm, ImageNetwork, Standardize

OPTIMIZERS = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}

RECORDED = ("train_loss", "valid_loss", "valid_accuracy", "learning_rate", "seconds")

NEVER_DRAWING = {
    BatchNorm,
    ImageNetwork,
    Standardize,
    nn.BatchNorm2d,
    nn.Conv2d,
    nn.CrossEntropyLoss,
    nn.Flatten,
    nn.Linear,
    nn.MaxPool2d,
    nn.ReLU,
    nn.Sequential,
    nn.ZeroPad2d,
}
"""Layers that draw no random numbers, or none once they are built."""


class Net(NeuralNetClassifier):
    """A skorch net that trains on whole batches and records an epoch at a time.

    Losses stay on the device until the epoch ends, the learning rate is a function of
    the number of the step, and every epoch seeds its own generators, so that an epoch
    depends on nothing but the weights it starts from and its number.

    Parameters
    ----------
    module : nn.Module
        The network, on its device.
    dtype : torch.dtype
        The dtype in which losses are computed.
    autocast : tuple of two bool
        Whether to compute in bfloat16 when training and when predicting.
    label_smoothing : float
        As in `torch.nn.CrossEntropyLoss`.
    compiled : bool
        Whether to train through `torch.compile`.
    **parameters : dict
        As in `skorch.NeuralNetClassifier`.

    Attributes
    ----------
    n_parts : int
        In how many parts a training batch goes through the network. It doubles where a
        GPU runs out of memory.
    may_split : bool
        Whether it may double.
    """

    def __init__(
        self,
        module,
        *,
        dtype,
        autocast,
        label_smoothing=0.0,
        compiled=False,
        **parameters,
    ):
        super().__init__(
            module,
            criterion=nn.CrossEntropyLoss,
            criterion__reduction="none",
            criterion__label_smoothing=label_smoothing,
            train_split=None,
            **parameters,
        )
        self.dtype = dtype
        self.autocast = autocast
        self.label_smoothing = label_smoothing
        self.compiled = compiled
        self._forward = self._compile(module.forward) if compiled else None
        self.n_parts = 1
        self.may_split = True

    def _compile(self, forward):
        """Compile a network; on a GPU into graphs, which are started as one."""
        on_gpu = torch.device(self.device).type == "cuda"
        mode = "reduce-overhead" if on_gpu else "default"
        return torch.compile(forward, mode=mode, dynamic=False)  # of two batch sizes

    @property
    def _default_callbacks(self):
        return []

    def infer(self, x, **fit_params):
        """Compute logits of images on the device."""
        compiled = self.compiled and self.module_.training
        with self._number_format():
            return self._forward(x) if compiled else self.module_(x)

    def embed(self, x):
        """Compute embeddings of images on the device."""
        with self._number_format():
            return self.module_.embed(x)

    def _number_format(self):
        return torch.autocast(
            torch.device(self.device).type,
            dtype=torch.bfloat16,
            enabled=self.autocast[0 if self.module_.training else 1],
        )

    def _seeded(self, seed):
        """Seed torch where a layer may draw, which no two threads can do at once."""
        if self.callbacks_ or any(
            type(layer) not in NEVER_DRAWING for layer in self.module_.modules()
        ):
            return seeded(seed, self.device)
        return contextlib.nullcontext()

    @torch.inference_mode()
    def is_finite(self, images):
        """Tell whether the network as it is now gives finite logits for images."""
        self.module_.eval()
        return bool(torch.isfinite(self.infer(images)).all())

    def _record_loss(self, name, loss):
        """Record a loss, and whether it is the best, which skorch's callbacks read."""
        before = [epoch[name] for epoch in self.history[:-1] if name in epoch]
        self.history.record(name, loss)
        self.history.record(f"{name}_best", all(loss < other for other in before))

    def set_weight_decay(self, weight_decay):
        """Set the weight decay of the coming steps."""
        for group in self.optimizer_.param_groups:
            group["weight_decay"] = weight_decay

    def loss_of(self, batch):
        """Compute the losses of the rows of a batch, weighted, and their logits."""
        images, targets = batch
        logits = self.infer(images).to(self.dtype)
        losses = self.criterion_(logits, targets) * batch.weights
        if batch.partners is not None:
            targets, weights = batch.partners
            others = self.criterion_(logits, targets) * weights
            losses = torch.lerp(others, losses, batch.share)
        return losses, logits

    def train_step(self, batch, **fit_params):
        """Take one step of the optimizer."""
        loss, logits = self.compute_gradients(batch)
        if self.callbacks_:
            self.notify(
                "on_grad_computed",
                named_parameters=list(self.get_all_learnable_params()),
                batch=batch,
                training=True,
            )
        self.optimizer_.step()
        return {"loss": loss, "y_pred": logits}

    def compute_gradients(self, batch):
        """Compute the gradients of the mean loss, in as few parts as there is room for.

        Parameters
        ----------
        batch : Batch
            The rows.

        Returns
        -------
        loss : tensor of shape ()
            Their mean loss.
        logits : tensor of shape (n_rows, n_classes)
            Their logits.

        Raises
        ------
        torch.OutOfMemoryError
            If there is no room for a single row, or parts are not allowed.
        """
        n_rows = len(batch[1])
        while True:
            self.optimizer_.zero_grad()
            try:
                return self._accumulate(batch.split(min(self.n_parts, n_rows)), n_rows)
            except torch.OutOfMemoryError:
                if not self.may_split or self.n_parts >= n_rows:
                    raise
            # only here has what failed let go of its memory
            self._split_further(n_rows)

    def _accumulate(self, parts, n_rows):
        """Sum up the gradients of parts of a batch."""
        losses, logits = [], []
        for part in parts:
            each, outputs = self.loss_of(part)
            loss = each.sum() / n_rows
            loss.backward()
            if len(parts) == 1:
                return loss.detach(), outputs.detach()
            losses.append(loss.detach())
            logits.append(outputs.detach().clone())  # CUDA graphs write there again
        return torch.stack(losses).sum(), torch.cat(logits)

    def _split_further(self, n_rows):
        """Halve the parts of batches, and say so the first time."""
        if self.n_parts == 1:
            warnings.warn(
                f"The GPU ran out of memory training on batches of {n_rows} images. "
                "From now on they go through the network in smaller parts, whose "
                "gradients are summed; batch normalization sees one part at a time. "
                f"With a smaller batch_size, such as {n_rows // 2}, all would be seen "
                "at once.",
                UserWarning,
            )
        self.n_parts *= 2
        release_memory(self.device)

    def train_epoch(self, batches, learning_rates):
        """Train on every batch once and record the mean loss."""
        self.module_.train()
        total = torch.zeros((), dtype=self.dtype, device=self.device)
        for batch, learning_rate in zip(batches, learning_rates, strict=True):
            for group in self.optimizer_.param_groups:
                group["lr"] = learning_rate
            if self.callbacks_:
                self.notify("on_batch_begin", batch=batch, training=True)
            step = self.train_step(batch)
            if self.callbacks_:
                self.notify("on_batch_end", batch=batch, training=True, **step)
            total += step["loss"] * len(batch[1])
        self._record_loss("train_loss", total.item() / len(batches.rows))
        self.history.record("learning_rate", float(learning_rate))

    @torch.no_grad()
    def validate(self, batches):
        """Record loss and accuracy of rows that are not trained on."""
        self.module_.eval()
        loss = correct = total = 0.0
        for batch in batches:
            losses, logits = self.loss_of(batch)
            loss += losses.sum()
            correct += (batch.weights * (logits.argmax(1) == batch[1])).sum()
            total += batch.weights.sum()
            if self.callbacks_:
                step = {"loss": losses.mean(), "y_pred": logits}
                self.notify("on_batch_end", batch=batch, training=False, **step)
        self._record_loss("valid_loss", (loss / total).item())
        self.history.record("valid_accuracy", (correct / total).item())

    def run_epoch(self, batches, valid, *, epoch, seed, learning_rates):
        """Train on every batch once, then validate.

        Parameters
        ----------
        batches : TrainingBatches
            Rows to train on.
        valid : Batches or None
            Rows to validate on.
        epoch : int
            The number of the epoch.
        seed : int
            Seeds order, dropout and everything else that is drawn, with `epoch`.
        learning_rates : ndarray of shape (n_steps,)
            The learning rate of every step.

        Returns
        -------
        record : dict
            Losses, accuracy, learning rate and seconds.
        stop : bool
            Whether a callback asked to stop.
        """
        start = time.perf_counter()
        datasets = {"dataset_train": batches, "dataset_valid": valid}
        batches.draw(seed, epoch)
        with self._seeded(_epoch_seed(seed, epoch)):
            self.notify("on_epoch_begin", **datasets)
            self.train_epoch(batches, learning_rates)
            if valid is not None:
                self.validate(valid)
        self.history.record("seconds", time.perf_counter() - start)
        stop = self._stopped_by_callback(datasets)
        known = self.history[-1]
        return {name: known[name] for name in RECORDED if name in known}, stop

    def _stopped_by_callback(self, datasets):
        """End the epoch; skorch's own callbacks stop training by an interrupt."""
        try:
            self.notify("on_epoch_end", **datasets)
        except KeyboardInterrupt:
            return True
        return False


def without_name(callback):
    """Give the callback itself where it comes in a pair with a name."""
    named = isinstance(callback, tuple) and len(callback) == 2
    return callback[1] if named else callback


def check_callback(callback, *, name):
    """Check that a callback is one of skorch, or a name and one."""
    if not hasattr(without_name(callback), "on_train_begin"):
        raise ValueError(
            f"{name} expects callbacks of skorch, or pairs of a name and one. Got "
            f"{callback!r} among them."
        )


def _epoch_seed(seed, epoch):
    return int(np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint32)[0])


class EarlyStopping:
    """Watch the validation loss, and keep the weights that had the smallest.

    Parameters
    ----------
    patience : int
        Number of epochs without improvement after which to stop.
    tol : float
        By how much the loss must fall to count as an improvement.
    """

    def __init__(self, patience, tol):
        self.patience = patience
        self.tol = tol
        self.n_epochs = 0
        self.best_loss = self.loss_to_beat = math.inf
        self.best_epoch = self.last_improvement = 0
        self.weights = None

    def counters(self):
        """Give all but the weights, as plain values."""
        return {name: value for name, value in vars(self).items() if name != "weights"}

    def update(self, loss, module):
        """Take in the loss of an epoch; tell whether to stop."""
        if loss < self.best_loss:
            self.best_loss, self.best_epoch = loss, self.n_epochs
            self.weights = copy.deepcopy(module.state_dict())
        if loss < self.loss_to_beat - self.tol:
            self.loss_to_beat, self.last_improvement = loss, self.n_epochs
        self.n_epochs += 1
        return self.n_epochs - self.last_improvement > self.patience


def one_cycle(progress):
    """Rise to the peak in the first 30 % of the steps, then fall to near zero.

    Both along half a cosine, as in [1]_.

    References
    ----------
    .. [1] L. N. Smith and N. Topin, "Super-convergence: very fast training of neural
       networks using large learning rates", 2018.
    """
    if progress < 0.3:
        return cosine_between(1 / 25, 1, progress / 0.3)
    return cosine_between(1, 1e-4, (progress - 0.3) / 0.7)


def cosine_between(start, end, progress):
    """Go from start to end along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


LR_SCHEDULES = {
    "onecycle": one_cycle,
    "cosine": lambda progress: cosine_between(1, 0, progress),
    "constant": lambda progress: 1.0,
}
"""From the share of steps already taken to the share of the peak learning rate."""


def plan_learning_rates(schedule, peak, n_epochs, n_steps):
    """Plan the learning rates of all steps, of shape (n_epochs, n_steps)."""
    progress = np.arange(n_epochs * n_steps) / (n_epochs * n_steps)
    rates = [peak * LR_SCHEDULES[schedule](share) for share in progress]
    return np.reshape(rates, (n_epochs, n_steps))

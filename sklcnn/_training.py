"""How the classifier trains: batches, epochs, schedule, stopping."""

import math

import numpy as np
from sklearn.model_selection import train_test_split
from tqdm.auto import tqdm

from sklcnn._pixels import working_range
from sklcnn._resuming import ResumingMixin
from sklcnn._sklearn import begin_epoch, begin_fit, end_task
from sklcnn.network._batches import Batches, TrainingBatches, hold_on_device
from sklcnn.network._hardware import torch_threads
from sklcnn.network._memory import explained_memory_error, kept_memory
from sklcnn.network._net import EarlyStopping, plan_learning_rates

PULL, MOST_DECAY = 0.2, 0.02
"""What `weight_decay="auto"` times the sum of learning rates is, and its most."""

MIN_EPOCHS, MAX_EPOCHS, MIN_STEPS = 10, 100, 1000
"""Between which epochs `max_epochs="auto"` makes this many steps."""


class TrainingMixin(ResumingMixin):
    """Mixin that trains the network at hand."""

    def _make_batches(self, images, targets, weights, *, validate=False):
        """Share the rows that have weight out to training and, maybe, validation."""
        rows, valid_rows = np.flatnonzero(weights), None
        if validate:
            rows, valid_rows = self._split(rows, targets)
        size = self.batch_size
        if size == "auto":
            size = int(np.clip(2 ** round(math.log2(len(rows) / 50)), 16, 128))
        data = (images, targets, weights / weights[rows].mean())
        options = {
            "image_shape": self.image_shape_,
            "batch_size": size,
            "device": self.net_.device,
            "dtype": self.net_.dtype,
            "held": hold_on_device(images, self.image_shape_, self.net_.device),
        }
        train = TrainingBatches(
            *data,
            rows,
            pixel_range=working_range(*self._pixel_range),
            mixup=self.mixup,
            cutmix=self.cutmix,
            **options,
        )
        return train, Batches(*data, valid_rows, **options) if validate else None

    def _split(self, rows, targets):
        """Set rows aside for validation, the same share of every class."""
        try:
            return train_test_split(
                rows,
                test_size=self.validation_fraction,
                stratify=self.classes_[targets[rows]],
                random_state=self._seed,
            )
        except ValueError as error:
            raise ValueError(
                f"early_stopping=True can't set aside validation_fraction="
                f"{self.validation_fraction} of {len(rows)} images: {error} Use "
                "another validation_fraction, more images or early_stopping=False."
            ) from error

    def _fit(self, images, targets, weights, told, checkpoints=None):
        """Train as the parameters say, and tell scikit-learn's callbacks of it."""
        if checkpoints is not None and checkpoints.is_finished:
            return self._load_finished(checkpoints)
        train, valid = self._make_batches(
            images, targets, weights, validate=self.early_stopping
        )
        n_epochs = self.max_epochs
        if n_epochs == "auto":
            n_epochs = math.ceil(MIN_STEPS / len(train))
            n_epochs = min(max(n_epochs, MIN_EPOCHS), MAX_EPOCHS)
        rates = plan_learning_rates(
            self.lr_schedule, self.learning_rate, int(n_epochs), len(train)
        )
        known = {"X": told[0], "y": told[1], "metadata": {"sample_weight": told[2]}}
        root = begin_fit(self, n_epochs, **known)
        self._train(
            train,
            valid,
            rates,
            pull=min(PULL / rates.sum(), MOST_DECAY),
            checkpoints=checkpoints,
            begin_epoch=lambda: begin_epoch(root, self, **known),
            end_epoch=lambda epoch: end_task(epoch, self, **known),
        )
        end_task(root, self, **known)

    def _train(
        self,
        train,
        valid,
        learning_rates,
        *,
        pull,
        checkpoints=None,
        begin_epoch=lambda: None,
        end_epoch=lambda epoch: False,
    ):
        """Train, record every epoch, and keep the best weights if rows are set aside.

        Parameters
        ----------
        train : TrainingBatches
            Rows to train on.
        valid : Batches or None
            Rows to validate on.
        learning_rates : ndarray of shape (n_epochs, n_steps)
            The learning rate of every step.
        pull : float
            The weight decay where it is "auto".
        checkpoints : Checkpoints or None
            Where to go on from, and to write to.
        begin_epoch, end_epoch : callable
            Called around every epoch; a true value of the latter ends training.
        """
        net, first = self.net_, len(self.history_)
        watch = self._make_watch()
        net.set_weight_decay(pull if self.weight_decay == "auto" else self.weight_decay)
        stop = self._resume(checkpoints, watch)
        n_done, n_epochs = len(self.history_) - first, len(learning_rates)
        net.notify("on_train_begin", X=None, y=None)
        with (
            self._all_or_nothing(),
            tqdm(total=n_epochs, initial=n_done, disable=not self.verbose) as progress,
            torch_threads(self.n_jobs),
            kept_memory(net.device),
            explained_memory_error(
                f"training on batches of {train.batch_size} images. Use a smaller "
                f"batch_size, such as {max(1, train.batch_size // 2)},"
            ),
        ):
            for epoch in range(n_done, 0 if stop else n_epochs):
                task = begin_epoch()
                stop = self._train_epoch(
                    train, valid, learning_rates[epoch], first + epoch, watch
                )
                progress.set_postfix(_shown(self.history_[-1]), refresh=False)
                progress.update()
                self._keep(checkpoints, watch, stopped=stop)
                if end_epoch(task) or stop:
                    break
            if valid is None:  # the last loss is that before the last step
                self._check_finite(net.is_finite(train.first_images()))
            ended = stop or len(self.history_) == first + n_epochs
            self._keep(checkpoints, watch, stopped=stop, is_finished=ended, at_end=True)
            if valid is not None:
                self._use_best(watch, first)
        net.notify("on_train_end", X=None, y=None)

    def _train_epoch(self, train, valid, learning_rates, epoch, watch):
        """Train for an epoch and record it; tell whether training has to stop."""
        record, stop = self.net_.run_epoch(
            train, valid, epoch=epoch, seed=self._seed, learning_rates=learning_rates
        )
        self._record([record])
        loss = record["train_loss"] + record.get("valid_loss", 0)
        self._check_finite(math.isfinite(loss))
        if valid is None:
            return stop
        return watch.update(record["valid_loss"], self.net_.module_) or stop

    def _record(self, records):
        """Add epochs to those that were trained."""
        self.history_ += records
        self.n_iter_ = len(self.history_)
        self.best_epoch_ = self.n_iter_ - 1

    def _make_watch(self):
        return EarlyStopping(self.n_iter_no_change, self.tol)

    def _use_best(self, watch, first=0):
        """Take the weights of the epoch with the smallest validation loss."""
        self.best_epoch_ = first + watch.best_epoch
        self.net_.module_.load_state_dict(watch.weights)

    def _check_finite(self, is_finite):
        if not is_finite:
            raise ValueError(
                f"Training diverged: loss or outputs are not finite after "
                f"{self.n_iter_} epochs. Use a smaller learning_rate than "
                f"{self.learning_rate:g}, or look for extreme values in X."
            )


def _shown(record):
    """Pick what a progress bar shows of an epoch."""
    names = {
        "train_loss": "loss",
        "valid_loss": "valid loss",
        "valid_accuracy": "accuracy",
    }
    return {names[key]: f"{record[key]:.4f}" for key in names if key in record}

"""What the classifier does behind its public methods."""

import contextlib
import math

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from tqdm.auto import tqdm

from sklcnn._labels import check_weights
from sklcnn._pickling import PlainStateMixin
from sklcnn._pixels import working_range
from sklcnn._sklearn import CallbackSupportMixin, begin_epoch, begin_fit, end_task
from sklcnn._validation import (
    check_image_shape,
    check_images,
    check_sizes,
    resolve_image_shape,
    warn_if_lost_in_float32,
    warn_if_out_of_range,
)
from sklcnn.network._batches import (
    Batches,
    TrainingBatches,
    channel_statistics,
    hold_on_device,
    plain,
)
from sklcnn.network._hardware import (
    explained_memory_error,
    resolve_device,
    seeded,
    torch_threads,
    trains_fast_in_bfloat16,
)
from sklcnn.network._modules import build_network
from sklcnn.network._net import (
    OPTIMIZERS,
    EarlyStopping,
    Net,
    check_callback,
    plan_learning_rates,
)

CONVNET_PARAMETERS = (
    "conv_channels",
    "kernel_size",
    "pool_size",
    "hidden_units",
    "dropout",
    "batch_norm",
)

FITTED = (
    "best_epoch_",
    "classes_",
    "history_",
    "image_shape_",
    "n_iter_",
    "net_",
    "_network",
    "_pixel_range",
    "_seed",
)

PULL, MOST_DECAY = 0.2, 0.02
"""What `weight_decay="auto"` times the sum of learning rates is, and its most."""

PARTIAL_PULL = 5e-4
"""What `weight_decay="auto"` is in `partial_fit`, which knows no last step."""

MIN_EPOCHS, MAX_EPOCHS, MIN_STEPS = 10, 100, 1000
"""Between which epochs `max_epochs="auto"` makes this many steps."""


class BaseCNN(
    PlainStateMixin,
    CallbackSupportMixin,
    BaseEstimator,
):
    """A network that is built, trained and pickled."""

    def _forget(self):
        """Drop everything that was fitted."""
        for name in FITTED:
            self.__dict__.pop(name, None)

    @contextlib.contextmanager
    def _all_or_nothing(self):
        """Leave nothing behind that looks fitted where something fails."""
        try:
            yield
        except BaseException:
            self._forget()
            raise

    @contextlib.contextmanager
    def _fitting(self, *, anew):
        """Start anew or go on, and keep what was fitted unless training changed it."""
        if anew:
            self._forget()
        if self.__sklearn_is_fitted__():
            yield
        else:
            with self._all_or_nothing():
                yield

    def __sklearn_is_fitted__(self):
        return "net_" in self.__dict__

    def _check_images(self, X, *, reset):
        """Check images, whose shape then is `image_shape_` but for a flat view."""
        name = type(self).__name__
        X = plain(X)
        if reset:
            check_sizes(self.image_shape, (2, 3), "image_shape", name=name)
        X = check_images(X, estimator=self, reset=reset)
        if reset:
            self.image_shape_ = resolve_image_shape(
                X.shape, self.image_shape, name=name
            )
        else:
            check_image_shape(X.shape, self.image_shape_, name=name)
        return X

    def _check_weights(self, images, sample_weight, labels, classes=None):
        """Check the weights of rows, without and with those of their classes."""
        given, total = check_weights(
            sample_weight,
            labels,
            class_weight=self.class_weight,
            classes=classes,
            unreadable=getattr(images, "bad_rows", ()),
            name=type(self).__name__,
        )
        return given, total / total.max()

    def _build(self, images, weights):
        """Build the network for these images, and the net that trains it."""
        for parameter in ("conv_channels", "hidden_units"):
            check_sizes(
                getattr(self, parameter), None, parameter, name=type(self).__name__
            )
        self._pixel_range, mean, std = channel_statistics(
            images, weights, self.image_shape_
        )
        warn_if_lost_in_float32(mean, std, self.precision, name=type(self).__name__)
        self._seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self._network = {
            "image_shape": self.image_shape_,
            "n_classes": len(self.classes_),
            "network": self.network,
            **{name: getattr(self, name) for name in CONVNET_PARAMETERS},
        }
        device = resolve_device(self.device, name=type(self).__name__)
        with seeded(self._seed, device):
            self.net_ = self._make_net(build_network(self._network, mean, std), device)
        self.history_ = []

    def _build_on(self):
        """Go on with the network at hand, with the parameters as they are now."""
        device = resolve_device(self.device, name=type(self).__name__)
        self.net_ = self._make_net(self.net_.module_, device)

    def _widen_range(self, images, weights):
        """Add the pixels of further training images to the known range."""
        found, _, _ = channel_statistics(images, weights, self.image_shape_)
        warn_if_out_of_range(found, self._pixel_range, name=type(self).__name__)
        low, high = self._pixel_range
        self._pixel_range = min(low, found[0]), max(high, found[1])

    def _make_net(self, module, device):
        """Put a network on its device, in its number format, into a skorch net."""
        dtype = torch.float64 if self.precision == "float64" else torch.float32
        bfloat16 = self.precision == "bfloat16"
        train_bfloat16 = bfloat16 or (
            self.precision == "auto" and trains_fast_in_bfloat16(device)
        )
        module.to(device=device, dtype=dtype, memory_format=torch.channels_last)
        for callback in self.callbacks or ():
            check_callback(callback, name=type(self).__name__)
        optimizer = {}
        if self.optimizer == "sgd":
            optimizer["optimizer__momentum"] = self.momentum
            optimizer["optimizer__nesterov"] = self.nesterov and self.momentum > 0
        return Net(
            module,
            classes=range(self._network["n_classes"]),
            dtype=dtype,
            autocast=(train_bfloat16, bfloat16),
            label_smoothing=self.label_smoothing,
            compiled=self.compile,
            lr=self.learning_rate,
            optimizer=OPTIMIZERS[self.optimizer],
            callbacks=None if self.callbacks is None else list(self.callbacks),
            device=device,
            verbose=int(self.verbose),
            **optimizer,
        ).initialize()

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

    def _fit(self, images, targets, weights, told):
        """Train as the parameters say, and tell scikit-learn's callbacks of it."""
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
        begin_epoch, end_epoch : callable
            Called around every epoch; a true value of the latter ends training.
        """
        net, first = self.net_, len(self.history_)
        watch = EarlyStopping(self.n_iter_no_change, self.tol)
        net.set_weight_decay(pull if self.weight_decay == "auto" else self.weight_decay)
        net.notify("on_train_begin", X=None, y=None)
        with (
            self._all_or_nothing(),
            tqdm(total=len(learning_rates), disable=not self.verbose) as progress,
            torch_threads(self.n_jobs),
            explained_memory_error(
                f"training on batches of {train.batch_size} images. Use a smaller "
                f"batch_size, such as {max(1, train.batch_size // 2)},"
            ),
        ):
            for epoch, rates in enumerate(learning_rates, start=first):
                task = begin_epoch()
                record, stop = net.run_epoch(
                    train,
                    valid,
                    epoch=epoch,
                    seed=self._seed,
                    learning_rates=rates,
                )
                self.history_.append(record)
                self.n_iter_ = len(self.history_)
                self.best_epoch_ = self.n_iter_ - 1
                loss = record["train_loss"] + record.get("valid_loss", 0)
                self._check_finite(math.isfinite(loss))
                progress.set_postfix(_shown(record), refresh=False)
                progress.update()
                if valid is not None:
                    stop |= watch.update(record["valid_loss"], net.module_)
                if end_epoch(task) or stop:
                    break
            if valid is not None:
                self.best_epoch_ = first + watch.best_epoch
                net.module_.load_state_dict(watch.weights)
            else:  # the last loss is that before the last step
                self._check_finite(net.is_finite(train.first_images()))
        net.notify("on_train_end", X=None, y=None)

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

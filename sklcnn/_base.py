"""What the classifier does behind its public methods."""

import contextlib

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from sklcnn._labels import check_weights
from sklcnn._pickling import PlainStateMixin
from sklcnn._sklearn import CallbackSupportMixin
from sklcnn._training import TrainingMixin
from sklcnn._validation import (
    check_image_shape,
    check_images,
    check_sizes,
    resolve_image_shape,
    warn_if_lost_in_float32,
    warn_if_out_of_range,
)
from sklcnn.network._batches import channel_statistics, plain
from sklcnn.network._hardware import (
    resolve_device,
    seeded,
    trains_fast_in_bfloat16,
)
from sklcnn.network._modules import build_network
from sklcnn.network._net import OPTIMIZERS, Net, check_callback

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

PARTIAL_PULL = 5e-4
"""What `weight_decay="auto"` is in `partial_fit`, which knows no last step."""


class BaseCNN(
    PlainStateMixin,
    TrainingMixin,
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

    def _draw_seed(self):
        self._seed = int(check_random_state(self.random_state).randint(2**31 - 1))

    def _build(self, images, weights, checkpoints=None):
        """Build the network for these images, and the net that trains it."""
        for parameter in ("conv_channels", "hidden_units"):
            check_sizes(
                getattr(self, parameter), None, parameter, name=type(self).__name__
            )
        statistics = checkpoints and checkpoints.statistics
        if not statistics:
            statistics = channel_statistics(images, weights, self.image_shape_)
        if checkpoints is not None:
            checkpoints.statistics = [np.asarray(part).tolist() for part in statistics]
        self._pixel_range, mean, std = (
            tuple(statistics[0]),
            *map(np.array, statistics[1:]),
        )
        warn_if_lost_in_float32(mean, std, self.precision, name=type(self).__name__)
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

    def _number_formats(self, device):
        """Tell the dtype of weights, and whether bfloat16 trains and predicts."""
        dtype = torch.float64 if self.precision == "float64" else torch.float32
        bfloat16 = self.precision == "bfloat16"
        in_silicon = self.precision == "auto" and trains_fast_in_bfloat16(device)
        return dtype, (bfloat16 or in_silicon, bfloat16)

    def _make_net(self, module, device):
        """Put a network on its device, in its number format, into a skorch net."""
        dtype, autocast = self._number_formats(device)
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
            autocast=autocast,
            label_smoothing=self.label_smoothing,
            compiled=self.compile,
            lr=self.learning_rate,
            optimizer=OPTIMIZERS[self.optimizer],
            callbacks=None if self.callbacks is None else list(self.callbacks),
            device=device,
            verbose=int(self.verbose),
            **optimizer,
        ).initialize()

"""The skorch net around a fitted network."""

from dataclasses import replace

import numpy as np
import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import LRScheduler, PrintLog
from skorch.utils import data_from_dataset
from torch import nn

from sklcnn._pixels import working_range
from sklcnn._validation import check_image_shape, check_images
from sklcnn._warnings import warn_user
from sklcnn.network._batches import (
    Batches,
    RowsDataset,
    TrainingBatches,
    TrainingData,
    hold_on_device,
    plain,
    with_steps_of,
)
from sklcnn.network._contract import check_shape
from sklcnn.network._lock import COMPUTING, one_at_a_time
from sklcnn.network._memory import release_memory
from sklcnn.network._modules import ImageNetwork
from sklcnn.network._optimization import group_parameters
from sklcnn.network._rules import resolve_batch_size
from sklcnn.network._training import Training, train


class Net(NeuralNetClassifier):
    """skorch net whose module is that of a fitted network.

    It trains with this package's loop, on batches of this package: `iterator_train`,
    `iterator_valid` and `dataset` of skorch are not used. Labels are class numbers.
    Losses stay on the device until an epoch ends, and every epoch seeds its own
    generators: it depends on the weights it starts from and on its number alone.

    Parameters
    ----------
    module : FittedNetwork
        The network.
    seed : int, default=0
        Seed of weights, order, dropout and random transforms.
    mixup, cutmix : float, default=0.0
        As in `CNNClassifier`.
    backbone_factor : float, default=1.0
        Factor of the learning rate of all layers but the heads.
    frozen : {"nothing", "normalization", "body"}, default="nothing"
        What is not trained, as in `ImageNetwork`.
    compiled : bool, default=False
        Whether to train through `torch.compile`.
    n_jobs : int, default=None
        Number of CPU threads, as in `CNNClassifier`.
    made_of : dict, default=None
        Parameters of the classifier that makes the net; with others it makes a new one.
    asked_callbacks : list, default=None
        Callbacks that the classifier was given; those of the net may be set afterwards.
    criterion, criterion__reduction, train_split : as in skorch
        With defaults of this package.
    **parameters : dict
        As in `skorch.NeuralNetClassifier`.

    Attributes
    ----------
    network : FittedNetwork
        The network of `module_`.
    n_parts : int
        Number of micro-batches per batch; doubled after each out-of-memory error.
    may_split : bool
        Whether it may be doubled.
    plan : dict
        Parameters of the training at hand, where a classifier has planned it.
    best_epoch : int or None
        Position in the history of the epoch whose weights were kept; None is the last.
    """

    def __init__(
        self,
        module,
        *,
        seed=0,
        mixup=0.0,
        cutmix=0.0,
        backbone_factor=1.0,
        frozen="nothing",
        compiled=False,
        n_jobs=None,
        made_of=None,
        asked_callbacks=None,
        criterion=nn.CrossEntropyLoss,
        criterion__reduction="none",
        train_split=None,
        **parameters,
    ):
        super().__init__(
            module,
            criterion=criterion,
            criterion__reduction=criterion__reduction,
            train_split=train_split,
            **parameters,
        )
        self.seed = seed
        self.mixup = mixup
        self.cutmix = cutmix
        self.backbone_factor = backbone_factor
        self.frozen = frozen
        self.compiled = compiled
        self.n_jobs = n_jobs
        self.made_of = made_of
        self.asked_callbacks = asked_callbacks

    @property
    def _default_callbacks(self):
        return []

    @property
    def network(self):
        """The fitted network."""
        return self.module

    def initialize(self, *, draw_weights=True):
        """Make everything anew.

        Parameters
        ----------
        draw_weights : bool, default=True
            Whether to draw initial weights, rather than to keep those at hand.

        Returns
        -------
        self : Net
        """
        if draw_weights:
            self.network.draw_weights(self.seed)
        self.n_parts, self.may_split, self.best_epoch = 1, True, None
        self.plan = {}
        return super().initialize()

    def initialize_module(self):
        """Take the module of the fitted network."""
        self.module_ = self.network.module
        self._compiled = None
        if self.compiled:  # on a GPU into graphs, which are started as one
            on_gpu = torch.device(self.device).type == "cuda"
            mode = "reduce-overhead" if on_gpu else "default"
            # not dynamic: there are two sizes of batches
            self._compiled = torch.compile(
                self.module_.forward, mode=mode, dynamic=False
            )
        return self

    def initialize_optimizer(self, *args, **kwargs):
        """Make the optimizer, with the groups of `group_parameters`."""
        _, options = self.get_params_for_optimizer("optimizer", [])
        factors = dict.fromkeys(("body", "normalization"), self.backbone_factor)
        groups = group_parameters(self.module_, factors)
        for group in groups:
            # also the initial one, from which schedulers of torch go on
            group["lr"] = group["initial_lr"] = options["lr"] * group["lr_factor"]
        self.optimizer_ = self.optimizer(groups, **options)
        return self

    def set_params(self, **parameters):
        """Set parameters, as in skorch; callbacks take effect at once.

        Parameters
        ----------
        **parameters : dict
            Names and values.

        Returns
        -------
        self : Net
        """
        if "callbacks" in parameters:
            callbacks = parameters.pop("callbacks")
            if callbacks != "disable":
                check_callbacks(callbacks, name=type(self).__name__)
            self.callbacks = callbacks
            self._initialize_callbacks()
        named = [name for name in parameters if name.startswith("callbacks__")]
        if named and not list(self._uniquely_named_callbacks()):
            raise ValueError(
                f"{type(self).__name__} has no callbacks whose parameters could be set "
                f"by {named[0]!r}. Set `callbacks` first."
            )
        return super().set_params(**parameters)

    def snapshot(self):
        """Remember parameters and the groups of the optimizer.

        Returns
        -------
        restore : callable
            Brings them back.
        """
        known = dict(vars(self))
        groups = [dict(group) for group in self.optimizer_.param_groups]

        def restore():
            vars(self).clear()
            vars(self).update(known)
            for group, values in zip(self.optimizer_.param_groups, groups, strict=True):
                group.update(values)

        return restore

    @property
    def has_scheduler(self):
        """Whether a callback of skorch sets the learning rate."""
        return any(isinstance(callback, LRScheduler) for _, callback in self.callbacks_)

    def infer(self, x, **fit_params):
        """Compute outputs of images on the device."""
        training = self.module_.training
        compiled = self._compiled is not None and training
        # features of a frozen body are those of prediction
        training = training and self.module_.frozen != "body"
        with self.network.number_format(training=training):
            return self._compiled(x) if compiled else self.module_(x)

    def forward_iter(self, X, training=False, device="cpu"):
        """Yield the outputs of one batch of images after the other.

        Parameters
        ----------
        X : array-like or lazy images of shape (n_samples, ...)
            Images of the shape of those in training.
        training : bool, default=False
            Whether to compute as in training, with dropout and batch statistics.
        device : str, default="cpu"
            Where outputs are put.

        Yields
        ------
        outputs : tensor of shape (n, n_outputs)
            Other threads may train the net between two batches.
        """
        function = in_training if training else ImageNetwork.__call__
        options = {"n_jobs": self.n_jobs, "name": type(self).__name__}
        options["changes"] = training
        for outputs in self.network.iterate(self._as_images(X), function, **options):
            yield outputs.to(device)

    @torch.inference_mode()
    def is_finite(self, images):
        """Whether the network as it is now gives finite outputs for images."""
        self.module_.eval()
        with COMPUTING.reading() as computing, computing:
            return bool(torch.isfinite(self.infer(images)).all())

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Compute the mean loss, for scorers of skorch."""
        return super().get_loss(y_pred, y_true, X=X, training=training).mean()

    def compute_losses(self, batch):
        """Compute the losses of the rows of a batch, weighted, and their outputs."""
        images, targets = batch
        outputs = self.infer(images)
        check_shape(outputs, len(targets), self.network.spec.n_outputs)
        outputs = outputs.to(self.network.dtype)
        losses = self.criterion_(outputs, targets) * batch.weights
        if batch.partners is not None:
            targets, weights = batch.partners
            others = self.criterion_(outputs, targets) * weights
            losses = torch.lerp(others, losses, batch.share)
        return losses, outputs

    def train_step(self, batch, **fit_params):
        """Take one step of the optimizer."""
        loss, outputs = self.compute_gradients(batch)
        if self.callbacks_:
            self.notify(
                "on_grad_computed",
                named_parameters=list(self.get_all_learnable_params()),
                batch=batch,
                training=True,
            )
        self.optimizer_.step()
        return {"loss": loss, "y_pred": outputs}

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
        outputs : tensor of shape (n_rows, n_outputs)
            Their outputs.

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
        losses, outputs = [], []
        for part in parts:
            each, outputs_of_part = self.compute_losses(part)
            loss = each.sum() / n_rows
            loss.backward()
            if len(parts) == 1:
                return loss.detach(), outputs_of_part.detach()
            losses.append(loss.detach())
            # CUDA graphs write to the same memory again
            outputs.append(outputs_of_part.detach().clone())
        return torch.stack(losses).sum(), torch.cat(outputs)

    def _split_further(self, n_rows):
        """Double the number of parts of a batch; warn the first time."""
        if self.n_parts == 1:
            warn_user(
                f"The GPU ran out of memory training on batches of {n_rows} images. "
                "From now on they go through the network in smaller parts, whose "
                "gradients are summed; batch normalization sees one part at a time. "
                f"With a smaller batch_size, such as {n_rows // 2}, all would be seen "
                "at once."
            )
        self.n_parts *= 2
        release_memory(self.device)

    def make_batches(self, data):
        """Make the batches of a training, and of its validation.

        Parameters
        ----------
        data : TrainingData
            Images, class numbers and weights, whose mean over the rows becomes 1.

        Returns
        -------
        batches : TrainingBatches
        valid : Batches or None
        """
        shape = self.network.spec.image_shape
        scale = data.weights[data.rows].mean()
        held = hold_on_device(data.images, shape, self.device)
        options = {
            "image_shape": shape,
            "batch_size": resolve_batch_size(self.batch_size, len(data.rows)),
            "device": self.device,
            "dtype": self.network.dtype,
        }
        batches = TrainingBatches(
            data.images,
            data.targets,
            data.weights / scale,
            data.rows,
            held=held,
            pixel_range=working_range(*self.network.pixel_range),
            mixup=self.mixup,
            cutmix=self.cutmix,
            resized=self.network.spec.resized,
            **options,
        )
        if data.groups is not None:
            batches.groups = data.groups[data.rows]
        valid = data.valid
        if valid is None:
            return batches, None
        is_held = valid.images is data.images
        return batches, Batches(
            valid.images,
            valid.targets,
            valid.weights / scale,
            valid.rows,
            held=held if is_held else None,
            **options,
        )

    def partial_fit(self, X, y=None, classes=None, **fit_params):
        """Train on as `fit_loop` does, and tell the callbacks.

        Unlike in skorch, an interrupt is raised again, after the net has gone back to
        its last epoch: what is half trained is not taken for finished.

        Parameters
        ----------
        X : array-like or lazy images of shape (n_samples, ...)
            Images of the shape of those in training before.
        y : array-like of shape (n_samples,)
            Class numbers.
        classes : object
            Ignored.
        **fit_params : dict
            For `train_split`.

        Returns
        -------
        self : Net
        """
        if not self.initialized_:
            self.initialize()
        self.notify("on_train_begin", X=X, y=y)
        try:
            self.fit_loop(X, y, **fit_params)
        finally:
            self.notify("on_train_end", X=X, y=y)
        return self

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        """Train for some epochs, at the constant learning rate `lr`.

        Parameters
        ----------
        X : array-like or lazy images of shape (n_samples, ...)
            Images of the shape of those in training before.
        y : array-like of shape (n_samples,)
            Class numbers.
        epochs : int, default=None
            Number of epochs; None is `max_epochs`.
        **fit_params : dict
            For `train_split`.

        Returns
        -------
        self : Net
        """
        fit_params.pop("_routing_method", None)  # skorch's own
        with one_at_a_time(self.network) as turn, turn:
            parts = (X, y), None
            if self.train_split is not None:
                datasets = self.get_split_datasets(X, y, **fit_params)
                parts = [part and data_from_dataset(part) for part in datasets]
            batches, _ = self._batches_of(*parts[0])
            valid = None if parts[1] is None else self._batches_of(*parts[1])[1]
            n_epochs = self.max_epochs if epochs is None else epochs
            rates = np.full((n_epochs, len(batches)), self.lr)
            decay = self.optimizer_.param_groups[0]["weight_decay"]
            training = Training(self, batches, valid, rates, decay)
            train(training, n_jobs=self.n_jobs, progress=bool(self.verbose))
        return self

    def _batches_of(self, X, y):
        """Make batches of all images, for training and for validation."""
        images = with_steps_of(X, self._as_images(X))
        targets = np.asarray(y, dtype=np.int64)
        rows = np.arange(len(targets))
        data = TrainingData(images, targets, np.ones(len(rows)), rows)
        return self.make_batches(replace(data, valid=data))

    def _as_images(self, X):
        if isinstance(X, RowsDataset):  # as scorers of skorch are given
            X = X.X
        images = check_images(plain(X), estimator=self)
        name = type(self).__name__
        check_image_shape(images.shape, self.network.spec.image_shape, name=name)
        return images

    def run_training(self, training, **options):
        """Train as `train` does, and tell the callbacks that it begins and ends."""
        self.notify("on_train_begin", X=None, y=None)
        try:
            train(training, **options)
        finally:
            self.notify("on_train_end", X=None, y=None)


def in_training(module, images):
    """Compute outputs as in training."""
    module.train()
    try:
        return module(images)
    finally:
        module.eval()


def without_name(callback):
    """Give the callback of a pair of a name and a callback."""
    named = isinstance(callback, tuple) and len(callback) == 2
    return callback[1] if named else callback


def check_callbacks(callbacks, *, name):
    """Check that callbacks are those of skorch, or pairs of a name and one.

    Raises
    ------
    ValueError
        If one is anything else.
    """
    for callback in callbacks or ():
        if not hasattr(without_name(callback), "on_train_begin"):
            raise ValueError(
                f"{name} expects callbacks of skorch, or pairs of a name and one. Got "
                f"{callback!r} among them."
            )


def resolve_verbose(verbose, callbacks):
    """Resolve `verbose` of a net: 1 where asked for, or where skorch's callbacks print.

    `PrintLog` prints in verbose nets alone.
    """
    prints = any(isinstance(without_name(c), PrintLog) for c in callbacks or ())
    return int(prints or verbose not in (0, "auto"))

"""A network that was trained, and all that its outputs depend on: `FittedNetwork`."""

import contextlib
import itertools
import math
from dataclasses import dataclass

import numpy as np
import torch

from sklcnn._validation import warn_if_other_depth, warn_if_out_of_range
from sklcnn._warnings import warn_user
from sklcnn.network._batches import padded_batches
from sklcnn.network._hardware import gradients, resolve_device, seeded, torch_threads
from sklcnn.network._lock import COMPUTING, Holding, ReadWriteLock
from sklcnn.network._memory import explained_memory_error
from sklcnn.network._modules import ImageNetwork, Standardize, evaluating
from sklcnn.network._ownership import SharedWeightsError
from sklcnn.network._saved_network import (
    DTYPES,
    FORMAT,
    NewerFormatError,
    digest,
    restore_module,
)
from sklcnn.network._spec import try_network
from sklcnn.network._statistics import pixel_extremes

PIXELS_PREDICTED = {"cpu": 2**17}
"""Target number of pixels, over all channels, in a batch of predictions."""

MAX_PREDICTED = {"cpu": 512}
"""Largest number of images in a batch of predictions."""

LEAST_PREDICTED, LEAST_PIXELS_PREDICTED = (4, 16), 2**19
"""Bounds of the least number of images in a batch of predictions, and its pixels.

At 224x224, batches of 4 are as fast as those of 16, and a single image a fourth of it.
"""


@dataclass(frozen=True)
class Origin:
    """Weights of another training that a network began with.

    Parameters
    ----------
    statistics : tuple or None, default=None
        Range, mean and standard deviation of the pixels that the weights expect; None
        once the network is loaded, when nothing chooses among statistics any more.
    is_used : bool, default=False
        Whether pixels are standardized by these.
    """

    statistics: tuple | None = None
    is_used: bool = False


class FittedNetwork:
    """Network with its weights, the range of its training pixels and number formats.

    Parameters
    ----------
    spec : NetworkSpec
        Description of the structure.
    module : ImageNetwork
        The network. Nothing else owns it.
    pixel_range : tuple of two floats
        Smallest and largest training pixel, after `pixel_scale`.
    device : str
        Device on which it computes.
    dtype : torch.dtype, default=torch.float32
        Dtype of weights and outputs.
    bfloat16 : tuple of two bool, default=(False, False)
        Whether to train and whether to predict in bfloat16.
    device_asked_for : str, default="auto"
        Device to look for where the network is loaded.

    Attributes
    ----------
    pixel_dtype : str or None
        Name of the dtype of the training images; None where it is not known.
    origin : Origin or None
        The weights that it began with; None where they were drawn.
    """

    def __init__(
        self,
        spec,
        module,
        pixel_range,
        device,
        *,
        dtype=torch.float32,
        bfloat16=(False, False),
        device_asked_for="auto",
    ):
        self.spec = spec
        self.module = module
        self.pixel_range = pixel_range
        self.device = device
        self.dtype = dtype
        self.bfloat16 = tuple(bfloat16)
        self.device_asked_for = device_asked_for
        self.pixel_dtype = None
        self.origin = None
        self.lock = ReadWriteLock()

    def move(self, device, *, dtype, bfloat16, device_asked_for="auto"):
        """Move the network to a device and to other number formats, in place."""
        with self.lock.writing() as hold, hold:
            layout = torch.channels_last
            self.module.to(device=device, dtype=dtype, memory_format=layout)
            self.device, self.dtype, self.bfloat16 = device, dtype, tuple(bfloat16)
        self.device_asked_for = device_asked_for
        return self

    def snapshot(self):
        """Remember tensors, range of pixels and number formats.

        Returns
        -------
        restore : callable
            Brings them back: the tensors themselves, not the values in them.
        """
        layers = [
            (layer, dict(layer._parameters), dict(layer._buffers))
            for layer in self.module.modules()
        ]
        tensors = [
            (parameter, parameter.data) for parameter in self.module.parameters()
        ]
        facts = {name: value for name, value in vars(self).items() if name != "lock"}
        temperature = self.module.temperature

        def restore():
            with self.lock.writing() as hold, hold:
                self.module.temperature = temperature
                for layer, parameters, buffers in layers:
                    layer._parameters.update(parameters)
                    layer._buffers.update(buffers)
                for parameter, values in tensors:
                    parameter.data = values
                vars(self).update(facts)

        return restore

    def set_statistics(self, pixel_range, mean, std):
        """Set range, mean and standard deviation of the training pixels.

        Parameters
        ----------
        pixel_range : pair of floats
            Smallest and largest pixel, after `pixel_scale`.
        mean, std : array-like of shape (n_channels,)
            Of each channel, after `pixel_scale`.
        """
        self.pixel_range = tuple(pixel_range)
        layer = Standardize(np.array(mean), np.array(std))
        self.module.standardize = layer.to(device=self.device, dtype=self.dtype)

    def number_format(self, *, training):
        """Context in which the network computes in its number format."""
        return torch.autocast(
            torch.device(self.device).type,
            dtype=torch.bfloat16,
            enabled=self.bfloat16[0 if training else 1],
        )

    @property
    def is_tuned_gently(self):
        """Whether weights of a large data set are to be kept for the most part."""
        return self.recipe == "tuned"

    @property
    def recipe(self):
        """How it is trained: "new", "continued" or "tuned", by where weights are of."""
        if self.origin is None:
            return "new"
        return "tuned" if self.spec.is_named else "continued"

    @property
    def expected_statistics(self):
        """Range, mean and standard deviation of pixels for first weights, or None."""
        return None if self.origin is None else self.origin.statistics

    @property
    def standardized_by(self):
        """Whose statistics pixels are standardized by: "images" or "weights"."""
        return (
            "weights" if self.origin is not None and self.origin.is_used else "images"
        )

    @property
    def n_features(self):
        """Number of features of an embedding, found by one run."""
        blank = np.zeros((1, *self.spec.image_shape), dtype=np.float32)
        return self.embeddings(blank, pixel_range=None, batch_size=1).shape[1]

    def logits(self, images, **options):
        """Compute the outputs of images, as `run` does."""
        return self.run(images, ImageNetwork.__call__, **options)

    def embeddings(self, images, **options):
        """Compute what enters the heads, as `run` does."""
        return self.run(images, ImageNetwork.embed, **options)

    def run(
        self,
        images,
        function,
        *,
        grad=False,
        dtype=None,
        finish=None,
        allocate=np.empty,
        batch_size=None,
        pixel_range="training",
        n_jobs=None,
        name="The network",
    ):
        """Apply a function of the network to images, in batches of one fixed size.

        What is computed for an image does not depend on the others. Several threads
        may run at a time. While the network is being trained, other threads wait for
        the end of the epoch.

        Parameters
        ----------
        images : ndarray or lazy images of shape (n_samples, ...)
            The images, of the shape that the description has.
        function : callable
            Takes the network and a batch, as a tensor of shape (n, height, width,
            n_channels) of the images' dtype on the device; returns a tensor of shape
            (n, ...).
        grad : bool, default=False
            Whether gradients can be computed within `function`.
        dtype : dtype, default=None
            Dtype of the outputs; None is that of the network.
        finish : callable, default=None
            Takes the array of shape (n, ...) of a batch, and returns what is kept of
            it, of shape (n, ...); None keeps it all.
        allocate : callable, default=numpy.empty
            Takes a shape and a dtype, and makes the array of outputs.
        batch_size : int, default=None
            Number of images in a batch; None is `prediction_batch_size`.
        pixel_range : pair of floats, "training" or None, default="training"
            Range of pixels outside which to warn: a pair, that of the training images,
            or none.
        n_jobs : int, default=None
            Number of CPU threads, as in `CNNClassifier`.
        name : str, default="The network"
            Name of the estimator in warnings.

        Returns
        -------
        outputs : ndarray of shape (n_samples, ...)
        """
        outputs, start = None, 0
        batches = self._batches(images, batch_size, pixel_range, name)
        with self.lock.reading() as hold, hold, self._evaluating():
            for batch, n_rows in batches:
                batch = self._apply(function, batch, n_rows, grad, n_jobs).numpy()
                batch = batch if finish is None else finish(batch)
                if outputs is None:  # at once, so that no outputs are held twice
                    shape = (images.shape[0], *batch.shape[1:])
                    outputs = allocate(shape, dtype or batch.dtype)
                outputs[start : start + n_rows] = batch
                start += n_rows
        return outputs

    def iterate(
        self,
        images,
        function,
        *,
        changes=False,
        batch_size=None,
        pixel_range="training",
        n_jobs=None,
        name="The network",
    ):
        """Apply a function as `run` does, and yield the outputs of each batch.

        Other threads may train the network between two batches.

        Parameters
        ----------
        images, function : as in `run`
            The images and the function.
        changes : bool, default=False
            Whether the function changes the network, which no other thread is to use
            at the same time.
        batch_size, pixel_range, n_jobs, name : as in `run`
            What `run` takes as well.

        Yields
        ------
        outputs : tensor of shape (n, ...)
            On the CPU, in the dtype of the network.
        """
        make_hold = self.lock.writing if changes else self.lock.reading
        for batch, n_rows in self._batches(images, batch_size, pixel_range, name):
            with make_hold() as hold, hold, self._evaluating():
                outputs = self._apply(function, batch, n_rows, False, n_jobs)
            yield outputs

    def _batches(self, images, batch_size, pixel_range, name):
        """Cut images into padded batches, and warn where their range is another one."""
        batches = padded_batches(
            images,
            batch_size or self.prediction_batch_size(),
            image_shape=self.spec.image_shape,
            device=self.device,
        )
        first, n_first = next(batches)
        known_range = self.pixel_range if pixel_range == "training" else pixel_range
        if known_range is not None:
            # of images that are read by batches, those that are there tell the range
            is_array = isinstance(images, np.ndarray)
            seen = images if is_array else first[:n_first].cpu().numpy()
            warn_if_out_of_range(
                pixel_extremes(seen), known_range, n_images=len(seen), name=name
            )
            if not is_array:
                warn_if_other_depth(images.dtype, self.pixel_dtype, name=name)
        return itertools.chain([(first, n_first)], batches)

    def _apply(self, function, batch, n_rows, grad, n_jobs):
        """Apply a function of the network to a batch, and leave its padding out."""
        with (
            torch_threads(n_jobs) as limit,
            limit,
            COMPUTING.reading() as hold,
            hold,
            gradients(grad) as mode,
            mode,
            self.number_format(training=False),
            explained_memory_error(f"predicting on batches of {len(batch)} images"),
        ):
            outputs = function(self.module, batch)[:n_rows].detach()
            return outputs.to("cpu", self.dtype)

    def _evaluating(self):
        """Context of evaluation, in which the network is but for its training."""
        if self.lock.is_writing():
            return evaluating(self.module)
        self.module.eval()
        return contextlib.nullcontext()

    def freezing(self, frozen):
        """Context in which part of the network is not trained.

        Parameters
        ----------
        frozen : {"nothing", "normalization", "body"}
            As in `ImageNetwork`. Of a frozen body no gradients are computed.

        Returns
        -------
        freezing : Holding
            For a `with` block.
        """
        return _Freezing(self.module, frozen)

    def prediction_batch_size(self):
        """Size that depends on the shape of an image alone: see `padded_batches`."""
        kind = torch.device(self.device).type
        n_pixels = math.prod(self.spec.body_shape)
        target = PIXELS_PREDICTED.get(kind, 2**22) / n_pixels
        least = np.clip(LEAST_PIXELS_PREDICTED / n_pixels, *LEAST_PREDICTED)
        size = np.clip(target, least, MAX_PREDICTED.get(kind, 4096))
        return 2 ** round(math.log2(size))

    def draw_weights(self, seed):
        """Draw initial weights anew, and leave pixel statistics as they are.

        Raises
        ------
        ValueError
            If the network began with weights that can't be drawn.
        """
        if self.origin is not None:
            raise ValueError(
                "The network began with weights of another training, and `fit` of its "
                "skorch net would draw random ones. Fit the classifier, which takes "
                "those weights again, or train on with `net_.partial_fit`."
            )
        fresh = build_module(self.spec, seed, self.device)[1].body
        with self.lock.writing() as hold, hold:
            self.module.body.load_state_dict(fresh.state_dict())
            self.module.temperature = 1.0

    def state(self, sealed=None):
        """Give everything as plain values and numpy arrays, with a digest.

        Parameters
        ----------
        sealed : dict, default=None
            Further plain values that the digest is to cover.

        Returns
        -------
        state : dict
        """
        # not amid an epoch, and copied before the next
        with self.lock.reading() as hold, hold:
            state = {
                "format": FORMAT,
                "spec": self.spec.as_dict(),
                "pixel_range": [float(end) for end in self.pixel_range],
                "pixel_dtype": self.pixel_dtype,
                "dtype": str(self.dtype).removeprefix("torch."),
                "bfloat16": [bool(value) for value in self.bfloat16],
                "device": self.device_asked_for,
                "weights": {
                    name: tensor.detach().cpu().clone().numpy()
                    for name, tensor in self.module.state_dict().items()
                },
            }
            if self.origin is not None:
                by = self.standardized_by
                state |= {"is_pretrained": True, "standardized_by": by}
            if self.module.temperature != 1:
                state["temperature"] = self.module.temperature
        return state | {"digest": digest(state, sealed)}

    @classmethod
    def from_state(cls, state, sealed=None, *, name):
        """Make a fitted network of what `state` gave.

        No optimizer and no callback is made, and nothing else is asked.

        Parameters
        ----------
        state : dict
            The state.
        sealed : dict, default=None
            The further values that the digest covers.
        name : str
            Name of the estimator, for messages.

        Returns
        -------
        network : FittedNetwork

        Raises
        ------
        ValueError
            If the state is damaged, or newer than this version of sklcnn.
        """
        try:
            with (
                torch_threads(None) as limit,
                limit,
                seeded(0, "cpu") as seeds,
                seeds,
                gradients(True) as mode,
                mode,
            ):
                return cls._from_state(state, sealed, name)
        except NewerFormatError as error:
            raise ValueError(f"The saved {name} {error}") from error
        except SharedWeightsError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            known = isinstance(error, ValueError)
            problem = error if known else f"{type(error).__name__}: {error}"
            raise ValueError(f"The saved {name} is damaged: {problem}.") from error

    @classmethod
    def _from_state(cls, state, sealed, name):
        spec, module = restore_module(state, sealed)
        formats = {"dtype": DTYPES[state["dtype"]], "bfloat16": state["bfloat16"]}
        low, high = map(float, state["pixel_range"])
        network = cls(spec, module.eval(), (low, high), "cpu")
        network.pixel_dtype = state.get("pixel_dtype")
        if state.get("is_pretrained", False):
            is_used = state.get("standardized_by", "images") == "weights"
            network.origin = Origin(is_used=is_used)
        device = _find_device(state["device"], name)
        return network.move(device, **formats, device_asked_for=state["device"])

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name != "lock"}

    def __setstate__(self, state):
        vars(self).update(state, lock=ReadWriteLock())


def build_module(spec, seed, device):
    """Build a network with initial weights; try it where another function builds it.

    Parameters
    ----------
    spec : NetworkSpec
        Description of the network.
    seed : int
        Seed of the weights.
    device : str
        Device whose generator is seeded, beside that of the CPU.

    Returns
    -------
    spec : NetworkSpec
        With the heads that were found.
    module : ImageNetwork
        The network, on the CPU or where the function put it.
    """
    with seeded(seed, device) as seeds, seeds:
        if spec.is_named:
            return spec.build_tried()
        module = spec.build()
        if spec.kind == "callable":
            spec = try_network(spec, module)
    return spec, module


class _Freezing(Holding):
    """Context in which part of a network is not trained."""

    def __init__(self, module, frozen):
        self.module, self.frozen = module, frozen
        self.before, self.kept = module.frozen, []
        if frozen == "body":
            self.kept = [
                parameter
                for path, parameter in module.body.named_parameters()
                if parameter.requires_grad and not module.is_in_head(path)
            ]

    def take(self):
        """Freeze it."""
        self.module.frozen = self.frozen
        for parameter in self.kept:
            parameter.requires_grad_(False)

    def give_back(self):
        """Let it be trained as before."""
        for parameter in self.kept:
            parameter.requires_grad_(True)
        self.module.frozen = self.before


def _find_device(device, name):
    try:
        return resolve_device(device, name=name)
    except ValueError:
        warn_user(
            f"This {name} was made for device={device!r}, which is not here: it runs "
            "on the CPU instead."
        )
        return "cpu"

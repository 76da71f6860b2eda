"""The peers, each behind one function, and imported only there.

A function takes uint8 images and their labels, and gives a `Model` of the default
layers, to be trained in batches of 128. What is not installed, or can't be imported,
raises `MissingPeerError`.
"""

import os
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from sklcnn import CNNClassifier
from sklcnn.network._convnet import build_convnet, resolve_layout
from sklcnn.network._spec import CONVNET_DEFAULTS

BATCH_SIZE = 128


class MissingPeerError(Exception):
    """A package that is to be measured is not there."""


class Model(NamedTuple):
    """A network at hand, on data at hand.

    Attributes
    ----------
    train : callable
        Takes the number of epochs and a function to call after each of them.
    predict_proba : callable
        Takes images.
    prepare : callable
        Takes uint8 images to what `predict_proba` takes.
    """

    train: Callable
    predict_proba: Callable
    prepare: Callable


def load(name):
    """Import a module that may be missing."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    try:
        with warnings.catch_warnings(action="ignore"):
            return import_module(name)
    except Exception as error:  # a peer that is broken is no peer
        raise MissingPeerError(f"{name} is not there: {error}") from error


def attempt(prepare, *arguments, **keywords):
    """Prepare something with a peer; None where the peer is missing."""
    try:
        return prepare(*arguments, **keywords)
    except MissingPeerError as error:
        print(error)
        return None


def default_layers(image_shape, n_classes=10):
    """Build the default layers of the classifier."""
    layout = resolve_layout(image_shape, **CONVNET_DEFAULTS)
    return build_convnet(image_shape, n_classes, layout)


class Standard:
    """Bring uint8 images to standardized floats, as the peers expect them.

    Parameters
    ----------
    X : ndarray of shape (n_samples, height, width) or (..., n_channels)
        Training images, uint8.
    channels_first : bool
        Where the channels go.
    """

    def __init__(self, X, *, channels_first):
        self.channels_first = channels_first
        axes = (0, 1, 2)
        self.mean = X.mean(axes, dtype=np.float64) / 255
        self.std = X.std(axes, dtype=np.float64) / 255

    def __call__(self, X):
        """Standardize images."""
        pixels = (X / np.float32(255) - self.mean) / self.std
        pixels = pixels.reshape(*X.shape[:3], -1).astype(np.float32)
        if self.channels_first:
            pixels = pixels.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(pixels)


def image_shape_of(X):
    """Tell height, width and number of channels."""
    return (*X.shape[1:3], X.shape[3] if X.ndim == 4 else 1)


def sklcnn_model(X, y, *, n_classes=10, **parameters):
    """Take this package: uint8 images as they are."""
    parameters = {"batch_size": BATCH_SIZE, "random_state": 0, **parameters}
    model = CNNClassifier(**parameters)
    model.partial_fit(X[:BATCH_SIZE], y[:BATCH_SIZE], classes=np.arange(n_classes))

    def train(n_epochs, after_epoch=lambda: None):
        for _ in range(n_epochs):
            model.partial_fit(X, y)
            after_epoch()

    return Model(train, model.predict_proba, lambda images: images)


def skorch_model(X, y, *, module=None, n_classes=10, **parameters):
    """Take bare skorch, with its own loop: float32, channels first."""
    skorch = load("skorch")
    prepare = Standard(X, channels_first=True)
    known = {
        "criterion": nn.CrossEntropyLoss,
        "train_split": None,
        "batch_size": BATCH_SIZE,
        "iterator_train__shuffle": True,
        "max_epochs": 1,
        "verbose": 0,
    }
    if module is None:
        module = default_layers(image_shape_of(X), n_classes)
    net = skorch.NeuralNetClassifier(module, **known, **parameters).initialize()
    pixels, targets = prepare(X), y.astype(np.int64)

    def train(n_epochs, after_epoch=lambda: None):
        for _ in range(n_epochs):
            net.partial_fit(pixels, targets)
            after_epoch()

    return Model(train, net.predict_proba, prepare)


def keras_layers(image_shape, n_classes=10):
    """Build the default layers in Keras, with torch's constants, and choose Adam."""
    keras = load("keras")
    layers = keras.layers
    model = keras.Sequential([keras.Input(image_shape)])
    for block in resolve_layout(image_shape, **CONVNET_DEFAULTS)["blocks"]:
        model.add(
            layers.Conv2D(
                block["channels"],
                block["kernel"],
                strides=block["stride"],
                padding="same",
                use_bias=False,
            )
        )
        if max(block["pool"]) > 1:
            model.add(layers.MaxPooling2D(block["pool"]))
        model.add(layers.BatchNormalization(momentum=0.9, epsilon=1e-5))
        model.add(layers.ReLU())
    model.add(layers.Flatten())
    model.add(layers.Dense(128, activation="relu"))
    model.add(layers.Dense(n_classes, activation="softmax"))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    return model


def keras_model(X, y, *, n_classes=10):
    """Take Keras 3 on torch, through scikeras: float32, channels last, Adam."""
    keras = load("keras")
    wrappers = load("scikeras.wrappers")
    prepare = Standard(X, channels_first=False)
    pixels = prepare(X)
    model = wrappers.KerasClassifier(
        model=keras_layers,
        model__image_shape=image_shape_of(X),
        model__n_classes=n_classes,
        batch_size=BATCH_SIZE,
        verbose=0,
    )
    model.partial_fit(pixels[:BATCH_SIZE], y[:BATCH_SIZE])
    network = model.model_

    def train(n_epochs, after_epoch=lambda: None):
        callback = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: after_epoch()
        )
        network.fit(
            pixels,
            y,
            batch_size=BATCH_SIZE,
            epochs=n_epochs,
            callbacks=[callback],
            verbose=0,
        )

    return Model(train, model.predict_proba, prepare)


def fastai_loader(pixels, targets, **options):
    """Feed arrays to fastai."""
    targets = torch.from_numpy(targets.astype(np.int64))
    data = torch.utils.data.TensorDataset(torch.from_numpy(pixels), targets)
    make = load("fastai.basics").DataLoader
    return make(data, bs=BATCH_SIZE, num_workers=0, **options)


def fastai_model(X, y, *, n_classes=10):
    """Take fastai, with Adam and `fit_one_cycle`: float32, channels first."""
    basics = load("fastai.basics")
    load("fastai.callback.schedule")  # gives a learner `fit_one_cycle`
    prepare = Standard(X, channels_first=True)
    pixels = prepare(X)
    train_loader = fastai_loader(pixels, y, shuffle=True)
    one_image = fastai_loader(pixels[:1], y[:1])  # fastai can't do without validation
    learner = basics.Learner(
        basics.DataLoaders(train_loader, one_image, device="cpu"),
        default_layers(image_shape_of(X), n_classes),
        loss_func=basics.CrossEntropyLossFlat(),
    )

    in_training = False

    class Asking(basics.Callback):
        def __init__(self, function):
            self.function = function

        def after_epoch(self):
            nonlocal in_training
            if not in_training:  # asking for predictions comes here, too
                return
            in_training = False
            self.function()
            in_training = True

    def train(n_epochs, after_epoch=lambda: None):
        nonlocal in_training
        in_training = True
        with learner.no_bar(), learner.no_logging():
            learner.fit_one_cycle(n_epochs, cbs=Asking(after_epoch))
        in_training = False

    def predict_proba(images):
        images = fastai_loader(images, np.zeros(len(images)))
        with learner.no_bar(), learner.no_logging():
            return learner.get_preds(dl=images)[0].numpy()

    return Model(train, predict_proba, prepare)


PEERS = {"skorch": skorch_model, "Keras 3": keras_model, "fastai": fastai_model}

"""Calibrating a training: its temperature, from images that it is not trained on."""

import math
from dataclasses import replace

from sklcnn._validation_data import set_rows_aside
from sklcnn.images import AugmentedImages
from sklcnn.network import (
    build_network,
    fit_temperature,
    make_net,
    plain,
    plan_training,
)

LEAST_ROWS = 20
"""Number of images under which no temperature is fitted."""

MOST_ROWS = 500
"""Number of images that are enough to fit a temperature."""

SHARE, SHARE_IF_RANDOM, LEAST_EPOCHS = 0.25, 0.5, 8
"""Number of epochs of the auxiliary network, as a share of those of the training, with
random steps and without, and in numbers."""


def calibrate_before(training, data, classes, estimator):
    """Set the temperature of a network that begins to be trained on all images.

    An auxiliary network is trained on a part of the images, and the temperature fitted
    to the others. That network is not kept.

    Parameters
    ----------
    training : Training
        The training, as planned.
    data : TrainingData
        What it trains on.
    classes : ndarray of shape (n_classes,)
        Class labels.
    estimator : CNNClassifier
        The estimator.
    """
    begins = not len(training.net.history)
    if begins and data.valid is None and _is_calibrated(training, estimator):
        set_temperature(training, _find_temperature(training, data, classes, estimator))


def calibrate_after(training, estimator):
    """Set the temperature of a trained network, by the images it was validated on."""
    if training.valid is not None and _is_calibrated(training, estimator):
        network, valid = training.net.network, training.valid
        set_temperature(training, _temperature_on(network, valid, estimator.n_jobs))


def set_temperature(training, temperature):
    """Set what logits are divided by."""
    network = training.net.network
    with network.lock.writing():
        network.module.temperature = temperature


def _is_calibrated(training, estimator):
    is_new = not training.net.network.is_pretrained and not estimator.freeze
    return is_new and estimator.calibration_fraction > 0


def _find_temperature(training, data, classes, estimator):
    """Train an auxiliary network, and fit a temperature to images left out."""
    network, seed = training.net.network, training.net.seed
    fraction = min(estimator.calibration_fraction, MOST_ROWS / len(data.rows))
    if fraction * len(data.rows) < LEAST_ROWS:
        return 1.0
    data = set_rows_aside(data, classes, fraction, seed)
    share = SHARE_IF_RANDOM if isinstance(data.images, AugmentedImages) else SHARE
    n_epochs = max(math.ceil(share * training.n_epochs), LEAST_EPOCHS)
    parameters = estimator.get_params(deep=False) | {
        "callbacks": None,
        "verbose": 0,
        "max_epochs": min(n_epochs, training.n_epochs),
    }
    other = build_network(
        parameters,
        network.spec.image_shape,
        len(classes),
        seed=seed,
        name=type(estimator).__name__,
    )
    other.module.standardize = network.module.standardize
    other.pixel_range = network.pixel_range
    net = make_net(other, parameters, seed=seed)
    plan = plan_training(net, replace(data, valid=None), parameters)
    net.run_training(plan, n_jobs=estimator.n_jobs)
    return _temperature_on(other, data.valid, estimator.n_jobs)


def _temperature_on(network, data, n_jobs):
    """Fit the temperature of a network to images that it was not trained on."""
    rows = data.rows
    images = plain(data.images)[rows]
    logits = network.logits(images, n_jobs=n_jobs, pixel_range=None)
    logits *= network.module.temperature
    return fit_temperature(logits, data.targets[rows], data.weights[rows])

"""Calibrating a training: its temperature, from images that it is not trained on."""

import math
from dataclasses import replace

import numpy as np

from sklcnn._validation_data import set_rows_aside
from sklcnn._warnings import warn_user
from sklcnn.images import AugmentedImages
from sklcnn.images._mapped import rows_of
from sklcnn.network import (
    build_network,
    fit_temperature,
    make_net,
    plain,
    plan_training,
)

PARAMETER = "calibration_fraction"
"""Parameter of the estimator that sets images aside."""

LEAST_ROWS = 20
"""Number of images under which no temperature is fitted."""

MOST_ROWS, MANY_ROWS_HELD_OUT = 500, 2000
"""Number of images that are enough to fit a temperature, and number that
`calibration_fraction` must come to for them to be left out of the training itself."""

SHARE, SHARE_IF_RANDOM, LEAST_EPOCHS = 0.25, 0.5, 8
"""Epochs of the auxiliary network, as a share of those of the training without random
steps and with them, and their least number."""


def hold_out(data, classes, estimator, seed):
    """Set some of many images aside, which cost less than an auxiliary network.

    Parameters
    ----------
    data : TrainingData
        What to train on.
    classes : ndarray of shape (n_classes,)
        Class labels.
    estimator : CNNClassifier
        The estimator.
    seed : int
        Seed of the random choice.

    Returns
    -------
    data : TrainingData
        What to train on.
    held_out : TrainingData or None
        Images that are not trained on, if there are any: those to validate on, or some
        of many.
    """
    if data.valid is not None or not _is_wanted(estimator):
        return data, data.valid
    if estimator.calibration_fraction * len(data.rows) < MANY_ROWS_HELD_OUT:
        return data, None
    split = _set_aside(data, classes, MOST_ROWS / len(data.rows), seed)
    return replace(split, valid=None), split.valid


def calibrate_before(training, data, held_out, classes, estimator, *, extends=False):
    """Set the temperature of a network that begins to be trained on all images.

    An auxiliary network is trained on a part of the images, and the temperature fitted
    to the others. That network is not kept.

    Parameters
    ----------
    training : Training
        The training, as planned.
    data : TrainingData
        What it trains on.
    held_out : TrainingData or None
        Images that are not trained on, which serve afterwards.
    classes : ndarray of shape (n_classes,)
        Class labels.
    estimator : CNNClassifier
        The estimator.
    extends : bool, default=False
        Whether the training goes on from the checkpoint of a shorter one, whose
        auxiliary network was trained for fewer epochs.
    """
    begins = extends or not len(training.net.history)
    is_drawn = training.net.network.origin is None
    if held_out is None and begins and is_drawn and _is_wanted(estimator):
        set_temperature(training, _find_temperature(training, data, classes, estimator))


def calibrate_after(training, held_out, estimator):
    """Set the temperature of a trained network, by images it was not trained on."""
    if held_out is not None and _is_wanted(estimator):
        network, n_jobs = training.net.network, estimator.n_jobs
        set_temperature(training, _temperature_on(network, held_out, n_jobs))


def set_temperature(training, temperature):
    """Set what logits are divided by."""
    network = training.net.network
    with network.lock.writing() as hold, hold:
        network.module.temperature = temperature


def _is_wanted(estimator):
    return estimator.calibration_fraction > 0 and not estimator.freeze


def _set_aside(data, classes, fraction, seed):
    """Set images aside to calibrate on; none, with a warning, where that can't be."""
    try:
        return set_rows_aside(data, classes, fraction, seed, parameter=PARAMETER)
    except ValueError as error:
        warn_user(str(error))
        return data


def _find_temperature(training, data, classes, estimator):
    """Train an auxiliary network, and fit a temperature to images left out."""
    network, seed = training.net.network, training.net.seed
    fraction = min(estimator.calibration_fraction, MOST_ROWS / len(data.rows))
    if fraction * len(data.rows) < LEAST_ROWS:
        return 1.0
    data = _set_aside(data, classes, fraction, seed)
    if data.valid is None:
        return 1.0
    share = SHARE_IF_RANDOM if isinstance(data.images, AugmentedImages) else SHARE
    n_epochs = max(math.ceil(share * training.n_epochs), LEAST_EPOCHS)
    n_epochs = min(n_epochs, training.n_epochs)
    parameters = estimator.get_params(deep=False) | {
        "callbacks": None,
        "verbose": 0,
        "max_epochs": n_epochs,
        "n_frozen_epochs": estimator.n_frozen_epochs * n_epochs // training.n_epochs,
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
    rows = np.sort(data.rows)
    images = rows_of(plain(data.images), rows)
    logits = network.logits(images, n_jobs=n_jobs, pixel_range=None)
    logits *= network.module.temperature
    return fit_temperature(logits, data.targets[rows], data.weights[rows])

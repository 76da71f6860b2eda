"""Calibrating a training: its temperature, from images that it is not trained on."""

import math
from dataclasses import replace

import numpy as np

from sklcnn._rows import evenly_spaced
from sklcnn._validation_data import set_rows_aside
from sklcnn._warnings import warn_user
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

LEAST_ROWS = 50
"""Number of images that must be set aside for a temperature to be fitted, and that an
auxiliary network must have."""

MOST_ROWS = 500
"""Number of images that are enough to fit a temperature."""

LEAST_SHARE = 1 / 3
"""Share of the images that an auxiliary network must have."""

MANY_ROWS = 10_000
"""Number of images of which some are left out of the training itself."""

SHARE, LEAST_EPOCHS = 0.25, 5
"""Epochs of auxiliary networks, as a share of those of the training, and their least
number: networks that have hardly learnt anything tell nothing of longer trainings."""

MOST_ROWS_OF_SPREAD = 200
"""Number of images that are enough to tell how far logits spread."""

MOST_GROWTH = 10.0
"""Factor by which a temperature is raised or lowered at most; 3 was the most seen."""


def hold_out(data, classes, estimator, seed):
    """Set some of many images aside, which costs less than auxiliary networks.

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
        Images that are not trained on, if there are enough: those to validate on, or
        some of many.
    """
    if not _is_wanted(estimator):
        return data, None
    if data.valid is not None:
        return data, data.valid if len(data.valid.rows) >= LEAST_ROWS else None
    share = _share_of(data, estimator)
    if not share or len(data.rows) < MANY_ROWS:
        return data, None
    try:
        split = set_rows_aside(data, classes, share, seed, parameter=PARAMETER)
    except ValueError:  # which `calibrate_before` warns of
        return data, None
    if not LEAST_ROWS <= len(split.valid.rows) <= 2 * MOST_ROWS:  # of large groups
        return data, None
    return replace(split, valid=None), split.valid


def calibrate_before(training, data, held_out, classes, estimator):
    """Calibrate a network that is to be trained on all images, as far as that goes.

    Auxiliary networks are trained on a part of the images each, and a temperature is
    fitted to the others. They are not kept. A network that was calibrated before, and
    is trained on, needs none: its temperature follows its logits.

    Parameters
    ----------
    training : Training
        The training, as planned. Its `spread` is set.
    data : TrainingData
        What it trains on.
    held_out : TrainingData or None
        Images that are not trained on, which serve afterwards.
    classes : ndarray of shape (n_classes,)
        Class labels.
    estimator : CNNClassifier
        The estimator.
    """
    network = training.net.network
    if not _is_wanted(estimator):
        set_temperature(training, 1.0)
    elif held_out is not None or training.spread is not None:
        return  # calibrated afterwards, or resumed
    elif network.module.temperature != 1:
        training.spread = _spread(network, data, estimator.n_jobs)
    elif network.origin is None:
        temperature, training.spread = _learn(training, data, classes, estimator)
        set_temperature(training, temperature)


def calibrate_after(training, data, held_out, estimator):
    """Calibrate a trained network.

    By images that it was not trained on; else the temperature of auxiliary networks,
    or of an earlier training, is raised as far as its logits are larger than theirs,
    which grow as long as a network is trained. Nothing is done before an epoch ended.

    Parameters
    ----------
    training, data, held_out, estimator
        As in `calibrate_before`.
    """
    network, n_jobs = training.net.network, estimator.n_jobs
    if not training.n_done:
        return
    if held_out is not None:
        set_temperature(training, _fit([_logits(network, held_out, n_jobs)]))
    elif training.spread is not None:
        growth = _spread(network, data, n_jobs) / training.spread
        growth = float(np.clip(growth, 1 / MOST_GROWTH, MOST_GROWTH))
        set_temperature(training, network.module.temperature * growth)


def set_temperature(training, temperature):
    """Set what logits are divided by."""
    network = training.net.network
    with network.lock.writing() as hold, hold:
        network.module.temperature = temperature


def _is_wanted(estimator):
    return estimator.calibration_fraction > 0 and not estimator.freeze


def _share_of(data, estimator):
    """Find the share of the images to set aside; 0 where that would be too few."""
    share = min(estimator.calibration_fraction, MOST_ROWS / len(data.rows))
    return share if share * len(data.rows) >= LEAST_ROWS else 0.0


def _learn(training, data, classes, estimator):
    """Train auxiliary networks, and calibrate them.

    Returns
    -------
    temperature : float
        Their temperature.
    spread : float or None
        How far their logits spread; None where there are no networks.
    """
    share = _share_of(data, estimator)
    if not share or training.n_epochs < LEAST_EPOCHS:
        return 1.0, None
    held_out, spreads = [], []
    for part in _parts(data, classes, share, training.net.seed):
        network = _train_beside(training, part, classes, estimator)
        rows = evenly_spaced(np.sort(part.valid.rows), MOST_ROWS)
        valid = replace(part.valid, rows=rows)
        logits, *others = _logits(network, valid, estimator.n_jobs)
        spreads.append(_spread(network, part, estimator.n_jobs))
        held_out.append((logits / spreads[-1], *others))
    if not spreads:
        return 1.0, None
    spread = float(np.mean(spreads))
    return _fit([(logits * spread, *others) for logits, *others in held_out]), spread


def _parts(data, classes, share, seed):
    """Split images into those to train on and others; where half are, both ways.

    Parts that are too small are left out. Where none is left, a warning says so.
    """
    data = replace(data, valid=None)
    try:
        part = set_rows_aside(data, classes, share, seed, parameter=PARAMETER)
    except ValueError as error:
        warn_user(str(error))
        return []
    parts = [part]
    if share == 0.5:
        known = np.isin(data.targets[part.rows], data.targets[part.valid.rows])
        others = replace(data, rows=part.rows[known])
        parts.append(replace(data, rows=part.valid.rows, valid=others))
    usable = [part for part in parts if _is_enough(part, len(data.rows))]
    if not usable and data.groups is not None:
        warn_user(
            "Probabilities are not calibrated. The groups are too uneven: of "
            f"{len(data.rows)} images, at least {LEAST_ROWS} must be set aside, and a "
            "third be left to train on. Use smaller groups, images of your own as "
            "X_val, or calibration_fraction=0, which asks for no calibration."
        )
    return usable


def _is_enough(part, n_rows):
    """Whether there are enough images to train on and to calibrate on."""
    least = max(LEAST_ROWS, LEAST_SHARE * n_rows)
    return len(part.rows) >= least and len(part.valid.rows) >= LEAST_ROWS


def _train_beside(training, part, classes, estimator):
    """Train a network of the same layers on a part of the images, for fewer epochs."""
    network, seed = training.net.network, training.net.seed
    n_epochs = max(math.ceil(SHARE * training.n_epochs), LEAST_EPOCHS)
    parameters = estimator.get_params(deep=False) | {
        "callbacks": None,
        "early_stopping": False,
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
    plan = plan_training(net, replace(part, valid=None), parameters)
    net.run_training(
        plan, n_jobs=estimator.n_jobs, progress=estimator.verbose, title="calibration"
    )
    return other


def _logits(network, data, n_jobs):
    """Compute logits before the temperature; give them with targets and weights."""
    rows = np.sort(data.rows)
    images = rows_of(plain(data.images), rows)
    logits = network.logits(images, n_jobs=n_jobs, pixel_range=None)
    logits *= network.module.temperature
    return logits, data.targets[rows], data.weights[rows]


def _spread(network, data, n_jobs):
    """Find how far the logits of images that were trained on spread, in one image.

    It is the root of the mean square of their distance from their mean.
    """
    step = math.ceil(len(data.rows) / MOST_ROWS_OF_SPREAD)
    logits, _, _ = _logits(network, replace(data, rows=data.rows[::step]), n_jobs)
    logits -= logits.mean(axis=1, keepdims=True)
    spread = math.sqrt(np.mean(np.square(logits, dtype=np.float64)))
    return max(spread, float(np.finfo(np.float32).tiny))


def _fit(held_out):
    """Fit a temperature to logits, targets and weights of several networks."""
    return fit_temperature(*map(np.concatenate, zip(*held_out, strict=True)))

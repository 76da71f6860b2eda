"""What every "auto" comes to: pure functions of the task at hand."""

import math

import numpy as np
import torch

from sklcnn.network._hardware import trains_fast_in_bfloat16

TOTAL_DECAY, MAX_DECAY = 0.2, 0.02
"""`weight_decay="auto"` times the sum of all learning rates, and its upper bound."""

DECAY_OF_PARTIAL_FIT = 5e-4
"""`weight_decay="auto"` where the number of steps is not known."""

MIN_EPOCHS, MAX_EPOCHS, TARGET_STEPS = 10, 100, 1000
"""Bounds on the number of epochs, and the target number of steps."""


def resolve_batch_size(batch_size, n_rows):
    """Resolve "auto" to a power of two near a fiftieth of the rows, 16 to 128."""
    if batch_size == "auto":
        return int(np.clip(2 ** round(math.log2(n_rows / 50)), 16, 128))
    return batch_size


def resolve_max_epochs(max_epochs, n_steps):
    """Resolve "auto" to as many epochs as reach a target number of steps.

    Parameters
    ----------
    max_epochs : int or "auto"
        Parameter of the estimator.
    n_steps : int
        Number of steps per epoch.

    Returns
    -------
    n_epochs : int
    """
    if max_epochs == "auto":
        return min(max(math.ceil(TARGET_STEPS / n_steps), MIN_EPOCHS), MAX_EPOCHS)
    return int(max_epochs)


def resolve_weight_decay(weight_decay, learning_rates):
    """Resolve "auto" to a decay that pulls alike in trainings of any length.

    Parameters
    ----------
    weight_decay : float or "auto"
        Parameter of the estimator.
    learning_rates : ndarray of float
        The learning rates of all steps.

    Returns
    -------
    weight_decay : float
    """
    if weight_decay == "auto":
        return min(TOTAL_DECAY / float(learning_rates.sum()), MAX_DECAY)
    return float(weight_decay)


def resolve_precision(precision, device):
    """Resolve the parameter `precision` to number formats.

    Returns
    -------
    dtype : torch.dtype
        Of weights and losses.
    bfloat16 : tuple of two bool
        Whether to train and whether to predict in bfloat16.
    """
    dtype = torch.float64 if precision == "float64" else torch.float32
    in_silicon = precision == "auto" and trains_fast_in_bfloat16(device)
    return dtype, (precision == "bfloat16" or in_silicon, precision == "bfloat16")

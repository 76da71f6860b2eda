"""What every "auto" comes to: pure functions of the task at hand."""

import math

import numpy as np
import torch

from sklcnn.network._hardware import trains_fast_in_bfloat16

TOTAL_DECAY, MAX_DECAY = 0.2, 0.02
"""`weight_decay="auto"` times the sum of all learning rates, and its upper bound."""

DECAY_OF_PARTIAL_FIT = 5e-4
"""`weight_decay="auto"` where the number of steps is not known."""

MIN_EPOCHS, MAX_EPOCHS, TARGET_STEPS = 7, 50, 1000
"""Bounds on the number of epochs, and the target number of steps."""

LONGER_IF_MANY, LONGER_IF_FEW = 1.5, 3.0
"""Factors of the bounds on the number of epochs where images are never the same twice:
of the lower bound, which many images have, and of the upper one and the target."""

MAX_EPOCHS_PRETRAINED = 6
"""Number of epochs of networks with weights; the first one solves the last layer."""

LEARNING_RATES = {
    "new": {"sgd": 0.05, "adamw": 1e-3},
    "continued": {"sgd": 0.02, "adamw": 1e-3},
    "tuned": {"sgd": 2e-3, "adamw": 1e-4},
}
"""Learning rate by recipe and optimizer: for weights that are drawn, of a network of
one's own, and of a named network."""


def resolve_optimizer(optimizer, is_pretrained):
    """Resolve "auto" to AdamW for networks that began with weights, else to SGD."""
    if optimizer == "auto":
        return "adamw" if is_pretrained else "sgd"
    return optimizer


FEW_ROWS, MOST = 300, 3.0
"""Number of images from which rates of networks with weights rise, and how far."""


MAX_EPOCHS_OF_HEAD = 30
"""Number of epochs that train the last layers alone, where they can't be solved."""


def resolve_learning_rate(learning_rate, optimizer, recipe, n_rows=0):
    """Resolve "auto" to the rate that suits an optimizer, as `resolve_optimizer`.

    For named networks it rises with the root of the number of images, up to three
    times: few images are soon learnt by heart.
    """
    if learning_rate != "auto":
        return float(learning_rate)
    rate = LEARNING_RATES[recipe][optimizer]
    if recipe == "tuned":
        rate *= min(max(math.sqrt(n_rows / FEW_ROWS), 1.0), MOST)
    return rate


def resolve_factor(factor):
    """Resolve `backbone_learning_rate_factor`: "auto" is 1."""
    return 1.0 if factor == "auto" else float(factor)


def resolve_batch_size(batch_size, n_rows):
    """Resolve "auto" to a power of two near a fiftieth of the rows, 16 to 128."""
    if batch_size == "auto":
        return int(np.clip(2 ** round(math.log2(n_rows / 50)), 16, 128))
    return batch_size


def resolve_max_epochs(max_epochs, n_steps, is_pretrained=False, is_random=False):
    """Resolve "auto" to as many epochs as reach a target number of steps.

    Parameters
    ----------
    max_epochs : int or "auto"
        Parameter of the estimator.
    n_steps : int
        Number of steps per epoch.
    is_pretrained : bool, default=False
        Whether the network began with weights: few epochs do then.
    is_random : bool, default=False
        Whether images are transformed or mixed at random: they are learnt more slowly
        then, and can be learnt for longer.

    Returns
    -------
    n_epochs : int
    """
    if max_epochs != "auto":
        return int(max_epochs)
    if is_pretrained:
        return MAX_EPOCHS_PRETRAINED
    least, most, target = MIN_EPOCHS, MAX_EPOCHS, TARGET_STEPS
    if is_random:
        least, most = LONGER_IF_MANY * least, LONGER_IF_FEW * most
        target *= LONGER_IF_FEW
    return int(min(max(math.ceil(target / n_steps), least), most))


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

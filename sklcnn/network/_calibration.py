"""Temperature scaling: what logits are divided by, so that probabilities are honest."""

import math

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

MAX_LOG_TEMPERATURE = 3.0

PRIOR_SCALE = 0.5
"""Standard deviation of the logarithm of temperatures, before any image is seen."""


def fit_temperature(logits, targets, weights):
    """Fit a temperature to images that were not trained on.

    It maximizes the likelihood of the labels [1]_ times a normal prior of the
    logarithm, which keeps a few images, all of them right, from making it near zero.

    Parameters
    ----------
    logits : ndarray of shape (n, n_classes)
        Logits of the images.
    targets : ndarray of shape (n,)
        Class numbers.
    weights : ndarray of shape (n,)
        Weights of the images.

    Returns
    -------
    temperature : float
        1 where there is no image.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern
       neural networks", 2017.
    """
    logits = np.asarray(logits, dtype=np.float64)
    rows = np.arange(len(targets))

    def loss(log_temperature):
        scaled = log_softmax(logits / math.exp(log_temperature), axis=1)
        prior = (log_temperature / PRIOR_SCALE) ** 2 / 2
        return prior - weights @ scaled[rows, targets]

    bounds = -MAX_LOG_TEMPERATURE, MAX_LOG_TEMPERATURE
    fitted = minimize_scalar(loss, bounds=bounds, method="bounded")
    return math.exp(fitted.x) if len(rows) else 1.0

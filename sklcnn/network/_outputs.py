"""Checks of logits, and probabilities, computed where the logits are."""

import numpy as np


def check_outputs(logits, *, name):
    """Check that the outputs of a network are finite.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, n_classes)
        The outputs.
    name : str
        Name of the estimator, for messages.

    Raises
    ------
    ValueError
        If one is not. The message names its row.
    """
    if np.isfinite(logits.sum()):
        return
    is_finite = np.isfinite(logits).all(axis=1)
    if not is_finite.all():
        raise ValueError(
            f"{name} computes outputs that are not finite for the image in row "
            f"{is_finite.argmin()} of X: its pixels are too far from those in fit. "
            "Scale both alike."
        )


def softmax_in_place(logits):
    """Replace logits by probabilities.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, n_classes)
        The logits, which are overwritten.

    Returns
    -------
    probabilities : ndarray of shape (n_samples, n_classes)
        The same array.
    """
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    return logits


def log_softmax_in_place(logits):
    """Replace logits by logarithms of probabilities.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, n_classes)
        The logits, which are overwritten.

    Returns
    -------
    log_probabilities : ndarray of shape (n_samples, n_classes)
        The same array.
    """
    logits -= logits.max(axis=1, keepdims=True)
    for block in np.array_split(logits, max(1, len(logits) // 1024)):
        block -= np.log(np.exp(block).sum(axis=1, keepdims=True))
    return logits

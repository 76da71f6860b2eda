"""Probabilities of logits, computed where the logits are."""

import numpy as np


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

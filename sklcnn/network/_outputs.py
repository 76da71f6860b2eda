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
    check_numbers(np.where(find_not_finite(logits), NOT_FINITE, 0), name=name)


NOT_FINITE = -1
"""Stands for the number of a class where the logits are not finite."""


def find_not_finite(logits):
    """Tell which rows have a logit that is not finite, an array of bool."""
    if np.isfinite(logits.sum()):
        return np.zeros(len(logits), dtype=bool)
    return ~np.isfinite(logits).all(axis=1)


def number_likeliest(logits):
    """Give the number of the likeliest class of each row.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, n_classes)
        The logits.

    Returns
    -------
    numbers : ndarray of shape (n_samples,)
        `NOT_FINITE` where a logit is not finite.
    """
    return np.where(find_not_finite(logits), NOT_FINITE, logits.argmax(axis=1))


def check_numbers(numbers, *, name):
    """Check that no number is `NOT_FINITE`, and name the row of one that is."""
    if (numbers == NOT_FINITE).any():
        raise ValueError(
            f"{name} computes outputs that are not finite for the image in row "
            f"{(numbers == NOT_FINITE).argmax()} of X: its pixels are too far from "
            "those in fit. Scale both alike."
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

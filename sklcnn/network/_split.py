"""Setting images aside, to validate or to calibrate on."""

import warnings

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

PURPOSES = {
    "validation_fraction": (
        "early_stopping=True can't set aside validation_fraction={fraction}",
        "Use another validation_fraction, more images, images of your own as X_val, or "
        "early_stopping=False.",
    ),
    "calibration_fraction": (
        "Probabilities are not calibrated. Calibration can't set aside {fraction:.3g}",
        "Use more images, images of your own as X_val, or calibration_fraction=0, "
        "which asks for no calibration.",
    ),
}
"""Beginning and end of the message where rows can't be set aside, by the parameter that
asks for them."""


NEAR = 0.1
"""Distance from a share, relative to it, that is near enough."""


def split_rows(
    rows, labels, fraction, seed, groups=None, *, parameter="validation_fraction"
):
    """Set rows aside, about the same share of every class.

    Classes of a single row stay in training.

    Parameters
    ----------
    rows : ndarray of shape (n_rows,)
        Rows to share out.
    labels : ndarray of shape (n_rows,)
        Their labels.
    fraction : float
        Share of the rows to set aside, in (0, 1).
    seed : int
        Seed of the random choice.
    groups : ndarray of shape (n_rows,), default=None
        Groups that are not cut in two.
    parameter : {"validation_fraction", "calibration_fraction"}, \
            default="validation_fraction"
        Parameter of the estimator that asks for it, for messages.

    Returns
    -------
    rows, valid_rows : ndarray of int
        Rows to train on, and those set aside.

    Raises
    ------
    ValueError
        If that can't be done: with too few rows, or a single group.
    """
    try:
        if groups is not None:
            return _split_groups(rows, labels, fraction, seed, groups)
        _, numbers, counts = np.unique(labels, return_inverse=True, return_counts=True)
        is_single = counts[numbers] == 1
        if is_single.all():
            raise ValueError("each class has a single one.")
        rest, strata = rows[~is_single], labels[~is_single]
        n_classes, n_valid = np.sum(counts > 1), int(np.ceil(fraction * len(rest)))
        size = fraction if n_valid >= n_classes else int(n_classes)
        train, valid = train_test_split(
            rest, test_size=size, stratify=strata, random_state=seed
        )
        return np.concatenate([train, rows[is_single]]), valid
    except ValueError as error:
        problem, mend = PURPOSES[parameter]
        raise ValueError(
            f"{problem.format(fraction=fraction)} of {len(rows)} images: {error} {mend}"
        ) from error


def _split_groups(rows, labels, fraction, seed, groups):
    """Set whole groups aside: of as many folds as give the share, the nearest to it."""
    n_groups, classes = len(np.unique(groups)), np.unique(labels)
    if n_groups < 2:
        raise ValueError("all are of one group.")
    n_folds = int(np.clip(round(1 / fraction), 2, n_groups))
    folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    best, least, lost = None, np.inf, None
    with warnings.catch_warnings():  # of classes that are in few folds
        warnings.simplefilter("ignore", UserWarning)
        for train, valid in folds.split(rows, labels, groups):
            missing = np.setdiff1d(classes, labels[train]).tolist()
            distance = abs(len(valid) / (fraction * len(rows)) - 1)
            if missing:
                lost = missing[0]
            elif len(valid) and distance < least:
                best, least = (rows[train], rows[valid]), distance
                if least < NEAR:
                    break
    if best is None:
        raise ValueError(f"all images of class {lost!r} are of the groups set aside.")
    return best

"""Any number of images, a block at a time."""

import numpy as np
from tqdm import tqdm

from sklcnn.inspection._parts import n_images_of, take_rows

IMAGES_AT_ONCE = 1024
"""Number of images in a block."""


def in_blocks(function, X, *, rows=None, verbose=0, size=IMAGES_AT_ONCE):
    """Apply a function to blocks of images, and join what it gives.

    Parameters
    ----------
    function : callable
        Takes some rows of `X` and their positions, and returns a tuple of arrays of as
        many rows.
    X : array-like of shape (n_samples, ...)
        Images, files, or what else an estimator takes.
    rows : ndarray of shape (n,), default=None
        Positions of the images; None is all of them.
    verbose : int, default=0
        Whether to show a progress bar.
    size : int, default=1024
        Number of images in a block.

    Returns
    -------
    arrays : tuple of ndarray of shape (n, ...)
    """
    rows = np.arange(n_images_of(X)) if rows is None else rows
    parts = []
    with tqdm(total=len(rows), unit=" images", disable=not verbose) as bar:
        for start in range(0, len(rows), size):
            block = rows[start : start + size]
            parts.append(function(take_rows(X, block), block))
            bar.update(len(block))
    return tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))

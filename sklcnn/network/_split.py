"""Setting images aside for validation."""

from sklearn.model_selection import train_test_split


def split_rows(rows, labels, fraction, seed):
    """Set rows aside for validation, the same share of every class.

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

    Returns
    -------
    rows, valid_rows : ndarray of int
        Rows to train on, and to validate on.

    Raises
    ------
    ValueError
        If that can't be done, as where a class has a single row.
    """
    try:
        return train_test_split(
            rows, test_size=fraction, stratify=labels, random_state=seed
        )
    except ValueError as error:
        raise ValueError(
            f"early_stopping=True can't set aside validation_fraction={fraction} of "
            f"{len(rows)} images: {error} Use another validation_fraction, more images "
            "or early_stopping=False."
        ) from error

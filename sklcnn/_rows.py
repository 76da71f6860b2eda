"""Rows of images: some of many, and the index of the data frame they came from."""

import numpy as np

from sklcnn._sklearn import get_container_adapter


def evenly_spaced(rows, n_rows):
    """Choose some of many rows, from the first to the last; all where they are few.

    Parameters
    ----------
    rows : ndarray
        Rows, or anything else in an array.
    n_rows : int
        Number of rows to choose.

    Returns
    -------
    chosen : ndarray
    """
    if len(rows) <= n_rows:
        return rows
    return rows[np.linspace(0, len(rows) - 1, n_rows).astype(int)]


def index_of(X):
    """Find the index of a data frame's rows, or of images that were made of them.

    Parameters
    ----------
    X : object
        A frame or a column of pandas, images, or whatever else an estimator is given.

    Returns
    -------
    index : pandas.Index or None
        None where the rows have none, or it is not known.
    """
    index = getattr(X, "index", None)  # lists have a method of this name
    return index if hasattr(index, "get_indexer") else None


def wanted_index(X, estimator):
    """Find the index of rows, where an estimator's output has to have it.

    Returns
    -------
    index : pandas.Index or None
        None where no frame of pandas is asked for, or the index is not known.
    """
    adapter = get_container_adapter("transform", estimator)
    is_pandas = adapter is not None and adapter.container_lib == "pandas"
    return index_of(X) if is_pandas else None


def with_index(output, X, estimator):
    """Give the output of `transform` the index of its input, where pandas is wanted.

    scikit-learn does so where it sees a data frame go in. Images that were read, or
    otherwise made of one, are arrays to it: it would number their rows from 0, and
    `ColumnTransformer`, which aligns columns by index, would join them to other rows.

    Parameters
    ----------
    output : ndarray of shape (n_samples, n_features)
        What `transform` has computed.
    X : object
        What it was given.
    estimator : estimator
        Whose `set_output`, or the global configuration, says what is wanted.

    Returns
    -------
    output : ndarray or pandas.DataFrame
        A frame, whose columns are to be renamed, where pandas is wanted and the index
        is known.
    """
    index = wanted_index(X, estimator)
    if index is None:
        return output
    import pandas as pd

    return pd.DataFrame(output, index=index)

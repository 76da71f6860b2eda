"""Tables with a column of paths and one of labels."""

import os
import warnings
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from sklcnn._sklearn import StrOptions, validate_params
from sklcnn.images._sources import name_some, shorten


@validate_params(
    {
        "table": "no_validation",
        "path": [str],
        "target": [str, None],
        "root": [str, os.PathLike, None],
        "return_X_y": ["boolean"],
        "on_error": [StrOptions({"raise", "warn"})],
    },
    prefer_skip_nested_validation=True,
)
def load_image_table(
    table,
    *,
    path="file",
    target="label",
    root=None,
    return_X_y=False,
    on_error="raise",
):
    """List the images of a table with a column of paths and one of labels.

    No image is opened: :class:`~sklcnn.preprocessing.ReadImages` reads them.

    Parameters
    ----------
    table : str, path-like or data frame of pandas or polars
        The table, or the path of a CSV file, which needs pandas or polars.
    path : str, default="file"
        Name of the column of the paths of the images.
    target : str or None, default="label"
        Name of the column of the labels. With None there are none.
    root : str, path-like or None, default=None
        Folder to which relative paths refer. None is the folder of the CSV file, and
        the working directory for a data frame.
    return_X_y : bool, default=False
        Whether to return ``(filenames, target)`` instead of a Bunch.
    on_error : {"raise", "warn"}, default="raise"
        What to do about files that are not there. ``"warn"`` leaves their rows out,
        with one warning that counts and names them.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like, with the following attributes.

        filenames : ndarray of str of shape (n_samples,)
            The paths, joined to `root`.
        target : ndarray of shape (n_samples,) or None
            The labels.
        frame : data frame of shape (n_samples, n_columns)
            The rows of the table that are left. Its other columns may be groups for
            splits, or sample weights.
        further columns : ndarray of shape (n_samples,)
            Each under its own name, where it is an identifier that is not taken.

    (filenames, target) : tuple if ``return_X_y=True``
        The two arrays.

    See Also
    --------
    sklcnn.images.load_image_folder : Lists the images of a folder by class.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> from PIL import Image
    >>> from sklcnn.datasets import load_image_table
    >>> folder = Path(tempfile.mkdtemp())
    >>> Image.new("L", (8, 8)).save(folder / "1.png")
    >>> table = pd.DataFrame({"file": ["1.png"], "label": ["cat"], "patient": [7]})
    >>> data = load_image_table(table, root=folder)
    >>> data.target, data.patient
    (array(['cat'], dtype=object), array([7]))
    """
    frame, folder = _read(table)
    root = folder if root is None else Path(root).expanduser()
    _check_columns(frame, [path] if target is None else [path, target])
    filenames = _paths(frame[path], root, path)
    keep = _find_missing(filenames, on_error)
    filenames = filenames[keep]
    frame = frame[keep] if hasattr(frame, "iloc") else frame.filter(keep)
    labels = None if target is None else frame[target].to_numpy()
    if return_X_y:
        return filenames, labels
    data = Bunch(filenames=filenames, target=labels, frame=frame)
    for name in frame.columns:
        if str(name).isidentifier() and name not in (path, target, *data):
            data[name] = frame[name].to_numpy()
    return data


def _read(table):
    """Give a data frame, and the folder to which its paths refer."""
    if hasattr(table, "columns") and hasattr(table, "shape"):
        return table, Path()
    if not isinstance(table, (str, os.PathLike)):
        raise ValueError(
            "load_image_table expects a data frame of pandas or polars, or the path of "
            f"a CSV file. Got an object of type {type(table).__name__} instead."
        )
    file = Path(table).expanduser()
    if not file.exists():
        raise FileNotFoundError(f"There is no file {str(file)!r}.")
    try:
        import pandas as reader
    except ImportError:
        try:
            import polars as reader
        except ImportError as error:
            raise ImportError(
                "load_image_table needs pandas or polars to read a CSV file: `pip "
                "install pandas`."
            ) from error
    return reader.read_csv(file), file.parent


def _check_columns(frame, wanted):
    columns = list(frame.columns)
    for parameter, name in zip(("path", "target"), wanted, strict=False):
        if name not in columns:
            raise ValueError(
                f"load_image_table got {parameter}={name!r}, and the table has no such "
                f"column. It has {name_some(list(map(repr, columns)))}."
            )


def _paths(column, root, name):
    """Make an array of str of a column of paths."""
    paths = []
    for row, value in enumerate(column.to_list()):
        if not isinstance(value, (str, os.PathLike)) or not str(value):
            raise ValueError(
                f"load_image_table expects paths in the column {name!r}. Got {value!r} "
                f"in row {row}: leave such rows out."
            )
        paths.append(os.path.join(root, value))
    if not paths:
        raise ValueError("load_image_table got a table without rows.")
    return np.array(paths)


def _find_missing(filenames, on_error):
    """Tell the files that are there from those that are not."""
    is_there = np.array([os.path.isfile(name) for name in filenames])
    missing = [shorten(repr(str(name))) for name in filenames[~is_there]]
    if not missing:
        return is_there
    message = (
        f"load_image_table found no file for {len(missing)} of {len(filenames)} rows: "
        f"{name_some(missing)}."
    )
    if on_error == "raise" or not is_there.any():
        raise ValueError(
            f"{message} Give the folder that the paths refer to as `root`, or leave "
            "such rows out with on_error='warn'."
        )
    warnings.warn(f"{message} They are left out.", UserWarning)
    return is_there

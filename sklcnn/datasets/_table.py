"""Tables with a column of paths and one of labels."""

import math
import os
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from sklcnn._sklearn import StrOptions, validate_params
from sklcnn._warnings import warn_user
from sklcnn.images._sources import name_some, shorten

SEPARATORS = set(";\t|")
"""What separates columns in tables other than those of commas."""


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
        Name of the column of the labels. With None there are none. Those of a CSV file
        are numbers where all of them are written as such, else texts: ``007`` stays
        ``"007"``, and ``NA`` stays ``"NA"``.
    root : str, path-like or None, default=None
        Folder to which relative paths refer. None is the folder of the CSV file, and
        the working directory for a data frame.
    return_X_y : bool, default=False
        Whether to return ``(filenames, target)`` instead of a Bunch.
    on_error : {"raise", "warn"}, default="raise"
        What to do about files that are not there, and rows without a path. ``"warn"``
        leaves these rows out, with one warning that counts and names them.

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
    sklcnn.images.load_image_folder : List the images of a folder by class.

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
    wanted = {"path": path} if target is None else {"path": path, "target": target}
    frame, folder = _read(table, wanted)
    root = folder if root is None else Path(root).expanduser()
    paths = _check_paths(frame[path].to_list(), path)
    filenames = np.array([os.path.join(root, path or "") for path in paths])
    keep = _find_missing(paths, filenames, on_error)
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


def _read(table, wanted):
    """Give a data frame with the columns wanted, and the folder of its paths."""
    if hasattr(table, "columns") and hasattr(table, "shape"):
        _check_columns(table, wanted)
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
    try:
        frame = reader.read_csv(file)
    except Exception as error:
        raise ValueError(
            f"load_image_table can't read {str(file)!r} as a CSV file: {error}. Read "
            "it first, such as by `pandas.read_csv(file, encoding=...)`, and give the "
            "frame, and its folder as `root`."
        ) from error
    _check_columns(frame, wanted)
    return _keep_texts(frame, file, list(wanted.values())), file.parent


def _keep_texts(frame, file, names):
    """Take paths and labels as they are written, such as "007" and "NA"."""
    is_pandas = hasattr(frame, "iloc")
    if is_pandas:
        import pandas

        options = {"usecols": names, "dtype": str, "keep_default_na": False}
        texts = pandas.read_csv(file, **options)
    else:
        import polars

        texts = polars.read_csv(file, columns=names, infer_schema=False)
    for number, name in enumerate(names):
        written = ["" if text is None else text for text in texts[name].to_list()]
        values = frame[name].to_list()
        if number and all(map(_is_number_of, values, written)):
            continue
        kept = [text or None for text in written]
        if is_pandas:
            frame[name] = np.array(kept, dtype=object)
        else:
            frame = frame.with_columns(polars.Series(name, kept, dtype=polars.String))
    return frame


def _is_number_of(value, text):
    """Tell whether a number, or a missing one, would be written like this."""
    if not text:
        return _is_missing(value)
    return not isinstance(value, str) and text in (str(value), f"{value:g}")


def _check_columns(frame, wanted):
    """Check that the columns are there, each once."""
    columns = list(frame.columns)
    for parameter, name in wanted.items():
        if columns.count(name) == 1:
            continue
        found = "no such column" if name not in columns else "several such columns"
        mend = f"Name one by {parameter}=..."
        if len(columns) == 1 and (sep := SEPARATORS & set(str(columns[0]))):
            mend = (
                "Its columns are separated otherwise: read it first, such as by "
                f"`pandas.read_csv(file, sep={min(sep)!r})`, and give the frame, and "
                "its folder as `root`."
            )
        raise ValueError(
            f"load_image_table got {parameter}={name!r}, and the table has {found}. It "
            f"has {name_some(list(map(repr, columns)))}. {mend}"
        )


def _check_paths(values, name):
    """Make None of paths that are missing, and refuse what is no path."""
    if not values:
        raise ValueError("load_image_table got a table without rows.")
    paths = []
    for row, value in enumerate(values):
        is_path = isinstance(value, (str, os.PathLike))
        if not is_path and not _is_missing(value):
            raise ValueError(
                f"load_image_table expects paths in the column {name!r}. Got {value!r} "
                f"of type {type(value).__name__} in row {row}."
            )
        paths.append(os.fspath(value) if is_path and str(value) else None)
    return paths


def _is_missing(value):
    """Tell whether a value of a column is None, NaN, NA or NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and math.isnan(value)


def _find_missing(paths, filenames, on_error):
    """Tell the files that are there from those that are not."""
    is_there = np.array(
        [
            path is not None and os.path.isfile(name)
            for path, name in zip(paths, filenames, strict=True)
        ]
    )
    missing = [
        f"none in row {row}" if paths[row] is None else shorten(repr(filenames[row]))
        for row in np.flatnonzero(~is_there)
    ]
    if not missing:
        return is_there
    message = (
        f"load_image_table found no file for {len(missing)} of {len(paths)} rows: "
        f"{name_some(missing)}."
    )
    if on_error == "raise" or not is_there.any():
        mend = "Give the folder that the paths refer to as `root`"
        if os.sep == "/" and any("\\" in (path or "") for path in paths):
            mend = "Some paths have the separators of Windows: replace these by '/'"
        raise ValueError(
            f"{message} {mend}, or leave such rows out with on_error='warn'."
        )
    warn_user(f"{message} They are left out.")
    return is_there

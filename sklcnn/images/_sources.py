"""What images are read from: paths, contents of files, PIL images and arrays."""

import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

MAX_NAME = 200
"""Maximum number of characters of a source's name in a message."""

N_NAMED = 3
"""Maximum number of files that a warning names."""


def check_sources(X, *, name):
    """Make an array of objects of whatever lists images and where they come from.

    Parameters
    ----------
    X : array-like of shape (n_samples,) or (n_samples, 1)
        Paths, contents of files as bytes, binary file objects, PIL images or arrays,
        also mixed: a list, an array, a column or a frame of one column of pandas or
        polars. Arrays of pixels, of shape (n_samples, height, width[, n_channels]),
        are their images.
    name : str
        Name of the estimator or function, for messages.

    Returns
    -------
    sources : ndarray of shape (n_samples,), dtype object
        Paths as str; file objects as the bytes they hold.

    Raises
    ------
    ValueError
        If `X` lists nothing of this kind.
    """
    listed = list_items(X, name)
    if not listed:
        raise ValueError(
            "Found array with 0 sample(s) (shape=(0,)) while a minimum of 1 is "
            f"required by {name}."
        )
    return object_array([_check_source(s, row, name) for row, s in enumerate(listed)])


def check_paths(paths, *, name, root=None):
    """Make an array of objects of type str of whatever lists files.

    Parameters
    ----------
    paths : array-like of str or path-like of shape (n_samples,) or (n_samples, 1)
        The files.
    name : str
        Name of the class or function, for messages.
    root : str, path-like or None, default=None
        Folder to which relative paths refer; None is the working directory.

    Returns
    -------
    paths : ndarray of shape (n_samples,), dtype object

    Raises
    ------
    ValueError
        If `paths` lists anything else.
    """
    sources = check_sources(paths, name=name)
    for position, source in enumerate(sources):
        if not isinstance(source, str):
            raise ValueError(
                f"{name} expects paths of files. Got {name_of(source)} at position "
                f"{position}. `sklcnn.preprocessing.ReadImages` reads it."
            )
    return with_root(sources, root)


def with_root(sources, root):
    """Join relative paths among sources to a folder."""
    if root is None:
        return sources
    root = str(Path(os.fsdecode(root)).expanduser())
    return object_array(
        [os.path.join(root, s) if isinstance(s, str) else s for s in sources]
    )


def name_of(source):
    """Name a path, contents, a PIL image or an array in a message."""
    if isinstance(source, bytes):
        return f"contents of {len(source):,} bytes beginning with {source[:12]!r}"
    if isinstance(source, Image.Image):
        return f"a PIL image of {source.width} x {source.height} pixels"
    if isinstance(source, np.ndarray):
        return f"an array of shape {source.shape} and dtype {source.dtype}"
    return shorten(repr(source))


def shorten(text):
    """Cut the middle out of a text that is too long for a message."""
    if len(text) <= MAX_NAME:
        return text
    half = (MAX_NAME - 3) // 2
    return f"{text[:half]}...{text[-half:]}"


def name_some(things):
    """List the first few of many things."""
    named = ", ".join(map(str, things[:N_NAMED]))
    rest = len(things) - N_NAMED
    return f"{named} and {rest} more" if rest > 0 else named


def object_array(values):
    """Make an array of objects, whatever the values are."""
    values = list(values)
    array = np.empty(len(values), dtype=object)
    for position, value in enumerate(values):
        array[position] = value
    return array


def list_items(X, name):
    """Make a list of a list, an array, a column or a frame of one column."""
    kind = type(X).__name__
    if isinstance(X, (str, bytes, os.PathLike, Image.Image)) or hasattr(X, "read"):
        source = os.fspath(X) if isinstance(X, os.PathLike) else X
        what = "path" if isinstance(source, str) else "image"
        raise ValueError(
            f"{name} expects a list of paths, got one {what}: {name_of(source)}. Put "
            "it in a list, or list a folder with `sklcnn.images.load_image_folder`."
        )
    if hasattr(X, "samples") and not hasattr(X, "shape"):  # torchvision's ImageFolder
        raise ValueError(
            f"{name} expects a list of paths. Got an object of type {kind}. Give "
            "`[path for path, label in X.samples]`, and the labels as y."
        )
    if hasattr(X, "columns"):
        return _column_of(X, name)
    if not hasattr(X, "ndim") and not hasattr(X, "to_list"):
        if not isinstance(X, Sequence):
            raise ValueError(
                f"{name} expects a list or an array of paths. Got an object of type "
                f"{kind} instead."
            )
        return list(X)
    if not hasattr(X, "ndim"):  # a column of polars, in its older versions
        return X.to_list()
    is_pixels = X.ndim in (3, 4) and X.dtype.kind in "biuf"
    if X.ndim == 2 and X.shape[1] == 1:
        return list(np.asarray(X)[:, 0])
    if X.ndim != 1 and not is_pixels:
        raise ValueError(
            f"{name} expects paths of files in one dimension, of shape (n_samples,), "
            f"or in one column. Got shape {tuple(X.shape)} instead."
        )
    return list(X)


def _column_of(frame, name):
    """List the only column of a frame of pandas or polars."""
    columns = list(frame.columns)
    if len(columns) == 1:
        column = frame[columns[0]]
        return list(column.to_list() if hasattr(column, "to_list") else column)
    raise ValueError(
        f"{name} expects paths in one column. Got a frame of {len(columns)} columns: "
        f"{name_some(list(map(repr, columns)))}. Give the one of the paths, such as "
        f"`frame[{columns[0] if columns else 'path'!r}]`."
    )


def _check_source(source, position, name):
    """Make a str of a path, and bytes of what is like a file."""
    if isinstance(source, (str, os.PathLike, np.bytes_)):  # the last of numpy's arrays
        return str(os.fsdecode(source))
    if isinstance(source, (bytes, bytearray, memoryview)):  # uploads are never paths
        return bytes(source)
    if isinstance(source, Image.Image):
        return source
    if hasattr(source, "read"):
        return _read_all(source, position, name)
    if hasattr(source, "detach"):
        source = source.detach().cpu().numpy()
    if isinstance(source, np.ndarray) and source.ndim in (2, 3):
        return source
    if isinstance(source, (tuple, list)) and len(source) == 2:
        first, _ = source
        if isinstance(first, (str, os.PathLike, Image.Image, np.ndarray)):
            raise ValueError(
                f"{name} got a list of pairs. If they are images and labels, give X "
                "and y apart: `[image for image, label in X]` and "
                "`[label for image, label in X]`."
            )
    raise ValueError(
        f"{name} expects paths of files, as strings, or contents of files, PIL images "
        f"or arrays of pixels. Got {name_of(source)} of type "
        f"{type(source).__name__} at position {position} instead."
    )


def _read_all(file, position, name):
    """Read a file from its beginning, as `PIL.Image.open` does."""
    if getattr(file, "closed", False):
        raise ValueError(
            f"{name} expects open files. The one at position {position} is closed: "
            "give its path, or what was read of it."
        )
    if hasattr(file, "seekable") and file.seekable():
        file.seek(0)
    content = file.read()
    if isinstance(content, bytes):
        return content
    raise ValueError(
        f"{name} expects file objects that are open in binary mode, such as by "
        f"`open(path, 'rb')`. Got text from the one at position {position}."
    )


def open_binary(source):
    """Open a path, or contents, as a binary file; a pipe is not waited for."""
    if isinstance(source, bytes):
        return io.BytesIO(source)
    return open(source, "rb", opener=_open_without_waiting)


def _open_without_waiting(path, flags):
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))

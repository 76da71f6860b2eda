"""Image files, read on demand."""

import os
import threading
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from numbers import Integral

import numpy as np
from joblib import effective_n_jobs
from joblib.parallel import ThreadingBackend

from sklcnn._rows import index_of
from sklcnn.images._border import check_pad_value
from sklcnn.images._cache import CACHE
from sklcnn.images._decode import cause_of, decode
from sklcnn.images._lazy import LazyImages

MEND = (
    "Leave such files out first: `sklcnn.images.find_bad_images` lists what can't be "
    "read."
)
"""End of the message of a file that can't be read."""

N_NAMED = 3
"""Maximum number of files that a warning names."""

ROWS_AT_ONCE = 256
"""Number of files per task of a thread."""


class ImageFiles(LazyImages):
    """Image files that look like one array and are read on demand.

    Indexing gives subsets that are just as lazy; `read` and `numpy.asarray` give
    pixels. A copy sent to another process carries the paths, not the pixels.

    Parameters
    ----------
    paths : array-like of str or path-like of shape (n_samples,)
        The files: BMP, GIF, JPEG, PNG, PPM, TIFF or WebP.
    size : int or tuple of (int, int)
        Height and width every image is brought to. A number is both.
    color_mode : {"gray", "rgb"}, default="rgb"
        Channels every image is brought to.
    dtype : {"uint8", "uint16", "float32"}, default="uint8"
        Pixels are converted between the full ranges of these dtypes, floats being on
        the scale 0 to 1. A file of float pixels can only be read as float32.
    aspect : {"pad", "crop", "stretch"}, default="pad"
        How images of another aspect are brought to `size`: see
        :class:`~sklcnn.preprocessing.ReadImages`.
    background : {"white", "black"}, default="white"
        What transparent pixels show.
    pad_value : float or "border", default="border"
        Pixel value beside images that are padded, on the scale of the pixels.
        ``"border"`` is the median color of the border of each image.
    cache : {"memory"} or None, default=None
        Whether decoded images are kept, up to 2 GB in each process.
    n_jobs : int or None, default=None
        Number of threads that decode; None is 1 and -1 all processors.
    bad_rows : array-like of int or of bool, default=()
        Positions of files known to be unreadable, or a mask of them.

    Attributes
    ----------
    paths : ndarray of shape (n_samples,), dtype object
        The files.
    bad_rows : ndarray of int
        Positions of files known to be unreadable, in increasing order. Whoever trains
        leaves these rows out; reading them is an error.
    index : pandas.Index or None
        That of `paths`, if they are a column of a data frame: subsets keep the part of
        it that is theirs.

    See Also
    --------
    sklcnn.preprocessing.ReadImages : Makes these in a pipeline.
    load_image_folder : Finds the files.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from sklcnn.images import ImageFiles
    >>> folder = Path(tempfile.mkdtemp())
    >>> Image.new("RGB", (60, 40), "red").save(folder / "red.png")
    >>> images = ImageFiles([folder / "red.png"], size=(4, 6))
    >>> images
    <ImageFiles of shape (1, 4, 6, 3) and dtype uint8>
    """

    def __init__(
        self,
        paths,
        size,
        *,
        color_mode="rgb",
        dtype="uint8",
        aspect="pad",
        background="white",
        pad_value="border",
        cache=None,
        n_jobs=None,
        bad_rows=(),
    ):
        self.index = index_of(paths)
        self.paths = check_paths(paths, name=type(self).__name__)
        self.size = check_size(size, name=type(self).__name__)
        self.color_mode = _check_option("color_mode", color_mode, ("gray", "rgb"))
        dtypes = ("uint8", "uint16", "float32")
        self._dtype = np.dtype(_check_option("dtype", np.dtype(dtype).name, dtypes))
        self.aspect = _check_option("aspect", aspect, ("pad", "crop", "stretch"))
        self.background = _check_option("background", background, ("white", "black"))
        self.pad_value = check_pad_value(
            pad_value, self._dtype, name=type(self).__name__
        )
        self.cache = _check_option("cache", cache, ("memory", None))
        self.n_jobs = _check_n_jobs(n_jobs)
        self.bad_rows = _check_rows(bad_rows, len(self.paths))
        self._warned_of = set()

    @property
    def shape(self):
        """Shape of the array that reading every image would give, a tuple."""
        channels = (3,) if self.color_mode == "rgb" else ()
        return (len(self.paths), *self.size, *channels)

    @property
    def dtype(self):
        """The numpy dtype of the pixels."""
        return self._dtype

    @property
    def made_by(self):
        """All that the pixels of a file depend on besides the file, a dict."""
        return {
            "size": self.size,
            "color_mode": self.color_mode,
            "dtype": self.dtype.name,
            "aspect": self.aspect,
            "background": self.background,
            "pad_value": self.pad_value,
        }

    def read(self, rows):
        """Read the images of the given rows as an array.

        Parameters
        ----------
        rows : ndarray of shape (n,), dtype intp
            Positions between 0 and ``len(self) - 1``.

        Returns
        -------
        images : ndarray of shape (n, height, width[, 3])
            A new array, in the order of `rows`.

        Raises
        ------
        ValueError
            If a file can't be read. The message names it, and how to leave it out.
        """
        rows = np.asarray(rows, dtype=np.intp)
        images = np.empty((len(rows), *self.shape[1:]), dtype=self.dtype)

        def read_one(position):
            try:
                images[position], has_more = self._read_one(self.paths[rows[position]])
            except ValueError as error:
                raise ValueError(f"{error} {MEND}") from error
            return has_more

        has_more = in_threads(read_one, range(len(rows)), self.n_jobs)
        self._warn_of_frames([self.paths[row] for row in rows[has_more]])
        return images

    def take(self, rows):
        """Keep only the given rows, without reading them.

        Parameters
        ----------
        rows : ndarray of shape (n,), dtype intp
            Positions between 0 and ``len(self) - 1``.

        Returns
        -------
        images : ImageFiles
            A subset that shares the paths, and the cache.
        """
        taken = object.__new__(type(self))
        vars(taken).update(vars(self))
        taken.paths = self.paths[rows]
        taken.index = None if self.index is None else self.index[rows]
        taken.bad_rows = np.flatnonzero(np.isin(rows, self.bad_rows))
        return taken

    def check_files(self):
        """Read every file, and tell which can't be read.

        With ``cache="memory"`` the pixels are kept, so nothing is read twice.

        Returns
        -------
        problems : dict of int to str
            The cause for each position that can't be read.
        """

        def check_one(row):
            try:
                return self._read_one(self.paths[row])[1], None
            except ValueError as error:
                return False, cause_of(error, self.paths[row])

        found = in_threads(check_one, range(len(self)), self.n_jobs)
        self._warn_of_frames(
            [self.paths[i] for i, (more, _) in enumerate(found) if more]
        )
        return {row: problem for row, (_, problem) in enumerate(found) if problem}

    def __getstate__(self):
        return {**vars(self), "paths": self.paths.tolist(), "_warned_of": None}

    def __setstate__(self, state):
        vars(self).update(state)
        self.paths = _object_array(state["paths"])
        self._warned_of = set()

    def _read_one(self, path):
        """Give the pixels of one file and whether it holds further images."""
        if self.cache is None:
            return decode(path, **self.made_by)
        group, stamp = tuple(self.made_by.values()), _stamp(path)
        pixels = CACHE.get(group, path, stamp)
        if pixels is not None:
            return pixels, False
        pixels, has_more = decode(path, **self.made_by)
        CACHE.put(group, path, stamp, pixels)
        return pixels, has_more

    def _warn_of_frames(self, paths):
        """Warn of files that hold several images, once of each."""
        paths = [path for path in dict.fromkeys(paths) if path not in self._warned_of]
        if paths:
            self._warned_of.update(paths)
            warnings.warn(
                f"Files with several frames or pages, of which the first is used: "
                f"{len(paths)} ({name_some(list(map(repr, paths)))}).",
                UserWarning,
            )


def in_threads(function, rows, n_jobs):
    """Map a function over rows, in order, a stretch of rows at a time to each thread.

    Where a row fails, or the user interrupts, the threads end with the row at hand.
    """
    if n_jobs is None:
        n_jobs = effective_n_jobs(n_jobs)
    # joblib's default backend, asked in a process of another, warns and refuses
    n_threads = min(ThreadingBackend().effective_n_jobs(n_jobs), len(rows))
    if n_threads <= 1:
        return [function(row) for row in rows]
    failed = threading.Event()

    def apply_to_stretch(stretch):
        return [function(row) for row in stretch if not failed.is_set()]

    stretches = np.array_split(rows, max(n_threads, len(rows) // ROWS_AT_ONCE))
    with ThreadPoolExecutor(n_threads) as pool:
        try:
            parts = [pool.submit(apply_to_stretch, stretch) for stretch in stretches]
            return [value for part in parts for value in part.result()]
        except BaseException:
            failed.set()
            raise


def check_paths(paths, *, name):
    """Make an array of objects of type str of whatever lists files."""
    if isinstance(paths, (str, bytes, os.PathLike)):
        raise ValueError(
            f"{name} expects a list of paths, got one: {str(os.fsdecode(paths))!r}. "
            "Put it in a list, or list a folder with `sklcnn.images.load_image_folder`."
        )
    if not hasattr(paths, "ndim") and hasattr(paths, "__array__"):  # as of polars
        paths = np.asarray(paths, dtype=object)
    if not hasattr(paths, "ndim") and not isinstance(paths, Sequence):
        raise ValueError(
            f"{name} expects a list or an array of paths. Got an object of type "
            f"{type(paths).__name__} instead."
        )
    array = paths if hasattr(paths, "ndim") else _object_array(paths)
    if array.ndim != 1:
        raise ValueError(
            f"{name} expects paths of files in one dimension, of shape (n_samples,). "
            f"Got shape {tuple(array.shape)} instead."
        )
    paths = list(array)
    for position, path in enumerate(paths):
        if not isinstance(path, (str, bytes, os.PathLike)):
            raise ValueError(
                f"{name} expects paths of files, as strings. Got {path!r} of type "
                f"{type(path).__name__} at position {position} instead."
            )
    if not paths:
        raise ValueError(
            "Found array with 0 sample(s) (shape=(0,)) while a minimum of 1 is "
            f"required by {name}."
        )
    return _object_array([str(os.fsdecode(path)) for path in paths])


def check_size(size, *, name):
    """Make a tuple of two Python ints of a height and a width, or of both in one."""
    height_and_width = (size, size) if np.ndim(size) == 0 else tuple(size)
    if len(height_and_width) != 2 or not all(
        isinstance(side, Integral) and not isinstance(side, bool) and side > 0
        for side in height_and_width
    ):
        raise ValueError(
            f"{name} expects size=(height, width), two ints of at least 1, or one int "
            f"for both. Got size={size!r} instead."
        )
    return tuple(int(side) for side in height_and_width)


def name_some(things):
    """List the first few of many things."""
    named = ", ".join(map(str, things[:N_NAMED]))
    rest = len(things) - N_NAMED
    return f"{named} and {rest} more" if rest > 0 else named


def _check_option(name, value, options):
    if value not in options:
        raise ValueError(
            f"ImageFiles expects {name} to be one of {options}. Got {value!r} instead."
        )
    return value


def _check_n_jobs(n_jobs):
    if n_jobs is not None and not (isinstance(n_jobs, Integral) and n_jobs != 0):
        raise ValueError(
            "ImageFiles expects n_jobs to be an int other than 0, or None. Got "
            f"{n_jobs!r} instead."
        )
    return n_jobs


def _check_rows(rows, n_samples):
    """Make positions in increasing order of positions or a mask."""
    array = np.asarray(rows)
    if array.dtype == bool and array.shape == (n_samples,):
        return np.flatnonzero(array)
    is_integer = array.dtype.kind in "iu" or array.size == 0
    if (
        array.ndim != 1
        or not is_integer
        or any(not 0 <= row < n_samples for row in array)
    ):
        raise ValueError(
            f"ImageFiles expects bad_rows to be positions between 0 and "
            f"{n_samples - 1}, or a mask of shape ({n_samples},). Got {rows!r} instead."
        )
    return np.unique(array.astype(np.intp))


def _object_array(values):
    values = list(values)
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _stamp(path):
    """Tell one file, and one version of it, from the next; None where there is none.

    Copies and archives keep sizes and dates, and a relative path may come to mean
    another file: only the file's number and the date of its last change of any kind
    can't be set at will.
    """
    try:
        status = os.stat(path)
    except OSError:
        return None
    dates = status.st_ctime_ns, status.st_mtime_ns
    return status.st_dev, status.st_ino, *dates, status.st_size

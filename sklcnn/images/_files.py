"""Image files, read on demand."""

import threading
from concurrent.futures import ThreadPoolExecutor
from numbers import Integral

import numpy as np
from joblib import effective_n_jobs
from joblib.parallel import ThreadingBackend

from sklcnn._rows import index_of
from sklcnn._warnings import warn_user
from sklcnn.images._border import check_pad_value
from sklcnn.images._cache import CACHE, CHECKS, stamp_of
from sklcnn.images._decode import BANDS, BITS, FRAMES, decode
from sklcnn.images._formats import resolve_formats
from sklcnn.images._lazy import LazyImages
from sklcnn.images._open import MAX_PIXELS, Opening, UnreadableImageError
from sklcnn.images._sources import check_paths, name_of, name_some, object_array

MEND = (
    "Leave such files out first: `sklcnn.images.find_bad_images` lists what can't be "
    "read."
)
"""End of the message of a file that can't be read."""

LEFT_OUT = {
    FRAMES: "Files with several frames or pages, of which the first is used",
    BANDS: "Files with bands beyond those of color_mode, which are left out",
    BITS: "Files with more than 8 bits a channel, of which Pillow reads 8",
}
"""What is told of files that hold more than is read."""

ROWS_AT_ONCE = 256
"""Number of files per task of a thread."""


class ImageFiles(LazyImages):
    """Image files that look like one array and are read on demand.

    Indexing gives subsets that are just as lazy; `read` and `numpy.asarray` give
    pixels. A copy sent to another process carries the paths, not the pixels.

    Parameters
    ----------
    paths : array-like of str or path-like of shape (n_samples,)
        The files: AVIF, BMP, GIF, JPEG, PNG, PPM, TIFF or WebP.
    size : int or tuple of (int, int)
        Height and width every image is brought to. A number is both.
    color_mode : {"gray", "rgb", "rgba"} or int, default="rgb"
        Channels every image is brought to. A number keeps all bands of files, which
        must have so many.
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
    pages : {"first", "channels"}, default="first"
        Whether the first page of a TIFF is the image, or all pages are its bands.
    formats : {"default", "registered"}, str or sequence of str, default="default"
        Formats that are read besides: see :class:`~sklcnn.preprocessing.ReadImages`.
    max_pixels : int, default=89_478_485
        Number of pixels of 8-bit RGB whose bytes are the limit of decoding.
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
    sklcnn.preprocessing.ReadImages : Make these in a pipeline.
    load_image_folder : Find the files.

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
        pages="first",
        formats="default",
        max_pixels=MAX_PIXELS,
        cache=None,
        n_jobs=None,
        bad_rows=(),
    ):
        self.index = index_of(paths)
        self.paths = self._check_sources(paths)
        self.size = check_size(size, name=type(self).__name__)
        self.color_mode = _check_color_mode(color_mode)
        dtypes = ("uint8", "uint16", "float32")
        self._dtype = np.dtype(_check_option("dtype", np.dtype(dtype).name, dtypes))
        self.aspect = _check_option("aspect", aspect, ("pad", "crop", "stretch"))
        self.background = _check_option("background", background, ("white", "black"))
        self.pad_value = check_pad_value(
            pad_value, self._dtype, name=type(self).__name__
        )
        self.opening = Opening(
            resolve_formats(formats, name=type(self).__name__),
            _check_max_pixels(max_pixels),
            pages=_check_option("pages", pages, ("first", "channels")),
        )
        self.cache = _check_option("cache", cache, ("memory", None))
        self.n_jobs = _check_n_jobs(n_jobs)
        self.bad_rows = _check_rows(bad_rows, len(self.paths))
        self._warned_of = set()

    def _check_sources(self, paths):
        """Make an array of objects of what is to be read."""
        return check_paths(paths, name=type(self).__name__)

    @property
    def shape(self):
        """Shape of the array that reading every image would give, a tuple."""
        n_channels = {"gray": (), "rgb": (3,), "rgba": (4,)}
        channels = n_channels.get(self.color_mode, (self.color_mode,))
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
            "opening": self.opening,
        }

    def read(self, rows):
        """Read the images of the given rows as an array.

        Parameters
        ----------
        rows : ndarray of shape (n,), dtype intp
            Positions between 0 and ``len(self) - 1``.

        Returns
        -------
        images : ndarray of shape (n, height, width[, n_channels])
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
                images[position], left_out = self._read_one(self.paths[rows[position]])
            except UnreadableImageError as error:
                raise ValueError(f"{error} {MEND}") from error
            return left_out

        left_out = in_threads(read_one, range(len(rows)), self.n_jobs)
        self._warn_of_left_out(rows, left_out)
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
        """Read every file, and list those that can't be read.

        Files that were checked before, and have not changed, are not read again. With
        ``cache="memory"`` the pixels are kept, so nothing is read twice.

        Returns
        -------
        problems : dict of int to str
            The cause for each position that can't be read.
        """
        made_by = tuple(self.made_by.values())

        def check_one(row):
            source = self.paths[row]
            return CHECKS.find(source, made_by, lambda: self._check_one(source))

        found = in_threads(check_one, range(len(self)), self.n_jobs)
        self._warn_of_left_out(range(len(self)), [left_out for left_out, _ in found])
        return {row: problem for row, (_, problem) in enumerate(found) if problem}

    def _check_one(self, source):
        """Tell what one file holds besides, and why it can't be read, if so."""
        try:
            return self._read_one(source)[1], None
        except UnreadableImageError as error:
            return (), error.cause

    def __getstate__(self):
        return {**vars(self), "paths": self.paths.tolist(), "_warned_of": None}

    def __setstate__(self, state):
        vars(self).update(state)
        self.paths = object_array(state["paths"])
        self._warned_of = set()

    def _read_one(self, source):
        """Give the pixels of one file, and what it holds besides."""
        if self.cache is None or not isinstance(source, str):
            return decode(source, **self.made_by)
        group, stamp = tuple(self.made_by.values()), stamp_of(source)
        image = CACHE.get(group, source, stamp)
        if image is None:
            image = decode(source, **self.made_by)
            CACHE.put(group, source, stamp, *image)
        return image

    def _warn_of_left_out(self, rows, left_out):
        """Warn of files that hold more than is read, once of each."""
        found = {}
        for row, kinds in zip(rows, left_out, strict=True):
            for kind in kinds:
                found.setdefault(kind, {})[name_of(self.paths[row])] = None
        for kind, names in found.items():
            new = [name for name in names if (kind, name) not in self._warned_of]
            if new:
                self._warned_of.update((kind, name) for name in new)
                warn_user(f"{LEFT_OUT[kind]}: {len(new)} ({name_some(new)}).")


class ImageSources(ImageFiles):
    """Images from files, contents, PIL images and arrays, or read by a function.

    It is not one of `ImageFiles` to those who tell images by their files: the names do
    not say what the pixels are.

    Parameters
    ----------
    sources : ndarray of shape (n_samples,), dtype object
        As `check_sources` makes them.
    size : int or tuple of (int, int)
        Height and width every image is brought to.
    reader : callable or None, default=None
        A function of a path that gives an array.
    **options : dict
        Those of `ImageFiles`.
    """

    def __init__(self, sources, size, *, reader=None, **options):
        super().__init__(sources, size, **options)
        self.opening = self.opening._replace(reader=reader)

    def _check_sources(self, sources):
        return sources


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


def _check_option(name, value, options):
    if value not in options:
        raise ValueError(
            f"ImageFiles expects {name} to be one of {options}. Got {value!r} instead."
        )
    return value


def _check_color_mode(color_mode):
    if isinstance(color_mode, Integral) and color_mode > 0:
        return int(color_mode)
    return _check_option("color_mode", color_mode, ("gray", "rgb", "rgba"))


def _check_max_pixels(max_pixels):
    if not isinstance(max_pixels, Integral) or max_pixels < 1:
        raise ValueError(
            "ImageFiles expects max_pixels to be an int of at least 1. Got "
            f"{max_pixels!r} instead."
        )
    return int(max_pixels)


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

"""Reading files, as the first step of a pipeline."""

import os
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sklcnn._rows import index_of
from sklcnn._sklearn import N_JOBS, Interval, StrOptions, fit_with_callbacks
from sklcnn._steps import ImageStepMixin
from sklcnn._warnings import warn_user
from sklcnn.images._border import check_pad_value
from sklcnn.images._decode import BANDS
from sklcnn.images._files import LEFT_OUT, MEND, ImageFiles, ImageSources, check_size
from sklcnn.images._formats import resolve_formats
from sklcnn.images._headers import (
    bands_left_out,
    choose_channels,
    explain_problems,
    read_headers,
    unclear_files,
)
from sklcnn.images._open import MAX_PIXELS, Opening
from sklcnn.images._sources import check_sources, name_of, name_some, with_root


class ReadImages(ImageStepMixin, BaseEstimator):
    """Read images from files, as the first step of a pipeline.

    The first step of a pipeline for images in files. What comes out is read when it is
    asked for, a batch at a time, so there may be more images than fit in memory, and
    scikit-learn's cross-validation and searches work on the paths. Beside paths, it
    takes contents of files (bytes, never a path), binary file objects, PIL images and
    arrays, mixed, which get the same size, channels and checks: what is uploaded is
    predicted as it comes.

    Files are AVIF, BMP, GIF, JPEG, PNG, PPM, TIFF or WebP, whatever their names end in,
    with any number of bands, of 8, 16 or 32 bits. A camera's rotation (EXIF) is
    applied. Palettes, bilevel and CMYK images become gray or RGB. Of an animation or a
    file with several pages, the first is used, with a warning. Color profiles are not
    applied. Truncated files are errors unless another library has set
    ``PIL.ImageFile.LOAD_TRUNCATED_IMAGES``. The user guide has
    :doc:`the table of what is read </user_guide/images>`.

    Parameters
    ----------
    size : int, tuple of (int, int) or None, default=None
        Height and width every image is brought to, with antialiasing. A number is both.
        With None, those of the files seen in `fit`, which must have one size.
    color_mode : {"auto", "gray", "rgb", "rgba", "all"}, default="auto"
        The channels:

        - "auto" is gray if all files seen in `fit` are stored as gray (WebP has no such
          images), else RGB, with `background` behind transparent pixels. Files with
          further bands, such as near infrared, keep all of them, and must have equally
          many; where the tags of a file don't say what its fourth band is, a warning
          says what it is taken for;
        - "gray" and "rgb" are one and three channels. Bands beyond them are left out,
          with a warning that names the files;
        - "rgba" has opacity as the fourth channel, which is full where files have none;
        - "all" keeps every band, opacity included.
    aspect : {"pad", "crop", "stretch"}, default="pad"
        How images of another aspect are brought to `size`. ``"pad"`` shows all of the
        image, in the middle, with `pad_value` beside it; ``"crop"`` fills the frame
        with the middle of the image; ``"stretch"`` changes the aspect.
    background : {"white", "black"}, default="white"
        What transparent pixels show. Half-transparent ones show half of it.
    pad_value : float or "border", default="border"
        Pixel value beside images that are padded, on the scale of the pixels: 255 is
        white in uint8. ``"border"`` is the median color of the border of each image,
        which continues drawings on white as well as pictures on black.
    pages : {"first", "channels"}, default="first"
        What is read of a TIFF of several pages, such as a stack in depth: the first, or
        all of them as channels, which must have one shape.
    root : str, path-like or None, default=None
        Folder to which relative paths refer. None is the working directory.
    formats : {"default", "registered"}, str or sequence of str, default="default"
        Formats that are read besides the default ones: names or endings, such as
        ``".heic"`` (extra ``heif``) or ``"JPEG2000"``, or all that plugins have
        registered with Pillow. EPS is never read, as that starts other programs.
    max_pixels : int, default=89_478_485
        Limit of decoding, as the number of pixels of 8-bit RGB that take as many bytes
        (12 each, with working copies). Larger files are refused before they are
        decoded. TIFF beyond it is read reduced to `size`, where it has tiles, strips or
        smaller versions, and JPEG at a fraction of its size.
    reader : callable or None, default=None
        A function of one's own that reads files: a path in, an array of shape (height,
        width) or (height, width, n_channels) out. Dtype and channels are those of the
        first file seen in `fit`. Several threads may call it at once. It has to stand
        in a module to be pickled.
    on_error : {"raise", "warn"}, default="raise"
        What to do about files that can't be read when training. ``"warn"`` reads every
        file once in `fit_transform`, names those that fail in one warning, and leaves
        them to the classifier to leave out (`ImageFiles.bad_rows`). With ``"raise"``,
        and always in `predict`, such a file is an error that names it, when its turn
        comes. So a fold of a cross-validation that tests on a broken file scores nan:
        list the files with ``load_image_folder(..., on_error="warn")``, which leaves
        broken ones out, or drop what :func:`~sklcnn.images.find_bad_images` finds.
    cache : {"memory"} or None, default=None
        Whether decoded images are kept in memory for later epochs and for other folds
        of the same files, until the process ends: 2 GB in each process at most. Images
        beyond that are read each time.
    n_jobs : int or None, default=None
        Number of threads that decode; None is 1 and -1 all processors. Images are the
        same for any number. Threads help with big files, not with those of some 100
        pixels a side.

    Attributes
    ----------
    size_ : tuple of int
        Height and width of the images.
    color_mode_ : {"gray", "rgb", "rgba"} or int
        Their channels. A number is that of all bands of the files.
    dtype_ : {"uint8", "uint16", "float32"}
        That of the pixels: uint8, uint16 (if any file seen in `fit` has 16 bits; those
        with 8 are multiplied by 257, which is exact) or float32 (if any has floats,
        signed integers or integers of 32 bits, which are taken as they are; others are
        scaled to 0 to 1). Integers beyond 2**24 are rounded to what float32 holds.

    See Also
    --------
    sklcnn.images.load_image_folder : List the files of a folder and their labels.
    sklcnn.images.find_bad_images : Report broken, tiny, constant and duplicate images.
    sklcnn.images.ImageFiles : Images that are read on demand.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from sklcnn.preprocessing import ReadImages
    >>> path = Path(tempfile.mkdtemp()) / "red.jpg"
    >>> Image.new("RGB", (60, 40), "red").save(path)
    >>> ReadImages((32, 32)).fit_transform([path])
    <ImageFiles of shape (1, 32, 32, 3) and dtype uint8>
    """

    _parameter_constraints: dict = {
        "size": [Integral, tuple, list, np.ndarray, None],
        "color_mode": [StrOptions({"auto", "gray", "rgb", "rgba", "all"})],
        "aspect": [StrOptions({"pad", "crop", "stretch"})],
        "background": [StrOptions({"white", "black"})],
        "pad_value": [
            Interval(Real, None, None, closed="neither"),
            StrOptions({"border"}),
        ],
        "pages": [StrOptions({"first", "channels"})],
        "root": [str, os.PathLike, None],
        "formats": [str, tuple, list],
        "max_pixels": [Interval(Integral, 1, None, closed="left")],
        "reader": [callable, None],
        "on_error": [StrOptions({"raise", "warn"})],
        "cache": [StrOptions({"memory"}), None],
        "n_jobs": N_JOBS,
    }

    def __init__(
        self,
        size=None,
        *,
        color_mode="auto",
        aspect="pad",
        background="white",
        pad_value="border",
        pages="first",
        root=None,
        formats="default",
        max_pixels=MAX_PIXELS,
        reader=None,
        on_error="raise",
        cache=None,
        n_jobs=None,
    ):
        self.size = size
        self.color_mode = color_mode
        self.aspect = aspect
        self.background = background
        self.pad_value = pad_value
        self.pages = pages
        self.root = root
        self.formats = formats
        self.max_pixels = max_pixels
        self.reader = reader
        self.on_error = on_error
        self.cache = cache
        self.n_jobs = n_jobs

    @fit_with_callbacks
    def fit(self, X, y=None):
        """Learn the size, the channels and the dtype from the headers of the files.

        Parameters
        ----------
        X : array-like of shape (n_samples,) or (n_samples, 1)
            Paths, contents of files, binary file objects, PIL images or arrays.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        sources = self._sources(X)
        _warn_of(self._fit_headers(sources), sources)
        return self

    @fit_with_callbacks
    def fit_transform(self, X, y=None):
        """Fit to files and give their images.

        Parameters
        ----------
        X : array-like of shape (n_samples,) or (n_samples, 1)
            Paths, contents of files, binary file objects, PIL images or arrays.
        y : None
            Ignored.

        Returns
        -------
        images : ImageFiles
            With `bad_rows`, where ``on_error="warn"``.
        """
        sources = self._sources(X)
        self._fit_headers(sources)
        images = self._images(sources, X)
        if self.on_error == "warn":
            problems = images.check_files()
            _check_some_are_good(problems, sources)
            _warn_of(problems, sources)
            images.bad_rows = np.array(sorted(problems), dtype=np.intp)
        return images

    def transform(self, X):
        """Give the images of files.

        Parameters
        ----------
        X : array-like of shape (n_samples,) or (n_samples, 1)
            Paths, contents of files, binary file objects, PIL images or arrays.

        Returns
        -------
        images : ImageFiles
            Reading a file that can't be read is an error that names it.
        """
        check_is_fitted(self)
        return self._images(self._sources(X), X)

    def _sources(self, X):
        """List what is to be read: paths, with their root, or what else there is."""
        return with_root(check_sources(X, name=type(self).__name__), self.root)

    def _opening(self):
        name = type(self).__name__
        formats = resolve_formats(self.formats, name=name)
        return Opening(formats, int(self.max_pixels), self.reader, self.pages)

    def _fit_headers(self, sources):
        """Learn from the headers, and give the problems of those that can't be read."""
        name = type(self).__name__
        size = None if self.size is None else check_size(self.size, name=name)
        headers, errors = read_headers(sources, size, self._opening(), self.n_jobs)
        if errors and self.on_error == "raise":
            message = explain_problems(errors, len(sources), name)
            raise ValueError(f"{message} {MEND}")
        problems = {row: error.cause for row, error in errors.items()}
        _check_some_are_good(problems, sources)
        self.size_ = self._choose_size(headers, sources) if size is None else size
        self.color_mode_ = choose_channels(headers, sources, self.color_mode, name)
        self._warn_of_bands(headers, sources)
        dtypes = {header.dtype for header in headers.values()}
        self.dtype_ = max(dtypes, key=("uint8", "uint16", "float32").index)
        check_pad_value(self.pad_value, np.dtype(self.dtype_), name=name)
        return problems

    def _warn_of_bands(self, headers, sources):
        """Name the files with bands that are left out, or taken for something."""
        left_out = bands_left_out(headers, sources, self.color_mode_)
        if left_out:
            warn_user(
                f"{LEFT_OUT[BANDS]}: {len(left_out)} ({name_some(left_out)}). Keep "
                "them by color_mode='all'."
            )
        unclear = unclear_files(headers, sources)
        if unclear and self.color_mode == "auto":
            warn_user(
                f"Files with a fourth band of which they don't say what it is: "
                f"{len(unclear)} ({name_some(unclear)}). It is kept as a band of its "
                "own. If it is opacity, give color_mode='rgba', or 'rgb' to leave it "
                "out; if it is not, give 'all'."
            )

    def _choose_size(self, headers, sources):
        """Take the size that all files have."""
        first_row = {}
        for row, header in headers.items():
            first_row.setdefault(header.size, row)
        if len(first_row) > 1:
            (size, row), (other_size, other_row) = list(first_row.items())[:2]
            raise ValueError(
                f"{type(self).__name__} found {len(first_row)} sizes, such as {size} "
                f"in {name_of(sources[row])} and {other_size} in "
                f"{name_of(sources[other_row])}. Give the size=(height, width) "
                "that all images shall have."
            )
        return next(iter(first_row))

    def _images(self, sources, X):
        options = {
            "color_mode": self.color_mode_,
            "dtype": self.dtype_,
            "aspect": self.aspect,
            "background": self.background,
            "pad_value": self.pad_value,
            "pages": self.pages,
            "formats": self.formats,
            "max_pixels": self.max_pixels,
            "cache": self.cache,
            "n_jobs": self.n_jobs,
        }
        if self.reader is None and all(isinstance(s, str) for s in sources):
            images = ImageFiles(sources, self.size_, **options)
        else:
            images = ImageSources(sources, self.size_, reader=self.reader, **options)
        images.index = index_of(X)
        return images

    def __setstate__(self, state):
        # of an older version, which had fewer parameters
        super().__setstate__({**type(self)().get_params(), **state})

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.string = True
        return tags


def _check_some_are_good(problems, sources):
    if len(problems) == len(sources):
        raise ValueError(
            f"ReadImages can't read any of {len(sources)} files, such as "
            f"{name_of(sources[0])} ({problems[0]})."
        )


def _warn_of(problems, sources):
    """Name the files that are left out of training, in one warning."""
    if problems:
        named = [f"{name_of(sources[row])} ({why})" for row, why in problems.items()]
        warn_user(
            f"ReadImages leaves {len(problems)} of {len(sources)} files out of fit, as "
            f"they can't be read: {name_some(named)}."
        )

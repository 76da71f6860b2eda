"""Reading files, as the first step of a pipeline."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sklcnn._rows import index_of
from sklcnn._sklearn import N_JOBS, Interval, StrOptions, fit_context
from sklcnn._steps import ImageStepMixin
from sklcnn.images._border import check_pad_value
from sklcnn.images._decode import cause_of, read_header
from sklcnn.images._files import (
    MEND,
    ImageFiles,
    check_paths,
    check_size,
    name_some,
)


class ReadImages(ImageStepMixin, BaseEstimator):
    """Read image files: paths in, images out.

    The first step of a pipeline for images in files. What comes out is read when it is
    asked for, a batch at a time, so there may be more images than fit in memory, and
    scikit-learn's cross-validation and searches work on the paths.

    Files are BMP, GIF, JPEG, PNG, PPM, TIFF or WebP, whatever their names end in. A
    camera's rotation (EXIF) is applied. Palettes, bilevel and CMYK images become gray
    or RGB. Of an animation or a file with several
    pages, the first is used, with a warning. Images of more than 89,478,485 pixels are
    refused before they are decoded. Color profiles are not applied. Truncated files are
    errors unless another library has set ``PIL.ImageFile.LOAD_TRUNCATED_IMAGES``.

    Parameters
    ----------
    size : int, tuple of (int, int) or None, default=None
        Height and width every image is brought to, with antialiasing. A number is both.
        With None, those of the files seen in `fit`, which must have one size.
    color_mode : {"auto", "gray", "rgb"}, default="auto"
        The channels. ``"auto"`` is gray if all files seen in `fit` are stored as gray
        (WebP has no such images), else rgb.
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
    color_mode_ : {"gray", "rgb"}
        Their channels.
    dtype_ : {"uint8", "uint16", "float32"}
        That of the pixels: uint8, uint16 (if any file seen in `fit` is gray with 16
        bits; those with 8 are multiplied by 257, which is exact) or float32 (if any
        has floats, signed integers or integers of 32 bits, which are taken as they are;
        others are scaled to 0 to 1). RGB files with 16 bits a channel are read with 8.

    See Also
    --------
    sklcnn.images.load_image_folder : Lists the files of a folder and their labels.
    sklcnn.images.find_bad_images : Reports broken, tiny, constant and duplicate images.
    sklcnn.images.ImageFiles : What comes out.

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
        "color_mode": [StrOptions({"auto", "gray", "rgb"})],
        "aspect": [StrOptions({"pad", "crop", "stretch"})],
        "background": [StrOptions({"white", "black"})],
        "pad_value": [
            Interval(Real, None, None, closed="neither"),
            StrOptions({"border"}),
        ],
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
        on_error="raise",
        cache=None,
        n_jobs=None,
    ):
        self.size = size
        self.color_mode = color_mode
        self.aspect = aspect
        self.background = background
        self.pad_value = pad_value
        self.on_error = on_error
        self.cache = cache
        self.n_jobs = n_jobs

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the size, the channels and the dtype from the headers of the files.

        Parameters
        ----------
        X : array-like of str or path-like of shape (n_samples,)
            The files.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        paths = check_paths(X, name=type(self).__name__)
        _warn_of(self._fit_headers(paths), paths)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X, y=None):
        """Fit to files and give their images.

        Parameters
        ----------
        X : array-like of str or path-like of shape (n_samples,)
            The files.
        y : None
            Ignored.

        Returns
        -------
        images : ImageFiles
            With `bad_rows`, where ``on_error="warn"``.
        """
        paths = check_paths(X, name=type(self).__name__)
        self._fit_headers(paths)
        images = self._images(paths, X)
        if self.on_error == "warn":
            problems = images.check_files()
            _check_some_are_good(problems, paths)
            _warn_of(problems, paths)
            images.bad_rows = np.array(sorted(problems), dtype=np.intp)
        return images

    def transform(self, X):
        """Give the images of files.

        Parameters
        ----------
        X : array-like of str or path-like of shape (n_samples,)
            The files.

        Returns
        -------
        images : ImageFiles
            Reading a file that can't be read is an error that names it.
        """
        check_is_fitted(self)
        return self._images(check_paths(X, name=type(self).__name__), X)

    def _fit_headers(self, paths):
        """Learn from the headers, and give the problems of those that can't be read."""
        headers, problems = {}, {}
        for row, path in enumerate(paths):
            try:
                headers[row] = read_header(path)
            except ValueError as error:
                if self.on_error == "raise":
                    raise ValueError(f"{error} {MEND}") from error
                problems[row] = cause_of(error, path)
        _check_some_are_good(problems, paths)
        self.size_ = self._choose_size(headers, paths)
        is_gray = all(header.is_gray for header in headers.values())
        found = "gray" if is_gray else "rgb"
        self.color_mode_ = found if self.color_mode == "auto" else self.color_mode
        dtypes = {header.dtype for header in headers.values()}
        self.dtype_ = max(dtypes, key=("uint8", "uint16", "float32").index)
        check_pad_value(self.pad_value, np.dtype(self.dtype_), name=type(self).__name__)
        return problems

    def _choose_size(self, headers, paths):
        if self.size is not None:
            return check_size(self.size, name=type(self).__name__)
        first_row = {}
        for row, header in headers.items():
            first_row.setdefault(header.size, row)
        if len(first_row) > 1:
            (size, row), (other_size, other_row) = list(first_row.items())[:2]
            raise ValueError(
                f"{type(self).__name__} found {len(first_row)} sizes, such as {size} "
                f"in {paths[row]!r} and {other_size} in {paths[other_row]!r}. Give the "
                "size=(height, width) that all images shall have."
            )
        return next(iter(first_row))

    def _images(self, paths, X):
        images = ImageFiles(
            paths,
            self.size_,
            color_mode=self.color_mode_,
            dtype=self.dtype_,
            aspect=self.aspect,
            background=self.background,
            pad_value=self.pad_value,
            cache=self.cache,
            n_jobs=self.n_jobs,
        )
        images.index = index_of(X)
        return images

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags


def _check_some_are_good(problems, paths):
    if len(problems) == len(paths):
        raise ValueError(
            f"ReadImages can't read any of {len(paths)} files, such as {paths[0]!r} "
            f"({problems[0]})."
        )


def _warn_of(problems, paths):
    """Name the files that are left out of training, in one warning."""
    if problems:
        named = [f"{paths[row]!r} ({cause})" for row, cause in problems.items()]
        warnings.warn(
            f"ReadImages leaves {len(problems)} of {len(paths)} files out of fit, as "
            f"they can't be read: {name_some(named)}.",
            UserWarning,
        )

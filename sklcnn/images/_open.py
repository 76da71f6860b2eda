"""Opening of image files of all formats; errors name the file."""

import os
import stat
from contextlib import contextmanager, suppress
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from sklcnn._validation import looks_channels_first
from sklcnn.images._formats import FORMATS, explain_start, openers
from sklcnn.images._pillow import PillowImage, is_whole
from sklcnn.images._png import without_metadata
from sklcnn.images._ppm import PpmImage
from sklcnn.images._raster import Bands, Raster, plain_dtype, plain_pixels
from sklcnn.images._sources import name_of, open_binary
from sklcnn.images._tiff import TiffImage

MAX_PIXELS = 89_478_485
"""Default limit of pixels: where Pillow begins to warn by default."""

BYTES_PER_PIXEL = 12
"""Bytes that decoding a pixel of 8-bit RGB takes, copies included."""

TIFF_STARTS = (b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"II+\0", b"MM\0+")

ADDRESSES = ("http://", "https://", "ftp://", "file://", "s3://", "gs://", "data:")
"""Beginnings of what is no path, though it tells where an image is."""


class Opening(NamedTuple):
    """How files are opened.

    Parameters
    ----------
    formats : tuple of str, or "registered", default=FORMATS
        Formats that are tried.
    max_pixels : int, default=89_478_485
        Number of pixels of 8-bit RGB whose bytes are the limit.
    reader : callable or None, default=None
        A function of the path of a file that gives its pixels.
    pages : {"first", "channels"}, default="first"
        What is read of a TIFF of several pages.
    """

    formats: tuple = FORMATS
    max_pixels: int = MAX_PIXELS
    reader: object = None
    pages: str = "first"

    @property
    def max_bytes(self):
        """Bytes that decoding may take."""
        return BYTES_PER_PIXEL * self.max_pixels


class UnreadableImageError(ValueError):
    """What can't be read, and why.

    Parameters
    ----------
    name : str
        Name of the file, or what else was to be read.
    cause : str
        What is wrong with it.
    is_too_large : bool, default=False
        Whether it is beyond the limit.
    """

    def __init__(self, name, cause, is_too_large=False):
        super().__init__(name, cause, is_too_large)
        self.name = name
        self.cause = cause
        self.is_too_large = is_too_large

    def __str__(self):
        return f"Can't read {self.name}: {self.cause}."


class TooLargeError(ValueError):
    """An image beyond the limit."""


class ArrayImage:
    """An array in the place of a file.

    Parameters
    ----------
    pixels : ndarray of shape (height, width[, n_bands])
        Three bands are red, green and blue.
    """

    is_multiple = False

    def __init__(self, pixels):
        if 0 in pixels.shape:
            raise ValueError(f"it has no pixels (shape {pixels.shape})")
        if pixels.ndim == 3 and looks_channels_first(*pixels.shape):
            raise ValueError(
                f"its shape {pixels.shape} looks channels-first: move them to the end "
                "by `np.moveaxis(pixels, 0, -1)`"
            )
        self.pixels = pixels
        self.dtype = plain_dtype(pixels.dtype)
        self.size = pixels.shape[:2]
        n_bands = 1 if pixels.ndim == 2 else pixels.shape[2]
        n_colors = 3 if n_bands in (3, 4) else 1
        n_more = n_bands - n_colors
        self.bands = Bands(n_colors, False, n_more, is_unclear=n_bands == 4)

    def n_bytes(self, size=None):
        """Estimate the bytes that decoding takes: the pixels are there."""
        return 0

    def raster(self, size=None):
        """Give all pixels."""
        return Raster(plain_pixels(self.pixels), self.bands)


@contextmanager
def open_image(source, opening, size=None):
    """Open a source of an image; every error, also of what is done to it, names it.

    Parameters
    ----------
    source : str, bytes, PIL.Image.Image or ndarray
        A path, contents of a file, or an image.
    opening : Opening
        How it is opened.
    size : tuple of int or None, default=None
        Height and width that are wanted.

    Yields
    ------
    image : PillowImage, PpmImage, TiffImage or ArrayImage
    """
    try:
        if isinstance(source, np.ndarray):
            yield ArrayImage(source)
        elif isinstance(source, Image.Image):
            yield PillowImage(source.copy())
        elif opening.reader is not None and isinstance(source, str):
            yield ArrayImage(_read_by(opening.reader, source))
        else:
            if isinstance(source, str):
                _check_regular(source)
            with open_binary(source) as file:
                image = _identify(file, opening, size)
                if opening.pages == "channels" and image.is_multiple:
                    _check_pages(image)
                try:
                    yield image
                finally:
                    if isinstance(image, PillowImage):
                        image.image.close()
    except Exception as error:
        cause = _cause(error, source, opening)
        too_large = isinstance(error, TooLargeError)
        raise UnreadableImageError(name_of(source), cause, too_large) from error


def _read_by(reader, path):
    """Read a file by a function of the user."""
    try:
        pixels = reader(path)
    except Exception as error:
        if isinstance(error, FileNotFoundError) and error.filename == path:
            raise
        cause = f"the reader failed ({type(error).__name__}: {error})"
        raise ValueError(cause) from error
    array = np.asarray(pixels)
    if np.ma.is_masked(pixels):
        raise ValueError("the reader gave masked pixels: fill them by `.filled(0)`")
    if array.ndim not in (2, 3):
        what = f"of shape {array.shape}" if array.ndim else type(pixels).__name__
        raise ValueError(
            "the reader gave no array of pixels, of shape (height, width) or (height, "
            f"width, n_channels), but {what}"
        )
    return array


def check_bytes(image, size, opening):
    """Refuse an image whose decoding to a size takes more bytes than the limit."""
    n_bytes = image.n_bytes(size)
    if n_bytes <= opening.max_bytes:
        return
    height, width = image.size
    needed = -(-n_bytes // BYTES_PER_PIXEL)
    raise TooLargeError(
        f"it has {width} x {height} pixels, and decoding it takes {n_bytes / 1e6:,.0f} "
        f"MB, more than the limit of {opening.max_pixels:,} pixels of RGB "
        f"({opening.max_bytes / 1e6:,.0f} MB). Make a smaller copy of it, or give "
        f"max_pixels={needed} if you trust it"
    )


def _check_pages(image):
    """Refuse frames of an animation, which are not to become channels."""
    if not isinstance(image, TiffImage):
        raise ValueError(
            "it is an animation, and pages='channels' takes pages of TIFF: give "
            "pages='first'"
        )


def _check_regular(path):
    """Refuse what is no file before opening it: a pipe would block forever."""
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise ValueError("it is a folder")
    if not stat.S_ISREG(mode):
        raise ValueError("it is no regular file but a pipe, a socket or a device")


def _identify(file, opening, size):
    """Do as `PIL.Image.open`, which warns of the sizes that are an error here."""
    start = file.read(16)
    is_dicom = file.read(116)[-4:] == b"DICM"  # which may begin like TIFF
    file.seek(0)
    if start.startswith(TIFF_STARTS) and not is_dicom:
        return _open_tiff(file, opening, size)
    if len(start) > 1 and start[:1] == b"P" and start[1:2] in b"123456fF":
        return PpmImage(file)
    first_error = None
    for name, factory, accept in openers(opening.formats):
        if len(start) < 2 or (accept is not None and accept(start) is not True):
            continue
        try:
            file.seek(0)
            return PillowImage(factory(file, ""), file)
        except Exception as error:  # a plugin may take the files of another
            if name == "PNG":
                return PillowImage(without_metadata(file, error))
            first_error = first_error or error
    raise first_error or UnidentifiedImageError


def _open_tiff(file, opening, size):
    """Open a TIFF by Pillow, if that reads all of it, or by tifffile."""
    if opening.pages == "first":
        with suppress(Exception):
            image = PillowImage(TiffImageFile(file, ""))
            fits = size is None or image.n_bytes() <= opening.max_bytes
            if fits and is_whole(image.image):
                return image
        file.seek(0)
    return TiffImage(file, opening.max_bytes, opening.pages)


def _cause(error, source, opening):
    """Say in words what is wrong with a source."""
    if isinstance(error, FileNotFoundError):
        return _why_missing(source)
    if isinstance(error, UnidentifiedImageError):
        with open_binary(source) as file:
            return explain_start(file.read(132), opening.formats)
    if "imagecodecs" in str(error):
        return (
            f"{str(error).rstrip('.')}. Install it by `pip install 'sklcnn[tiff]'`, or "
            "save the file without compression"
        )
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    is_plain = isinstance(error, (OSError, ValueError, SyntaxError))
    if is_plain and str(error):
        return _reword(str(error).rstrip("."))
    return f"it is damaged ({type(error).__name__}: {error})"


def _why_missing(path):
    if path.startswith(ADDRESSES):
        return "it is an address and no path: give the bytes that it stands for"
    if os.path.islink(path):
        return f"it is a link to {os.readlink(path)!r}, which is not there"
    with suppress(OSError):  # the working directory may be gone as well
        if not os.path.isabs(path):
            return (
                f"there is no such file in the folder {os.getcwd()!r}. Give absolute "
                "paths, or the folder they refer to as `root` of ReadImages"
            )
    return "there is no such file"


def _reword(cause):
    """Put into a user's words what Pillow says in its own."""
    if cause == "could not create decoder object":
        return "it is damaged"
    return cause

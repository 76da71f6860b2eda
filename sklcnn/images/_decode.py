"""Decoding of images from all sources, brought to one size and dtype."""

from typing import NamedTuple

import numpy as np

from sklcnn.images._border import pad_center
from sklcnn.images._open import Opening, check_bytes, open_image
from sklcnn.images._pillow import PillowImage
from sklcnn.images._raster import Bands, convert_pixels, resize_pixels, show

FRAMES, BANDS, BITS = "frames", "bands", "bits"
"""Kinds of what may be left out of an image."""

DEFAULT_OPENING = Opening()


class Header(NamedTuple):
    """What the beginning of a file tells about its image; `size` is upright."""

    dtype: str
    bands: Bands
    size: tuple

    @property
    def is_gray(self):
        """Whether the image is gray."""
        return self.bands.n_colors == 1


def read_header(source, size=None, *, opening=DEFAULT_OPENING):
    """Look at the beginning of a file.

    Parameters
    ----------
    source : str, bytes, PIL.Image.Image or ndarray
        A path, contents of a file, or an image.
    size : tuple of int or None, default=None
        Height and width that will be wanted.
    opening : Opening, default=DEFAULT_OPENING
        How files are opened.

    Returns
    -------
    header : Header

    Raises
    ------
    UnreadableImageError
        If it can't be opened, or is beyond the limit.
    """
    with open_image(source, opening, size) as image:
        header = Header(image.dtype, image.bands, image.size)
        if isinstance(image, PillowImage):
            image.draft(size, None, "crop")
        check_bytes(image, size, opening)
        return header


def decode(
    source,
    size=None,
    *,
    color_mode=None,
    dtype=None,
    aspect="pad",
    background="white",
    pad_value="border",
    opening=DEFAULT_OPENING,
):
    """Read the first image of a file as an array.

    Parameters
    ----------
    source : str, bytes, PIL.Image.Image or ndarray
        A path, contents of a file, or an image.
    size : tuple of int or None, default=None
        Height and width of the result. With None, and where the image has this size,
        its pixels are left as they are.
    color_mode : {"gray", "rgb", "rgba"}, int or None, default=None
        The channels of the result. A number is that of all bands. With None, the
        colors of the file.
    dtype : {"uint8", "uint16", "float32"} or None, default=None
        The dtype of the result. With None, that of the file.
    aspect : {"pad", "crop", "stretch"}, default="pad"
        How images of another aspect are brought to `size`.
    background : {"white", "black"}, default="white"
        What transparent pixels show.
    pad_value : float or "border", default="border"
        Pixel value beside an image that is padded, on the scale of the result, or the
        median color of its border.
    opening : Opening, default=DEFAULT_OPENING
        How files are opened.

    Returns
    -------
    pixels : ndarray of shape (height, width[, n_channels])
        The image, upright.
    left_out : tuple of str
        What the file holds besides, of `FRAMES`, `BANDS` and `BITS`.

    Raises
    ------
    UnreadableImageError
        If the source can't be read. The message names it.
    """
    with open_image(source, opening, size) as image:
        is_first = opening.pages == "first"
        left_out = [FRAMES] if is_first and image.is_multiple else []
        is_pillow = isinstance(image, PillowImage)
        if is_pillow:
            image.draft(size, color_mode, aspect)
            left_out += [BITS] if image.has_lost_bits else []
        check_bytes(image, size, opening)
        if is_pillow and image.dtype == "uint8" and color_mode in (None, "gray", "rgb"):
            pixels = image.plain(size, color_mode, aspect, background)
        else:
            pixels, has_more = show(image.raster(size), color_mode, background)
            left_out += [BANDS] if has_more else []
            if size is not None:
                pixels = resize_pixels(pixels, size, aspect)
        if dtype is not None:
            pixels = convert_pixels(pixels, dtype)
        if size is not None:
            pixels = pad_center(pixels[np.newaxis], *size, pad_value)[0]
        return pixels, tuple(left_out)

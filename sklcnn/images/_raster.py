"""Pixels of any number of bands: what the bands show, and resizing."""

from numbers import Integral
from typing import NamedTuple

import numpy as np
from PIL import Image

GRAY_WEIGHTS = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in gray (ITU-R 601-2), as in Pillow."""


class Bands(NamedTuple):
    """What the bands of an image show, in this order.

    Parameters
    ----------
    n_colors : int
        Number of bands of color: 1 for gray, 3 for red, green and blue.
    has_opacity : bool, default=False
        Whether the next band is opacity.
    n_more : int, default=0
        Number of further bands, such as near infrared.
    is_unclear : bool, default=False
        Whether the file does not say what its last band shows.
    """

    n_colors: int
    has_opacity: bool = False
    n_more: int = 0
    is_unclear: bool = False

    @property
    def n_bands(self):
        """Number of all bands."""
        return self.n_colors + self.has_opacity + self.n_more


GRAY, RGB = Bands(1), Bands(3)


class Raster(NamedTuple):
    """Pixels as a file stores them.

    Parameters
    ----------
    pixels : ndarray of shape (height, width, n_bands)
        uint8 or uint16 over their whole range, or float32 as they are.
    bands : Bands
        What the bands show.
    """

    pixels: np.ndarray
    bands: Bands


def plain_pixels(pixels):
    """Bring pixels to one of the three dtypes, without a change of scale.

    Parameters
    ----------
    pixels : ndarray of shape (height, width[, n_bands])
        Of any numeric dtype. Booleans become 0 and 255.

    Returns
    -------
    pixels : ndarray of shape (height, width, n_bands)
        uint8, uint16 or float32.

    Raises
    ------
    ValueError
        If they are no numbers, or not finite.
    """
    if pixels.ndim == 2:
        pixels = pixels[..., np.newaxis]
    if pixels.dtype == bool:
        return pixels * np.uint8(255)
    name = plain_dtype(pixels.dtype)
    if name == "float32":
        with np.errstate(over="ignore"):
            pixels = pixels.astype(np.float32, copy=False)
        if not np.isfinite(pixels).all():
            raise ValueError("it has pixels that are NaN or infinite")
    return pixels.astype(name, copy=False)  # in this machine's byte order


def plain_dtype(dtype):
    """Name the dtype that holds pixels of a dtype: uint8, uint16 or float32."""
    if dtype.kind not in "biuf":
        raise ValueError(f"its pixels are of dtype {dtype}, which are no numbers")
    if dtype.kind == "b":
        return "uint8"
    return dtype.name if dtype.name in ("uint8", "uint16") else "float32"


def show(raster, color_mode, background):
    """Choose the channels of a result, and show what is behind transparent pixels.

    Parameters
    ----------
    raster : Raster
        All bands.
    color_mode : {"gray", "rgb", "rgba"}, int or None
        The channels. A number keeps all bands, which have to be so many; None keeps
        the colors.
    background : {"white", "black"}
        What transparent pixels show.

    Returns
    -------
    pixels : ndarray of shape (height, width[, n_channels])
        Gray has no channel axis.
    left_out : bool
        Whether there are bands that are not shown.
    """
    pixels = raster.pixels
    n_bands = pixels.shape[2]
    if isinstance(color_mode, Integral):
        if n_bands != color_mode:
            raise ValueError(
                f"it has {n_bands} band(s), and images of {color_mode} are wanted, as "
                "in fit"
            )
        return pixels, False
    colors, opacity = _colors_and_opacity(raster, color_mode)
    left_out = n_bands > colors.shape[2] + (opacity is not None)
    full = full_scale(pixels.dtype)
    if color_mode == "rgba":
        colors = np.repeat(colors, 3, axis=2) if colors.shape[2] == 1 else colors
        if opacity is None:
            opacity = np.full(colors.shape[:2], full, dtype=pixels.dtype)
        return np.dstack([colors, opacity]), left_out
    if opacity is not None:
        behind = full if background == "white" else 0
        colors = _over(colors, opacity[..., np.newaxis] / full, behind)
    if color_mode == "gray" and colors.shape[2] == 3:
        colors = _restore(colors @ GRAY_WEIGHTS, pixels.dtype)[..., np.newaxis]
    if colors.shape[2] == 1:
        is_rgb = color_mode == "rgb"
        return (np.repeat(colors, 3, axis=2) if is_rgb else colors[..., 0]), left_out
    return colors, left_out


def _colors_and_opacity(raster, color_mode):
    """Take the bands of color, and that of opacity or None, out of all."""
    pixels, bands = raster
    n_colors = bands.n_colors
    if bands.has_opacity:
        return pixels[..., :n_colors], pixels[..., n_colors]
    # of bands that are no colors, the first three are shown as such
    if n_colors == 1 and bands.n_more >= 2 and color_mode in ("rgb", "rgba"):
        n_colors = 3
    n_opacity = int(color_mode == "rgba" and pixels.shape[2] == 4)
    opacity = pixels[..., 3] if n_opacity and n_colors == 3 else None
    return pixels[..., :n_colors], opacity


def _over(colors, opacity, behind):
    """Lay colors of some opacity over a background."""
    return _restore(colors * opacity + behind * (1 - opacity), colors.dtype)


def _restore(values, dtype):
    return (np.rint(values) if dtype.kind == "u" else values).astype(dtype)


def full_scale(dtype):
    """Value of white in a dtype of pixels."""
    return 1 if dtype.kind == "f" else np.iinfo(dtype).max


def resize_pixels(pixels, size, aspect):
    """Resize with antialiasing to a size, or to what has to be padded to it.

    Parameters
    ----------
    pixels : ndarray of shape (height, width[, n_channels])
        uint8, uint16 or float32.
    size : tuple of int
        Height and width.
    aspect : {"pad", "crop", "stretch"}
        How another aspect is brought to it.

    Returns
    -------
    pixels : ndarray of shape (height, width[, n_channels])
        Of the same dtype. With "pad", one side may be less than that of `size`.
    """
    if pixels.shape[:2] == size:
        return pixels
    if pixels.ndim == 3 and (pixels.shape[2] != 3 or pixels.dtype != np.uint8):
        bands = np.moveaxis(pixels, 2, 0)
        return np.dstack([resize_pixels(band, size, aspect) for band in bands])
    dtype = pixels.dtype
    shallow = pixels if dtype == np.uint8 else pixels.astype(np.float32)
    image = resize_image(Image.fromarray(np.ascontiguousarray(shallow)), size, aspect)
    resized = np.asarray(image)
    if dtype == np.uint16:
        resized = np.clip(np.rint(resized), 0, 65535)
    return resized.astype(dtype, copy=False)


def resize_image(image, size, aspect):
    """Do the same to a PIL image of mode L, RGB or F."""
    height, width = size
    box = None
    if aspect == "crop":
        scale = max(width / image.width, height / image.height)
        left = (image.width - width / scale) / 2
        top = (image.height - height / scale) / 2
        box = (max(0, left), max(0, top), image.width - left, image.height - top)
        box = (*box[:2], min(box[2], image.width), min(box[3], image.height))
    elif aspect == "pad":
        scale = min(width / image.width, height / image.height)
        width = max(1, round(image.width * scale))
        height = max(1, round(image.height * scale))
    return image.resize((width, height), Image.Resampling.BILINEAR, box)


def turn_upright(pixels, orientation):
    """Undo what an EXIF or TIFF orientation says.

    Parameters
    ----------
    pixels : ndarray of shape (height, width[, n_bands])
        As they are stored.
    orientation : int
        1 is upright, as is what is none.

    Returns
    -------
    pixels : ndarray
        A view.
    """
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def convert_pixels(pixels, dtype):
    """Take pixels to a dtype, from full range to full range.

    Parameters
    ----------
    pixels : ndarray of dtype uint8, uint16 or float32
        Floats are on the scale 0 to 1.
    dtype : {"uint8", "uint16", "float32"}
        Of integers, the wider holds the narrower exactly (times 257).

    Returns
    -------
    pixels : ndarray

    Raises
    ------
    ValueError
        If floats would have to become integers.
    """
    if pixels.dtype == dtype:
        return pixels
    if pixels.dtype == np.float32:
        raise ValueError(
            f"it has float pixels, and images of dtype {dtype} are wanted, as in fit"
        )
    if dtype == "float32":
        return pixels / np.float32(np.iinfo(pixels.dtype).max)
    if dtype == "uint16":
        return pixels * np.uint16(257)
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)

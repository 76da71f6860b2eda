"""Decoding of image files of all formats; errors name the file."""

import os
import stat
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from sklcnn.images._border import pad_center

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")

MAX_PIXELS = 89_478_485
"""Images of more pixels are refused: where Pillow begins to warn by default."""

ORIENTATION = 0x0112
"""Number of the EXIF tag that tells which way up a camera was held."""

PHOTOMETRIC, WHITE_IS_ZERO = 0x0106, 0
"""The tag of a TIFF that tells what its values show, and the value of negatives."""

SAMPLE_FORMAT, SIGNED = 0x0153, 2
"""The tag of a TIFF that tells what its bits mean, and the value of signed ones."""


class Header(NamedTuple):
    """What the beginning of a file tells about its image."""

    dtype: str
    is_gray: bool
    size: tuple


def read_header(path):
    """Look at the beginning of a file; `size` is ``(height, width)``, upright."""
    with open_image(path) as image:
        return Header(_dtype(image), _is_gray(image), _upright_size(image))


def decode(
    path,
    size=None,
    *,
    color_mode=None,
    dtype=None,
    aspect="pad",
    background="white",
    pad_value="border",
):
    """Read the first image of a file as an array.

    Parameters
    ----------
    path : str
        The file.
    size : tuple of int or None, default=None
        Height and width of the result. With None, and where the image has this size,
        its pixels are left as they are.
    color_mode : {"gray", "rgb"} or None, default=None
        The channels of the result. With None, those of the file.
    dtype : {"uint8", "uint16", "float32"} or None, default=None
        The dtype of the result. With None, that of the file.
    aspect : {"pad", "crop", "stretch"}, default="pad"
        How images of another aspect are brought to `size`.
    background : {"white", "black"}, default="white"
        What transparent pixels show.
    pad_value : float or "border", default="border"
        Pixel value beside an image that is padded, on the scale of the result, or the
        median color of its border.

    Returns
    -------
    pixels : ndarray of shape (height, width) or (height, width, 3)
        The image, upright.
    has_more : bool
        Whether the file holds further images: an animation or several pages.

    Raises
    ------
    ValueError
        If the file can't be read. The message names it.
    """
    with open_image(path) as image:
        # the further images of an MPO file are previews of the first
        has_more = image.format != "MPO" and getattr(image, "is_animated", False)
        _decode_smaller(image, size, color_mode, aspect)
        found, is_gray = _dtype(image), _is_gray(image)
        _keep_deep_alpha(image)
        # a camera's rotation is a tag of the file, not a choice of this package
        ImageOps.exif_transpose(image, in_place=True)
        if found == "uint8":
            to_gray = is_gray or color_mode == "gray"
            image = _to_plain_mode(image, to_gray, background)
        if size is not None and image.size != size[::-1]:
            pixels = _resize(image, size, aspect, found, background)
        else:
            pixels = _pixels(image, found, background)
        if color_mode == "rgb" and pixels.ndim == 2:
            pixels = np.repeat(pixels[..., np.newaxis], 3, axis=2)
        pixels = convert_pixels(pixels, dtype or found)
        if size is not None:
            pixels = pad_center(pixels[np.newaxis], *size, pad_value)[0]
        return pixels, has_more


@contextmanager
def open_image(path):
    """Open a file as an image; every error, also of what is done to it, names it."""
    try:
        _check_regular(path)
        with (
            open(path, "rb", opener=_open_without_waiting) as file,
            _identify(file) as image,
        ):
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(
                    f"it has {image.width} x {image.height} pixels, more than the "
                    f"limit of {MAX_PIXELS}. Make a smaller copy of it"
                )
            yield image
    except Exception as error:
        raise ValueError(f"Can't read {path!r}: {_cause(error, path)}.") from error


def cause_of(error, path):
    """Take the cause out of an error of this module: the file is named elsewhere."""
    return str(error).removeprefix(f"Can't read {path!r}: ").removesuffix(".")


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


def _check_regular(path):
    """Refuse what is no file before opening it: a pipe would block forever."""
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise ValueError("it is a folder")
    if not stat.S_ISREG(mode):
        raise ValueError("it is no regular file but a pipe, a socket or a device")


def _open_without_waiting(path, flags):
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _identify(file):
    """Do as `PIL.Image.open`, which warns of the sizes that are an error here."""
    start = file.read(16)
    for factory, accept in _formats():
        if len(start) > 1 and accept(start) is True:
            file.seek(0)
            return factory(file, "")
    raise UnidentifiedImageError


@lru_cache
def _formats():
    """List what reads each format, and what accepts its first bytes."""
    Image.init()
    return [Image.OPEN[name] for name in FORMATS if name in Image.OPEN]


def _cause(error, path):
    """Say in words what is wrong with a file."""
    if isinstance(error, FileNotFoundError):
        if os.path.islink(path):
            return f"it is a link to {os.readlink(path)!r}, which is not there"
        with suppress(OSError):  # the working directory may be gone as well
            if not os.path.isabs(path):
                return f"there is no such file in the folder {os.getcwd()!r}"
        return "there is no such file"
    if isinstance(error, UnidentifiedImageError):
        with open(path, "rb", opener=_open_without_waiting) as file:
            start = file.read(12)
        if not start:
            return "it is empty"
        return f"it begins with {start!r}, which is no image in {', '.join(FORMATS)}"
    if isinstance(error, Image.DecompressionBombError):
        return f"it has more pixels than the limit of {MAX_PIXELS}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, (OSError, ValueError, SyntaxError)) and str(error):
        return _reword(str(error).rstrip("."))
    return f"it is damaged ({type(error).__name__}: {error})"


def _reword(cause):
    """Put into a user's words what Pillow says in its own."""
    if cause in ("unknown pixel mode", "unknown data organization"):
        return (
            "its pixels are of a kind that Pillow can't read, such as floats of 64 bits"
            " or channels of 32. Save it as PNG, or as TIFF with gray floats of 32 bits"
        )
    if cause == "could not create decoder object":
        return "it is damaged"
    if cause.startswith("invalid literal for int"):
        return "it begins like PPM, and no sizes follow: it is damaged or no image"
    return cause


def _dtype(image):
    """Name the dtype that holds the pixels of an image, as its header tells it."""
    if image.mode.startswith("I;16") or _has_deep_alpha(image):
        return "uint16"
    if image.mode == "L" and _is_signed(image):
        return "float32"  # which holds what is less than zero
    if image.mode == "I":  # Pillow reads 16-bit PGM, and once read PNG, this way
        return "uint16" if image.format in ("PNG", "PPM") else "float32"
    return "float32" if image.mode == "F" else "uint8"


def _is_gray(image):
    if image.mode == "P":
        return _is_gray_palette(image.palette)
    if _has_deep_alpha(image):
        return True
    return image.mode in ("1", "L", "LA", "La", "I", "F") or image.mode[:2] == "I;"


def _has_deep_alpha(image):
    """Tell whether an image is gray with transparency, both of 16 bits, unread."""
    return image.format == "PNG" and [tile.args for tile in image.tile] == ["LA;16B"]


def _keep_deep_alpha(image):
    """Have all bytes read of gray with transparency, of which Pillow drops half."""
    if _has_deep_alpha(image):
        image.tile = [tile._replace(args="RGBA") for tile in image.tile]


def _is_signed(image):
    return image.format == "TIFF" and SIGNED in image.tag_v2.get(SAMPLE_FORMAT, ())


def _is_gray_palette(palette):
    """Tell whether every color of a palette is gray: GIF has no other gray images."""
    colors = np.frombuffer(bytes(palette.palette), dtype=np.uint8)
    rawmode = palette.rawmode or palette.mode
    if rawmode == "RGB;L":  # TIFF: all red values, then all green, then all blue
        channels = colors.reshape(3, -1)
    else:
        channels = colors[: len(colors) // len(rawmode) * len(rawmode)]
        channels = channels.reshape(-1, len(rawmode)).T[:3]
    return bool((channels == channels[0]).all())


def _upright_size(image):
    height, width = image.height, image.width
    if image.format != "TIFF" and _is_on_its_side(image):  # Pillow's TIFFs are upright
        return width, height
    return height, width


def _is_on_its_side(image):
    """Tell whether EXIF swaps height and width, as far as the header knows."""
    if not {"exif", "xmp", "XML:com.adobe.xmp"} & set(image.info):
        return False  # a PNG would be decoded in search of one
    return image.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8)


def _decode_smaller(image, size, color_mode, aspect):
    """Let a JPEG be decoded at a fraction of its size, and in gray if that is wanted.

    Four times the size of the result is kept, and the rest left to an antialiased
    resize: pixels then differ by 0.2 of 255 on average, by 2 at most, in a third of the
    time. With twice the size they differ by up to 34.
    """
    if image.format not in ("JPEG", "MPO"):
        return
    draft_size = None
    if size is not None:
        width, height = size[::-1] if not _is_on_its_side(image) else size
        if aspect != "stretch":
            choose = min if aspect == "pad" else max
            scale = choose(width / image.width, height / image.height)
            width, height = scale * image.width, scale * image.height
        draft_size = (max(1, round(4 * width)), max(1, round(4 * height)))
    image.draft("L" if color_mode == "gray" else None, draft_size)


def _to_plain_mode(image, to_gray, background):
    """Make 8-bit images gray or RGB, whatever they were."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
        behind = Image.new("RGBA", image.size, background)
        image = Image.alpha_composite(behind, image)
    plain_mode = "L" if to_gray else "RGB"
    return image if image.mode == plain_mode else image.convert(plain_mode)


def _pixels(image, dtype, background):
    """Make an array of an image in mode L, RGB or one deeper than 8 bits."""
    pixels = np.asarray(image)
    if dtype == "uint16":
        pixels = _deep_gray(image, pixels, background)
    elif dtype == "float32" and pixels.dtype.kind in "iu":
        # Pillow has one mode for each width, signed or not
        pixels = pixels.view(f"{'i' if _is_signed(image) else 'u'}{pixels.itemsize}")
    pixels = pixels.astype(dtype, copy=False)
    if dtype == "float32" and not np.isfinite(pixels).all():
        raise ValueError("it has pixels that are NaN or infinite")
    return pixels


def _deep_gray(image, pixels, background):
    """Do for 16 bits what Pillow does for 8: fill transparency, turn negatives."""
    behind = 65535 if background == "white" else 0
    if pixels.ndim == 3:  # the bytes of gray and alpha, see `_keep_deep_alpha`
        gray, alpha = np.moveaxis(pixels.view(">u2").astype(np.uint32), -1, 0)
        return (gray * alpha + behind * (65535 - alpha) + 32767) // 65535
    if image.format == "TIFF" and image.tag_v2.get(PHOTOMETRIC, 0) == WHITE_IS_ZERO:
        return 65535 - pixels
    if "transparency" in image.info:
        return np.where(pixels == image.info["transparency"], behind, pixels)
    return pixels


def _resize(image, size, aspect, dtype, background):
    """Resize with antialiasing to ``(height, width)``, or to what has to be padded."""
    if dtype != "uint8":
        pixels = _pixels(image, dtype, background)
        image = Image.fromarray(pixels.astype(np.float32))
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
    image = image.resize((width, height), Image.Resampling.BILINEAR, box)
    pixels = np.asarray(image)
    if dtype == "uint16":
        pixels = np.clip(np.rint(pixels), 0, 65535)
    return pixels.astype(dtype, copy=False)

"""Images that Pillow has opened."""

import numpy as np
from PIL import Image

from sklcnn.images._png import deep_pixels, n_deep_channels, without_metadata
from sklcnn.images._raster import (
    Bands,
    Raster,
    plain_pixels,
    resize_image,
    turn_upright,
)

ORIENTATION = 0x0112
"""Number of the EXIF tag that tells which way up a camera was held."""

PHOTOMETRIC, WHITE_IS_ZERO, BLACK_IS_ZERO = 0x0106, 0, 1
"""The tag of a TIFF that tells what its values show, and values of gray ones."""

BITS, SAMPLES, EXTRA_SAMPLES = 258, 277, 338
"""Tags of a TIFF: bits of each sample, samples of a pixel, what the last ones show."""

SAMPLE_FORMAT, SIGNED = 0x0153, 2
"""The tag of a TIFF that tells what its bits mean, and the value of signed ones."""

DRAFT_FACTOR = 3.5
"""Least ratio of the sides of a JPEG that is decoded smaller to those wanted."""

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each EXIF orientation."""

BYTES_PER_PIXEL = {"P": 13, "LA": 17, "PA": 17, "RGBA": 17, "RGBa": 17}
"""Bytes that decoding a pixel takes, by Pillow's mode, where it is more than 12."""


class PillowImage:
    """An image that Pillow has opened, not loaded unless it came so.

    Parameters
    ----------
    image : PIL.Image.Image
        The image, which is changed.
    file : binary file or None, default=None
        What it was opened from.

    Attributes
    ----------
    size : tuple of int
        Height and width, upright.
    dtype : {"uint8", "uint16", "float32"}
        Dtype that holds the pixels.
    bands : Bands
        What the bands show.
    """

    def __init__(self, image, file=None):
        # of premultiplied modes, this one is converted to none but "LA"
        self.image = image = image.convert("LA") if image.mode == "La" else image
        self._file = file
        self.n_deep = n_deep_channels(image)
        self.dtype = "uint16" if self.n_deep else _dtype(image)
        n_colors = 1 if is_gray(image) else 3
        self.bands = Bands(n_colors, image.has_transparency_data)
        # Pillow's TIFFs are upright
        is_turned = image.format != "TIFF" and _orientation_in_header(image) >= 5
        self.size = image.size if is_turned else image.size[::-1]

    @property
    def is_multiple(self):
        """Whether there are further frames or pages."""
        # the further images of an MPO file are previews of the first
        image = self.image
        return image.format != "MPO" and getattr(image, "is_animated", False)

    @property
    def has_lost_bits(self):
        """Whether the file has more bits than Pillow reads."""
        if self.image.format != "AVIF":
            return False
        self.image.fp.seek(0)
        start = self.image.fp.read(2**16)
        position = start.find(b"av1C")
        return 0 <= position < len(start) - 6 and bool(start[position + 6] & 0x40)

    def n_bytes(self, size=None):
        """Estimate the bytes that decoding takes, after `draft`."""
        image = self.image
        n_pixels = image.width * image.height
        per_pixel = BYTES_PER_PIXEL.get(image.mode, 12)
        if self.n_deep:
            per_pixel = 12 * self.n_deep + 8
        elif image.format == "WEBP":
            per_pixel = 20
        n_bytes = n_pixels * per_pixel
        if image.format == "TIFF":  # a tile may be larger than the image
            tile = image.tag_v2.get(322, 1) * image.tag_v2.get(323, 1)
            n_bytes = max(n_bytes, tile * 8)
        if "progressive" in image.info or "progression" in image.info:
            n_bytes += 6 * self.size[0] * self.size[1]  # all coefficients are kept
        return n_bytes

    def draft(self, size, color_mode, aspect):
        """Let a JPEG be decoded at a fraction of its size, in gray if that is wanted.

        At least 3.5 times the size of the result is kept, and the rest left to an
        antialiased resize: pixels of photos then differ by 0.6 of 255 on average, as
        with four times (0.5), where they differ by 1.3 with twice the size.
        """
        image = self.image
        if image.format not in ("JPEG", "MPO"):
            return
        draft_size = None
        if size is not None:
            width, height = size[::-1] if _orientation_in_header(image) < 5 else size
            if aspect != "stretch":
                choose = min if aspect == "pad" else max
                scale = choose(width / image.width, height / image.height)
                width, height = scale * image.width, scale * image.height
            draft_size = tuple(
                max(1, round(DRAFT_FACTOR * side)) for side in (width, height)
            )
        image.draft("L" if color_mode == "gray" else None, draft_size)

    def plain(self, size, color_mode, aspect, background):
        """Read 8-bit pixels as gray or RGB, resized to what has to be padded.

        Parameters
        ----------
        size : tuple of int or None
            Height and width.
        color_mode : {"gray", "rgb"} or None
            The channels; None are those of the file.
        aspect : {"pad", "crop", "stretch"}
            How images of another aspect are brought to `size`.
        background : {"white", "black"}
            What transparent pixels show.

        Returns
        -------
        pixels : ndarray of shape (height, width[, 3]), dtype uint8
        """
        image = self._upright()
        if image.has_transparency_data:
            image = image.convert("RGBA")
            behind = Image.new("RGBA", image.size, background)
            image = Image.alpha_composite(behind, image)
        is_plain_gray = color_mode == "gray" or self.bands.n_colors == 1
        plain_mode = "L" if is_plain_gray else "RGB"
        image = image if image.mode == plain_mode else image.convert(plain_mode)
        if size is not None and image.size != size[::-1]:
            image = resize_image(image, size, aspect)
        pixels = np.asarray(image)
        if color_mode == "rgb" and pixels.ndim == 2:
            pixels = np.repeat(pixels[..., np.newaxis], 3, axis=2)
        return pixels

    def raster(self, size=None):
        """Read all pixels, of 8 bits or more."""
        if self.n_deep:
            pixels = self._load(deep_pixels)
            pixels = turn_upright(pixels, orientation_of(self.image))
            return self._with_transparent_color(pixels)
        image = self._upright()
        if self.dtype != "uint8":
            pixels = plain_pixels(_deep_pixels(image, self.dtype))
            return self._with_transparent_color(pixels)
        mode = "L" if self.bands.n_colors == 1 else "RGB"
        if self.bands.has_opacity:
            rgba = np.asarray(image.convert("RGBA"))
            return Raster(rgba[..., [0, 3]] if mode == "L" else rgba, self.bands)
        pixels = np.asarray(image if image.mode == mode else image.convert(mode))
        return Raster(plain_pixels(pixels), self.bands)

    def _with_transparent_color(self, pixels):
        """Make opacity of the one color that a deep PNG may name as transparent."""
        color = self.image.info.get("transparency")
        if self.n_deep in (2, 4) or color is None:
            return Raster(pixels, self.bands)
        is_hidden = (pixels == np.asarray(color, dtype=np.uint16)).all(axis=2)
        opacity = np.where(is_hidden, 0, 65535).astype(np.uint16)
        return Raster(np.dstack([pixels, opacity]), self.bands)

    def _load(self, load):
        """Load the image; where a PNG can't be, without what is behind its pixels."""
        try:
            return load(self.image)
        except Exception as error:
            if self.image.format != "PNG" or self._file is None:
                raise
            self.image = without_metadata(self._file, error)
            return load(self.image)

    def _upright(self):
        """Load the image, and undo the rotation of a camera."""
        self._load(_load)
        image = self.image
        turn = TURNS.get(orientation_of(image))
        # loading has turned a TIFF
        return (
            image if turn is None or image.format == "TIFF" else image.transpose(turn)
        )


def _load(image):
    image.load()


def is_whole(image):
    """Tell whether Pillow keeps all bands and bits of a TIFF."""
    tags = image.tag_v2
    n_samples = tags.get(SAMPLES, 1)
    bits = tags.get(BITS, (1,))
    if n_samples == 1:
        return image.mode != "P" or max(bits) <= 8
    if max(bits) > 8:
        return False
    photometric = tags.get(PHOTOMETRIC, BLACK_IS_ZERO)
    n_colors = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3, 8: 3}.get(photometric, n_samples)
    extra = tuple(tags.get(EXTRA_SAMPLES, ()))
    if n_samples == n_colors:
        return not extra
    return n_samples == n_colors + 1 and extra in ((1,), (2,)) and photometric != 5


def is_gray(image):
    """Tell whether an image has gray levels and no colors."""
    if image.mode == "P":
        return _is_gray_palette(image.palette)
    if n_deep_channels(image):
        return n_deep_channels(image) == 2
    return image.mode in ("1", "L", "LA", "La", "I", "F") or image.mode[:2] == "I;"


def orientation_of(image):
    """Find which way up an image is; 1 is upright, as is what can't be read."""
    try:
        return image.getexif().get(ORIENTATION, 1)
    except Exception:  # the pixels are none the worse for it
        return 1


def _orientation_in_header(image):
    """Find the orientation as far as the header knows."""
    if not {"exif", "xmp", "XML:com.adobe.xmp"} & set(image.info):
        return 1  # a PNG would be decoded in search of one
    return orientation_of(image)


def _dtype(image):
    """Name the dtype that holds the pixels of an image, as its header tells it."""
    if image.mode.startswith("I;16"):
        return "uint16"
    if image.mode == "L" and _is_signed(image):
        return "float32"  # which holds what is less than zero
    if image.mode == "I":  # Pillow once read 16-bit PNG this way
        return "uint16" if image.format == "PNG" else "float32"
    return "float32" if image.mode == "F" else "uint8"


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


def _deep_pixels(image, dtype):
    """Make an array of an image in a mode of more than 8 bits, or of signed ones."""
    pixels = np.asarray(image)
    if dtype == "float32" and pixels.dtype.kind in "iu":
        # Pillow has one mode for each width, signed or not
        return pixels.view(f"{'i' if _is_signed(image) else 'u'}{pixels.itemsize}")
    is_tiff = image.format == "TIFF" and dtype == "uint16"
    if is_tiff and image.tag_v2.get(PHOTOMETRIC, BLACK_IS_ZERO) == WHITE_IS_ZERO:
        return 65535 - pixels.astype(np.uint16)
    return pixels.astype(np.uint16) if dtype == "uint16" else pixels

"""PNG in full depth, of which Pillow reads 8 bits, and without its metadata.

A filter of PNG works on each byte of a pixel by itself. So the upper and the lower
bytes of deep pixels are shallow images, filtered alike, which Pillow can read.
"""

import io
import struct
import zlib

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

START = b"\x89PNG\r\n\x1a\n"

PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT")
"""Chunks on which the pixels depend."""

N_CHANNELS = {"LA;16B": 2, "RGB;16B": 3, "RGBA;16B": 4}
"""Number of channels by what Pillow calls the layout of the pixels."""

COLOR_TYPES = {2: 4, 3: 2, 4: 6}
"""Color type of PNG by number of channels of 8 bits."""

PASSES = (
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
)
"""First row and column, and steps between rows and columns, of interlaced passes."""


def n_deep_channels(image):
    """Count the channels of a PNG of 16 bits a channel that Pillow would cut to 8."""
    if image.format != "PNG" or len(image.tile) != 1:
        return 0
    return N_CHANNELS.get(image.tile[0].args, 0)


def deep_pixels(image):
    """Read all bits of a PNG.

    Parameters
    ----------
    image : PIL.PngImagePlugin.PngImageFile
        Not loaded, with two to four channels of 16 bits.

    Returns
    -------
    pixels : ndarray of shape (height, width, n_channels), dtype uint16
    """
    n_channels = n_deep_channels(image)
    is_interlaced = bool(image.info.get("interlace"))
    shapes = _row_shapes(image.width, image.height, is_interlaced)
    rows = _filtered_rows(image, shapes, 2 * n_channels)
    halves = []
    for first in (1, 2):  # the upper bytes, and the lower ones
        streams = [np.hstack([block[:, :1], block[:, first::2]]) for block in rows]
        data = b"".join(stream.tobytes() for stream in streams)
        png = _make_png(image.size, COLOR_TYPES[n_channels], is_interlaced, data)
        with Image.open(io.BytesIO(png)) as half:
            halves.append(np.asarray(half).astype(np.uint16))
    return halves[0] << 8 | halves[1]


def _row_shapes(width, height, is_interlaced):
    """List the number of rows, and of pixels in them, of each pass."""
    if not is_interlaced:
        return [(height, width)]
    return [
        (-(-(height - top) // down), -(-(width - left) // right))
        for top, left, down, right in PASSES
        if height > top and width > left
    ]


def _filtered_rows(image, shapes, n_bytes):
    """Decompress the rows of each pass, each behind the number of its filter."""
    expected = sum(n_rows * (1 + width * n_bytes) for n_rows, width in shapes)
    image.load_prepare()
    compressed = []
    while part := image.load_read(2**16):
        compressed.append(part)
    image.load_end()
    inflate = zlib.decompressobj()
    try:
        data = inflate.decompress(b"".join(compressed), expected)
    except zlib.error as error:
        raise OSError("broken data stream when reading image file") from error
    if len(data) < expected:
        raise OSError("image file is truncated")
    blocks, start = [], 0
    for n_rows, width in shapes:
        end = start + n_rows * (1 + width * n_bytes)
        block = np.frombuffer(data[start:end], dtype=np.uint8)
        blocks.append(block.reshape(n_rows, -1))
        start = end
    return blocks


def _make_png(size, color_type, is_interlaced, data):
    """Write a PNG of 8 bits a channel of filtered rows."""
    header = struct.pack(">IIBBBBB", *size, 8, color_type, 0, 0, is_interlaced)
    chunks = [b"IHDR" + header, b"IDAT" + zlib.compress(data, 0), b"IEND"]
    return START + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in chunks
    )


def without_metadata(file, error):
    """Open a PNG whose text, profile or EXIF does not parse, by its pixels alone.

    Parameters
    ----------
    file : binary file
        The PNG.
    error : Exception
        What went wrong with all of it; raised if its pixels are damaged too.

    Returns
    -------
    image : PIL.PngImagePlugin.PngImageFile
    """
    file.seek(0)
    data = file.read()
    kept, position = [START], len(START)
    while position + 12 <= len(data):
        (length,) = struct.unpack(">I", data[position : position + 4])
        end = position + 12 + length
        chunk = data[position + 4 : end - 4]
        if chunk[:4] in PIXEL_CHUNKS:
            if zlib.crc32(chunk) != int.from_bytes(data[end - 4 : end], "big"):
                raise error
            kept.append(data[position:end])
        position = end
    try:
        return PngImageFile(io.BytesIO(b"".join(kept)), "")
    except Exception:
        raise error from None

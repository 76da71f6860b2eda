"""TIFF of any bands, depths and pages, read by tifffile.

Pillow reads the usual ones, and leaves out bands, or bits, of the others.
"""

import math
import zlib

import numpy as np

from sklcnn.images._raster import (
    Bands,
    Raster,
    full_scale,
    plain_dtype,
    plain_pixels,
    turn_upright,
)

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, SEPARATED = 0, 1, 2, 3, 5
"""What values of a TIFF show: its photometric interpretation."""

N_COLORS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, SEPARATED: 4}

ASSOCIATED, UNASSOCIATED = 1, 2
"""Kinds of extra samples that are opacity: colors are multiplied by it, or not."""

EXTRA_SAMPLES, ORIENTATION, COLOR_MAP = 338, 274, 320
"""Numbers of tags."""

DEFLATE = (8, 32946, 50013)
"""Compressions of which the least data may unpack to the most."""

MAX_EXPANSION = 1032
"""Largest ratio of deflate."""

OVERSAMPLING = 2
"""Least ratio of the sides of a huge image that is read reduced to those wanted."""


class TiffImage:
    """A TIFF that is open.

    Parameters
    ----------
    file : binary file
        At its beginning.
    max_bytes : int
        Bytes that decoding may take.
    pages : {"first", "channels"}, default="first"
        Whether the first page is the image, or all of them are its bands.

    Attributes
    ----------
    size : tuple of int
        Height and width, upright.
    dtype : {"uint8", "uint16", "float32"}
        Dtype that holds the pixels.
    bands : Bands
        What the bands show.
    """

    def __init__(self, file, max_bytes, pages="first"):
        import tifffile

        self.max_bytes = max_bytes
        tiff = tifffile.TiffFile(file)
        self.page = tiff.pages.first
        self._all_pages = tiff.pages
        self.n_file_bytes = tiff.filehandle.size
        page = self.page
        self.kind = int(page.photometric or 0)
        if page.dtype is None or page.imagedepth != 1:
            raise ValueError(
                f"it is a TIFF of {page.bitspersample} bits a band, or of a volume, "
                "which can't be read. Save it with 8, 16 or 32 bits"
            )
        if self.kind not in N_COLORS:
            name = getattr(page.photometric, "name", self.kind)
            raise ValueError(f"its colors are {name}. Save it as gray or RGB")
        self.orientation = page.tags.valueof(ORIENTATION, 1)
        self.bands = self._find_bands()
        deep = np.dtype("u2") if self.kind == PALETTE else page.dtype
        self.dtype = plain_dtype(deep)
        self.size = (page.imagelength, page.imagewidth)
        if self.orientation in (5, 6, 7, 8):
            self.size = self.size[::-1]
        self.pages = [page]
        if pages == "channels":
            self.pages = self._channel_pages()
            if len(self.pages) > 1:
                n_bands = len(self.pages) * self.bands.n_bands
                self.bands = Bands(1, False, n_bands - 1)

    @property
    def is_multiple(self):
        """Whether there are further pages, besides smaller versions of the first."""
        pages = self._all_pages
        return len(pages) > 1 and any(not page.is_reduced for page in pages[1:])

    def _find_bands(self):
        n_samples = self.page.samplesperpixel
        if self.kind == PALETTE and n_samples == 1:
            return Bands(3)
        n_stored = N_COLORS[self.kind]
        n_colors = 1 if n_stored == 1 else 3
        n_more = n_samples - n_stored
        if n_more < 0:
            raise ValueError(f"it has {n_samples} band(s) where there are {n_stored}")
        kinds = self.page.tags.valueof(EXTRA_SAMPLES, ())
        kinds = kinds if isinstance(kinds, tuple) else (kinds,)
        if n_more and kinds[:1] in ((ASSOCIATED,), (UNASSOCIATED,)):
            return Bands(n_colors, True, n_more - 1)
        is_unclear = n_colors == 3 and n_more == 1 and not kinds
        return Bands(n_colors, False, n_more, is_unclear)

    def n_bytes(self, size=None):
        """Estimate the bytes that decoding takes; huge images may be reduced."""
        page = self.page
        segments = 2 * self._segment_bytes()
        per_value = 2 * page.dtype.itemsize + 8
        n_values = math.prod(self.size) * page.samplesperpixel * len(self.pages)
        can_be_reduced = size is not None and self.kind != PALETTE
        if can_be_reduced and len(self.pages) == 1 and segments <= self.max_bytes:
            return segments
        return max(n_values * per_value, 12 * math.prod(self.size), segments)

    def _segment_bytes(self):
        """Count the bytes of one tile or strip."""
        page = self.page
        n_samples = page.samplesperpixel if page.planarconfig == 1 else 1
        if page.is_tiled:
            n_pixels = page.tilewidth * page.tilelength * page.tiledepth
        else:
            n_pixels = page.imagewidth * (page.rowsperstrip or page.imagelength)
        return n_pixels * n_samples * page.dtype.itemsize

    def raster(self, size=None):
        """Read all pixels.

        Parameters
        ----------
        size : tuple of int or None, default=None
            Height and width that are wanted: images for which `max_bytes` are not
            enough are read reduced.

        Returns
        -------
        raster : Raster
        """
        if self.n_bytes() > self.max_bytes:
            values = [self._reduced(self.page, size)]
        else:
            values = [self._values(page) for page in self.pages]
        parts = [self._finish(part) for part in values]
        pixels = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)
        return Raster(pixels, self.bands)

    def _channel_pages(self):
        """List the pages that become channels."""
        pages = [page for page in self._all_pages if not page.is_reduced]
        first = (self.page.shape, self.page.dtype, self.page.photometric)
        for number, page in enumerate(pages):
            if (page.shape, page.dtype, page.photometric) != first:
                raise ValueError(
                    f"its page {number} has shape {page.shape} and dtype {page.dtype}, "
                    f"the first {first[0]} and {first[1]}: they can't be channels"
                )
        return pages or [self.page]

    def _values(self, page):
        """Decode a page, of shape (height, width, n_samples)."""
        self._check_segments(page)
        values = page.asarray(squeeze=False, maxworkers=1)
        n_separate, _, height, width, _ = values.shape
        if n_separate == 1:
            return values.reshape(height, width, -1)
        return np.moveaxis(values[:, 0, :, :, 0], 0, -1)

    def _check_segments(self, page):
        """Refuse a file that is cut short, or that unpacks to more than it says."""
        expected = self._segment_bytes()
        segments = zip(page.dataoffsets, page.databytecounts, strict=False)
        for offset, n_bytes in segments:
            if offset + n_bytes > self.n_file_bytes:
                raise ValueError("image file is truncated")
            is_deflated = int(page.compression) in DEFLATE
            if is_deflated and n_bytes * MAX_EXPANSION > self.max_bytes:
                handle = page.parent.filehandle
                handle.seek(offset)
                inflate = zlib.decompressobj()
                inflate.decompress(handle.read(n_bytes), expected + 1)
                if inflate.unconsumed_tail:
                    raise ValueError("its pixels unpack to more than it says")

    def _reduced(self, page, size):
        """Read a smaller version of a page, or make one tile by tile."""
        height, width = self.size if self.orientation < 5 else self.size[::-1]
        ratio = min(height / max(size), width / max(size)) / OVERSAMPLING
        levels = [*(page.pages or ()), *(p for p in self._all_pages if p.is_reduced)]
        usable = [
            level
            for level in levels
            if level.samplesperpixel == page.samplesperpixel
            and level.dtype == page.dtype
            and level.imagelength >= height / max(ratio, 1)
            and self.n_bytes() * math.prod(level.shape) / math.prod(page.shape)
            <= self.max_bytes
        ]
        if usable:
            return self._values(min(usable, key=lambda level: level.imagelength))
        self._check_segments(page)
        return block_means(page, max(1, math.floor(ratio)))

    def _finish(self, values):
        """Make upright colors of what is stored."""
        values = turn_upright(values, self.orientation)
        if self.kind == PALETTE:
            colors = np.asarray(self.page.colormap, dtype=np.uint16)
            if values.max(initial=0) >= colors.shape[1]:
                raise ValueError("its palette has fewer colors than its pixels")
            return np.moveaxis(colors[:, values[..., 0]], 0, -1)
        pixels = plain_pixels(values)
        full = full_scale(pixels.dtype)
        if self.kind == WHITE_IS_ZERO and pixels.dtype.kind == "u":
            colors = full - pixels[..., :1]
            pixels = np.concatenate([colors, pixels[..., 1:]], axis=2)
        if self.kind == SEPARATED:
            shares = 1 - pixels[..., :4] / np.float32(full)
            colors = full * shares[..., :3] * shares[..., 3:]
            colors = np.rint(colors) if full > 1 else colors
            colors = colors.astype(pixels.dtype)
            pixels = np.concatenate([colors, pixels[..., 4:]], axis=2)
        return self._straighten(pixels)

    def _straighten(self, pixels):
        """Divide colors by their opacity, where the file has multiplied them."""
        kinds = self.page.tags.valueof(EXTRA_SAMPLES, ())
        kinds = kinds if isinstance(kinds, tuple) else (kinds,)
        if not self.bands.has_opacity or kinds[0] != ASSOCIATED:
            return pixels
        n_colors = self.bands.n_colors
        full = full_scale(pixels.dtype)
        opacity = pixels[..., n_colors, np.newaxis] / full
        colors = pixels[..., :n_colors] / np.where(opacity > 0, opacity, 1)
        colors = np.rint(np.clip(colors, 0, full)) if full > 1 else colors
        pixels = pixels.copy()
        pixels[..., :n_colors] = colors
        return pixels


def block_means(page, factor):
    """Read a page reduced by a whole factor, tile by tile.

    Parameters
    ----------
    page : tifffile.TiffPage
        Pixels of any numeric dtype.
    factor : int
        Number of rows, and of columns, whose mean is a pixel.

    Returns
    -------
    means : ndarray of shape (height // factor, width // factor, n_samples)
        Rounded up at the edges; of the dtype of the page.
    """
    height, width = page.imagelength, page.imagewidth
    shape = (-(-height // factor), -(-width // factor), page.samplesperpixel)
    sums = np.zeros(shape)
    for block, (sample, _, top, left, _), (_, rows, columns, _) in page.segments(
        maxworkers=1
    ):
        if block is None:  # which is blank
            continue
        block = block[0, : min(rows, height - top), : min(columns, width - left)]
        bands = slice(None) if page.planarconfig == 1 else slice(sample, sample + 1)
        row_starts, first_row = _starts(top, len(block), factor)
        column_starts, first_column = _starts(left, block.shape[1], factor)
        part = np.add.reduceat(block, row_starts, axis=0, dtype=np.float64)
        part = np.add.reduceat(part, column_starts, axis=1)
        rows = slice(first_row, first_row + len(row_starts))
        columns = slice(first_column, first_column + len(column_starts))
        sums[rows, columns, bands] += part
    n_rows = np.bincount(np.arange(height) // factor)
    n_columns = np.bincount(np.arange(width) // factor)
    means = sums / (n_rows[:, np.newaxis] * n_columns)[..., np.newaxis]
    return (np.rint(means) if page.dtype.kind in "iu" else means).astype(page.dtype)


def _starts(first, length, factor):
    """Find where blocks begin in a stretch of rows, and the number of the first."""
    numbers = (first + np.arange(length)) // factor
    return np.flatnonzero(np.diff(numbers, prepend=-1)), numbers[0]

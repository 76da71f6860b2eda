"""Netpbm images: PBM, PGM, PPM and PFM, plain and binary, of any depth.

Pillow reads those of other depths than 8 bits, and plain ones, value by value in
Python, and colors of 16 bits with 8.
"""

import re

import numpy as np

from sklcnn.images._raster import GRAY, RGB, Raster, plain_pixels

TOKEN = re.compile(rb"(?:\s|#[^\r\n]*[\r\n])*([^\s#]{1,12})")
"""One number of a header, after spaces and comments."""

NO_NUMBERS = re.compile(rb"[^0-9\s]")
COMMENT = re.compile(rb"#[^\r\n]*")
DAMAGED = "it begins like PPM, and no sizes follow: it is damaged or no image"


class PpmImage:
    """A Netpbm file that is open.

    Parameters
    ----------
    file : binary file
        At its beginning.
    """

    is_multiple = False

    def __init__(self, file):
        data = file.read()
        self.kind = data[:2]
        n_numbers = 2 if self.kind in (b"P1", b"P4") else 3
        numbers, position = [], 2
        for _ in range(n_numbers):
            found = TOKEN.match(data, position)
            if found is None:
                raise ValueError(DAMAGED)
            numbers.append(found[1])
            position = found.end()
        try:
            self.width, self.height = int(numbers[0]), int(numbers[1])
            self.largest = float(numbers[2]) if n_numbers == 3 else 1.0
        except ValueError as error:
            raise ValueError(DAMAGED) from error
        self._check(data[position : position + 1])
        self.data = memoryview(data)[position + 1 :]
        self.bands = RGB if self.kind in (b"P3", b"P6", b"PF") else GRAY

    def _check(self, separator):
        is_float = self.kind in (b"Pf", b"PF")
        limits = (-np.inf, np.inf) if is_float else (0, 65536)
        is_in_range = limits[0] < self.largest < limits[1] and self.largest != 0
        if min(self.width, self.height) < 1 or not separator.isspace():
            raise ValueError(DAMAGED)
        if not is_in_range or not (is_float or self.largest.is_integer()):
            raise ValueError(f"its header says that {self.largest:g} is white")

    @property
    def dtype(self):
        """Name of the dtype that holds the pixels."""
        if self.kind in (b"Pf", b"PF"):
            return "float32"
        return "uint16" if self.largest > 255 else "uint8"

    @property
    def size(self):
        """Height and width."""
        return self.height, self.width

    def n_bytes(self, size=None):
        """Estimate the bytes that decoding takes beside the file."""
        is_plain = self.kind in (b"P1", b"P2", b"P3")
        return self._n_values() * (24 if is_plain else 12)

    def raster(self, size=None):
        """Read all pixels."""
        if self.kind in (b"P1", b"P2", b"P3"):
            values = self._plain_values()
        else:
            values = self._binary_values()
        shape = (self.height, self.width, self.bands.n_colors)
        pixels = values.reshape(shape)
        if self.dtype == "float32":
            return Raster(plain_pixels(pixels[::-1]), self.bands)  # bottom up
        if pixels.size and pixels.max() > self.largest:
            raise ValueError("it has pixels brighter than its header says")
        full = np.iinfo(self.dtype).max
        if self.largest != full:
            pixels = np.rint(pixels * (full / self.largest))
        if self.kind in (b"P1", b"P4"):  # in which one is black
            pixels = full - pixels
        return Raster(pixels.astype(self.dtype), self.bands)

    def _n_values(self):
        return self.height * self.width * self.bands.n_colors

    def _plain_values(self):
        text = COMMENT.sub(b"", self.data)
        if self.kind == b"P1":  # whose digits need no spaces between them
            digits = b"".join(text.split())[: self._n_values()]
            values = np.frombuffer(digits, dtype=np.uint8) - 48
        else:
            if NO_NUMBERS.search(text):
                raise ValueError("it has pixels that are no numbers")
            values = np.fromstring(text, dtype=np.int64, sep=" ")[: self._n_values()]
        self._check_complete(len(values))
        if values.max() > 65535:
            raise ValueError("it has pixels that are no numbers")
        return values.astype(np.uint16)

    def _binary_values(self):
        if self.kind == b"P4":
            row = -(-self.width // 8)
            data = self.data[: row * self.height]
            self._check_complete(len(data) // row * self.width)
            bits = np.frombuffer(data, dtype=np.uint8).reshape(self.height, row)
            return np.unpackbits(bits, axis=1)[:, : self.width]
        dtype = np.dtype({"uint8": "u1", "uint16": ">u2"}.get(self.dtype, ">f4"))
        if self.dtype == "float32" and self.largest < 0:
            dtype = dtype.newbyteorder("<")
        data = self.data[: self._n_values() * dtype.itemsize]
        self._check_complete(len(data) // dtype.itemsize)
        return np.frombuffer(data, dtype=dtype)

    def _check_complete(self, n_values):
        if n_values < self._n_values():
            raise ValueError("image file is truncated")

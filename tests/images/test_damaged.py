"""What is no image gives an error that names the file, at once."""

import os
import struct
import tracemalloc
import warnings
import zlib

import numpy as np
import pytest
import tifffile
from numpy.testing import assert_array_equal
from PIL import Image, ImageFile

from sklcnn.images import ImageFiles
from sklcnn.images._decode import decode

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def write(path):
    """Write an image to a file."""
    Image.fromarray(PIXELS).save(path)
    return str(path)


@pytest.mark.parametrize("width", [10_000, 15_000, 2**31 - 1])
def test_bomb_is_refused_unread(width, tmp_path):
    """The limit is checked from the header, whatever Pillow would say."""
    path = tmp_path / "bomb.png"
    header = b"IHDR" + struct.pack(">IIBBBBB", width, width, 1, 0, 0, 0, 0)
    chunks = [header, b"IDAT" + zlib.compress(bytes(10_000)), b"IEND"]
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(chunk) - 4) + chunk + zlib.crc32(chunk).to_bytes(4)
            for chunk in chunks
        )
    )
    decode(write(tmp_path / "first.png"))  # Pillow loads its formats
    tracemalloc.start()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=rf"bomb\.png.*{width} x {width} pixels"):
            decode(str(path), (8, 8))

    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()


@pytest.mark.parametrize("extension", ["png", "jpg", "gif", "tif", "webp", "bmp"])
def test_truncated_file_is_an_error(extension, tmp_path):
    """Half an image is no image."""
    path = write(tmp_path / f"half.{extension}")
    os.truncate(path, os.path.getsize(path) * 2 // 3)

    with pytest.raises(ValueError, match=rf"half\.{extension}"):
        decode(path)


def test_wrong_checksum_is_an_error(tmp_path):
    """A PNG knows that it was damaged."""
    path = tmp_path / "x.png"
    write(path)
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)

    with pytest.raises(ValueError, match=r"x\.png.*broken"):
        decode(str(path))


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "it is empty"),
        (b"<html>not found</html>", "begins with b'<html>"),
        (b"P", "P"),
        (b"P6 is a text about image formats", "begins like PPM, and no sizes follow"),
    ],
)
def test_no_image_is_an_error(content, cause, tmp_path):
    """The message says what the file holds instead."""
    path = tmp_path / "x.png"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=rf"x\.png.*{cause}"):
        decode(str(path))


@pytest.mark.parametrize(
    ("pixels", "photometric", "byteorder"),
    [
        (np.ones((4, 4), dtype="f8"), "minisblack", ">"),
        (np.ones((4, 4), dtype="f8"), "minisblack", "<"),
        (np.ones((4, 4), dtype="u4"), "minisblack", ">"),
        (np.ones((4, 4, 3), dtype="f4"), "rgb", "<"),
    ],
)
def test_pixels_that_pillow_cannot_read_are_read(
    pixels, photometric, byteorder, tmp_path
):
    """Wide floats and integers of any byte order become floats of 32 bits."""
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, pixels, photometric=photometric, byteorder=byteorder)

    read, _ = decode(str(path))

    assert_array_equal(read, pixels)
    assert read.dtype == np.float32


@pytest.mark.parametrize("kind", ["missing", "folder", "fifo", "dangling", "loop"])
def test_no_file_is_an_error(kind, tmp_path):
    """Nothing hangs, a pipe least of all."""
    path = tmp_path / "x.png"
    cause = {
        "missing": "no such file",
        "folder": "is a folder",
        "fifo": "a pipe",
        "dangling": "a link to",
        "loop": "symbolic links",
    }[kind]
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind != "missing":
        path.symlink_to("nowhere" if kind == "dangling" else "x.png")

    with pytest.raises(ValueError, match=rf"x\.png.*{cause}"):
        decode(str(path))


@pytest.mark.parametrize("extension", ["png", "jpg", "tif", "gif", "webp", "bmp"])
@pytest.mark.filterwarnings("ignore")
def test_one_wrong_byte(extension, tmp_path):
    """A damaged file gives an image or an error with its name, nothing else."""
    path = tmp_path / f"damaged.{extension}"
    write(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for position in rng.integers(0, len(whole), 34):
        data = bytearray(whole)
        data[position] ^= rng.integers(1, 256)
        path.write_bytes(data)

        images = ImageFiles([path], (8, 8), color_mode="gray")

        if images.check_files():
            with pytest.raises(ValueError, match=path.name):
                np.asarray(images)
        else:
            assert np.asarray(images).shape == (1, 8, 8)


def test_pillow_globals_are_left_alone(tmp_path):
    """What other libraries rely on does not change."""
    path = write(tmp_path / "x.png")
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)

    decode(path, (8, 8))

    after = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    assert after == before

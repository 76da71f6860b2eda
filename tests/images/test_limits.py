"""The limit counts the bytes that decoding takes, and can be raised."""

import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
import tifffile
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from sklcnn.images import ImageFiles
from sklcnn.images._decode import decode
from sklcnn.images._open import Opening
from sklcnn.preprocessing import ReadImages

RNG = np.random.default_rng(0)


def overwrite(path, tags):
    """Change values of tags of a TIFF."""
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        for tag, value in tags.items():
            tiff.pages.first.tags[tag].overwrite(value)


def small_tiff_of_a_large_tile(path):
    """Write 1x1 pixels in one tile of 46,000 x 46,000."""
    tifffile.imwrite(path, np.zeros((16, 16), np.uint8), tile=(16, 16))
    overwrite(path, {256: 1, 257: 1, 322: 46_000, 323: 46_000})


def gray_with_opacity(path):
    """Write a PNG of 9,400 x 9,400 pixels of 16-bit gray and opacity."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 9400, 9400, 16, 4, 0, 0, 0)
    chunks = [header, b"IDAT" + zlib.compress(bytes(10_000)), b"IEND"]
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(chunk) - 4) + chunk + zlib.crc32(chunk).to_bytes(4)
            for chunk in chunks
        )
    )


def blank_webp(path):
    """Write a WebP of 9,000 x 9,000 pixels in a few bytes."""
    Image.new("RGB", (9000, 9000), "red").save(path, lossless=True, method=0)


def many_bands(path):
    """Write the beginning of a TIFF of 3,000 x 3,000 pixels of 40 bands."""
    options = {"photometric": "minisblack", "planarconfig": "contig"}
    tifffile.imwrite(path, shape=(3000, 3000, 40), dtype="uint16", **options)


FILES = {
    "tile.tif": small_tiff_of_a_large_tile,
    "deep.png": gray_with_opacity,
    "blank.webp": blank_webp,
    "bands.tif": many_bands,
}


@pytest.mark.parametrize("name", FILES)
def test_small_files_of_large_images_are_refused(name, tmp_path):
    """By the bytes of tiles, samples and working copies, before they are decoded."""
    path = tmp_path / name
    FILES[name](path)

    with pytest.raises(ValueError, match=rf"{name}.*more than the limit.*max_pixels="):
        decode(str(path))


def test_all_files_beyond_the_limit_are_named(tmp_path):
    """And broken ones beside them, in one message that says what to do."""
    paths = [str(tmp_path / f"{number}.png") for number in range(8)]
    for number, path in enumerate(paths):
        side = 64 if number > 2 else 8
        Image.new("RGB", (side, side)).save(path)
    (tmp_path / "0.png").write_bytes(b"broken")

    with pytest.raises(ValueError) as caught:  # noqa: PT011
        ReadImages(8, max_pixels=1000).fit(paths)

    message = str(caught.value)
    assert all(f"/{number}.png'" in message for number in (0, 3, 4, 5, 6, 7))
    assert "1 of 8 files" in message
    assert "5 of 8 files are beyond the limit" in message
    assert "max_pixels=4096" in message
    assert "find_bad_images" in message
    reader = ReadImages(8, max_pixels=4096)
    assert reader.fit_transform(paths[1:]).shape == (7, 8, 8, 3)


def test_limit_can_be_raised(tmp_path):
    """To what the message says."""
    path = str(tmp_path / "x.png")
    Image.new("RGB", (100, 100), "red").save(path)

    with pytest.raises(ValueError, match="max_pixels=10000 if you trust it"):
        np.asarray(ImageFiles([path], 8, max_pixels=9_999))
    assert ImageFiles([path], 8, max_pixels=10_000)[0].shape == (8, 8, 3)


def smooth(height, width, n_bands):
    """Draw slopes, of 16 bits."""
    rows, columns = np.mgrid[:height, :width] / max(height, width)
    bands = [rows * k + columns * (n_bands - k) for k in range(n_bands)]
    return (np.dstack(bands) * (60_000 / n_bands / 2)).astype(np.uint16)


@pytest.mark.parametrize("layout", ["tiles", "strips", "planes", "levels", "upright"])
def test_huge_tiff_is_read_reduced(layout, tmp_path):
    """By its tiles or strips, or from a smaller version of it."""
    path = str(tmp_path / "x.tif")
    pixels = smooth(300, 500, 5)
    options = {"photometric": "rgb", "rowsperstrip": 7}
    if layout in ("tiles", "levels"):
        options = {"photometric": "rgb", "tile": (32, 48)}
    elif layout == "upright":
        options["extratags"] = [(274, "H", 1, 6, True)]
    elif layout == "planes":
        options["planarconfig"] = "separate"
    with tifffile.TiffWriter(path) as writer:
        stored = np.moveaxis(pixels, 2, 0) if layout == "planes" else pixels
        writer.write(stored, subifds=int(layout == "levels"), **options)
        if layout == "levels":
            writer.write(pixels[::4, ::4], subfiletype=1, **options)
    small = Opening(max_pixels=20_000)

    reduced, _ = decode(path, (20, 30), color_mode=5, aspect="stretch", opening=small)

    whole, _ = decode(path, (20, 30), color_mode=5, aspect="stretch")
    assert_allclose(reduced.astype(int), whole, atol=700)
    assert reduced.dtype == np.uint16
    with pytest.raises(ValueError, match="more than the limit"):
        decode(path, color_mode=5, opening=small)


def test_huge_shallow_tiff_is_read_reduced(tmp_path):
    """Also one that Pillow would read whole."""
    path = str(tmp_path / "x.tif")
    pixels = (smooth(300, 500, 3) // 257).astype(np.uint8)
    tifffile.imwrite(path, pixels, photometric="rgb", tile=(32, 32), compression="zlib")
    reader = ReadImages((20, 30), max_pixels=20_000)

    reduced = np.asarray(reader.fit_transform([path]))

    whole = np.asarray(ReadImages((20, 30)).fit_transform([path]))
    assert_allclose(reduced.astype(int), whole, atol=3)


def test_means_of_blocks_are_exact(tmp_path):
    """Where the factor divides the sides, a pixel is the mean of its block."""
    path = str(tmp_path / "x.tif")
    pixels = RNG.integers(0, 65536, (64, 96, 4)).astype(np.uint16)
    options = {"photometric": "rgb", "extrasamples": ["unspecified"]}
    tifffile.imwrite(path, pixels, tile=(16, 32), **options)
    small = Opening(max_pixels=4_000)

    reduced, _ = decode(path, (8, 12), color_mode=4, opening=small)

    blocks = pixels.reshape(16, 4, 24, 4, 4).mean(axis=(1, 3))
    expected = np.rint(blocks).reshape(8, 2, 12, 2, 4)
    assert_allclose(reduced, expected.mean(axis=(1, 3)), rtol=0.2)


def test_huge_jpeg_is_read_at_a_fraction_of_its_size(tmp_path):
    """The limit is that of what is decoded."""
    path = str(tmp_path / "x.jpg")
    Image.fromarray((smooth(800, 1600, 3) // 257).astype(np.uint8)).save(path)
    small = Opening(max_pixels=200_000)

    reduced, _ = decode(path, (50, 100), opening=small)

    assert_allclose(reduced.astype(int), decode(path, (50, 100))[0])
    with pytest.raises(ValueError, match=r"1600 x 800 pixels.*limit"):
        decode(path, opening=small)


def test_deflated_strips_unpack_to_no_more_than_they_say(tmp_path):
    """A few bytes may unpack to a thousand times as many."""
    path = tmp_path / "x.tif"
    bomb = zlib.compress(bytes(3_000_000), 9)
    tifffile.imwrite(path, np.zeros((8, 9, 5), np.uint8), photometric="rgb")
    n_bytes = path.stat().st_size
    overwrite(path, {259: 8, 273: n_bytes + 1000, 279: len(bomb)})
    path.write_bytes(path.read_bytes().ljust(n_bytes + 1000) + bomb)

    with pytest.raises(ValueError, match=r"x\.tif.*unpack to more than it says"):
        decode(str(path), color_mode=5, opening=Opening(max_pixels=100_000))


COMMENTS = """
import resource, sys, time
from sklcnn.images._decode import decode
start, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
pixels = [decode(path)[0].tolist() for path in sys.argv[1:]]
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(pixels == [[[0, 1], [2, 3]]] * 4)
print(time.process_time() - start, (after - before) / 1024)
"""


@pytest.mark.slow
def test_plain_ppm_of_comments_takes_neither_time_nor_memory(tmp_path):
    """20 MB of them, in one line or in millions, wherever they stand."""
    line, lines = b"#" * 20_000_000 + b"\n", b"# a comment\n" * 1_700_000
    paths = []
    for number, (position, comments) in enumerate(
        [(1, line), (1, lines), (3, lines), (4, line)]
    ):
        parts = [b"P2\n", b"2 2\n255\n", b"0 1\n", b"2 3\n"]
        parts.insert(position, comments)
        paths.append(str(tmp_path / f"{number}.pgm"))
        (tmp_path / f"{number}.pgm").write_bytes(b"".join(parts))

    done = subprocess.run(
        [sys.executable, "-c", COMMENTS, *paths], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    are_right, numbers = done.stdout.splitlines()
    seconds, megabytes = map(float, numbers.split())
    assert are_right == "True"
    assert seconds < 8
    assert megabytes < 500


def test_text_and_profiles_that_do_not_parse_do_not_matter(tmp_path):
    """The pixels of a PNG are none the worse for them."""
    pixels = RNG.integers(0, 256, (9, 7, 3), dtype=np.uint8)
    whole = tmp_path / "whole.png"
    Image.fromarray(pixels).save(whole)
    data = whole.read_bytes()
    odd = {
        b"eXIf": b"no exif",
        b"iCCP": b"name\0\0" + zlib.compress(bytes(2_000_000)),
        b"zTXt": b"name\0\0" + zlib.compress(bytes(2_000_000)),
        b"tEXt": b"\xff" * 9,
        b"pHYs": b"\0",
        b"gAMA": b"",
    }
    for kind, content in odd.items():
        for crc in (zlib.crc32(kind + content), 1):
            chunk = struct.pack(">I", len(content)) + kind + content
            chunk += struct.pack(">I", crc)
            for position in (33, len(data) - 12):  # behind the header, or the pixels
                path = tmp_path / "x.png"
                path.write_bytes(data[:position] + chunk + data[position:])

                assert_array_equal(decode(str(path))[0], pixels)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("name", ["x.jpg", "x.webp", "x.tif"])
def test_exif_that_does_not_parse_means_upright(name, tmp_path):
    """Of any format."""
    pixels = np.full((16, 24, 3), 77, dtype=np.uint8)
    path = tmp_path / name
    if name == "x.tif":
        tag = (34665, "I", 1, 4_000_000_000, True)  # of a block beyond the file
        tifffile.imwrite(path, pixels, photometric="rgb", extratags=[tag])
    else:
        Image.fromarray(pixels).save(path, exif=b"Exif\0\0II*\0\xff\xff\xff\xff")

    assert_allclose(decode(str(path))[0].astype(int), pixels, atol=3)

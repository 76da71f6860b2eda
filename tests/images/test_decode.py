"""Every kind of image file gives the pixels it shows."""

import struct
import zlib

import numpy as np
import pytest
import tifffile
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from skimage.transform import resize

from sklcnn.images import ImageFiles
from sklcnn.images._decode import decode, read_header
from sklcnn.images._raster import Bands

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
GRAY = RGB[..., 0]
DEEP = RNG.integers(0, 65536, (20, 30), dtype=np.uint16)


def write(path, pixels, **options):
    """Write pixels, or an image, to a file."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **options)
    return str(path)


def write_gray_with_alpha(path, gray, alpha):
    """Write a PNG of 16-bit gray with transparency, which Pillow can't."""
    rows = np.stack([gray, alpha], axis=-1).astype(">u2")
    size = struct.pack(">IIBBBBB", *gray.shape[::-1], 16, 4, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    chunks = [b"IHDR" + size, b"IDAT" + data, b"IEND"]
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(chunk) - 4) + chunk + zlib.crc32(chunk).to_bytes(4)
            for chunk in chunks
        )
    )
    return str(path)


def smooth_photo(height, width):
    """Draw an image without sharp edges."""
    rows, columns = np.mgrid[:height, :width] / max(height, width)
    channels = [np.sin(7 * rows), np.cos(9 * columns), np.sin(5 * (rows + columns))]
    return (127.5 + 127.5 * np.stack(channels, axis=-1)).astype(np.uint8)


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.bmp", "x.ppm", "png.jpg"])
def test_color_is_read_exactly(name, tmp_path):
    """Lossless formats give the pixels written, whatever the name of the file."""
    path = write(tmp_path / name, RGB, format="PNG" if name == "png.jpg" else None)

    pixels, has_more = decode(path)

    assert_array_equal(pixels, RGB)
    assert not has_more
    assert read_header(path) == ("uint8", Bands(3), (20, 30))


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.bmp", "x.pgm", "x.gif"])
def test_gray_is_read_exactly(name, tmp_path):
    """Gray stays gray, also in a GIF, which has a palette of grays."""
    path = write(tmp_path / name, GRAY)

    pixels, _ = decode(path)

    assert_array_equal(pixels, GRAY)
    assert read_header(path) == ("uint8", Bands(1), (20, 30))


def test_webp_is_color(tmp_path):
    """WebP has no gray images: the header says so, the pixels are gray."""
    path = write(tmp_path / "x.webp", GRAY, lossless=True)

    pixels, _ = decode(path)

    assert_array_equal(pixels, np.stack([GRAY] * 3, axis=-1))
    assert not read_header(path).is_gray


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.pgm"])
def test_16_bits_are_kept(name, tmp_path):
    """16-bit gray is never clipped: Pillow's own conversion makes it white."""
    path = write(tmp_path / name, DEEP)

    assert_array_equal(decode(path)[0], DEEP)
    assert decode(path)[0].dtype == np.uint16
    assert read_header(path)[::2] == ("uint16", (20, 30))
    assert read_header(path).is_gray


def test_16_bits_are_scaled_to_8(tmp_path):
    """As 8 bits, 16 bits are rounded, not clipped."""
    path = write(tmp_path / "x.png", DEEP)

    pixels, _ = decode(path, color_mode="rgb", dtype="uint8")

    assert pixels.shape == (20, 30, 3)
    assert_array_equal(pixels[..., 1], np.rint(DEEP / 257))


def test_8_bits_are_scaled_to_16_exactly(tmp_path):
    """White stays white: 255 becomes 65535."""
    path = write(tmp_path / "x.png", GRAY)

    pixels, _ = decode(path, dtype="uint16")

    assert_array_equal(pixels, GRAY.astype(np.uint16) * 257)


@pytest.mark.parametrize(("pixels", "limit"), [(GRAY, 255), (DEEP, 65535)])
def test_integers_are_scaled_to_float(pixels, limit, tmp_path):
    """Beside files of floats, integers go from 0 to 1."""
    path = write(tmp_path / "x.png", pixels)

    as_float, _ = decode(path, dtype="float32")

    assert_allclose(as_float, pixels / limit, rtol=1e-6)


def test_16_bits_are_resized_as_16_bits(tmp_path):
    """Resizing deep images neither clips nor rounds to 8 bits."""
    deep = (smooth_photo(64, 64)[..., 0].astype(np.uint16) * 257) + 100
    path = write(tmp_path / "x.png", deep)

    pixels, _ = decode(path, (16, 16))

    as_float, _ = decode(write(tmp_path / "x.tif", deep.astype(np.float32)), (16, 16))
    assert pixels.dtype == np.uint16
    assert_allclose(pixels, as_float, atol=0.51)


@pytest.mark.parametrize("size", [None, (10, 15)])
def test_float_tiff_stays_float(size, tmp_path):
    """Floats are taken as they are: Pillow's own conversion makes them zero."""
    floats = RNG.normal(size=(20, 30)).astype(np.float32)
    path = write(tmp_path / "x.tif", floats)

    pixels, _ = decode(path, size, aspect="stretch")

    assert pixels.dtype == np.float32
    assert read_header(path).dtype == "float32"
    if size is None:
        assert_array_equal(pixels, floats)


def test_32_bit_integers_become_floats(tmp_path):
    """Integers of 32 bits have no range of their own and are taken as they are."""
    integers = RNG.integers(-1000, 100_000, (20, 30)).astype(np.int32)
    path = write(tmp_path / "x.tif", integers)

    assert_array_equal(decode(path)[0], integers)
    assert decode(path)[0].dtype == np.float32


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint32"])
def test_integers_keep_their_sign(dtype, compression, tmp_path):
    """Pillow has one mode for each width, and takes signed ones for unsigned."""
    limits = np.iinfo(dtype)
    integers = np.array([[limits.min, limits.max, 0], [1, 2, 3]], dtype=dtype)
    path = str(tmp_path / "x.tif")
    tifffile.imwrite(path, integers, photometric="minisblack", compression=compression)

    pixels, _ = decode(path)
    stretched, _ = decode(path, (4, 6), aspect="stretch")

    assert_array_equal(pixels, integers.astype(np.float32))
    assert_allclose(stretched[0, 0], np.float32(limits.min))
    assert read_header(path) == ("float32", Bands(1), (2, 3))


@pytest.mark.parametrize("pixels", [GRAY, DEEP])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_negatives_are_turned(pixels, compression, tmp_path):
    """A TIFF may say that zero is white, with 8 bits and with 16."""
    path = str(tmp_path / "x.tif")
    tifffile.imwrite(path, pixels, photometric="miniswhite", compression=compression)

    assert_array_equal(decode(path)[0], np.iinfo(pixels.dtype).max - pixels)


def test_floats_do_not_become_integers(tmp_path):
    """Nothing says which float is white."""
    path = write(tmp_path / "x.tif", GRAY.astype(np.float32))

    with pytest.raises(ValueError, match=r"x\.tif.*float pixels.*uint8"):
        decode(path, dtype="uint8")


def test_nan_is_refused(tmp_path):
    """A pixel that is no number would ruin a network silently."""
    path = write(tmp_path / "x.tif", np.full((4, 4), np.nan, dtype=np.float32))

    with pytest.raises(ValueError, match=r"x\.tif.*NaN"):
        decode(path)


@pytest.mark.parametrize("name", ["x.png", "x.gif", "x.tif", "x.bmp"])
def test_palette_gives_colors(name, tmp_path):
    """Palettes give their colors, not their indices."""
    image = Image.fromarray(RGB).quantize(16)
    path = write(tmp_path / name, image)

    pixels, _ = decode(path)

    assert_array_equal(pixels, np.asarray(image.convert("RGB")))
    assert not read_header(path).is_gray


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.bmp", "x.pbm"])
def test_bilevel_is_black_and_white(name, tmp_path):
    """One bit is 0 or 255, on the scale of every other image."""
    path = write(tmp_path / name, Image.fromarray(GRAY > 127))

    assert_array_equal(decode(path)[0], np.where(GRAY > 127, 255, 0))
    assert read_header(path).is_gray


@pytest.mark.parametrize("name", ["x.png", "x.webp", "x.tif"])
def test_transparency_shows_white(name, tmp_path):
    """Hidden colors stay hidden, half-transparent ones are half white."""
    rgba = np.dstack([RGB, np.full((20, 30), 255, dtype=np.uint8)])
    rgba[:5, :, 3] = 0
    rgba[5:10, :, 3] = 128
    options = {"lossless": True, "exact": True} if name == "x.webp" else {}
    path = write(tmp_path / name, rgba, **options)

    pixels, _ = decode(path)

    assert (pixels[:5] == 255).all()
    assert_allclose(pixels[5:10], 255 - (255.0 - RGB[5:10]) * 128 / 255, atol=1)
    assert_array_equal(pixels[10:], RGB[10:])


def test_gray_with_transparency_stays_gray(tmp_path):
    """Gray and alpha on white are gray."""
    alpha = np.where(GRAY > 100, 255, 0).astype(np.uint8)
    image = Image.merge("LA", [Image.fromarray(GRAY), Image.fromarray(alpha)])
    path = write(tmp_path / "x.png", image)

    assert_array_equal(decode(path)[0], np.where(GRAY > 100, GRAY, 255))
    assert read_header(path).is_gray


def test_16_bit_gray_with_transparency_stays_deep(tmp_path):
    """Neither its bits nor its being gray get lost, as they do in Pillow."""
    alpha = np.full_like(DEEP, 65535)
    alpha[:5], alpha[5:10] = 0, 32768
    path = write_gray_with_alpha(tmp_path / "x.png", DEEP, alpha)

    pixels, _ = decode(path)

    opacity = alpha / 65535
    assert pixels.dtype == np.uint16
    assert_array_equal(pixels, np.rint(DEEP * opacity + 65535 * (1 - opacity)))
    assert decode(path, (4, 4), color_mode="rgb", dtype="uint8")[0].shape == (4, 4, 3)
    assert read_header(path)[::2] == ("uint16", (20, 30))
    assert read_header(path).is_gray


def test_transparent_gray_level_of_16_bits_shows_white(tmp_path):
    """A PNG may name one gray level as transparent."""
    path = write(tmp_path / "x.png", DEEP, transparency=int(DEEP[0, 0]))

    assert_array_equal(decode(path)[0], np.where(DEEP[0, 0] == DEEP, 65535, DEEP))


@pytest.mark.parametrize("name", ["x.gif", "x.png"])
def test_transparent_palette_entry_shows_white(name, tmp_path):
    """A palette's transparent color is white."""
    image = Image.fromarray(RGB).quantize(16)
    path = write(tmp_path / name, image, transparency=3)

    hidden = np.asarray(image) == 3
    expected = np.where(hidden[..., np.newaxis], 255, np.asarray(image.convert("RGB")))
    assert hidden.any()
    assert_array_equal(decode(path)[0], expected)


def test_transparent_color_shows_white(tmp_path):
    """A PNG may name one RGB color as transparent."""
    path = write(tmp_path / "x.png", RGB, transparency=tuple(map(int, RGB[0, 0])))

    assert_array_equal(decode(path)[0][0, 0], [255, 255, 255])
    assert_array_equal(decode(path)[0][1:], RGB[1:])


def test_cmyk_becomes_rgb(tmp_path):
    """Four inks are not four channels with transparency."""
    image = Image.fromarray(smooth_photo(20, 30)).convert("CMYK")
    path = write(tmp_path / "x.jpg", image, quality=100)

    pixels, _ = decode(path)

    assert_allclose(pixels, image.convert("RGB"), atol=12)
    assert not read_header(path).is_gray


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["x.jpg", "x.png", "x.webp", "x.tif"])
def test_camera_rotation_is_applied(name, orientation, tmp_path):
    """The eight EXIF orientations all show the same image."""
    shown = smooth_photo(24, 40)
    turns = {
        1: shown,
        2: shown[:, ::-1],
        3: shown[::-1, ::-1],
        4: shown[::-1],
        5: shown.swapaxes(0, 1),
        6: np.rot90(shown),
        7: shown[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(shown, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = write(tmp_path / name, turns[orientation], exif=exif, quality=95)

    assert_allclose(decode(path)[0].astype(int), shown, atol=30)
    assert decode(path, (12, 20))[0].any(axis=-1).all()  # no padding
    assert read_header(path).size == (24, 40)


@pytest.mark.parametrize("extension", ["gif", "png", "tif", "webp"])
def test_first_frame_is_read(extension, tmp_path):
    """Of an animation or several pages, the first counts, with a warning."""
    frames = [Image.new("RGB", (30, 20), color) for color in ("red", "lime", "blue")]
    path = tmp_path / f"x.{extension}"
    frames[0].save(path, save_all=True, append_images=frames[1:])

    with pytest.warns(UserWarning, match="first is used: 1"):
        pixels = np.asarray(ImageFiles([path], (20, 30)))

    assert_allclose(pixels[0], np.full((20, 30, 3), [255, 0, 0]), atol=3)


def test_previews_of_a_camera_are_no_frames(tmp_path):
    """A camera's JPEG with further images inside is one photo."""
    photo = Image.fromarray(smooth_photo(24, 40))
    path = tmp_path / "x.jpg"
    photo.save(path, "MPO", save_all=True, append_images=[photo.resize((8, 8))])

    pixels, has_more = decode(str(path))

    assert not has_more
    assert_allclose(pixels.astype(int), photo, atol=30)


@pytest.mark.parametrize("aspect", ["pad", "crop", "stretch"])
def test_aspect(aspect, tmp_path):
    """Pad shows all beside a value, crop fills with the middle, stretch distorts."""
    photo = smooth_photo(40, 80)
    path = write(tmp_path / "x.png", photo)

    pixels, _ = decode(path, (40, 40), aspect=aspect, pad_value=0)

    if aspect == "pad":
        assert not pixels[:10].any()
        assert not pixels[30:].any()
        expected, pixels = resize(photo, (20, 40), anti_aliasing=True), pixels[10:30]
    elif aspect == "crop":
        expected = photo[:, 20:60] / 255
    else:
        expected = resize(photo, (40, 40), anti_aliasing=True)
    assert_allclose(pixels / 255, expected, atol=0.05)


@pytest.mark.parametrize("aspect", ["pad", "crop", "stretch"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (7, 5)])
def test_any_size_becomes_any_size(shape, aspect, tmp_path):
    """Lines and single pixels are images too."""
    path = write(tmp_path / "x.png", np.full((*shape, 3), 200, dtype=np.uint8))

    pixels, _ = decode(path, (8, 6), aspect=aspect)

    assert pixels.shape == (8, 6, 3)
    assert pixels.max() == 200


@pytest.mark.parametrize("mode", ["gray", "rgb"])
def test_shrunk_jpeg_looks_like_the_full_one(mode, tmp_path):
    """Decoding at a fraction of the size changes no pixel by much."""
    path = write(tmp_path / "x.jpg", smooth_photo(600, 800), quality=95)
    full = Image.open(path).convert("L" if mode == "gray" else "RGB")

    pixels, _ = decode(path, (60, 80), color_mode=mode)

    expected = full.resize((80, 60), Image.Resampling.BILINEAR)
    assert_allclose(pixels.astype(int), np.asarray(expected), atol=3)

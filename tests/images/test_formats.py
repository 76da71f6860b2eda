"""Every format, depth and layout gives the pixels that were written."""

import importlib.util
import struct
import zlib
from itertools import product

import imageio.v3 as imageio
import numpy as np
import pytest
import tifffile
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image, features

from sklcnn.images._decode import decode, read_header
from sklcnn.images._open import Opening
from sklcnn.preprocessing import ReadImages

RNG = np.random.default_rng(0)
DTYPES = [
    "uint8",
    "uint16",
    "int16",
    "uint32",
    "int32",
    "float16",
    "float32",
    "float64",
]


def draw(dtype, n_bands, shape=(19, 26)):
    """Draw pixels that a dtype of images holds, and float32 as well."""
    dtype = np.dtype(dtype)
    shape = (*shape, n_bands) if n_bands else shape
    if dtype.kind == "f":
        return RNG.normal(size=shape).astype(dtype)
    limits = np.iinfo(dtype)
    low, high = max(limits.min, -(2**24)), min(limits.max, 2**24)
    return RNG.integers(low, high, shape, endpoint=True).astype(dtype)


def all_bands(path):
    """Read every band of a file as `ReadImages` does."""
    return np.asarray(ReadImages(color_mode="all").fit_transform([path]))[0]


def write_png(path, pixels, color_type, filters=(0,), interlaced=False):
    """Write a PNG of 8 or 16 bits a channel, with filters and passes."""
    height, width = pixels.shape[:2]
    depth = 8 * pixels.itemsize
    n_bytes = pixels[0, 0].nbytes
    data = []
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)]
        passes += [(2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    for top, left, down, right in passes:
        part = pixels[top::down, left::right]
        if part.size:
            rows = part.astype(f">u{pixels.itemsize}").tobytes()
            rows = np.frombuffer(rows, np.uint8).reshape(len(part), -1).astype(int)
            data += _filtered(rows, n_bytes, filters)
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, interlaced)
    compressed = zlib.compress(b"".join(data))
    half = len(compressed) // 2
    chunks = [
        b"IHDR" + header,
        b"IDAT" + compressed[:half],
        b"IDAT" + compressed[half:],
    ]
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(chunk) - 4) + chunk + zlib.crc32(chunk).to_bytes(4)
            for chunk in [*chunks, b"IEND"]
        )
    )
    return str(path)


def _filtered(rows, n_bytes, filters):
    """Filter rows of bytes by the filters in turn, as the specification says."""
    above = np.zeros(rows.shape[1] + n_bytes, dtype=np.int64)
    for number, row in enumerate(rows):
        kind = filters[number % len(filters)]
        now = np.concatenate([np.zeros(n_bytes, dtype=np.int64), row])
        left, up, corner = now[:-n_bytes], above[n_bytes:], above[:-n_bytes]
        guess = left + up - corner
        distances = np.abs(np.stack([guess - left, guess - up, guess - corner]))
        nearest = np.choose(distances.argmin(axis=0), [left, up, corner])
        predicted = [0, left, up, (left + up) // 2, nearest][kind]
        yield bytes([kind]) + ((row - predicted) % 256).astype(np.uint8).tobytes()
        above = now


def tiff_cases():
    """List what TIFF may be written as."""
    layouts = [{}, {"planarconfig": "separate"}, {"tile": (16, 16)}]
    compressions = [None, "zlib", "lzma"]
    bands = [(0, "minisblack"), (2, "minisblack"), (3, "rgb"), (4, "rgb")]
    bands += [(5, "rgb"), (7, "minisblack"), (13, "minisblack")]
    for number, (dtype, (n_bands, photometric)) in enumerate(product(DTYPES, bands)):
        layout = layouts[number % 3]
        if n_bands == 0 and "planarconfig" in layout:
            layout = {}
        options = {"compression": compressions[number % 3], "photometric": photometric}
        options["byteorder"] = "<>"[number % 2]
        if n_bands:
            n_more = n_bands - (3 if photometric == "rgb" else 1)
            options["extrasamples"] = ["unspecified"] * n_more
        if options["compression"] == "zlib" and np.dtype(dtype).kind in "iu":
            options["predictor"] = number % 2 == 0
        yield pytest.param(
            dtype, n_bands, {**layout, **options}, id=f"{dtype}-{n_bands}-{number % 3}"
        )


@pytest.mark.parametrize(("dtype", "n_bands", "options"), list(tiff_cases()))
def test_tiff_is_read_as_tifffile_reads_it(dtype, n_bands, options, tmp_path):
    """Bands, depths, layouts, byte orders and compressions, 56 files."""
    path = str(tmp_path / "x.tif")
    pixels = draw(dtype, n_bands)
    planar = options.get("planarconfig") == "separate"
    tifffile.imwrite(path, np.moveaxis(pixels, -1, 0) if planar else pixels, **options)

    read = all_bands(path)

    known = tifffile.imread(path)
    known = np.moveaxis(known, 0, -1) if planar else known
    assert_array_equal(known, pixels)
    assert_array_equal(read, known.astype(np.float32))
    is_short = dtype in ("uint8", "uint16")
    assert read.dtype == (dtype if is_short else "float32")


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("filters", [(0,), (1,), (2,), (3,), (4,), (4, 3, 1, 2, 0)])
@pytest.mark.parametrize(("color_type", "n_bands"), [(2, 3), (4, 2), (6, 4)])
def test_deep_png_keeps_all_bits(color_type, n_bands, filters, interlaced, tmp_path):
    """Of any filter and order of rows, with channels of 16 bits: 36 files."""
    pixels = draw("uint16", n_bands)
    path = write_png(tmp_path / "x.png", pixels, color_type, filters, interlaced)

    read = all_bands(path)

    assert_array_equal(read, pixels)
    shallow = imageio.imread(path, plugin="pillow")
    if n_bands > 2:  # of which Pillow keeps the upper bytes
        assert_allclose(read // 256, shallow, atol=1)


@pytest.mark.parametrize("n_bands", [0, 3])
@pytest.mark.parametrize("extension", ["png", "bmp", "ppm", "webp", "tif", "avif"])
def test_shallow_files_are_read_as_imageio_reads_them(extension, n_bands, tmp_path):
    """Formats of 8 bits, of which those that lose something are within 12 levels."""
    if extension == "avif" and "avif" not in features.get_supported():
        pytest.skip("Pillow has no AVIF")
    path = tmp_path / f"x.{extension}"
    pixels = np.repeat(np.repeat(draw("uint8", n_bands), 8, axis=0), 8, axis=1)
    options = {"lossless": True} if extension == "webp" else {}
    Image.fromarray(pixels).save(path, **options)

    read = all_bands(path)

    known = imageio.imread(path)
    if extension == "webp":  # which has no gray images
        read = read[..., :3] if n_bands else read[..., 0]
    known = known[..., 0] if known.ndim > read.ndim else known
    assert_array_equal(read, known)
    lossy = extension == "avif"
    difference = np.abs(read.astype(int) - pixels.reshape(read.shape))
    assert difference.mean() <= (12 if lossy else 0)


@pytest.mark.parametrize("kind", ["P2", "P3", "P5", "P6"])
@pytest.mark.parametrize("largest", [1, 7, 255, 1023, 65535])
def test_ppm_of_any_depth_is_scaled_to_its_white(kind, largest, tmp_path):
    """Plain and binary, gray and color: 20 files, read as Pillow reads 8 bits."""
    n_bands = 3 if kind in ("P3", "P6") else 0
    pixels = RNG.integers(
        0, largest, (9, 14, *([n_bands] * bool(n_bands))), endpoint=True
    )
    header = f"{kind}\n# a comment 5 7\n14 9 # another\n{largest}\n".encode()
    if kind in ("P2", "P3"):
        content = b" ".join(str(value).encode() for value in pixels.flat)
    else:
        content = pixels.astype(">u2" if largest > 255 else "u1").tobytes()
    path = tmp_path / "x.ppm"
    path.write_bytes(header + content)

    read = all_bands(str(path))

    full = 65535 if largest > 255 else 255
    assert_array_equal(read, np.rint(pixels * (full / largest)))
    if largest <= 255 and kind != "P5":
        assert_array_equal(read, Image.open(path))


def test_float_ppm_is_read_bottom_up(tmp_path):
    """PFM has gray and color, in both byte orders."""
    for kind, n_bands, order in (("Pf", 0, "<"), ("PF", 3, ">")):
        pixels = draw("float32", n_bands)
        path = tmp_path / "x.pfm"
        scale = -1.0 if order == "<" else 1.0
        header = f"{kind}\n26 19\n{scale}\n".encode()
        path.write_bytes(header + pixels[::-1].astype(f"{order}f4").tobytes())

        assert_array_equal(all_bands(str(path)), pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_orientation_of_bands_is_applied(orientation, dtype, tmp_path):
    """The tag of a TIFF with five bands says which way up it is."""
    stored = draw(dtype, 5)
    path = str(tmp_path / "x.tif")
    tag = (274, "H", 1, orientation, True)
    tifffile.imwrite(path, stored, photometric="rgb", extratags=[tag])
    one_band = str(tmp_path / "gray.png")
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(stored[..., 0]).save(one_band, exif=exif)

    read = all_bands(path)

    assert_array_equal(read[..., 0], all_bands(one_band))
    assert read_header(path).size == read.shape[:2]


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_opacity_is_told_by_the_tags_of_a_file(dtype, tmp_path):
    """A fourth band is opacity or another color, and never guessed in silence."""
    pixels = draw(dtype, 4)
    paths = {}
    for kind in ("unspecified", "assocalpha", "unassalpha"):
        paths[kind] = str(tmp_path / f"{kind}.tif")
        tifffile.imwrite(paths[kind], pixels, photometric="rgb", extrasamples=[kind])
    full = np.iinfo(dtype).max

    four = np.asarray(ReadImages().fit_transform([paths["unspecified"]]))
    shown = np.asarray(ReadImages().fit_transform([paths["unassalpha"]]))
    rgba = np.asarray(
        ReadImages(color_mode="rgba").fit_transform([paths["unassalpha"]])
    )

    assert_array_equal(four[0], pixels)
    assert_array_equal(rgba[0], pixels)
    opacity = pixels[..., 3:] / full
    expected = pixels[..., :3] * opacity + full * (1 - opacity)
    assert_allclose(shown[0], expected, atol=1)
    assert shown.shape[3] == 3
    straight = decode(paths["assocalpha"], color_mode="rgba")[0]
    assert_array_equal(straight[..., 3], pixels[..., 3])


def test_fourth_band_without_a_tag_is_named(tmp_path):
    """The file does not say what it is, and the message says what it is taken for."""
    path = str(tmp_path / "x.tif")
    pixels = draw("uint8", 4)
    tifffile.imwrite(path, pixels, photometric="rgb", extrasamples=["unspecified"])
    data = bytearray((tmp_path / "x.tif").read_bytes())
    position = data.find(struct.pack("<HH", 338, 3))
    data[position : position + 2] = struct.pack("<H", 339)  # all bits are integers
    data[position + 8] = 1
    (tmp_path / "x.tif").write_bytes(data)

    with pytest.warns(UserWarning, match=r"fourth band .*: 1 .*x\.tif.*'rgba'"):
        images = ReadImages().fit_transform([path])

    assert_array_equal(images[0], pixels)
    assert_array_equal(all_bands(path), pixels)
    rgba = ReadImages(color_mode="rgba").fit_transform([path])
    assert_array_equal(rgba[0], pixels)


def test_bands_that_are_left_out_are_named(tmp_path):
    """One warning counts the files, whose first three bands are colors."""
    paths = [str(tmp_path / f"{number}.tif") for number in range(5)]
    pixels = draw("uint16", 5)
    for path in paths:
        tifffile.imwrite(path, pixels, photometric="rgb")

    with pytest.warns(
        UserWarning, match=r"left out: 5 \(.*0\.tif.* and 2 more"
    ) as told:
        images = ReadImages(color_mode="rgb").fit(paths)

    assert len(told) == 1
    with pytest.warns(UserWarning, match="left out: 5"):
        assert_array_equal(np.asarray(images.transform(paths))[0], pixels[..., :3])


def test_files_of_several_numbers_of_bands_are_named(tmp_path):
    """None is left out, and the message says by what it would be."""
    paths = [str(tmp_path / f"{n_bands}.tif") for n_bands in (5, 7)]
    for path, n_bands in zip(paths, (5, 7), strict=True):
        tifffile.imwrite(path, draw("uint8", n_bands), photometric="rgb")

    with pytest.raises(ValueError, match=r"5 in '.*5\.tif', 7 in '.*7\.tif'.*'rgb'"):
        ReadImages().fit(paths)
    reader = ReadImages(color_mode="all").fit(paths[:1])
    with pytest.raises(ValueError, match=r"7\.tif.*7 band.* 5 are wanted"):
        np.asarray(reader.transform(paths))


def test_gray_color_shallow_and_deep_are_widened(tmp_path):
    """A mixed folder has the channels and the depth of its widest files."""
    gray, color = draw("uint8", 0), draw("uint16", 3)
    paths = [str(tmp_path / "gray.png"), write_png(tmp_path / "deep.png", color, 2)]
    Image.fromarray(gray).save(paths[0])

    images = np.asarray(ReadImages().fit_transform(paths))

    assert images.dtype == np.uint16
    assert_array_equal(images[0], np.dstack([gray] * 3).astype(np.uint16) * 257)
    assert_array_equal(images[1], color)
    assert_allclose(
        ReadImages(color_mode="gray").fit_transform(paths)[1],
        color @ [0.299, 0.587, 0.114],
        atol=1,
    )


@pytest.mark.parametrize("options", [{}, {"imagej": True}, {"bigtiff": True}])
def test_pages_become_channels(options, tmp_path):
    """A stack in depth has as many channels as pages, or is read at its top."""
    stack = draw("uint16", 0, (6, 12, 17))
    path = str(tmp_path / "x.tif")
    tifffile.imwrite(path, stack, photometric="minisblack", **options)

    images = ReadImages(pages="channels").fit_transform([path])

    assert images.shape == (1, 12, 17, 6)
    assert_array_equal(images[0], np.moveaxis(stack, 0, -1))
    with pytest.warns(UserWarning, match="the first is used: 1"):
        first = np.asarray(ReadImages().fit_transform([path]))
    assert_array_equal(first[0], stack[0])


def test_pages_that_can_not_be_channels_are_named(tmp_path):
    """Pages of other sizes, and frames of animations."""
    path = str(tmp_path / "x.tif")
    with tifffile.TiffWriter(path) as writer:
        writer.write(draw("uint8", 0))
        writer.write(draw("uint8", 0, (5, 5)))
    frames = [Image.new("L", (8, 8), shade) for shade in (9, 99)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])

    with pytest.raises(ValueError, match=r"x\.tif.*page 1 has shape \(5, 5\)"):
        ReadImages(pages="channels").fit([path])
    with pytest.raises(ValueError, match=r"x\.gif.*animation.*pages='first'"):
        ReadImages(pages="channels").fit([tmp_path / "x.gif"])


HAS_CODECS = importlib.util.find_spec("imagecodecs") is not None


@pytest.mark.skipif(not HAS_CODECS, reason="needs imagecodecs")
@pytest.mark.parametrize("compression", ["lzw", "zstd", "jpeg2000", "packbits"])
def test_compressed_bands_are_read_by_imagecodecs(compression, tmp_path):
    """What Pillow decompresses for three bands, for any number."""
    path = str(tmp_path / "x.tif")
    pixels = draw("uint8", 5)
    tifffile.imwrite(path, pixels, photometric="rgb", compression=compression)

    assert_array_equal(all_bands(path), pixels)


@pytest.mark.skipif(HAS_CODECS, reason="imagecodecs reads it")
@pytest.mark.parametrize(
    ("tag", "value", "what"), [(259, 5, "LZW"), (258, 11, "11-bit")]
)
def test_what_imagecodecs_reads_names_the_extra(tag, value, what, tmp_path):
    """Compressed bands and odd depths are errors with the command to install it."""
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, draw("uint8", 5), photometric="rgb")
    data = bytearray(path.read_bytes())
    position = data.find(struct.pack("<HH", tag, 3)) + 8
    if tag == 258:  # one value for each band, elsewhere
        (position,) = struct.unpack("<I", data[position : position + 4])
    n_values = 5 if tag == 258 else 1
    data[position : position + 2 * n_values] = struct.pack("<H", value) * n_values
    path.write_bytes(data)

    with pytest.raises(ValueError, match=rf"x\.tif.*{what}.*sklcnn\[tiff\]"):
        decode(str(path))


def test_inks_and_deep_palettes_become_colors(tmp_path):
    """CMYK of 16 bits and a palette whose colors have 16."""
    inks = draw("uint16", 4)
    path = str(tmp_path / "inks.tif")
    tifffile.imwrite(path, inks, photometric="separated")
    shares = 1 - inks / 65535

    assert_allclose(all_bands(path), 65535 * shares[..., :3] * shares[..., 3:], atol=1)

    levels = draw("uint8", 0)
    colors = RNG.integers(0, 65536, (3, 256)).astype(np.uint16)
    path = str(tmp_path / "palette.tif")
    tifffile.imwrite(path, levels, photometric="palette", colormap=colors)
    assert_allclose(all_bands(path), np.moveaxis(colors[:, levels], 0, -1) // 256)


def test_bits_beyond_eight_of_avif_are_named(tmp_path):
    """Pillow reads eight of ten, and one warning says so."""
    imagecodecs = pytest.importorskip("imagecodecs", exc_type=ImportError)
    if "avif" not in features.get_supported():
        pytest.skip("Pillow has no AVIF")
    path = tmp_path / "x.avif"
    deep = draw("uint16", 3, (32, 32)) // 64
    path.write_bytes(imagecodecs.avif_encode(deep, level=100, bitspersample=10))
    images = ReadImages().fit_transform([path])

    with pytest.warns(UserWarning, match="more than 8 bits a channel.*: 1"):
        read = np.asarray(images)[0]

    assert_allclose(read, deep / 4, atol=2)


@pytest.mark.parametrize("dtype", ["complex64", "int64"])
def test_pixels_of_no_plain_kind(dtype, tmp_path):
    """Complex pixels are refused, and long integers become floats."""
    path = str(tmp_path / "x.tif")
    pixels = np.arange(12).reshape(3, 4).astype(dtype)
    tifffile.imwrite(path, pixels)

    if dtype == "int64":
        assert_array_equal(decode(path)[0], pixels)
    else:
        with pytest.raises(ValueError, match=r"x\.tif.*complex64"):
            decode(path)


def test_reading_leaves_default_pages_alone(tmp_path):
    """A single page is the same whatever is asked for."""
    path = str(tmp_path / "x.tif")
    pixels = draw("uint8", 3)
    tifffile.imwrite(path, pixels, photometric="rgb")

    read, _ = decode(path, color_mode="rgb", opening=Opening(pages="channels"))

    assert_array_equal(read, pixels)

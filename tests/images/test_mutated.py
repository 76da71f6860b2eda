"""Damaged files of every format are read or named, in little time and memory."""

import io
import os
import struct
import subprocess
import sys
import time
import warnings
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, features

from sklcnn.images._decode import decode
from sklcnn.images._open import Opening, UnreadableImageError

RNG = np.random.default_rng(0)


def whole_files():
    """Make a file of each format and layout, as bytes."""
    rgb = RNG.integers(0, 256, (40, 56, 3), dtype=np.uint8)
    image = Image.fromarray(rgb)
    files = {}
    saved = {
        "png": {},
        "jpeg": {},
        "gif": {},
        "bmp": {},
        "webp": {},
        "ppm": {},
        "tiff": {"compression": "tiff_deflate"},
    }
    if features.check("avif"):
        saved["avif"] = {}
    for name, options in saved.items():
        buffer = io.BytesIO()
        image.save(buffer, name, **options)
        files[name] = buffer.getvalue()
    buffer = io.BytesIO()
    image.save(buffer, "jpeg", progressive=True)
    files["progressive"] = buffer.getvalue()
    files["plain"] = b"P3\n# 1\n56 40\n255\n" + b" ".join(b"%d" % v for v in rgb.flat)
    deep = np.dstack([rgb, rgb[..., :2]]).astype(np.uint16) * 257
    layouts = {
        "tiles": {"tile": (16, 16)},
        "zlib": {"compression": "zlib"},
        "big": {"bigtiff": True, "rowsperstrip": 3},
        "lzma": {"compression": "lzma"},
        "palette": {"photometric": "palette", "colormap": np.zeros((3, 256), "u2")},
    }
    for name, options in layouts.items():
        buffer = io.BytesIO()
        is_palette = name == "palette"
        options = {"photometric": "rgb", **options}
        tifffile.imwrite(buffer, rgb[..., 0] if is_palette else deep, **options)
        files[name] = buffer.getvalue()
    files["deep png"] = deep_png(deep[..., :3])
    return files


def deep_png(pixels):
    """Write a PNG of 16 bits."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    size = struct.pack(">IIBBBBB", *pixels.shape[1::-1], 16, 2, 0, 0, 0)
    chunks = [b"IHDR" + size, b"IDAT" + zlib.compress(rows), b"IEND"]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + zlib.crc32(chunk).to_bytes(4)
        for chunk in chunks
    )


def mutate(content, rng):
    """Change a few bytes of a file, cut it short, repeat or blank a part."""
    data = bytearray(content)
    kind = rng.integers(0, 5)
    if kind == 0:
        return bytes(data[: rng.integers(0, len(data))])
    if kind == 1:
        start, length = rng.integers(0, len(data)), rng.integers(1, 64)
        data[start : start + length] = bytes(length)
        return bytes(data)
    if kind == 2:
        start, length = rng.integers(0, len(data)), rng.integers(1, 200)
        return bytes(data[:start] + data[start : start + length] * 2 + data[start:])
    # most of what a decoder trusts stands at the beginning, and in tags at the end
    spans = [(0, min(200, len(data))), (max(0, len(data) - 300), len(data))]
    low, high = spans[rng.integers(2)] if kind == 3 else (0, len(data))
    for _ in range(rng.integers(1, 8)):
        data[rng.integers(low, high)] = rng.choice([0, 1, 127, 128, 255])
    return bytes(data)


def read_mutated(seeds):
    """Read mutated files, and count those that can be read; errors name others."""
    warnings.simplefilter("ignore")
    files = list(whole_files().values())
    n_read, n_named, slowest = 0, 0, 0.0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        content = mutate(files[seed % len(files)], rng)
        start = time.perf_counter()
        for size, pages in (((16, 16), "first"), (None, "channels")):
            try:
                opening = Opening(pages=pages)
                pixels, _ = decode(content, size, color_mode="rgb", opening=opening)
                n_read += 1
                assert pixels.shape[2] == 3
                assert np.isfinite(pixels).all()
            except UnreadableImageError as error:
                message = str(error)
                is_named = "contents of" in message and len(message) < 700
                n_named += is_named
        slowest = max(slowest, time.perf_counter() - start)
    assert n_read + n_named == 2 * len(seeds)
    return n_read, slowest


def test_mutated_files_are_read_or_named():
    """Sixty of them, five of each format."""
    n_read, slowest = read_mutated(range(60))

    assert 0 < n_read < 120
    assert slowest < 5


SCRIPT = """
import importlib.util, resource, sys
spec = importlib.util.spec_from_file_location("mutated", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.read_mutated([0])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
n_read, slowest = module.read_mutated(range(int(sys.argv[2]), int(sys.argv[3])))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(n_read, slowest, (after - before) / 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, 1000, 2000, 3000, 4000])
def test_thousands_of_mutated_files_are_read_or_named(first):
    """In a process each thousand: none crashes, hangs or fills the memory."""
    command = [sys.executable, "-c", SCRIPT, __file__, str(first), str(first + 1000)]

    done = subprocess.run(
        command, capture_output=True, text=True, timeout=900, env={**os.environ}
    )

    assert done.returncode == 0, done.stderr
    n_read, slowest, megabytes = map(float, done.stdout.split())
    assert 0 < n_read < 2000
    assert slowest < 5
    assert megabytes < 500

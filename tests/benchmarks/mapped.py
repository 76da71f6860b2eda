"""Train one epoch on a memory-mapped `.npy` that is larger than what may be in memory.

Run from the root of the repository::

    python -m tests.benchmarks.mapped --folder /tmp --gigabytes 4

The file is written there, of random pixels, and removed.
"""

import argparse
import math
from functools import partial
from pathlib import Path

import numpy as np

from sklcnn import CNNClassifier
from tests.benchmarks._epoch import HEADER, report_epoch

N_CLASSES = 10


class MappedFile:
    """Opens the file where it is needed: what is sent to a process is its name."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return np.load, (self.path, "r")


def write_array(path, n_gigabytes, shape, dtype):
    """Write random pixels, a few thousand images at a time."""
    rng = np.random.default_rng(0)
    n_images = int(n_gigabytes * 2**30 / (math.prod(shape) * np.dtype(dtype).itemsize))
    array = np.lib.format.open_memmap(path, "w+", dtype, (n_images, *shape))
    for start in range(0, n_images, 1000):
        pixels = rng.integers(0, 256, (min(1000, n_images - start), *shape), np.uint8)
        array[start : start + 1000] = pixels
    return n_images


def make_model(channels):
    """Make a small network, which uses up images quickly."""
    return CNNClassifier(
        conv_channels=channels, batch_size=128, max_epochs=1, random_state=0
    )


def main():
    """Write the file and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="where to write")
    parser.add_argument("--gigabytes", type=float, default=4.0)
    parser.add_argument("--size", type=int, default=128, help="pixels of a side")
    parser.add_argument("--channels", type=int, nargs="+", default=[8, 16])
    parser.add_argument("--dtypes", nargs="+", default=["uint8", "float32"])
    options = parser.parse_args()
    path = options.folder / "images.npy"
    print(HEADER)
    for dtype in options.dtypes:
        try:
            shape = (options.size, options.size, 3)
            n_images = write_array(path, options.gigabytes, shape, dtype)
            y = np.arange(n_images) % N_CLASSES
            model = partial(make_model, options.channels)
            name = f"{n_images} x {options.size}x{options.size}, {dtype}"
            report_epoch(name, model, MappedFile(path), y)
        finally:
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()

"""Train one epoch on a memory-mapped `.npy` that is larger than what may be in memory.

The file is written to --folder, of random pixels, and removed. Waiting is the share of
the epoch in which the network waits for images; own memory is what is not a file, whose
pages can be dropped at any time.
"""

import math
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from sklcnn import CNNClassifier
from tests.benchmarks._epoch import COLUMNS, add_epoch
from tests.benchmarks._results import Table
from tests.benchmarks._run import run_alone

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


def add_options(parser):
    """Let the file and the network be chosen."""
    parser.add_argument("--gigabytes", type=float, default=4.0)
    parser.add_argument("--side", type=int, default=128, help="pixels; of folder, too")
    parser.add_argument("--channels", type=int, nargs="+", default=[8, 16])
    parser.add_argument("--dtypes", nargs="+", default=["uint8", "float32"])


def run(options):
    """Write the file and train on it, for every dtype."""
    gigabytes = 0.05 if options.quick else options.gigabytes
    title = f"An epoch on a memory-mapped file of {gigabytes:g} GiB"
    table = Table(title, COLUMNS, quick=options.quick)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "images.npy"
        shape = (options.side, options.side, 3)
        for dtype in options.dtypes:
            n_images = write_array(path, gigabytes, shape, dtype)
            y = np.arange(n_images) % N_CLASSES
            model = partial(make_model, options.channels)
            name = f"{n_images} x {options.side}x{options.side}, {dtype}"
            add_epoch(table, name, model, MappedFile(path), y)
            path.unlink()
    return [table]


if __name__ == "__main__":
    run_alone("mapped")

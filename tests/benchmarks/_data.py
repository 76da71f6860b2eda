"""The data that benchmarks read."""

import gzip
import os
from pathlib import Path

import numpy as np

MISSING = """Fashion-MNIST is not in {folder}.
Name the folder that has its four files (train-images-idx3-ubyte.gz and so on) with
--data or the environment variable FASHION_MNIST. On Debian,
`apt-get install dataset-fashion-mnist` puts them into {default}."""

DEFAULT = Path("/usr/share/datasets/fashion-mnist")


class MissingDataError(Exception):
    """Fashion-MNIST is not where it was looked for."""


def default_folder():
    """Tell where Fashion-MNIST is, unless --data says so."""
    return Path(os.environ.get("FASHION_MNIST", DEFAULT))


def fashion_mnist(folder):
    """Read Fashion-MNIST: 60,000 training and 10,000 test images, 28x28, uint8."""

    def read(name, offset):
        with gzip.open(folder / name) as file:
            return np.frombuffer(file.read(), dtype=np.uint8, offset=offset)

    try:
        return tuple(
            array
            for part in ("train", "t10k")
            for array in (
                read(f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28),
                read(f"{part}-labels-idx1-ubyte.gz", 8),
            )
        )
    except FileNotFoundError:
        message = MISSING.format(folder=folder, default=DEFAULT)
        raise MissingDataError(message) from None


def random_images(n, shape, n_classes=10):
    """Draw uint8 images of noise, and labels, where only speed counts."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (n, *shape), dtype=np.uint8)
    return X, rng.integers(0, n_classes, n)

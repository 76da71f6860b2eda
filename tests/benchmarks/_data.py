"""The data that benchmarks read."""

import argparse
import gzip
import os
import sys
from pathlib import Path

import numpy as np

MISSING = """Fashion-MNIST is not in {folder}.
Name the folder that has its four files (train-images-idx3-ubyte.gz and so on) with
--data or the environment variable FASHION_MNIST. On Debian,
`apt-get install dataset-fashion-mnist` puts them into {default}."""

DEFAULT = Path("/usr/share/datasets/fashion-mnist")


def argument_parser(description):
    """Make a parser of the options that all benchmarks have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("FASHION_MNIST", DEFAULT)),
        help="folder of Fashion-MNIST (default: $FASHION_MNIST)",
    )
    return parser


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
        sys.exit(MISSING.format(folder=folder, default=DEFAULT))

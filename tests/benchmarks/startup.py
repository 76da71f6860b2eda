"""What `import sklcnn` adds on top of torch, scikit-learn and skorch.

Everything is imported in a fresh process, sklcnn last; files are in the cache of the
system. Seconds are those on the wall.
"""

import subprocess
import sys

import numpy as np

from tests.benchmarks._results import Table, summarize
from tests.benchmarks._run import run_alone

CODE = """
import time
start = time.perf_counter()
import torch, sklearn, skorch
before = time.perf_counter()
import sklcnn
print(before - start, time.perf_counter() - before)
"""


def seconds_of_imports():
    """Import in a fresh process: seconds of the others, and of this package."""
    command = [sys.executable, "-W", "ignore", "-c", CODE]
    output = subprocess.run(command, capture_output=True, text=True, check=True)
    return [float(seconds) for seconds in output.stdout.split()]


def run(options):
    """Time imports."""
    seconds_of_imports()
    n_rounds = 3 if options.quick else 11
    others, own = np.transpose([seconds_of_imports() for _ in range(n_rounds)])
    columns = {"import": "<24", "seconds": ".3f", "spread": ".3f"}
    table = Table("Seconds of imports", columns, quick=options.quick)
    table.add("torch, sklearn, skorch", *summarize(others)[:2])
    table.add("sklcnn after them", *summarize(own)[:2])
    return [table]


if __name__ == "__main__":
    run_alone("startup")

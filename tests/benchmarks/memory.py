"""Peak memory of `fit`, each measured in a fresh process.

What counts is the peak of resident memory during `fit` over what was there before it,
the images among that. Linux only: it reads /proc.
"""

import subprocess
import sys

from tests.benchmarks._results import Table
from tests.benchmarks._run import run_alone

MEASURE = """
import re
from pathlib import Path
import numpy as np
from sklcnn import CNNClassifier

def mebibytes(what):  # getrusage would count the process that started this one, too
    status = Path("/proc/self/status").read_text()
    return int(re.search(what + r":\\s+(\\d+)", status)[1]) / 1024

rng = np.random.default_rng(0)
X = rng.integers(0, 256, ({n}, 28, 28), dtype=np.uint8)
y = rng.integers(0, 10, {n})
before = mebibytes("VmRSS")
model = CNNClassifier(batch_size=128, max_epochs=1, random_state=0, n_jobs={n_jobs})
model.fit(X, y)
print(mebibytes("VmHWM") - before)
"""


def run(options):
    """Measure with few images and with many."""
    columns = {"images": ">8", "MiB of images": ".0f", "peak MiB over before": ".0f"}
    table = Table("Peak memory of `fit`, 28x28", columns, quick=options.quick)
    for n in (1_000, 5_000) if options.quick else (1_000, 10_000, 60_000):
        code = MEASURE.format(n=n, n_jobs=options.threads)
        command = [sys.executable, "-c", code]
        output = subprocess.run(command, capture_output=True, text=True, check=True)
        table.add(f"{n:,}", n * 28 * 28 / 2**20, float(output.stdout))
    return [table]


if __name__ == "__main__":
    run_alone("memory")

"""Peak memory of `fit`, each measured in a fresh process.

Run ``python -m tests.benchmarks.memory``. What counts is the peak of resident memory
during `fit` over what was there before it. Linux only: it reads /proc.
"""

import subprocess
import sys

MEASURE = """
import os, resource
import numpy as np
from sklcnn import CNNClassifier

rng = np.random.default_rng(0)
X = rng.integers(0, 256, ({n}, 28, 28), dtype=np.uint8)
y = rng.integers(0, 10, {n})
with open("/proc/self/statm") as file:
    before = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
CNNClassifier(batch_size=128, max_epochs=1, random_state=0).fit(X, y)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print((peak - before) / 2**20)
"""


def main():
    """Print the table."""
    print(f"{'images':>8}{'peak MiB over before':>24}")
    for n in (1_000, 10_000, 60_000):
        output = subprocess.run(
            [sys.executable, "-c", MEASURE.format(n=n)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        print(f"{n:8}{float(output):24.0f}", flush=True)


if __name__ == "__main__":
    main()

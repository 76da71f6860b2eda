"""Run benchmarks: ``python -m tests.benchmarks [NAME ...] [--quick]``."""

import sys

from tests.benchmarks._run import main

if __name__ == "__main__":
    sys.exit(main())

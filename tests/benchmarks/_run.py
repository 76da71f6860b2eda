"""Run benchmarks one after the other, and keep what they measure."""

import argparse
import os
import subprocess
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path

import threadpoolctl
import torch

from tests.benchmarks._data import MissingDataError, default_folder
from tests.benchmarks._results import RESULTS, append, hardware, make_record

BENCHMARKS = (
    "startup",
    "sizes",
    "loop",
    "throughput",
    "scaling",
    "memory",
    "augmentation",
    "search",
    "accuracy",
    "defaults",
    "precision",
    "gain",
    "label_issues",
    "tutorial",
    "transfer",
    "time_to_accuracy",
    "folder",
    "mapped",
    "gpu",
)
"""The modules of the benchmarks, in the order in which they are run."""


def module_of(name):
    """Import the module of a benchmark."""
    return import_module(f"tests.benchmarks.{name}")


def parse(arguments):
    """Read the options: those of all benchmarks, and their own."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measure this package, its peers and the limit side by side.",
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"any of {', '.join(BENCHMARKS)}"
    )
    parser.add_argument(
        "--quick", action="store_true", help="few and small runs, for a first look"
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=default_folder(),
        help="folder of Fashion-MNIST (default: $FASHION_MNIST)",
    )
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="file to append to"
    )
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument(
        "--folder", type=Path, help="where files are written (default: temporary)"
    )
    for name in BENCHMARKS:
        add_options = getattr(module_of(name), "add_options", None)
        if add_options is not None:
            add_options(parser.add_argument_group(name))
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    try:  # now, and not after hours
        options.results.parent.mkdir(parents=True, exist_ok=True)
        options.results.open("a").close()
    except OSError as error:
        parser.error(f"--results can't be written to: {error}")
    return options


def run(name, options):
    """Run a benchmark, and append what it measured; tell whether that went well."""
    module = module_of(name)
    summary = module.__doc__.splitlines()[0]
    quick = ", quick: not for comparison" if options.quick else ""
    print(
        f"\n== {name}: {summary}\n   ({options.threads} thread(s){quick})", flush=True
    )
    start, load = time.perf_counter(), os.getloadavg()[0]
    try:
        with threadpoolctl.threadpool_limits(options.threads):
            torch.set_num_threads(options.threads)
            tables = module.run(options)
    except MissingDataError as error:
        print(error)
        return False
    except Exception:  # the others are still worth running
        traceback.print_exc()
        return False
    if tables:
        seconds = time.perf_counter() - start
        record = make_record(name, tables, options=options, seconds=seconds, load=load)
        append(options.results, record)
        print(f"\n   {seconds:.0f} s, appended to {options.results}", flush=True)
    return True


def run_in_sight_of_gpu(arguments, environment):
    """Run the benchmark of the GPU in a process of its own, which sees the GPU."""
    shared = [argument for argument in arguments if argument not in BENCHMARKS]
    command = [sys.executable, "-m", "tests.benchmarks", "gpu", *shared]
    return subprocess.run(command, env=environment).returncode == 0


def main(arguments=None):
    """Run the benchmarks that are named, or all.

    All but `gpu` are about the CPU, and do not see a GPU.

    Parameters
    ----------
    arguments : list of str, default=None
        The command line; None is that of the process.

    Returns
    -------
    status : int
        0 if all went well.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    options = parse(arguments)
    names = options.names or list(BENCHMARKS)
    if names == ["gpu"]:
        return 0 if run("gpu", options) else 1
    environment = dict(os.environ)
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    print(", ".join(f"{key}: {value}" for key, value in hardware().items()))
    fine = [run(name, options) for name in names if name != "gpu"]
    if "gpu" in names:
        fine.append(run_in_sight_of_gpu(arguments, environment))
    return 0 if all(fine) else 1


def run_alone(name):
    """Run one benchmark, as its module does if it is the program."""
    sys.exit(main([name, *sys.argv[1:]]))

"""Disk space of what an installation brings, in the environment that it runs in.

Files of the package's requirements, and of theirs, as the installer listed them; an
extra is what it adds to these. This package is not among them: it has under 1 MiB.
"""

import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.benchmarks._results import Table
from tests.benchmarks._run import run_alone

PROJECT = Path(__file__).parents[2] / "pyproject.toml"

EXTRAS = ("plot", "timm", "inspect", "labels", "onnx", "heif", "dask", "serve")

CUDA = ("nvidia-", "cuda-", "triton")
"""How names of packages begin that only a GPU of NVIDIA needs."""


def distributions(requirements):
    """Find all packages that requirements need, by name.

    Raises `PackageNotFoundError` where one is not installed.
    """
    found, waiting = {}, [(Requirement(text), "") for text in requirements]
    seen = set()
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        for wanted in {"", *requirement.extras} - {e for n, e in seen if n == name}:
            seen.add((name, wanted))
            found[name] = metadata.distribution(name)
            more = found[name].requires or []
            waiting += [(Requirement(text), wanted) for text in more]
    return found


def mebibytes(distribution):
    """Sum up the files of a package, without bytecode."""
    paths = [Path(distribution.locate_file(path)) for path in distribution.files or []]
    sizes = [path.stat().st_size for path in paths if path.is_file()]
    return sum(sizes) / 2**20


def part_of(name):
    """Tell under which head a package is counted."""
    if name.startswith(CUDA):
        return "libraries of CUDA, Triton"
    return "torch" if name == "torch" else "all others"


def run(options):
    """Sum up the sizes of packages."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    base = distributions(project["dependencies"])
    parts = Table("Disk space of the requirements", {"packages": "<26", "MiB": ",.0f"})
    sizes = {name: mebibytes(distribution) for name, distribution in base.items()}
    for part in ("torch", "libraries of CUDA, Triton", "all others"):
        parts.add(part, sum(sizes[name] for name in sizes if part_of(name) == part))
    parts.add("together", sum(sizes.values()))
    extras = Table("What extras add", {"extra": "<9", "packages": ">9", "MiB": ",.0f"})
    for extra in EXTRAS:
        try:
            needed = distributions(project["optional-dependencies"][extra])
        except metadata.PackageNotFoundError:
            extras.add(extra, "-", None)
            continue
        added = needed.keys() - base.keys()
        extras.add(extra, str(len(added)), sum(mebibytes(needed[k]) for k in added))
    return [parts, extras]


if __name__ == "__main__":
    run_alone("sizes")

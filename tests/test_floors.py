"""The order of the modules is the plan of the house: nothing imports upwards."""

import ast
from pathlib import Path

import pytest

import sklcnn

ROOT = Path(sklcnn.__file__).parent

FLOORS = [
    "_sklearn",
    "_rows",
    "_steps",
    "_atomic_write",
    "_pixels",
    "_tensors",
    "_arrays",
    "_description",
    "_validation",
    "images._lazy",
    "images._mapped",
    "images._matrices",
    "images._random",
    "images._warp",
    "images._augmented",
    "images._decode",
    "images._cache",
    "images._files",
    "images._folder",
    "images._report",
    "images",
    "preprocessing._read",
    "preprocessing._mixed",
    "preprocessing._base",
    "preprocessing._resize",
    "preprocessing._geometric",
    "preprocessing._color",
    "preprocessing._denoise",
    "preprocessing._function",
    "preprocessing",
    "augmentation._base",
    "augmentation._stages",
    "augmentation._whole_pixels",
    "augmentation._geometric",
    "augmentation._color",
    "augmentation._noise",
    "augmentation",
    "network._modules",
    "network._mixing",
    "network._batches",
    "network._hardware",
    "network._memory",
    "network._net",
    "network._state",
    "network._address",
    "network._checkpoint",
    "network._checkpoint_folder",
    "network",
    "_label_arrays",
    "_labels",
    "_parameters",
    "_pickling",
    "_resuming",
    "_training",
    "_base",
    "_outputs",
    "_classifier",
    "persistence._trusted",
    "persistence._files",
    "persistence",
    "parallel._dask",
    "parallel._sharing",
    "parallel",
    "",
]

MODULES = {
    path: ".".join(path.relative_to(ROOT).with_suffix("").parts)
    .removesuffix("__init__")
    .rstrip(".")
    for path in sorted(ROOT.rglob("*.py"))
}


def imported_modules(path):
    """List the modules of the package that a file imports, wherever it does so."""
    known = set(MODULES.values())
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "sklcnn":
                inside = name.removeprefix("sklcnn").lstrip(".")
                yield inside if inside in known else inside.rpartition(".")[0]


@pytest.mark.parametrize("path", MODULES, ids=MODULES.get)
def test_module_imports_from_floors_above(path):
    """A module has a floor, and imports only from modules above it."""
    assert MODULES[path] in FLOORS, f"{path.name} has no line in FLOORS"
    above = FLOORS[: FLOORS.index(MODULES[path])]

    upward = [name for name in imported_modules(path) if name not in above]

    assert not upward


def test_every_floor_has_a_module():
    """The list names no module that is gone."""
    assert set(FLOORS) == set(MODULES.values())


@pytest.mark.parametrize(
    "path",
    [*MODULES, *Path(__file__).parent.rglob("*.py")],
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_file_fits_in_400_lines(path):
    """A file that outgrows 400 lines holds more than one idea."""
    assert len(path.read_text().splitlines()) <= 400

"""The order of the modules is the plan of the house: nothing imports upwards."""

import ast
import io
import tokenize
from pathlib import Path

import pytest

import sklcnn

ROOT = Path(sklcnn.__file__).parent

FLOORS = [
    "_sklearn",
    "_pipelines",
    "_rows",
    "_steps",
    "_warnings",
    "_atomic_write",
    "_folder_errors",
    "_fork_lock",
    "_pixels",
    "_tensors",
    "_arrays",
    "_fingerprint",
    "_descriptions",
    "_validation",
    "images._lazy",
    "images._mapped",
    "images._matrices",
    "images._random",
    "images._warp",
    "images._augmented",
    "images._border",
    "images._raster",
    "images._ppm",
    "images._png",
    "images._tiff",
    "images._pillow",
    "images._sources",
    "images._formats",
    "images._open",
    "images._decode",
    "images._cache",
    "images._files",
    "images._headers",
    "images._report",
    "images._folder",
    "images",
    "datasets._drawings",
    "datasets._table",
    "datasets",
    "preprocessing._read",
    "preprocessing._mixed",
    "preprocessing._modules",
    "preprocessing._base",
    "preprocessing._resize",
    "preprocessing._geometric",
    "preprocessing._color",
    "preprocessing._denoise",
    "preprocessing._features",
    "preprocessing._function",
    "preprocessing",
    "augmentation._base",
    "augmentation._levels",
    "augmentation._stages",
    "augmentation._whole_pixels",
    "augmentation._geometric",
    "augmentation._color",
    "augmentation._noise",
    "augmentation._policies",
    "augmentation",
    "network._outputs",
    "network._watched",
    "network._modules",
    "network._convnet",
    "network._contract",
    "network._ownership",
    "network._network_info",
    "network._torchvision",
    "network._timm",
    "network._named",
    "network._weights",
    "network._spec",
    "network._saved_network",
    "network._calibration",
    "network._lock",
    "network._hardware",
    "network._memory",
    "network._mixing",
    "network._batches",
    "network._statistics",
    "network._split",
    "network._rules",
    "network._optimization",
    "network._fitted",
    "network._build",
    "network._head",
    "network._interrupts",
    "network._progress",
    "network._training",
    "network._net",
    "network._plan",
    "network",
    "_versions",
    "checkpoints._address",
    "checkpoints._file",
    "checkpoints._folder",
    "checkpoints._state",
    "checkpoints._trial",
    "checkpoints._lookup",
    "checkpoints",
    "_label_arrays",
    "_labels",
    "_validation_data",
    "_transaction",
    "persistence._content",
    "persistence._trusted",
    "persistence._metadata",
    "persistence._files",
    "persistence._description",
    "persistence._graph",
    "persistence._small",
    "persistence._onnx",
    "persistence._predictor",
    "persistence",
    "_saved_state",
    "_pretrained",
    "_training_data",
    "_calibrated",
    "_classifier",
    "_feature_cache",
    "_features",
    "_test_time",
    "parallel._dask",
    "parallel._agreement",
    "parallel._sharing",
    "parallel",
    "inspection._parts",
    "inspection._label_issues",
    "inspection._blocks",
    "inspection._pictures",
    "inspection._drawing",
    "inspection._training_curve",
    "inspection._augmentation",
    "inspection._predictions",
    "inspection._prediction",
    "inspection._confusion",
    "inspection._saliency",
    "inspection._saliency_display",
    "inspection._summary",
    "inspection._embedding",
    "inspection._label_issue_display",
    "inspection",
    "",
    "__main__",
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


def lines_of_code(path):
    """Number the lines of a file that are neither blank, comment nor docstring."""
    text = path.read_text(encoding="utf-8")
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_text and isinstance(node.value.value, str):
            lines -= set(range(node.lineno, node.end_lineno + 1))
    return lines


NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


@pytest.mark.parametrize(
    "path",
    [*MODULES, *Path(__file__).parent.rglob("*.py")],
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_file_holds_one_idea(path):
    """A file of more code than a reader holds at once would hold more than one."""
    assert len(lines_of_code(path)) <= 500

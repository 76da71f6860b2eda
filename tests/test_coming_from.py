"""The programs of the page on other packages run, and their lines are counted."""

import ast
import io
import os
import re
import subprocess
import sys
import tokenize
from importlib.util import find_spec
from pathlib import Path

import pytest

from sklcnn.datasets import make_image_folder

ROOT = Path(__file__).parents[1]
PROGRAMS = sorted((ROOT / "examples" / "coming_from").glob("with_*.py"))
LAYOUT = tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT
NO_CODE = *LAYOUT, tokenize.COMMENT, tokenize.ENDMARKER


def count_lines(code):
    """Count lines of code, without blank lines, comments and docstrings."""
    rows = set()
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type not in NO_CODE:
            rows.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                rows -= set(range(first.lineno, first.end_lineno + 1))
    return len(rows)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_lines_are_counted_right(program):
    """The page's table says how long a program is."""
    page = (ROOT / "docs" / "coming_from.md").read_text(encoding="utf-8")
    name = program.stem.removeprefix("with_")

    told = re.search(
        rf"^\| {name}\b[^|]*\| (\d+) \|", page, re.MULTILINE | re.IGNORECASE
    )

    assert int(told[1]) == count_lines(program.read_text(encoding="utf-8"))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_program_learns_and_predicts_a_name(program, tmp_path):
    """Each runs as it stands, where its package is installed."""
    package = program.stem.removeprefix("with_")
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    make_image_folder(tmp_path / "photos", n_images=24, image_shape=(16, 16))
    environment = os.environ | {"PYTHONPATH": str(ROOT), "KERAS_BACKEND": "torch"}

    done = subprocess.run(
        [sys.executable, program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert re.match(r"accuracy [01]\.\d\d\n\W*(circle|cross|moon)\W*$", done.stdout)

"""The code of README and docs runs, page by page."""

import ast
import importlib
import importlib.util
import shutil

import matplotlib
import matplotlib.pyplot as plt
import pytest

from sklcnn.datasets import make_image_folder
from tests.docs._pages import PAGES, find_blocks, name_page

WITH_CODE = [page for page in PAGES if find_blocks(page)]
MARKED = [block for page in PAGES for block in find_blocks(page) if block.needs]


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """Give a folder of drawn pictures."""
    return make_image_folder(tmp_path_factory.mktemp("drawn") / "photos")


@pytest.fixture
def folder(photos, tmp_path, monkeypatch):
    """Work in an empty folder with photos."""
    shutil.copytree(photos, tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    matplotlib.use("Agg")
    yield
    plt.close("all")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("page", WITH_CODE, ids=name_page)
def test_code_of_a_page_runs_from_top_to_bottom(page):
    """Blocks of a page share their names, and nothing with other pages."""
    blocks = [block for block in find_blocks(page) if block.needs is None]
    if any("to_onnx(" in block.code for block in blocks):
        pytest.importorskip("torch", minversion="2.9")
    names = {"__name__": "__main__"}

    for block in blocks:
        exec(block.compile(), names)


@pytest.mark.parametrize(
    "block", MARKED, ids=lambda block: f"{name_page(block.page)}:{block.line}"
)
def test_code_that_needs_more_imports_what_exists(block):
    """Code that needs data, a download or minutes is parsed; its imports are made."""
    for node in ast.walk(ast.parse(block.code)):
        if isinstance(node, ast.Import):
            modules = {alias.name: [] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules = {node.module: [alias.name for alias in node.names]}
        else:
            continue
        for module, names in modules.items():
            if importlib.util.find_spec(module.partition(".")[0]):
                imported = importlib.import_module(module)
                assert not [name for name in names if not hasattr(imported, name)]


def test_marks_say_what_is_needed():
    """A block is left out for one of four reasons."""
    reasons = {block.needs for block in MARKED}

    assert reasons <= {"data", "download", "minutes", "server"}

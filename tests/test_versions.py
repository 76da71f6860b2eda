"""The report of versions and devices."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest
import torch

import sklcnn
from sklcnn._versions import OPTIONAL, REQUIRED

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]


def distributions(requirements):
    """Take the names from requirements."""
    return {re.match(r"[\w.-]+", requirement)[0] for requirement in requirements}


def test_report_names_versions_devices_and_threads(capsys, monkeypatch):
    """What a report of a bug needs is printed, a name and a value a line."""
    monkeypatch.setenv("OMP_NUM_THREADS", "7")

    sklcnn.show_versions()

    printed = capsys.readouterr().out
    lines = dict(re.findall(r"^ +(.+?): (.+)$", printed, flags=re.MULTILINE))
    assert lines["sklcnn"] == sklcnn.__version__
    assert lines["torch"] in (torch.__version__, str(torch.get_num_threads()))
    assert "bfloat16" in lines["cpu"]
    assert lines["OMP_NUM_THREADS"] == "7"
    assert {*REQUIRED, *OPTIONAL} <= set(lines)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpus_are_named_with_memory_and_formats(capsys):
    """Each CUDA device has a line."""
    name = torch.cuda.get_device_name(0)

    sklcnn.show_versions()

    printed = capsys.readouterr().out
    assert re.search(rf"cuda:0: {re.escape(name)}, \d+ GiB, .*bfloat16", printed)


def test_missing_packages_are_said_to_be_missing(capsys, monkeypatch):
    """A package that is not installed has a line that says so."""
    monkeypatch.setattr("sklcnn._versions.OPTIONAL", ("no-such-package",))

    sklcnn.show_versions()

    assert "no-such-package: not installed" in capsys.readouterr().out


def test_report_lists_the_packages_of_pyproject():
    """All that this package needs is listed, and all that its extras bring."""
    own_tools = {"bench", "docs", "test"}
    extras = PROJECT["optional-dependencies"]
    optional = chain(*(extras[name] for name in extras.keys() - own_tools))

    assert set(REQUIRED) == distributions(PROJECT["dependencies"])
    assert set(OPTIONAL) == distributions(optional) - set(REQUIRED)


def test_version_is_one_everywhere():
    """The package, its description and its citation have the same version."""
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    cited = re.search(r"^version: (.+)$", citation, flags=re.MULTILINE)[1]

    assert sklcnn.__version__ == PROJECT["version"] == cited


def imported_at_the_top(path):
    """List the packages that a module imports outside of functions."""
    statements = list(ast.parse(path.read_text(encoding="utf-8")).body)
    for statement in statements:
        if isinstance(statement, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            yield statement.module.partition(".")[0]
        elif isinstance(statement, ast.Try):
            statements.extend(statement.body)


def test_what_is_imported_is_required():
    """No package is there only because another one needs it."""
    files = Path(sklcnn.__file__).parent.rglob("*.py")
    imported = set(chain(*map(imported_at_the_top, files)))
    others = imported - set(sys.stdlib_module_names) - {"sklcnn"}

    owners = packages_distributions()
    unknown = {
        name
        for name in others
        if not {*REQUIRED, *OPTIONAL} & set(map(str.lower, owners[name]))
    }

    assert {"numpy", "PIL", "scipy"} <= others
    assert not unknown

"""The command line finds benchmarks; importing them imports no peer."""

import re
from pathlib import Path

import pytest

from tests.benchmarks._run import BENCHMARKS, main, module_of, parse
from tests.benchmarks.report import BLOCK, DOCS


@pytest.mark.parametrize("name", BENCHMARKS)
def test_benchmark_has_a_summary_and_a_place(name):
    """Every benchmark can be run, says what it is, and has markers in the document."""
    module = module_of(name)

    assert callable(module.run)
    assert module.__doc__.splitlines()[0].endswith(".")
    assert name in [found[1] for found in BLOCK.findall(_page())]


def _page():
    return (DOCS / "performance.md").read_text(encoding="utf-8")


def test_document_has_no_other_markers():
    """Nothing in the document waits for a benchmark that is gone."""
    assert {found[1] for found in BLOCK.findall(_page())} == set(BENCHMARKS)


def test_options_of_benchmarks_are_known():
    """Options that all share stand beside those of a single benchmark."""
    options = parse(["folder", "--quick", "--files", "3"])

    assert (options.names, options.quick, options.files) == (["folder"], True, 3)


def test_unknown_benchmark_is_refused(capsys):
    """A name with a slip is told."""
    with pytest.raises(SystemExit):
        main(["lop"])

    assert "no benchmark is called lop" in capsys.readouterr().err


def test_results_that_cannot_be_written_are_refused(tmp_path, capsys):
    """Before anything is measured."""
    (tmp_path / "file").write_text("")

    with pytest.raises(SystemExit):
        main(["startup", "--results", str(tmp_path / "file" / "results.jsonl")])

    assert "--results can't be written to" in capsys.readouterr().err


@pytest.mark.parametrize(
    "path", sorted(Path(__file__).parent.glob("*.py")), ids=lambda path: path.stem
)
def test_module_imports_no_peer(path):
    """Peers are loaded where they are measured: listing benchmarks needs none."""
    imports = re.findall(r"^ *(?:import|from) (\w+)", path.read_text(), re.MULTILINE)

    assert not {"keras", "scikeras", "fastai", "kornia", "albumentations"} & {*imports}

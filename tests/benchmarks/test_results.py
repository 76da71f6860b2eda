"""Tables do their sums, the file gives back what it was given, documents are filled."""

import argparse
import json

import numpy as np
import pytest

from tests.benchmarks import _results, report
from tests.benchmarks._peers import MissingPeerError, attempt, load
from tests.benchmarks._results import Table, make_record, newest, summarize
from tests.benchmarks._timing import Stopwatch, alternate


@pytest.fixture
def table():
    """Give a table of a loop that was measured, and of a peer that is missing."""
    columns = {"loop": "<8", **_results.summary_columns("seconds", ".1f")}
    table = Table("Seconds", columns, quick=True)
    table.add("own", *summarize([2.0, 4.0, 3.0], [1.0, 4.0, 2.0]))
    table.add("peer", *summarize(None))
    return table


@pytest.fixture
def record(table):
    """Give what the results file keeps of a full run."""
    options = argparse.Namespace(quick=False, threads=1)
    return make_record("loop", [table], options=options, seconds=1.6, load=0.0)


def test_summary_has_median_spread_and_ratios_of_rounds():
    """Ratios are taken round by round, and not of the medians."""
    assert summarize([2.0, 4.0, 3.0], [1.0, 4.0, 2.0]) == [3, 2, 1.5, "1.00 to 2.00"]
    assert summarize([2.0, 5.0]) == [3.5, 3, None, None]


def test_missing_peer_is_a_dash(table, capsys):
    """Every cell of what was not measured is a dash, on the screen and in documents."""
    missing = attempt(load, "a_package_that_nobody_wrote")

    assert missing is None
    assert "a_package_that_nobody_wrote is not there" in capsys.readouterr().out
    assert alternate({"own": lambda: 1.0, "peer": missing}, 2)["peer"] is None
    assert table.texts(table.rows[1]) == ["peer", "-", "-", "-", "-"]
    assert "| peer | - | - | - | - |" in table.to_markdown()


def test_missing_peer_says_its_name():
    """The name of the package is in the error."""
    with pytest.raises(MissingPeerError, match="a_package_that_nobody_wrote"):
        load("a_package_that_nobody_wrote")


def test_row_has_a_cell_for_every_column(table):
    """A row that is too short is an error."""
    with pytest.raises(ValueError, match="1 cells for 5 columns"):
        table.add("own")


def test_rows_are_printed_as_they_come(capsys):
    """The first row brings the head; a quick run says that it is one."""
    table = Table("Speed", {"library": "<8", "images/s": ",.0f"}, quick=True)
    table.add("own", np.float64(1234.5678))
    head, names, row = capsys.readouterr().out.split("\n")[1:4]

    assert head == "Speed (quick run)"
    assert names.split() == ["library", "images/s"]
    assert row.split() == ["own", "1,235"]


def test_rounds_alternate():
    """A and B take turns."""
    calls = []

    def run(name):
        return lambda: calls.append(name) or len(calls)

    seconds = alternate({"a": run("a"), "b": run("b")}, 3)

    assert "".join(calls) == "ababab"
    assert seconds == {"a": [1, 3, 5], "b": [2, 4, 6]}


def test_stopwatch_counts_only_while_it_runs():
    """What lies between two runs does not count."""
    watch = Stopwatch(iter([0.0, 1.0, 10.0, 12.0]).__next__)
    for _ in range(2):
        with watch:
            pass

    assert watch.seconds == 3.0


def test_results_file_gives_back_tables(record, table, tmp_path):
    """A line is appended for each record, and read again as it was."""
    path = tmp_path / "docs" / "results.jsonl"
    _results.append(path, record)
    _results.append(path, {**record, "quick": True})
    first, second = _results.read(path)

    assert (first, second["quick"]) == (record, True)
    assert Table.from_dict(first["tables"][0]).records() == table.records()
    assert {"cpu", "cores", "bfloat16", "gpu"} == set(first["hardware"])
    assert {"python", "sklcnn", "torch", "keras"} < set(first["versions"])
    assert _results.read(tmp_path / "none.jsonl") == []


def test_newest_full_run_counts(record):
    """A quick run never takes the place of a full one, nor an older one."""
    older = {**record, "date": "2001-01-01", "seconds": 1}
    quick = {**record, "date": "2999-01-01", "quick": True}

    assert newest([record, older, quick]) == {"loop": record}
    assert newest([record, quick], quick=True) == {"loop": quick}


def test_report_fills_what_is_between_markers(record, tmp_path):
    """Old tables go, the rest of the document stays, and plots lie beside it."""
    page = tmp_path / "performance.md"
    block = "<!-- table: {} -->\nold\n<!-- end -->\n"
    page.write_text(f"Before\n{block.format('memory')}{block.format('other')}After\n")
    results = tmp_path / "results.jsonl"
    memory = {**record, "benchmark": "memory"}
    results.write_text(json.dumps(memory) + "\n")

    report.main(["--results", str(results), "--docs", str(tmp_path)])
    once = page.read_text()
    report.main(["--results", str(results), "--docs", str(tmp_path)])

    assert page.read_text() == once
    assert once.startswith("Before\n<!-- table: memory -->\n\n**Seconds (quick run)**")
    assert "| own | 3.0 | 2.0 | 1.50 | 1.00 to 2.00 |" in once
    assert once.count("old") == 1
    assert once.endswith("After\n")


def test_what_is_not_measured_says_how_to(tmp_path):
    """Without a full run the document names the command."""
    filled = report.fill(
        "<!-- table: gpu -->\n<!-- end -->", {"gpu": report.block_of("gpu", None, None)}
    )

    assert "Not measured yet: `python -m tests.benchmarks gpu` does." in filled

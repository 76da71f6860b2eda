"""Bring the documents up to date: ``python -m tests.benchmarks.report``.

Plots and tables come out of the results file, from the newest full run of each
benchmark.
"""

import argparse
import re
import sys
from pathlib import Path

from tests.benchmarks._results import RESULTS, Table, newest, read
from tests.benchmarks._run import BENCHMARKS, module_of

DOCS = RESULTS.parents[1]

BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

UNMEASURED = "Not measured yet: `python -m tests.benchmarks {}` does.\n"


def title_of(record):
    """Tell what a benchmark is about."""
    title = module_of(record["benchmark"]).__doc__.splitlines()[0].rstrip(".")
    return f"{title} (quick run)" if record["quick"] else title


def conditions_of(record):
    """Tell when, on what and with which versions something was measured."""
    hardware, versions = record["hardware"], record["versions"]
    known = [f"{name} {version}" for name, version in versions.items() if version]
    threads = "one thread" if record["threads"] == 1 else f"{record['threads']} threads"
    gpu = "no GPU" if hardware["gpu"] == "none" else hardware["gpu"]
    return (
        f"Measured on {record['date'][:10]} with {threads} of {hardware['cores']} "
        f"cores ({hardware['cpu']}; bfloat16: {hardware['bfloat16']}; {gpu}), beside a "
        f"load of {record['load']:.1f}; {', '.join(known)}."
    )


def block_of(name, record, picture):
    """Write what stands between the markers of a benchmark."""
    if record is None:
        return UNMEASURED.format(name)
    tables = [Table.from_dict(known).to_markdown() for known in record["tables"]]
    parts = [*tables, conditions_of(record)]
    if picture is not None:
        parts.append(f"![{title_of(record)}]({picture})")
    return "\n" + "\n\n".join(parts) + "\n\n"


def fill(text, blocks):
    """Replace what stands between markers.

    Parameters
    ----------
    text : str
        A document.
    blocks : dict of str to str
        For each name of a benchmark, what its markers are to hold.

    Returns
    -------
    text : str
        The document, in which markers of other names hold what they did.
    """

    def replace(found):
        head, name, end = found.groups()
        return head + blocks[name] + end if name in blocks else found[0]

    return BLOCK.sub(replace, text)


def draw(record, path):
    """Draw the plot of a benchmark, if it has one; tell whether it has."""
    plot = getattr(module_of(record["benchmark"]), "plot", None)
    if plot is None:
        return False
    from matplotlib.figure import Figure

    tables = [Table.from_dict(known) for known in record["tables"]]
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    plot(figure, tables)
    figure.suptitle(title_of(record))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    return True


def main(arguments=None):
    """Bring plots and tables up to date."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.report", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="file to read")
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder to write to")
    parser.add_argument("--quick", action="store_true", help="use quick runs, too")
    options = parser.parse_args(arguments)
    records = newest(read(options.results), quick=options.quick)
    blocks = {}
    for name in BENCHMARKS:
        record = records.get(name)
        picture = f"benchmarks/{name}.png"
        has_picture = record is not None and draw(record, options.docs / picture)
        blocks[name] = block_of(name, record, picture if has_picture else None)
        print(f"{name}: {record['date'] if record else 'not measured'}")
    page = options.docs / "performance.md"
    page.write_text(fill(page.read_text(encoding="utf-8"), blocks), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

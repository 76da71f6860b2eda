"""Tables of measurements, and the file that keeps them."""

import datetime
import json
import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

import numpy as np
import torch

import sklcnn

RESULTS = Path(__file__).parents[2] / "docs" / "benchmarks" / "results.jsonl"

PACKAGES = (
    "numpy",
    "scikit-learn",
    "skorch",
    "torch",
    "torchvision",
    "keras",
    "scikeras",
    "fastai",
    "kornia",
    "albumentations",
)


def summarize(values, others=None):
    """Summarize what alternating runs measured.

    Parameters
    ----------
    values : array-like of shape (n_rounds,) or None
        What was measured; None where nothing was.
    others : array-like of shape (n_rounds,) or None
        What was measured beside it, to which `values` are compared round by round.

    Returns
    -------
    cells : list
        The median, the spread (greatest minus least), the median of the ratios, and
        the least and greatest of the ratios as a text. Each is None where it is not
        known.
    """
    if values is None:
        return [None] * 4
    cells = [float(np.median(values)), float(np.ptp(values)), None, None]
    if others is not None:
        ratios = np.divide(values, others)
        cells[2] = float(np.median(ratios))
        cells[3] = f"{ratios.min():.2f} to {ratios.max():.2f}"
    return cells


def summary_columns(unit, spec, ratio="ratio"):
    """Describe the columns that `summarize` fills."""
    return {unit: spec, "spread": spec, ratio: ".2f", "range": ">13"}


class Table:
    """Rows of measurements, each printed as soon as it is there.

    Parameters
    ----------
    title : str
        What was measured, in which unit.
    columns : dict of str to str
        Names of the columns, and how their cells are formatted: as "<12" says for
        texts, as ".2f" for numbers.
    note : str, default=""
        What has to be known to read the table.
    quick : bool, default=False
        Whether the title says that the run was a quick one.
    """

    def __init__(self, title, columns, note="", *, quick=False):
        self.title = f"{title} (quick run)" if quick else title
        self.columns = dict(columns)
        self.note = note
        self.rows = []

    def add(self, *cells):
        """Add a row and print it; None becomes a dash."""
        if len(cells) != len(self.columns):
            raise ValueError(f"{len(cells)} cells for {len(self.columns)} columns")
        if not self.rows:
            self._print_head()
        self.rows.append([plain_cell(cell) for cell in cells])
        self._print_cells(self.texts(self.rows[-1]))

    def texts(self, row):
        """Format the cells of a row."""
        return [
            "-" if cell is None else format(cell, "" if is_text(spec) else spec)
            for cell, spec in zip(row, self.columns.values(), strict=True)
        ]

    def records(self):
        """Give the rows as dictionaries."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def _print_head(self):
        print(f"\n{self.title}" + (f"\n{self.note}" if self.note else ""))
        self._print_cells(self.columns)

    def _print_cells(self, texts):
        cells = []
        for text, (name, spec) in zip(texts, self.columns.items(), strict=True):
            layout = spec if is_text(spec) else f">{max(8, len(name))}"
            cells.append(format(text, layout))
        print("  ".join(cells).rstrip(), flush=True)

    def to_markdown(self):
        """Write the table as Markdown does, with its title and note."""
        left = [spec.startswith("<") for spec in self.columns.values()]
        lines = [
            self.columns,
            [":---" if is_left else "---:" for is_left in left],
            *map(self.texts, self.rows),
        ]
        head = f"**{self.title}**" + (f" {self.note}" if self.note else "")
        return "\n".join([head, "", *(f"| {' | '.join(line)} |" for line in lines)])

    def to_dict(self):
        """Give what JSON can hold of the table."""
        return {
            "title": self.title,
            "note": self.note,
            "columns": self.columns,
            "rows": self.rows,
        }

    @classmethod
    def from_dict(cls, known):
        """Make the table that `to_dict` gave."""
        table = cls(known["title"], known["columns"], known["note"])
        table.rows = known["rows"]
        return table


def is_text(spec):
    """Tell whether a column holds texts."""
    return spec[0] in "<>"


def plain_cell(cell):
    """Make a cell what JSON can hold; numbers keep six digits."""
    if cell is None or isinstance(cell, str):
        return cell
    return int(cell) if isinstance(cell, int | np.integer) else float(f"{cell:.6g}")


def versions():
    """Tell the versions of all that is measured, and None for what is missing."""
    known = {"python": platform.python_version(), "sklcnn": sklcnn.__version__}
    for package in PACKAGES:
        try:
            known[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            known[package] = None
    return {**known, "commit": commit()}


def commit():
    """Tell the commit that is checked out, or None outside of a repository."""

    def git(*arguments):
        command = ["git", "-C", Path(__file__).parents[2], *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    try:
        known = git("rev-parse", "--short", "HEAD")
        changed = git("diff", "--quiet", "HEAD", "--", "sklcnn", "tests").returncode
    except OSError:
        return None
    if known.returncode:
        return None
    return known.stdout.strip() + ("-dirty" if changed else "")


def hardware():
    """Tell what the machine has."""
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    try:
        capabilities = torch.cpu.get_capabilities()
    except AttributeError:  # torch before 2.10 does not tell
        capabilities = {}
    formats = [name for name in ("amx_bf16", "avx512_bf16") if capabilities.get(name)]
    has_gpu = torch.cuda.is_available()
    return {
        "cpu": found[1] if found else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "bfloat16": " and ".join(formats) or "not in silicon",
        "gpu": torch.cuda.get_device_name() if has_gpu else "none",
    }


def make_record(name, tables, *, options, seconds, load):
    """Put together what the results file keeps of one benchmark.

    The load of the machine, before, tells whether other programs were in the way.
    """
    now = datetime.datetime.now(datetime.UTC)
    return {
        "benchmark": name,
        "date": now.isoformat(timespec="seconds"),
        "quick": options.quick,
        "threads": options.threads,
        "seconds": round(seconds),
        "load": round(load, 1),
        "hardware": hardware(),
        "versions": versions(),
        "tables": [table.to_dict() for table in tables],
    }


def append(path, record):
    """Add a line to the results file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record, ensure_ascii=False) + "\n")


def read(path):
    """Read all records of the results file."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def newest(records, *, quick=False):
    """Pick the last record of every benchmark: of full runs, or of quick ones too."""
    return {
        record["benchmark"]: record
        for record in sorted(records, key=lambda record: record["date"])
        if quick or not record["quick"]
    }

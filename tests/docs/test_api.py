"""The API reference has a page for every public name."""

import re

from tests.docs._pages import ROOT
from tests.test_docstrings import public_rooms


def test_reference_lists_every_public_name():
    """Each name stands under its module, once, and no other does."""
    text = (ROOT / "docs" / "api" / "index.rst").read_text(encoding="utf-8")
    listed = {
        module: re.findall(r"^   (\w+)$", lines, flags=re.MULTILINE)
        for module, lines in re.findall(
            r"currentmodule:: ([\w.]+)\n(.*?)(?=\n\.\. currentmodule|\Z)",
            text,
            flags=re.DOTALL,
        )
    }

    assert {module: sorted(names) for module, names in listed.items()} == {
        room.__name__: sorted(set(room.__all__) - {"__version__"})
        for room in public_rooms()
    }

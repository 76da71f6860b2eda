"""Interrupts at any line: locks, threads, random numbers and epochs stay whole."""

import pytest

from tests.reliability import _lines
from tests.reliability._processes import FRESH, Job


@pytest.mark.parametrize("name", list(_lines.CALLS))
@pytest.mark.parametrize(
    "n_interrupts", [12, pytest.param(None, marks=pytest.mark.slow)]
)
def test_an_interrupt_leaves_nothing_behind(name, n_interrupts):
    """Whichever line it comes at, of some that are drawn, or of all."""
    job = Job(_lines.interrupt_at_lines, name, n_interrupts, context=FRESH)

    problems, n_lines = job.result(1200)

    assert n_lines > 100
    assert problems == []

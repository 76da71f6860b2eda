"""Doubtful labels and bad files are shown."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from sklcnn.images import find_bad_images
from sklcnn.inspection import LabelIssueDisplay

X = np.random.default_rng(0).integers(0, 256, (9, 6, 8, 3), dtype=np.uint8)


@pytest.fixture
def report(tmp_path):
    """Give a report of a broken file, a black one and a copy."""
    pixels = X[0].repeat(4, axis=0).repeat(4, axis=1)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.fromarray(pixels).save(tmp_path / "copy_of_a_with_a_long_name.png")
    Image.new("RGB", (30, 20)).save(tmp_path / "black.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    return find_bad_images(sorted(tmp_path.iterdir()))


def test_issues_are_shown_in_their_order(check_legible):
    """With given and suggested labels, and images of their rows."""
    issues = [(7, "cat", "dog", 0.01, 0.98), (2, "dog", "cat", 0.1, 0.9)]

    display = LabelIssueDisplay.from_issues(issues, X)

    assert_array_equal(display.pictures[0], X[7])
    assert display.given == ["cat", "dog"]
    assert display.suggested == ["dog", "cat"]
    assert display.names == ["row 7", "row 2"]
    texts = [text.get_text() for text in display.ax_.texts]
    assert "→ dog (98 %)" in texts
    check_legible(display.figure_)


def test_images_may_come_through_a_pipeline(drawn):
    """As its steps give them."""
    issues = [(3, 0, 1, 0.1, 0.9)]

    shown = LabelIssueDisplay.from_issues(issues, drawn.X, estimator=drawn.model)
    files = LabelIssueDisplay.from_issues(issues, drawn.X)

    assert shown.pictures[0].shape == (16, 24, 3)
    assert files.pictures[0].shape == (24, 36, 3)


def test_bad_files_are_shown_with_their_problems(report, check_legible):
    """Those that can't be read as gray boxes."""
    display = LabelIssueDisplay.from_report(report)

    shown = dict(zip(display.names, display.pictures, strict=True))
    assert shown.keys() == {"black.png", "broken.png", "copy_of_a_with_a_long_name.png"}
    assert (shown["broken.png"] == 225).all()
    assert_array_equal(shown["copy_of_a_with_a_long_name.png"][::4, ::4], X[0])
    texts = [text.get_text() for text in display.ax_.texts]
    assert "duplicate of a.png" in texts
    check_legible(display.figure_)


def test_no_more_than_asked_for_are_shown():
    """The first ones."""
    issues = [(row, "a", "b", 0.1, 0.9) for row in range(9)]

    assert len(LabelIssueDisplay.from_issues(issues, X, n_images=4).pictures) == 4


@pytest.mark.parametrize(
    "make",
    [
        lambda: LabelIssueDisplay.from_issues([], X),
        lambda: LabelIssueDisplay.from_report([]),
    ],
)
def test_empty_report_is_told(make):
    """There is nothing to show."""
    with pytest.raises(ValueError, match="without entries"):
        make()

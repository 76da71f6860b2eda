"""Poor images are found before anything is trained on them."""

import numpy as np
import pytest
from PIL import Image

from sklcnn.images import find_bad_images


def save(path, pixels):
    """Write pixels to a file and give its name."""
    Image.fromarray(pixels).save(path)
    return str(path)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_each_problem_is_reported(tmp_path, n_jobs):
    """Unreadable, tiny, constant and duplicate files are named with their problem."""
    rng = np.random.default_rng(0)
    good = rng.integers(0, 256, (20, 30), dtype=np.uint8)
    (tmp_path / "broken.png").write_bytes(b"")
    paths = [
        save(tmp_path / "good.png", good),
        str(tmp_path / "broken.png"),
        save(tmp_path / "tiny.png", good[:3]),
        save(tmp_path / "white.png", np.full((9, 9), 255, dtype=np.uint8)),
        save(tmp_path / "copy.bmp", np.stack([good] * 3, axis=-1)),
        save(tmp_path / "other.png", good[:, ::-1]),
        str(tmp_path / "missing.png"),
    ]

    report = find_bad_images(paths, n_jobs=n_jobs)

    assert [bad.path for bad in report] == [paths[row] for row in (1, 2, 3, 4, 6)]
    broken, tiny, white, copy, missing = (problem for _, problem in report)
    assert broken == "unreadable: it is empty"
    assert tiny == "tiny: 3 x 30 pixels"
    assert white == "constant: every pixel is 255"
    assert copy == f"duplicate of {paths[0]!r}"
    assert "no such file" in missing


def test_good_images_give_an_empty_report(tmp_path):
    """Images that differ in one pixel are no duplicates."""
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    other = pixels.copy()
    other[7, 7] = 0
    paths = [save(tmp_path / "1.png", pixels), save(tmp_path / "2.png", other)]

    assert find_bad_images(paths) == []
    assert len(find_bad_images(paths, min_size=9)) == 2


def test_report_makes_a_data_frame(tmp_path):
    """Its columns are called path and problem."""
    pandas = pytest.importorskip("pandas")

    frame = pandas.DataFrame(find_bad_images([tmp_path / "missing.png"]))

    assert frame.columns.tolist() == ["path", "problem"]


def test_same_file_twice_is_a_duplicate(tmp_path):
    """A list that names a file twice would leak it from training to test."""
    path = save(tmp_path / "1.png", np.arange(64, dtype=np.uint8).reshape(8, 8))

    assert len(find_bad_images([path, path])) == 1


@pytest.mark.parametrize("options", [{"min_size": 0}, {"n_jobs": "2"}, {"n_jobs": 0}])
def test_wrong_options_are_named(options):
    """scikit-learn's own words for parameters out of range."""
    with pytest.raises(ValueError, match="parameter of find_bad_images must be"):
        find_bad_images(["x.png"], **options)

"""Poor images are found before anything is trained on them."""

import numpy as np
import pytest
import skimage.data
from numpy.testing import assert_array_equal
from PIL import Image, ImageEnhance
from sklearn.model_selection import GroupKFold

from sklcnn.images import (
    _cache,
    _report,
    find_bad_images,
    group_duplicates,
    load_image_folder,
)


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


def pieces(n, side=96):
    """Cut pieces out of photos."""
    rng = np.random.default_rng(0)
    photos = [skimage.data.astronaut(), skimage.data.coffee(), skimage.data.chelsea()]
    for number in range(n):
        photo = photos[number % 3]
        top = rng.integers(photo.shape[0] - side)
        left = rng.integers(photo.shape[1] - side)
        yield Image.fromarray(photo[top : top + side, left : left + side])


CHANGES = {
    "jpeg": lambda image: image,
    "smaller": lambda image: image.resize((61, 61), Image.Resampling.BILINEAR),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.25),
    "gray": lambda image: image.convert("L"),
    "cropped": lambda image: image.crop((1, 2, 95, 95)),
}


def test_near_duplicates_are_found(tmp_path):
    """Four of five changed copies at least, and hardly any picture that is none."""
    originals, copies = [], []
    for number, image in enumerate(pieces(30)):
        originals.append(str(tmp_path / f"{number}.png"))
        image.save(originals[-1])
        change = list(CHANGES)[number % len(CHANGES)]
        copies.append(str(tmp_path / f"{number}-{change}.jpg"))
        CHANGES[change](image).save(copies[-1], quality=60)

    report = find_bad_images(originals + copies, max_distance=6)

    assert find_bad_images(originals + copies) == []
    found = {bad.path for bad in report}
    assert len(found & set(copies)) >= 24
    assert len(found & set(originals)) <= 1
    for path, problem in report:
        if path in copies:
            assert repr(originals[copies.index(path)]) in problem
            assert problem.startswith("near duplicate of")
    groups = group_duplicates(originals + copies, max_distance=6)
    assert np.mean(groups[:30] == groups[30:]) >= 0.8


@pytest.mark.parametrize("options", [{}, {"max_distance": 0}])
def test_copies_across_classes_say_so(options, tmp_path):
    """One of the two labels is wrong."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (3, 20, 20, 3), dtype=np.uint8)
    paths = [save(tmp_path / f"{row}.png", pixels[row % 3]) for row in range(5)]

    report = find_bad_images(paths, ["cat", "dog", "cat", "dog", "dog"], **options)

    assert [problem for _, problem in report] == [
        f"duplicate of {paths[0]!r}, which is 'cat' and not 'dog'",
        f"duplicate of {paths[1]!r}",
    ]
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        find_bad_images(paths, ["cat"])


def test_groups_keep_copies_together(tmp_path):
    """Copies of copies as well, and broken files alone."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (4, 20, 20), dtype=np.uint8)
    rows = [0, 1, 0, 2, 3, 1, 0]
    paths = [save(tmp_path / f"{i}.png", pixels[row]) for i, row in enumerate(rows)]
    paths += [str(tmp_path / "a.png"), str(tmp_path / "b.png")]

    groups = group_duplicates(paths)

    assert_array_equal(groups, [0, 1, 0, 2, 3, 1, 0, 4, 5])
    for train, test in GroupKFold(3).split(paths, groups=groups):
        assert not set(groups[train]) & set(groups[test])


def test_files_are_decoded_once(tmp_path, monkeypatch):
    """By the folder, the report and the groups together, unless they change."""
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(3):
            pixels = np.full((9, 9), 50 * number, dtype=np.uint8)
            save(tmp_path / name / f"{number}.png", pixels)
    decoded = []

    def decode(path):
        decoded.append(path)
        return original(path)

    original = _report.decode
    monkeypatch.setattr(_report, "decode", decode)

    data = load_image_folder(tmp_path, on_error="warn")
    find_bad_images(data.filenames)
    group_duplicates(data.filenames, max_distance=3)

    assert len(decoded) == 6
    save(tmp_path / "cat" / "1.png", np.full((9, 9), 7, dtype=np.uint8))
    assert len(group_duplicates(data.filenames)) == 6
    assert len(decoded) == 7


def test_facts_are_forgotten_where_there_are_too_many(tmp_path):
    """And are those of the file that is there now."""
    facts = _cache.FactCache(n_kept=2)
    paths = [save(tmp_path / f"{n}.png", np.zeros((8, 8), "u1")) for n in range(3)]

    found = [facts.find(path, "key", path.__str__) for path in paths]

    assert found == paths
    assert facts.find(paths[2], "key", lambda: "again") == paths[2]
    assert facts.find(paths[0], "key", lambda: "again") == "again"
    assert facts.find(paths[2], "other", lambda: "again") == "again"
    assert facts.find("missing", "key", lambda: 1) == 1
    assert facts.find("missing", "key", lambda: 2) == 2


@pytest.mark.parametrize(
    "options",
    [{"min_size": 0}, {"n_jobs": "2"}, {"n_jobs": 0}, {"max_distance": 65}],
)
def test_wrong_options_are_named(options):
    """scikit-learn's own words for parameters out of range."""
    with pytest.raises(ValueError, match="parameter of find_bad_images must be"):
        find_bad_images(["x.png"], **options)

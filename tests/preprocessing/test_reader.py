"""Readers of one's own, further formats, and what is read once."""

import io
import pickle
import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.semi_supervised import SelfTrainingClassifier

from sklcnn.images import _headers
from sklcnn.images._formats import resolve_formats
from sklcnn.preprocessing import ReadImages

PIXELS = np.random.default_rng(0).random((6, 12, 10, 5)).astype(np.float32)


@pytest.fixture
def stored(tmp_path):
    """Give paths of arrays in files of numpy."""
    paths = [str(tmp_path / f"{row}.npy") for row in range(6)]
    for path, image in zip(paths, PIXELS, strict=True):
        np.save(path, image)
    return paths


def load_half(path):
    """Read every other row and column."""
    return np.load(path)[::2, ::2]


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("cache", [None, "memory"])
def test_reader_gives_the_pixels(stored, n_jobs, cache):
    """Of any bands and dtype, lazily, in threads and from the cache."""
    reader = ReadImages(reader=np.load, n_jobs=n_jobs, cache=cache)

    images = reader.fit_transform(stored)

    assert images.shape == PIXELS.shape
    assert_array_equal(images, PIXELS)
    assert_array_equal(images[2:4], PIXELS[2:4])
    assert_array_equal(reader.transform(stored[::-1]), PIXELS[::-1])


def test_reader_pickles_by_name_and_clones(stored):
    """Where it stands in a module."""
    reader = ReadImages(reader=np.load).fit(stored)

    copy = pickle.loads(pickle.dumps(reader))
    images = pickle.loads(pickle.dumps(reader.transform(stored)))

    assert_array_equal(copy.transform(stored), PIXELS)
    assert_array_equal(images, PIXELS)
    assert clone(reader).reader is np.load


def test_images_of_a_reader_are_resized_and_searched(stored, tiny):
    """As those of files are."""
    model = make_pipeline(ReadImages((6, 5), reader=np.load), tiny)
    search = GridSearchCV(model, {"readimages__reader": [np.load, load_half]}, cv=2)

    search.fit(stored, [0, 1] * 3)

    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


READERS = {
    "no array": (lambda path: "x", "no array of pixels.*but str"),
    "fails": (lambda path: {}["key"], r"the reader failed \(KeyError: 'key'\)"),
    "import": (
        lambda path: __import__("no_such_module"),
        r"the reader failed \(ModuleNotFoundError: No module named",
    ),
    "NaN": (lambda path: np.full((12, 10), np.nan), "NaN or infinite"),
    "flat": (lambda path: np.zeros(9), r"no array of pixels.*but of shape \(9,\)"),
    "nothing": (lambda path: None, "no array of pixels.*but NoneType"),
    "contents": (lambda path: b"\x89PNG", "no array of pixels.*but bytes"),
    "a path": (Path, "no array of pixels.*but PosixPath"),
    "another file": (
        lambda path: np.load("/nowhere"),
        r"the reader failed \(FileNotFoundError: .*'/nowhere'",
    ),
    "unidentified": (
        lambda path: Image.open(io.BytesIO(b"junk")),
        r"the reader failed \(UnidentifiedImageError",
    ),
    "masked": (lambda path: np.ma.masked_equal(np.eye(9), 0), "masked pixels"),
    "channels first": (lambda path: np.zeros((3, 9, 9)), "looks channels-first"),
    "empty": (lambda path: np.zeros((0, 9)), "no pixels"),
}


@pytest.mark.parametrize("kind", READERS)
def test_reader_that_fails_is_named_with_the_file(kind, stored):
    """And what it did."""
    reader, message = READERS[kind]

    with pytest.raises(ValueError, match=message):
        np.asarray(ReadImages(reader=reader).fit_transform(stored))


def test_other_bands_than_in_fit_are_named(stored):
    """By the file that has them."""
    np.save(stored[4], PIXELS[4, ..., :2])

    with pytest.raises(ValueError, match=r"4\.npy.*2 band.* 5 are wanted"):
        np.asarray(ReadImages(reader=np.load).fit_transform(stored))


def test_broken_files_of_a_reader_are_left_out(stored):
    """With one warning."""
    for row in (0, 3):
        with open(stored[row], "wb") as file:
            file.write(b"broken")
    reader = ReadImages(reader=np.load, on_error="warn")

    with pytest.warns(UserWarning, match="leaves 2 of 6 files out"):
        images = reader.fit_transform(stored)

    assert images.bad_rows.tolist() == [0, 3]


@pytest.fixture
def pictures(tmp_path):
    """Give paths of twelve pictures."""
    rng = np.random.default_rng(0)
    paths = [str(tmp_path / f"{row}.png") for row in range(12)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)).save(path)
    return np.array(paths)


def test_headers_are_read_once_in_a_search(pictures, tiny, monkeypatch):
    """Whatever its folds and candidates."""
    seen = []

    def read_header(source, *args, **options):
        seen.append(source)
        return original(source, *args, **options)

    original = _headers.read_header
    monkeypatch.setattr(_headers, "read_header", read_header)
    model = make_pipeline(ReadImages(8), tiny)
    grid = {"readimages__aspect": ["pad", "crop"]}

    GridSearchCV(model, grid, cv=3).fit(pictures, np.arange(12) % 2)

    assert sorted(seen) == sorted(pictures)
    Image.new("L", (8, 8)).save(pictures[3])
    ReadImages(8).fit(pictures)
    assert seen[12:] == [pictures[3]]


def test_headers_are_read_in_threads(pictures, monkeypatch):
    """As many as are asked for."""
    threads = set()
    barrier = threading.Barrier(2)

    def read_header(source, *args, **options):
        threads.add(threading.get_ident())
        barrier.wait(10)
        return original(source, *args, **options)

    original = _headers.read_header
    monkeypatch.setattr(_headers, "read_header", read_header)

    ReadImages(8, n_jobs=2).fit(pictures)

    assert len(threads) == 2


@pytest.mark.parametrize(
    "formats", ["JPEG2000", [".jp2"], ("tga", "*.JP2"), "registered"]
)
def test_further_formats_are_read_where_asked_for(formats, tmp_path):
    """By name, ending, or all that Pillow knows; the message says how."""
    path = tmp_path / "x.jp2"
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, irreversible=False)

    assert_array_equal(ReadImages(formats=formats).fit_transform([path])[0], pixels)
    with pytest.raises(ValueError, match=r"looks like JPEG2000.*formats='JPEG2000'"):
        ReadImages().fit([path])


@pytest.mark.parametrize("formats", ["EPS", [".eps"], "registered", "default"])
def test_formats_that_start_programs_are_never_read(formats, tmp_path):
    """Not even where all are asked for."""
    path = tmp_path / "x.eps"
    Image.new("RGB", (8, 8)).save(path)

    with pytest.raises(ValueError, match=r"EPS|begins with b'%!PS"):
        ReadImages(formats=formats).fit([path])


def test_unknown_formats_are_named():
    """With what to do instead."""
    with pytest.raises(ValueError, match=r"'xyz'.*register its plugin.*reader="):
        ReadImages(formats="xyz").fit(["x.png"])
    assert "JPEG2000" in resolve_formats([".jp2"], name="ReadImages")


def test_heic_names_its_extra(tmp_path):
    """Where it is not installed; where it is, it is read."""
    path = tmp_path / "x.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))

    with pytest.raises(ValueError, match=r"HEIC, .*formats='\.heic'.*sklcnn\[heif\]"):
        ReadImages().fit([path])
    try:
        import pillow_heif
    except ImportError:
        with pytest.raises(ImportError, match=r"pip install 'sklcnn\[heif\]'"):
            ReadImages(formats=".heic").fit([path])
        return
    pixels = np.full((64, 64, 3), 99, dtype=np.uint8)
    heif = pillow_heif.from_pillow(Image.fromarray(pixels))
    heif.save(str(path), quality=100)
    read = np.asarray(ReadImages(formats=".heic").fit_transform([path]))
    np.testing.assert_allclose(read[0], pixels, atol=3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (bytes(128) + b"DICM", "DICOM, .*reader=function that uses pydicom"),
        (b"II*\0".ljust(128) + b"DICM", "DICOM, .*reader=function that uses pydicom"),
        (b"\xff\x0a" + bytes(40), "JPEG XL.*pillow-jxl-plugin"),
    ],
)
def test_formats_without_a_reader_say_what_reads_them(content, message, tmp_path):
    """In the error of the file."""
    (tmp_path / "x").write_bytes(content)

    with pytest.raises(ValueError, match=message):
        ReadImages().fit([tmp_path / "x"])


META = {
    "BaggingClassifier": (
        lambda model: BaggingClassifier(model, n_estimators=2, random_state=0),
        {"column"},
    ),
    "CalibratedClassifierCV": (
        lambda model: CalibratedClassifierCV(model, cv=2),
        {"list", "column", "lazy"},
    ),
    "GridSearchCV": (
        lambda model: GridSearchCV(model, {}, cv=2),
        {"list", "column", "lazy"},
    ),
    "OneVsRestClassifier": (OneVsRestClassifier, {"list", "column", "lazy"}),
    "SelfTrainingClassifier": (SelfTrainingClassifier, set()),
    "VotingClassifier": (
        lambda model: VotingClassifier([("one", model), ("other", model)]),
        {"list", "column", "lazy"},
    ),
}
"""What meta-estimators are made of, and what they take."""


@pytest.mark.parametrize("kind", META)
@pytest.mark.parametrize("shape", ["list", "column", "lazy"])
def test_meta_estimators_take_what_the_guide_says(kind, shape, pictures, tiny):
    """Those that look at X first refuse paths or images, or take a column."""
    make, taken = META[kind]
    X = {
        "list": pictures,
        "column": pictures[:, np.newaxis],
        "lazy": ReadImages(8).fit_transform(pictures),
    }[shape]
    model = make(tiny if shape == "lazy" else make_pipeline(ReadImages(8), tiny))
    y = np.arange(12) % 2
    if kind == "SelfTrainingClassifier":
        y[[3, 8]] = -1

    if shape in taken:
        assert model.fit(X, y).predict(X).shape == (12,)
    else:
        with pytest.raises(ValueError, match="array"):
            model.fit(X, y)


def test_old_readers_have_the_defaults(pictures):
    """A pickle of a version with fewer parameters loads."""
    reader = ReadImages(8).fit(pictures)
    state = dict(reader.__getstate__())
    for name in ("pages", "root", "formats", "max_pixels", "reader"):
        del state[name]
    old = ReadImages.__new__(ReadImages)

    old.__setstate__(state)

    assert_array_equal(old.transform(pictures), reader.transform(pictures))
    assert old.get_params() == reader.get_params()


def test_deep_bands_are_cross_validated(tmp_path, tiny):
    """Five bands of 12 bits in files of 16."""
    tifffile = pytest.importorskip("tifffile")
    rng = np.random.default_rng(0)
    paths = [str(tmp_path / f"{row}.tif") for row in range(12)]
    for row, path in enumerate(paths):
        pixels = rng.integers(0, 2048, (8, 8, 5)) + 2047 * (row % 2)
        tifffile.imwrite(path, pixels.astype(np.uint16), photometric="rgb")

    model = make_pipeline(ReadImages(), tiny.set_params(max_epochs=30))
    scores = cross_val_score(model, paths, np.arange(12) % 2, cv=3, error_score="raise")

    assert scores.mean() > 0.9

"""Files look like one array of images."""

import os
import pickle
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.model_selection import StratifiedKFold, train_test_split

from sklcnn.images import ImageFiles
from sklcnn.images._cache import CACHE, ImageCache
from sklcnn.images._files import in_threads


@pytest.fixture(autouse=True)
def empty_cache():
    """Begin and end with nothing kept."""
    CACHE.clear()
    yield
    CACHE.clear()


@pytest.fixture
def pixels():
    """Ten color images of 8x8 pixels."""
    return np.random.default_rng(0).integers(0, 256, (10, 8, 8, 3), dtype=np.uint8)


@pytest.fixture
def paths(pixels, tmp_path):
    """The same in files."""
    paths = [str(tmp_path / f"{number}.png") for number in range(len(pixels))]
    for path, image in zip(paths, pixels, strict=True):
        Image.fromarray(image).save(path)
    return paths


@pytest.mark.parametrize("n_jobs", [None, 1, 2, 30, -1])
def test_files_equal_their_pixels(paths, pixels, n_jobs):
    """Any number of threads gives the images in order."""
    images = ImageFiles(paths, (8, 8), n_jobs=n_jobs)

    assert images.shape == (10, 8, 8, 3)
    assert images.dtype == np.uint8
    assert_array_equal(images, pixels)
    assert_array_equal(images.read(np.array([7, 2, 2])), pixels[[7, 2, 2]])
    assert images.read(np.array([], dtype=np.intp)).shape == (0, 8, 8, 3)


@pytest.mark.parametrize("kind", [list, tuple, np.array, "path", "object", "bytes"])
def test_paths_of_any_kind(paths, pixels, kind):
    """Lists, arrays, Path objects and bytes name files alike."""
    convert = {
        "path": lambda paths: [Path(path) for path in paths],
        "object": lambda paths: np.array([Path(path) for path in paths], dtype=object),
        "bytes": lambda paths: np.array([path.encode() for path in paths]),
    }.get(kind, kind)

    images = ImageFiles(convert(paths), (8, 8))

    assert_array_equal(images, pixels)
    assert images.paths.tolist() == paths


def test_data_frame_column_is_paths(paths, pixels):
    """A column of a data frame lists files."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"path": paths}, index=range(5, 15))

    assert_array_equal(ImageFiles(frame["path"], (8, 8)), pixels)


def test_column_of_polars_is_paths(paths, pixels):
    """A column without the interface of numpy's arrays lists files, too."""
    polars = pytest.importorskip("polars")

    assert_array_equal(ImageFiles(polars.Series(paths), (8, 8)), pixels)


def test_subsets_are_lazy(paths, pixels):
    """Indexing as scikit-learn does reads nothing but single images."""
    images = ImageFiles(paths, (8, 8), bad_rows=[9, 1])

    subset = images[np.array([9, 0, 1])]

    assert isinstance(subset, ImageFiles)
    assert_array_equal(subset.bad_rows, [0, 2])
    assert_array_equal(subset, pixels[[9, 0, 1]])
    assert_array_equal(images[3], pixels[3])
    assert_array_equal(images[-4:], pixels[-4:])
    assert images[-4:].bad_rows.tolist() == [3]
    assert images[2:5].bad_rows.size == 0


@pytest.mark.parametrize("bad_rows", [[4, 1], (1, 4), np.array([1, 4, 4]), "mask"])
def test_bad_rows_are_positions_or_a_mask(paths, bad_rows):
    """Either way, what is kept are positions in increasing order."""
    if isinstance(bad_rows, str):
        bad_rows = np.isin(np.arange(10), [1, 4])

    assert ImageFiles(paths, 8, bad_rows=bad_rows).bad_rows.tolist() == [1, 4]


def test_splitters_take_files(paths, pixels):
    """Cross-validation and train_test_split index files like arrays."""
    images = ImageFiles(paths, (8, 8))
    y = np.arange(10) % 2

    train, test = next(StratifiedKFold(5).split(images, y))
    X_train, X_test = train_test_split(images, random_state=0)

    assert_array_equal(images[train], pixels[train])
    assert_array_equal(images[test], pixels[test])
    assert isinstance(X_train, ImageFiles)
    assert len(X_train) + len(X_test) == 10


def test_pickle_holds_no_pixels(paths, pixels):
    """A copy for another process is small, and reads the same."""
    images = ImageFiles(paths, (8, 8), cache="memory", n_jobs=2)
    np.asarray(images)

    data = pickle.dumps(images)

    assert len(data) < 1000 + sum(len(path) + 5 for path in paths)
    assert_array_equal(pickle.loads(data), pixels)


def test_threads_may_read_at_once(paths, pixels):
    """Reading ahead while something else reads is safe."""
    images = ImageFiles(paths, (8, 8), cache="memory", n_jobs=2)
    results = [None] * 4

    def read(number):
        results[number] = np.asarray(images)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(np.array_equal(result, pixels) for result in results)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_broken_file_is_named(paths, n_jobs):
    """Of several broken files, the first is named, whatever thread reads it."""
    for row in (3, 8):
        Path(paths[row]).write_bytes(b"broken")
    images = ImageFiles(paths, (8, 8), n_jobs=n_jobs)

    with pytest.raises(
        ValueError, match=r"3\.png.*begins with b'broken'.*find_bad_images"
    ):
        np.asarray(images)

    assert list(images.check_files()) == [3, 8]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_threads_end_where_one_fails(error):
    """After an error, or Ctrl-C, the other files are not read to the end."""
    rows_done = []

    def read(row):
        if row == 0:
            raise error("row 0")
        time.sleep(0.001)
        rows_done.append(row)

    with pytest.raises(error, match="row 0"):
        in_threads(read, range(10_000), 2)

    assert len(rows_done) < 5_000


@pytest.fixture
def animation(tmp_path):
    """Give the path of a file of two frames."""
    frames = [Image.new("L", (8, 8), shade) for shade in (9, 99)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    return tmp_path / "x.gif"


def test_several_frames_warn_once(animation):
    """Epoch after epoch, a file with several frames is mentioned once."""
    images = ImageFiles([animation], (8, 8))

    with pytest.warns(UserWarning, match=r"first is used: 1 \('.*x\.gif'\)"):
        np.asarray(images)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.asarray(images[:1])


def test_file_listed_twice_is_counted_once(animation):
    """The warning of several frames counts files, not how often they are read."""
    with pytest.warns(UserWarning, match=r"first is used: 1 \('.*x\.gif'\)"):
        np.asarray(ImageFiles([animation] * 3, (8, 8)))


def test_frames_of_cached_images_are_told(animation):
    """Pixels from memory warn of what the file holds besides, as those read do."""
    for read in (np.asarray, np.asarray, ImageFiles.check_files):
        images = ImageFiles([animation], (8, 8), cache="memory")

        with pytest.warns(UserWarning, match="several frames"):
            read(images)


def test_cached_images_are_not_read_again(paths, pixels):
    """Another object for the same files finds them in memory."""
    np.asarray(ImageFiles(paths, (8, 8), cache="memory"))
    assert CACHE.n_bytes == pixels.nbytes

    for group in CACHE._groups.values():
        group.update(
            {path: (stamp, 255 - kept, ()) for path, (stamp, kept, _) in group.items()}
        )

    assert_array_equal(ImageFiles(paths[5:], (8, 8), cache="memory"), 255 - pixels[5:])


def test_changed_file_is_read_again(paths, pixels):
    """The cache notices a file that was written anew."""
    images = ImageFiles(paths, (8, 8), cache="memory")
    np.asarray(images)

    Image.fromarray(pixels[0]).resize((90, 90)).save(paths[1])

    assert not np.array_equal(images[1], pixels[1])
    Path(paths[2]).unlink()
    with pytest.raises(ValueError, match=r"2\.png.*no such file"):
        images[2]


def test_another_file_of_equal_size_and_date_is_read(tmp_path):
    """A file that `cp -p`, rsync or an archive puts in the place of another is new."""
    paths = [tmp_path / "red.bmp", tmp_path / "blue.bmp"]
    for path in paths:
        Image.new("RGB", (8, 8), path.stem).save(path)
        os.utime(path, ns=(0, 0))
    images = ImageFiles(paths[:1], (8, 8), cache="memory")
    assert images[0][0, 0].tolist() == [255, 0, 0]

    os.replace(paths[1], paths[0])

    assert images[0][0, 0].tolist() == [0, 0, 255]


def test_same_relative_path_in_another_folder_is_another_file(tmp_path, monkeypatch):
    """The cache follows a change of the working directory."""
    images = ImageFiles(["x.bmp"], (8, 8), cache="memory")
    for color, pixel in {"red": [255, 0, 0], "blue": [0, 0, 255]}.items():
        (tmp_path / color).mkdir()
        monkeypatch.chdir(tmp_path / color)
        Image.new("RGB", (8, 8), color).save("x.bmp")
        os.utime("x.bmp", ns=(0, 0))

        assert images[0][0, 0].tolist() == pixel


def test_caller_may_change_what_was_read(paths, pixels):
    """The cache keeps its own copy."""
    images = ImageFiles(paths, (8, 8), cache="memory")

    images[0][:] = 0

    assert_array_equal(images[0], pixels[0])


def test_cache_drops_the_group_that_was_read_least_recently():
    """Not the one that was made first, if that is still read."""
    cache = ImageCache(max_bytes=100)
    image = np.zeros(40, dtype=np.uint8)
    for group in ("early", "late"):
        cache.put(group, "a", 1, image)

    assert cache.get("early", "a", 1)
    cache.put("new", "a", 1, image)

    found = [bool(cache.get(group, "a", 1)) for group in ("early", "late", "new")]
    assert found == [True, False, True]
    assert cache.n_bytes == 80


@pytest.mark.parametrize("n_bytes", [101, 61])
def test_cache_drops_nothing_for_what_does_not_fit(n_bytes):
    """An image beyond the limit, alone or with those of its group, is not kept."""
    cache = ImageCache(max_bytes=100)
    cache.put("old", "a", 1, np.zeros(40, dtype=np.uint8))
    cache.put("new", "a", 1, np.zeros(40, dtype=np.uint8))

    cache.put("new", "b", 1, np.zeros(n_bytes, dtype=np.uint8))

    assert cache.get("old", "a", 1)
    assert cache.get("new", "a", 1)
    assert cache.get("new", "b", 1) is None
    assert cache.n_bytes == 80


def test_cache_forgets_the_old_version_of_a_file():
    """Also where the new one does not fit."""
    cache = ImageCache(max_bytes=100)
    cache.put("group", "a", 1, np.zeros(40, dtype=np.uint8))

    cache.put("group", "a", 2, np.zeros(101, dtype=np.uint8))

    assert cache.n_bytes == 0


def test_cache_stays_within_its_limit():
    """A full cache keeps what it has, and drops what is no longer read."""
    cache = ImageCache(max_bytes=100)
    image = np.zeros(40, dtype=np.uint8)

    for path in "abc":
        cache.put("old", path, 1, image)
    assert cache.n_bytes == 80
    assert cache.get("old", "a", 1) == (image, ())
    assert cache.get("old", "a", 2) is None
    assert cache.get("old", "c", 1) is None

    cache.put("new", "a", 1, image)
    assert cache.get("old", "a", 1) is None
    assert cache.get("new", "a", 1) == (image, ())
    assert cache.n_bytes == 40


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"size": 0}, "two ints"),
        ({"size": True}, "two ints"),
        ({"size": (True, True)}, "two ints"),
        ({"size": (8, 0)}, "two ints"),
        ({"size": (8, 8, 3)}, "two ints"),
        ({"size": (8.0, 8)}, "two ints"),
        ({"color_mode": "auto"}, "expects color_mode"),
        ({"aspect": "fill"}, "expects aspect"),
        ({"background": "red"}, "expects background"),
        ({"dtype": "int64"}, "expects dtype"),
        ({"cache": "disk"}, "expects cache"),
        ({"n_jobs": 0}, "expects n_jobs"),
        ({"n_jobs": "x"}, "expects n_jobs"),
        ({"bad_rows": [99]}, "expects bad_rows.* between 0 and 0.*99"),
        ({"bad_rows": [-1]}, "expects bad_rows"),
        ({"bad_rows": [0.5]}, "expects bad_rows"),
        ({"bad_rows": [True, False]}, r"expects bad_rows.*mask of shape \(1,\)"),
        ({"bad_rows": 0}, "expects bad_rows"),
    ],
)
def test_wrong_options_are_named(options, match):
    """What can't be is refused before anything is read."""
    with pytest.raises(ValueError, match=match):
        ImageFiles(["x.png"], **{"size": (8, 8), **options})


@pytest.mark.parametrize(
    ("paths", "match"),
    [
        ("folder/x.png", "list of paths, got one"),
        (Path("x.png"), "list of paths, got one"),
        ([], "0 sample"),
        ([["x.png"]], "strings, .* Got .* at position 0"),
        (np.array([["x.png", "y.png"]]), "one dimension"),
        (np.zeros((3, 8, 8)), "Got an array .* at position 0. .*ReadImages` reads it"),
        ({"x.png"}, "of type set"),
        (None, "of type NoneType"),
        ([1, 2], "Got 1 of type int at position 0"),
        (["x.png", None], "Got None .* at position 1"),
    ],
)
def test_what_is_no_list_of_paths_is_named(paths, match):
    """The message says what came instead of paths."""
    with pytest.raises(ValueError, match=match):
        ImageFiles(paths, (8, 8))

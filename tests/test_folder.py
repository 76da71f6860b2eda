"""From a folder of files to a fitted classifier."""

import re
import threading
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import skimage.data
from joblib.externals.loky import get_reusable_executor
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline

from sklcnn import CNNClassifier
from sklcnn.augmentation import RandomFlip, RandomRotation
from sklcnn.images import load_image_folder
from sklcnn.preprocessing import Grayscale, ReadImages, Resize

EXTENSIONS = ("png", "jpg", "tif", "gif", "webp", "bmp")


def write_photos(folder, n_each, names=("astronaut", "brick", "coffee", "grass")):
    """Write digits and pieces of photos, of mixed sizes and formats."""
    rng = np.random.default_rng(0)
    digits = (load_digits().images * 15.9).astype(np.uint8)
    for name in (*names, "digit"):
        (folder / name).mkdir(parents=True)
        photo = digits if name == "digit" else getattr(skimage.data, name)()
        for number in range(n_each):
            height, width = rng.integers(24, 65, 2)
            top = rng.integers(photo.shape[0] - height)
            left = rng.integers(max(1, photo.shape[1] - width))
            pixels = photo[top : top + height, left : left + width]
            if name == "digit":
                pixels = photo[number].repeat(4, axis=0).repeat(4, axis=1)
            extension = EXTENSIONS[number % len(EXTENSIONS)]
            Image.fromarray(pixels).save(folder / name / f"{number:03}.{extension}")


def readme_block():
    """Find the first Python block of the README that reads a folder."""
    text = (Path(__file__).parents[1] / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    return next(block for block in blocks if "load_image_folder" in block)


@pytest.fixture
def photos(tmp_path):
    """Give paths and labels of 30 files: pieces of two photos, and digits."""
    write_photos(tmp_path, 10, names=("brick", "coffee"))
    return load_image_folder(tmp_path, return_X_y=True)


def probabilities(model, X, y, **options):
    """Predict every file by a model that was trained on the others."""
    return cross_val_predict(model, X, y, cv=3, method="predict_proba", **options)


def run_readme(block, folder, monkeypatch):
    """Run code in a folder and give its variables."""
    Image.fromarray(skimage.data.brick()[:50, :60]).save(folder / "new.jpg")
    monkeypatch.chdir(folder)
    get_reusable_executor().shutdown()  # its workers would be in another folder
    variables = {}
    exec(block, variables)
    return variables


def test_eight_lines_run(tmp_path, monkeypatch, capsys):
    """The README's lines run: here on few images, made smaller to take seconds."""
    write_photos(tmp_path / "photos", 5, names=("brick",))

    block = readme_block().replace("(64, 64)", "(12, 12)")
    block = block.replace("CNNClassifier(", "CNNClassifier(max_epochs=20, ")
    variables = run_readme(block, tmp_path, monkeypatch)

    assert variables["search"].best_score_ > 0.5
    assert capsys.readouterr().out.endswith("['brick']\n")


def test_eight_lines_are_those_of_the_site():
    """The first page of the documentation shows what the README shows."""
    page = (Path(__file__).parents[1] / "docs" / "index.md").read_text()

    assert readme_block() in page


@pytest.mark.slow
def test_eight_lines_verbatim(tmp_path, monkeypatch, capsys):
    """The README's lines, as they stand there, learn 300 files in five classes."""
    write_photos(tmp_path / "photos", 60)

    variables = run_readme(readme_block(), tmp_path, monkeypatch)

    shown = capsys.readouterr().out
    scores = np.array(re.findall(r"\d\.\d*", shown.partition("]")[0]), dtype=float)
    assert len(variables["X"]) == 300
    assert scores.shape == (5,)
    assert scores.mean() > 0.9
    assert variables["search"].best_score_ > 0.9
    assert shown.endswith("['brick']\n")


def test_300_files_of_mixed_sizes_and_formats_are_learnt(tmp_path):
    """A small network tells five classes apart, on files it was not trained on."""
    write_photos(tmp_path, 60)
    X, y = load_image_folder(tmp_path, return_X_y=True)
    network = CNNClassifier(conv_channels=(8, 16), max_epochs=30, random_state=0)
    reader = ReadImages((16, 16), cache="memory")

    scores = cross_val_score(make_pipeline(reader, RandomFlip(), network), X, y, cv=3)

    assert len(X) == 300
    assert {Path(path).suffix[1:] for path in X} == set(EXTENSIONS)
    assert scores.mean() > 0.9


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # on fork
@pytest.mark.parametrize(
    ("backend", "dropout"),
    [("loky", 0.5), ("multiprocessing", 0.5), ("threading", 0.0), ("threading", 0.5)],
)
def test_workers_predict_like_one_process(photos, tiny, backend, dropout):
    """Paths go to processes and threads, and the same bits come back."""
    X, y = photos
    tiny.set_params(hidden_units=(8,), dropout=dropout)
    model = make_pipeline(ReadImages((8, 8), n_jobs=2), RandomRotation(), tiny)
    expected = probabilities(model, X, y)

    with joblib.parallel_config(backend=backend):
        actual = probabilities(model, X, y, n_jobs=2)

    assert_array_equal(actual, expected)


@pytest.mark.parametrize("kind", ["Series", "Path", "list", "object"])
def test_any_list_of_paths(photos, tiny, kind):
    """Whatever lists paths, the splitters can split it and it reads the same."""
    X, y = photos
    paths = {
        "Series": pd.Series(X, index=np.arange(len(X))[::-1]),
        "Path": [Path(path) for path in X],
        "list": X.tolist(),
        "object": X.astype(object),
    }[kind]
    model = make_pipeline(ReadImages((8, 8)), tiny)

    actual = probabilities(model, paths, y)

    assert_array_equal(actual, probabilities(model, X, y))


def test_search_over_the_size(photos, tiny):
    """The size of the images is searched like any other parameter."""
    grid = {"readimages__size": [(4, 4), (8, 12)]}

    search = GridSearchCV(make_pipeline(ReadImages(), tiny), grid, cv=2)
    search.fit(*photos)

    shape = search.best_estimator_[-1].image_shape_
    assert shape[:2] == search.best_params_["readimages__size"]


STEPS = {
    "none": [],
    "augmentation": [RandomFlip(), RandomRotation()],
    "preprocessing": [Resize((6, 6)), Grayscale()],
    "both": [Grayscale(), RandomFlip()],
}


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("steps", STEPS)
def test_broken_files_are_left_out_of_fit(photos, tiny, steps, early_stopping):
    """Training goes without them after one warning; prediction refuses them."""
    X, y = photos
    for row in (0, 7, 29):
        Path(X[row]).write_bytes(b"broken")
    tiny.set_params(early_stopping=early_stopping, validation_fraction=0.3)
    reader = ReadImages((8, 8), on_error="warn")
    model = make_pipeline(reader, *STEPS[steps], tiny)

    with pytest.warns(UserWarning, match=r"leaves 3 of 30 files out.*000\.png") as told:
        model.fit(X, y, cnnclassifier__sample_weight=np.linspace(1, 2, 30))

    assert len(told) == 1
    assert model.predict(X[1:7]).shape == (6,)
    with pytest.raises(ValueError, match=r"000\.png.*begins with b'broken'"):
        model.predict(X)


def test_leaving_out_broken_files_is_training_without_them(photos, tiny):
    """What a broken file would have been has no effect, not even on the last bit."""
    X, y = photos
    Path(X[3]).write_bytes(b"broken")
    model = make_pipeline(ReadImages((8, 8), on_error="warn"), tiny)
    good = np.arange(len(X)) != 3
    expected = model.fit(X[good], y[good]).predict_proba(X[good])

    with pytest.warns(UserWarning, match="leaves 1 of 30"):
        model.fit(X, y)

    assert_array_equal(model.predict_proba(X[good]), expected)


def test_class_without_readable_files_is_named(photos, tiny):
    """A class of which nothing can be read is missed aloud."""
    X, y = photos
    for path in X[y == "coffee"]:
        Path(path).write_bytes(b"broken")
    model = make_pipeline(ReadImages((8, 8), on_error="warn"), tiny)

    with (
        pytest.warns(UserWarning, match="leaves 10 of 30"),
        pytest.warns(UserWarning, match="1 classes, such as 'coffee'"),
    ):
        model.fit(X, y)

    assert model.classes_.tolist() == ["brick", "digit"]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_file_that_goes_away_is_named(photos, tiny, n_jobs, monkeypatch):
    """An error in a reading thread reaches the user, with where it was looked for."""
    X, y = photos
    monkeypatch.chdir(Path(X[0]).parents[1])
    paths = [Path(path).relative_to(Path.cwd()) for path in X]
    model = make_pipeline(ReadImages((8, 8), n_jobs=n_jobs), tiny).fit(paths, y)
    n_threads = threading.active_count()

    paths[17].unlink()

    with pytest.raises(
        ValueError, match=r"coffee/007\.jpg.*no such file in the folder"
    ):
        model.predict(paths)
    assert threading.active_count() == n_threads


def test_broken_files_in_cross_validation(photos, tiny):
    """Folds train without broken files, and the fold that tests one fails by name."""
    X, y = photos
    Path(X[3]).write_bytes(b"broken")
    model = make_pipeline(ReadImages((8, 8), on_error="warn"), tiny)

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        scores = cross_val_score(model, X, y, cv=3)

    assert np.isnan(scores).tolist() == [True, False, False]
    assert any("003.gif" in str(warning.message) for warning in told)


def test_memory_map_is_read_by_batches(tmp_path, tiny, noise):
    """A `.npy` on disk trains like the array in it, and nothing is written to it."""
    X, y = noise
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")

    model = make_pipeline(RandomFlip(), tiny).fit(mapped, y)

    proba = model.predict_proba(mapped)
    assert_array_equal(proba, model.fit(X, y).predict_proba(X))


class Stored:
    """An array elsewhere, as h5py reads it: rows in increasing order, each once."""

    def __init__(self, images, most=np.inf):
        self.images = images
        self.most = most
        self.shape, self.dtype = images.shape, images.dtype

    def __len__(self):
        return len(self.images)

    def __getitem__(self, rows):
        assert np.all(np.diff(rows) > 0)
        assert len(rows) <= self.most
        return self.images[rows]


@pytest.mark.parametrize("steps", [[], [RandomFlip()], [Resize((4, 4))]])
def test_stored_array_is_read_by_batches(tiny, steps):
    """Whatever has a shape, a dtype and indexing trains without being copied."""
    X = np.random.default_rng(0).integers(0, 256, (300, 128, 128), dtype=np.uint8)
    y = np.arange(300) % 3
    stored = Stored(X, most=256)
    model = make_pipeline(*steps, tiny)

    proba = model.fit(stored, y).predict_proba(stored)

    assert_array_equal(proba, model.fit(X, y).predict_proba(X))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_bad_pixels_of_a_stored_array_are_refused(tiny, value):
    """Pixels that are looked at late are refused as those of an array are."""
    X = np.random.default_rng(0).random((30, 8, 8))
    y = np.arange(30) % 3
    tiny.fit(Stored(X), y)
    X[17, 2, 3] = value

    for call in (lambda: tiny.predict(Stored(X)), lambda: tiny.fit(Stored(X), y)):
        with pytest.raises(ValueError, match="row 17 of X has pixels that are NaN"):
            call()

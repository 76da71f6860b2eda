"""ReadImages takes paths and gives images, in a pipeline."""

import pickle
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from sklcnn.images import ImageFiles
from sklcnn.preprocessing import ImageFunction, ReadImages

RNG = np.random.default_rng(0)


class MeanClassifier(ClassifierMixin, BaseEstimator):
    """Tell dark from bright images, leaving out those that can't be read."""

    def fit(self, X, y):
        """Learn how dark the classes are."""
        rows = np.setdiff1d(np.arange(len(X)), X.bad_rows)
        self.classes_ = np.unique(y)
        means = np.asarray(X[rows]).mean(axis=tuple(range(1, X.ndim)))
        labels = np.asarray(y)[rows]
        self.means_ = np.array([means[labels == name].mean() for name in self.classes_])
        return self

    def predict(self, X):
        """Predict the class that is about as dark."""
        means = np.asarray(X).mean(axis=tuple(range(1, X.ndim)))
        return self.classes_[np.argmin(abs(means[:, None] - self.means_), axis=1)]


@pytest.fixture
def dataset(tmp_path):
    """Twenty files of mixed sizes and formats, dark and bright."""
    rng = np.random.default_rng(0)
    X, y = [], []
    for number in range(20):
        extension = ["png", "jpg", "gif", "webp", "bmp", "tif"][number % 6]
        low = 150 * (number % 2)
        shape = (*rng.integers(10, 30, 2), 3)
        X.append(str(tmp_path / f"{number:02}.{extension}"))
        y.append("bright" if low else "dark")
        pixels = rng.integers(low, low + 100, shape, dtype=np.uint8)
        Image.fromarray(pixels).save(X[-1])
    return np.array(X), np.array(y)


def save(path, pixels):
    """Write pixels to a file."""
    Image.fromarray(pixels).save(path)
    return str(path)


def test_paths_become_images(dataset):
    """The images are lazy, and of one size and dtype."""
    X, _ = dataset

    images = ReadImages((16, 12)).fit_transform(X)

    assert isinstance(images, ImageFiles)
    assert images.shape == (20, 16, 12, 3)
    assert images.dtype == np.uint8
    assert images.bad_rows.size == 0


def test_fit_transform_equals_fit_then_transform(dataset):
    """Training and prediction see the same images."""
    X, _ = dataset
    reader = ReadImages((16, 12), aspect="crop", n_jobs=2)

    assert_array_equal(reader.fit_transform(X), reader.transform(X))


def test_cross_validation_and_search_work_on_paths(dataset):
    """scikit-learn splits paths; processes give the scores of one."""
    X, y = dataset
    model = make_pipeline(ReadImages((8, 8), cache="memory"), MeanClassifier())

    scores = cross_val_score(model, X, y, cv=4)
    search = GridSearchCV(model, {"readimages__aspect": ["crop", "stretch"]}, cv=2)

    assert_array_equal(scores, cross_val_score(model, X, y, cv=4, n_jobs=2))
    assert search.fit(X, y).best_score_ > 0.9


def test_gray_files_give_gray_images(tmp_path):
    """The channels are those of the files, unless said otherwise."""
    gray = RNG.integers(0, 256, (8, 8), dtype=np.uint8)
    paths = [save(tmp_path / f"x.{extension}", gray) for extension in ("png", "gif")]
    color = [*paths, save(tmp_path / "color.png", np.dstack([gray] * 3))]

    assert ReadImages((8, 8)).fit_transform(paths).shape == (2, 8, 8)
    assert ReadImages((8, 8), color_mode="rgb").fit_transform(paths).shape == (
        2,
        8,
        8,
        3,
    )
    assert ReadImages((8, 8)).fit_transform(color).shape == (3, 8, 8, 3)
    assert ReadImages((8, 8), color_mode="gray").fit_transform(color).shape == (3, 8, 8)
    assert_array_equal(ReadImages((8, 8)).fit(paths).transform(color)[2], gray)


def test_deepest_file_decides(tmp_path):
    """One 16-bit file makes all 16-bit, and one of floats makes all floats."""
    gray = RNG.integers(0, 256, (8, 8), dtype=np.uint8)
    shallow = save(tmp_path / "8.png", gray)
    deep = save(tmp_path / "16.png", gray.astype(np.uint16) * 257)
    floats = save(tmp_path / "32.tif", (gray / 255).astype(np.float32))

    assert ReadImages((8, 8)).fit([shallow]).dtype_ == "uint8"
    images = np.asarray(ReadImages((8, 8)).fit_transform([shallow, deep]))
    assert images.dtype == np.uint16
    assert_array_equal(images[0], images[1])
    images = np.asarray(ReadImages((8, 8)).fit_transform([shallow, deep, floats]))
    assert images.dtype == np.float32
    np.testing.assert_allclose(images[:2], images[2:].repeat(2, axis=0), atol=1e-6)


def test_prediction_keeps_the_dtype_of_fit(tmp_path):
    """Files of another depth are brought to that of fit, floats refused."""
    gray = RNG.integers(0, 256, (8, 8), dtype=np.uint8)
    deep = save(tmp_path / "16.png", gray.astype(np.uint16) * 257)
    floats = save(tmp_path / "32.tif", gray.astype(np.float32))
    reader = ReadImages((8, 8)).fit([save(tmp_path / "8.png", gray)])

    assert_array_equal(reader.transform([deep])[0], gray)
    with pytest.raises(ValueError, match=r"32\.tif.*float pixels"):
        np.asarray(reader.transform([floats]))


def test_size_of_the_files(tmp_path, dataset):
    """Without a size, the files of fit give it, if they agree."""
    gray = RNG.integers(0, 256, (8, 6), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    paths = [save(tmp_path / "x.png", gray), str(tmp_path / "turned.jpg")]
    Image.fromarray(np.rot90(gray)).save(paths[1], exif=exif)

    reader = ReadImages().fit(paths)

    assert reader.size_ == (8, 6)
    assert_array_equal(reader.transform(paths[:1])[0], gray)
    assert reader.transform(dataset[0]).shape == (20, 8, 6)
    with pytest.raises(ValueError, match=r"found \d+ sizes, such as .*size="):
        ReadImages().fit(dataset[0])


@pytest.mark.parametrize("size", [4, np.int64(4), [4, 4], np.array([4, 4])])
def test_size_is_a_number_or_two(size, dataset):
    """A number is height and width, as in `Resize`; a list or an array may hold two."""
    reader = clone(ReadImages(size)).fit(dataset[0])

    assert reader.size_ == (4, 4)
    assert reader.transform(dataset[0]).shape == (20, 4, 4, 3)


def test_images_stay_images_whatever_the_output(dataset, tiny):
    """A pipeline that is told to give data frames works nevertheless."""
    X, y = dataset
    model = make_pipeline(ReadImages(8), tiny).set_output(transform="pandas")

    assert isinstance(model[:1].fit_transform(X), ImageFiles)
    assert model.fit(X, y).predict(X).shape == (20,)


def test_images_keep_the_index_of_their_paths(dataset):
    """Through training with broken files, prediction and any subset."""
    paths = pd.Series(dataset[0], index=range(100, 120))[::-1]
    reader = ReadImages(8, on_error="warn")

    assert_array_equal(reader.fit_transform(paths).index, range(119, 99, -1))
    assert reader.transform(paths[3:5]).index.tolist() == [116, 115]
    assert reader.transform(paths)[[4, 0, 0]].index.tolist() == [115, 119, 119]
    assert pickle.loads(pickle.dumps(reader.transform(paths)[:1])).index.tolist() == [
        119
    ]
    assert reader.transform(dataset[0]).index is None
    assert reader.transform(list(paths)).index is None


def test_features_of_read_images_are_named_and_indexed(dataset):
    """A frame of features is joined to the rows that they were read for."""
    X, _ = dataset
    frame = pd.DataFrame({"path": X, "row": np.arange(20)}, index=np.arange(20)[::-1])
    features = make_pipeline(ReadImages(8), ImageFunction(np.mean, axis=(0, 1)))
    joined = ColumnTransformer(
        [("image", features, "path"), ("table", "passthrough", ["row"])]
    ).set_output(transform="pandas")

    shuffled = joined.fit_transform(frame).loc[frame.index[::-1]]
    part = joined.transform(frame[5:9])

    assert shuffled.columns.tolist() == [
        *[f"image__imagefunction{channel}" for channel in range(3)],
        "table__row",
    ]
    means = np.asarray(ReadImages(8).fit_transform(X)).mean(axis=(1, 2))
    assert_array_equal(shuffled["table__row"], np.arange(20)[::-1])
    np.testing.assert_allclose(shuffled.iloc[:, :3], means[::-1])
    np.testing.assert_allclose(part.iloc[:, :3], means[5:9])
    assert part["table__row"].tolist() == [5, 6, 7, 8]


def damage(paths, rows=(2, 3, 5, 7)):
    """Cut files short, or empty them."""
    for row in rows:
        content = Path(paths[row]).read_bytes()
        Path(paths[row]).write_bytes(content[: len(content) // 2 if row % 2 else 0])


def test_broken_file_is_an_error(dataset):
    """By default the first broken file stops the training, by its name."""
    X, y = dataset
    damage(X)

    with pytest.raises(ValueError, match=r"02\.gif.*it is empty.*find_bad_images"):
        make_pipeline(ReadImages((8, 8)), MeanClassifier()).fit(X, y)


@pytest.mark.parametrize("cache", [None, "memory"])
def test_broken_files_are_left_out_of_fit(dataset, cache):
    """One warning counts and names them, and the rows stay where they are."""
    X, y = dataset
    damage(X)
    reader = ReadImages((8, 8), aspect="crop", on_error="warn", cache=cache)

    with pytest.warns(UserWarning, match=r"4 of 20 files.*02\.gif") as record:
        images = reader.fit_transform(X)
    with pytest.warns(UserWarning, match=r"4 of 20 files"):
        model = make_pipeline(reader, MeanClassifier()).fit(X, y)

    assert len(record) == 1
    assert images.bad_rows.tolist() == [2, 3, 5, 7]
    assert len(images) == 20
    assert images[3:6].bad_rows.tolist() == [0, 2]
    assert (model.predict(X[8:]) == y[8:]).all()
    with pytest.raises(ValueError, match=r"02\.gif"):
        model.predict(X)


def test_good_files_do_not_warn(dataset):
    """`on_error="warn"` is silent where nothing is wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        images = ReadImages((8, 8), on_error="warn").fit_transform(dataset[0])

    assert images.bad_rows.size == 0


def test_checked_files_warn_once_of_frames(tmp_path):
    """What the check has told is not told again while training."""
    frames = [Image.new("L", (8, 8), shade) for shade in (9, 99)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])

    with pytest.warns(UserWarning, match=r"several frames.*x\.gif"):
        images = ReadImages((8, 8), on_error="warn").fit_transform([tmp_path / "x.gif"])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.asarray(images).max() == 9


def test_nothing_but_broken_files(dataset):
    """There is nothing to leave out if nothing is left."""
    damage(dataset[0], range(20))

    with pytest.raises(ValueError, match=r"can't read any of 20 files.*00\.png"):
        ReadImages((8, 8), on_error="warn").fit_transform(dataset[0])


def test_scikit_learn_can_handle_it():
    """Parameters, copies and tags are those of any estimator."""
    reader = ReadImages((8, 8), color_mode="gray", n_jobs=2)

    assert clone(reader).get_params() == reader.get_params()
    assert reader.set_params(aspect="crop").aspect == "crop"
    assert repr(reader).startswith("ReadImages(aspect='crop', color_mode='gray'")
    tags = get_tags(reader).input_tags
    assert (tags.one_d_array, tags.two_d_array, tags.string) == (True, True, True)
    with pytest.raises(NotFittedError):
        reader.transform(["x.png"])


def test_fitted_reader_pickles(dataset):
    """A copy reads the same images."""
    X, _ = dataset
    reader = ReadImages((8, 8)).fit(X)

    copy = pickle.loads(pickle.dumps(reader))

    assert_array_equal(copy.transform(X), reader.transform(X))


@pytest.mark.parametrize(
    "options",
    [
        {"size": 0},
        {"size": True},
        {"size": (True, True)},
        {"size": np.array([4, 4, 4])},
        {"size": (8,)},
        {"size": (0, 8)},
        {"color_mode": "color"},
        {"aspect": "fill"},
        {"background": "red"},
        {"pad_value": "edge"},
        {"pad_value": np.nan},
        {"on_error": "ignore"},
        {"cache": True},
        {"n_jobs": 1.5},
        {"n_jobs": 0},
        {"n_jobs": "x"},
    ],
)
def test_wrong_options_are_named(options, dataset):
    """What can't be is refused in fit, with the name of the parameter."""
    with pytest.raises(
        ValueError, match=f"{next(iter(options))}.* ReadImages|ReadImages"
    ):
        ReadImages(**{"size": (8, 8), **options}).fit(dataset[0])


@pytest.mark.parametrize("X", ["x.png", [], np.zeros((2, 64)), [["x.png"]]])
def test_what_is_no_list_of_paths_is_refused(X):
    """Flat images have no height, and one path is no list."""
    with pytest.raises(ValueError, match="ReadImages"):
        ReadImages((8, 8)).fit(X)

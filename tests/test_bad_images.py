"""What is no images is refused with an error that names the mend."""

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.pipeline import make_pipeline

from sklcnn.preprocessing import ImageFunction

X = np.random.default_rng(0).random((12, 8, 8))
Y = np.arange(12) % 2


def changed(value, dtype=float):
    """Put a value into one pixel."""
    images = X.astype(dtype)
    images[0, 0, 0] = value
    return images


def scaled_down(image):
    """Bring pixels of 1e30 to 0 to 1."""
    return image / 1e30


class Stored:
    """An array as zarr, h5py and netCDF have it."""

    def __init__(self, array):
        self.array = array
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, rows):
        return self.array[rows]


def wide_range():
    """Make finite float32 pixels whose variance is too large for float32."""
    return (X * 2 - 1) * np.float32(3e38)


class Column:
    """A column of a data frame that is not of pandas."""

    def __init__(self, values):
        self.to_list = lambda: values
        self.shape = (len(values),)


class Pairs:
    """A dataset as torch has it."""

    def __len__(self):
        return 12

    def __getitem__(self, row):
        return X[row], Y[row]


class Folder(Pairs):
    """A dataset as torchvision makes it of a folder."""

    samples = (("a.png", 0),)


class OnlyArray:
    """What tells numpy its pixels, and nothing else."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


IMAGES = {
    "NaN": (changed(np.nan), "Input X contains NaN"),
    "infinity": (changed(np.inf), "Input X contains infinity"),
    "too large": (changed(1e300), "value too large for dtype..float32"),
    "squares too large": (changed(3e38, np.float32), "may be 1.8e.19 at most. Scale"),
    "variance too large": (wide_range(), "value too large.*Scale them"),
    "one dimension": (X[:, 0, 0], r"n_features\).*of shape \(12,\).*`X.reshape\(1, h"),
    "list of numbers": (X[:, 0, 0].tolist(), r"1 dimension, of shape \(12,\)"),
    "number": (3, "images as an array or a list. Got an object of type int"),
    "None": (None, "Got an object of type NoneType"),
    "dict": ({"images": X}, "Got an object of type dict"),
    "five dimensions": (X[..., None, None], "Got an array with 5 dimensions"),
    "ragged list": (
        [np.zeros((8, 8)), np.zeros((8, 9)), *X[2:]],
        r"images of one size. Found 2 sizes in X: \(8, 8\), \(8, 9\). Resize",
    ),
    "ragged objects": (
        np.array([np.zeros((8, 8)), np.zeros((9, 8))] * 6 + [None], dtype=object)[:-1],
        "images of one size. Found 2 sizes",
    ),
    "file names": (
        ["a.png"] * 12,
        "got strings, such as 'a.png'.*ReadImages.* in a pipeline",
    ),
    "file name": ("a.png", "got strings, such as 'a.png'"),
    "file names after an image": ([X[0], "a.png"], "such as 'a.png'"),
    "series of file names": (pd.Series(["a.png"] * 12), "such as 'a.png'"),
    "frame of file names": (pd.DataFrame({"file": ["a.png"] * 12}), "such as 'a.png'"),
    "frame of dates": (
        pd.DataFrame({"day": pd.to_datetime(["2020-01-01"] * 12)}),
        "Got a column 'day' of dtype datetime.*Drop it",
    ),
    "polars series of file names": (Column(["a.png"] * 12), "such as 'a.png'"),
    "strings with NA": (
        pd.Series([None, "a.png"] * 6, dtype="string"),
        "such as 'a.png'",
    ),
    "frame of strings with NA": (
        pd.DataFrame({"file": pd.Series([None, "a.png"] * 6, dtype="string")}),
        "such as 'a.png'",
    ),
    "frame of numbers as strings with NA": (
        pd.DataFrame({"a": pd.Series(["1", None] * 6, dtype="string")}),
        "Input X contains NaN: column 'a' of dtype str.* has no value in row 1",
    ),
    "frame of categories": (
        pd.DataFrame({"a": [1] * 12, "b": pd.Categorical(["x", "y"] * 6)}),
        "column 'b' of dtype category, whose categories are no numbers",
    ),
    "frame of categories with NA": (
        pd.DataFrame({"a": pd.Categorical([1, None] * 6)}),
        "Input X contains NaN: column 'a' of dtype category has no value in row 1",
    ),
    "masked": (np.ma.masked_less(X, X.max()), "767 pixels are masked.*`X.filled"),
    "list of masked": ([np.ma.masked_less(x, 0.5) for x in X], "got a masked array"),
    "masked flat": (np.ma.masked_less(X.reshape(12, 64), 0.5), "got a masked array"),
    "pairs": (list(zip(X, Y, strict=True)), "list of pairs.*give X and y apart"),
    "pairs of a name and a label": ([("a.png", 0)] * 12, "list of pairs"),
    "dataset": (Pairs(), "an object of type Pairs.*give X and y apart"),
    "image folder": (Folder(), "type Folder. Give `.path for path, label in X.samples"),
    "generator": ((x for x in X), "got a generator. Give it `list"),
    "None among images": ([*X[1:], None], "Got an object of type NoneType in X"),
    "palette": (
        [Image.fromarray(x).convert("L").quantize(4) for x in X],
        r"PIL image of mode 'P'.*`image.convert\('RGB'\)`",
    ),
    "gray and color": (
        [np.zeros((8, 8)), np.zeros((8, 8, 3))],
        r"Found 2 sizes.*same channels first",
    ),
    "two dtypes": (
        [X[0], np.zeros((8, 8), np.uint8)],
        "one dtype. Found float64, uint8",
    ),
    "strings": (X.astype(str), "expects numeric pixels and got strings"),
    "dates": (X.astype("datetime64[s]"), "numeric pixels. Got an array of dtype date"),
    "structured": (np.zeros((12, 8, 8), dtype=[("r", "f4")]), "Got an array of dtype"),
    "complex": (X.astype(complex), "Complex data not supported"),
    "no images": (X[:0], "0 sample"),
    "no pixels": (X[:, :0], "0"),
    "channels first": (
        np.zeros((12, 3, 8, 8)),
        r"looks channels-first. Move the channels to the end with `np.moveaxis",
    ),
    "channels first, gray": (np.zeros((12, 1, 8, 8)), "looks channels-first"),
    "channels first, tiny": (np.zeros((12, 3, 4, 4)), "looks channels-first"),
    "channels-first tensor": (torch.zeros(12, 3, 8, 8), "looks channels-first"),
}


@pytest.mark.parametrize("kind", IMAGES)
def test_bad_images_are_refused(tiny, kind):
    """What are no images is refused in fit, and leaves nothing fitted."""
    images, message = IMAGES[kind]

    with pytest.raises(ValueError, match=f"(?s){message}"):
        tiny.fit(images, Y)

    assert not tiny.__sklearn_is_fitted__()


@pytest.mark.parametrize(
    "kind", ["NaN", "infinity", "too large", "strings", "no images"]
)
def test_bad_images_are_refused_in_predict(tiny, kind):
    """What are no images is refused in predict."""
    images, message = IMAGES[kind]
    tiny.fit(X, Y)

    with pytest.raises(ValueError, match=f"(?s){message}"):
        tiny.predict(images)


@pytest.mark.parametrize(
    "shape", [(4, 8, 3), (4, 4, 4), (2, 2, 3), (1, 9, 1), (9, 8, 5)]
)
def test_small_images_are_not_taken_for_channels_first(tiny, shape):
    """A small first side alone is a height."""
    images = np.random.default_rng(0).random((12, *shape))

    assert tiny.fit(images, Y).image_shape_ == shape


def test_image_shape_settles_what_the_first_axis_is(tiny):
    """What looks channels-first is taken as it is where `image_shape` says so."""
    images = np.random.default_rng(0).random((12, 3, 4, 4))

    tiny.set_params(image_shape=(3, 4, 4)).fit(images, Y)

    assert tiny.image_shape_ == (3, 4, 4)


def test_masked_array_without_masked_pixels_is_an_array(tiny):
    """It is what a reader gives for files that could have gaps."""
    tiny.fit(np.ma.array(X), Y)

    assert_array_equal(tiny.predict_proba(np.ma.array(X)), tiny.predict_proba(X))


def test_masked_lazy_images_are_refused(tiny):
    """Readers of netCDF mask pixels as they are read."""
    images = Stored(np.ma.masked_less(X, 0.5))

    with pytest.raises(ValueError, match="Stored got a masked array"):
        tiny.fit(images, Y)


def test_object_that_is_only_an_array_to_numpy_is_images(tiny):
    """Of three dimensions as well as of two."""
    probabilities = tiny.fit(OnlyArray(X), Y).predict_proba(X)

    assert_array_equal(tiny.fit(X, Y).predict_proba(OnlyArray(X)), probabilities)


def test_lazy_pixels_whose_squares_are_too_large_are_named(tiny):
    """As those in memory, but by their row, when they are read."""
    images = Stored(changed(3e38, np.float32)[::-1])
    tiny.fit(X.astype(np.float32), Y)

    with pytest.raises(ValueError, match=r"row 11 of X .*squares .*beyond 1.8e"):
        tiny.predict(images)


def test_step_before_may_bring_pixels_into_range(tiny):
    """What is too large for a network is not too large to be scaled."""
    images = X * 1e30

    model = make_pipeline(ImageFunction(scaled_down), tiny).fit(images, Y)

    assert np.isfinite(model.predict_proba(images)).all()


SHAPES = {
    "contradiction": (
        (4, 16),
        X,
        r"image_shape=\(4, 16\), but X has shape \(12, 8, 8\)",
    ),
    "wrong product": ((3, 3), X.reshape(12, -1), "has 9 pixels, but X has 64 features"),
    "one number": ((64,), X, "'image_shape' parameter of CNNClassifier must be a seq"),
    "not whole": (
        (8.5, 8),
        X,
        "'image_shape' parameter of CNNClassifier must be a seq",
    ),
    "zero": ((0, 8), X, "'image_shape' parameter of CNNClassifier must be a seq"),
}


@pytest.mark.parametrize("kind", SHAPES)
def test_contradicting_image_shape_is_refused(tiny, kind):
    """`image_shape` has to be a shape, and that of X."""
    shape, images, message = SHAPES[kind]

    with pytest.raises(ValueError, match=message):
        tiny.set_params(image_shape=shape).fit(images, Y)


OTHER_IMAGES = {
    "other size": (np.zeros((2, 9, 9)), r"shape \(2, 9, 9\).*Bring images to one size"),
    "transposed": (np.zeros((2, 4, 16)), "Bring images to one size"),
    "other channels": (np.zeros((2, 8, 8, 3)), "Bring images to one size"),
    "single": (
        np.zeros((8, 8)),
        r"single image, add the sample axis: `X\[np.newaxis\]",
    ),
}


@pytest.mark.parametrize("kind", OTHER_IMAGES)
def test_images_unlike_those_in_fit_are_refused(tiny, kind):
    """Predicting on images of another shape is an error that names both."""
    images, message = OTHER_IMAGES[kind]
    tiny.fit(X, Y)

    with pytest.raises(
        ValueError, match=r"fitted on images of .*\(8, 8, 1\).*" + message
    ):
        tiny.predict(images)


def test_single_or_channels_first_color_image_is_refused(tiny):
    """A color image without its sample axis, or channels first, is named so."""
    tiny.fit(np.random.default_rng(0).random((12, 8, 9, 3)), Y)

    with pytest.raises(ValueError, match="add the sample axis"):
        tiny.predict(np.zeros((8, 9, 3)))
    with pytest.raises(ValueError, match="Move the channels to the end"):
        tiny.predict(np.zeros((2, 3, 8, 9)))

"""Lazy images are read where that is meant, and nowhere else."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.testing import assert_array_equal
from PIL import Image

from sklcnn.augmentation import RandomFlip
from sklcnn.images import AugmentedImages, ImageFiles
from sklcnn.images._mapped import MappedImages, RowsOf

PIXELS = np.random.default_rng(0).integers(0, 256, (7, 2, 3), dtype=np.uint8)
INDEX = pd.Index([*"abcdefg"])
BAD = np.array([1, 4])

OPERATIONS = {
    "divide": lambda X: X / 255,
    "multiply": lambda X: 1.0 * X,
    "subtract": lambda X: X - X,
    "negate": lambda X: -X,
    "numpy scalar": lambda X: np.float32(2) * X,
    "array": lambda X: np.ones(X.shape) + X,
    "tensor": lambda X: torch.ones(X.shape) / X,
    "compare": lambda X: X > 0.5,
    "ufunc": np.sqrt,
    "reduce": np.add.reduce,
}


def lazy_images():
    """Make images that are augmented."""
    return RandomFlip().fit_transform(np.random.default_rng(0).random((6, 8, 8)))


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_arithmetic_raises(operation):
    """It would freeze one draw, or none, without a word; the message has the mend."""
    mend = (
        "AugmentedImages takes no arithmetic.* before the augmentation, .* `np.asarray"
    )

    with pytest.raises(TypeError, match=mend):
        operation(lazy_images())


def test_arithmetic_in_place_raises():
    """The name still stands for the images then."""
    images = lazy_images()

    with pytest.raises(TypeError, match="takes no arithmetic"):
        images /= 255

    assert images.shape == (6, 8, 8)


def test_equality_is_identity():
    """scikit-learn compares what it is given with strings and None."""
    images, others = lazy_images(), lazy_images()

    assert images in [None, "passthrough", images]
    assert images not in [None, "passthrough", others]


def invert(images):
    """Map each pixel to another."""
    return 255 - images


@pytest.fixture(scope="module")
def lazy(tmp_path_factory):
    """Give the same images by every lazy class, and as an array."""
    folder = tmp_path_factory.mktemp("images")
    paths = [str(folder / f"{row}.png") for row in range(len(PIXELS))]
    for path, image in zip(paths, PIXELS, strict=True):
        Image.fromarray(image).save(path)
    files = ImageFiles(
        pd.Series(paths, INDEX), (2, 3), color_mode="gray", cache="memory", bad_rows=BAD
    )
    return {
        "files": files,
        "rows": RowsOf(PIXELS, np.arange(7), INDEX),
        "augmented": AugmentedImages(files, (RandomFlip(),)),
        "mapped": MappedImages(
            MappedImages(files, invert, shape=(2, 3), dtype=np.uint8),
            invert,
            shape=(2, 3),
            dtype=np.uint8,
        ),
    }


def keys(n_rows):
    """Make keys of an array with so many rows, some of them out of its bounds."""
    positions = st.integers(-n_rows - 1, n_rows)
    lists = st.lists(positions, max_size=9)
    rows = st.one_of(
        positions,
        st.slices(n_rows),
        lists,
        lists.map(lambda rows: np.array(rows, dtype=int)),
        arrays.arrays(bool, n_rows),
        arrays.arrays(bool, n_rows).map(np.ndarray.tolist),
        st.just(Ellipsis),
    )
    rest = st.lists(st.sampled_from([Ellipsis, slice(None)]), max_size=4).map(tuple)
    return st.one_of(rows, st.tuples(rows, rest).map(lambda key: (key[0], *key[1])))


def outcome(images, key):
    """Index images, or give the kind of the error."""
    try:
        return images[key]
    except IndexError:
        return IndexError


def assert_alike(actual, expected):
    """Check that both are the same images, or both out of bounds."""
    if expected is IndexError:
        assert actual is IndexError
    else:
        assert len(actual) == len(expected)
        assert_array_equal(np.asarray(actual), expected)


@pytest.mark.parametrize("kind", ["files", "rows", "mapped", "augmented"])
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_lazy_images_are_indexed_as_arrays_are(lazy, kind, data):
    """Any key gives what it gives of an array, and so does a key of what came out."""
    key = data.draw(keys(7))
    expected, actual = outcome(PIXELS, key), outcome(lazy[kind], key)
    assert_alike(actual, expected)

    if expected is not IndexError and expected.ndim == 3 and len(expected):
        key = data.draw(keys(len(expected)))
        assert_alike(outcome(actual, key), outcome(expected, key))


@pytest.mark.parametrize("kind", ["files", "mapped", "augmented"])
@settings(max_examples=40, deadline=None, derandomize=True)
@given(rows=st.lists(st.integers(0, 6), min_size=1, max_size=9))
def test_what_is_known_of_rows_goes_with_them(lazy, kind, rows):
    """Which are broken, and what they are called."""
    subset = lazy[kind][rows]

    assert_array_equal(subset.bad_rows, np.flatnonzero(np.isin(rows, BAD)))
    assert subset.index.tolist() == INDEX[rows].tolist()


@pytest.mark.parametrize(
    "key",
    [
        (0, 1),
        (slice(None), [0, 1]),
        (slice(None), np.array([True, False])),
        (Ellipsis, 0),
        (0, None),
        None,
        [[0, 1], [1, 0]],
        np.newaxis,
    ],
)
def test_other_axes_are_not_indexed(lazy, key):
    """The message has the mend."""
    with pytest.raises(IndexError, match=r"first axis only.* `np.asarray\(images\)"):
        lazy["mapped"][key]

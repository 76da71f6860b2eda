"""Functions on top of lazy images."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklcnn.images._lazy import LazyImages
from sklcnn.images._mapped import MappedImages, read_rows


class IncreasingOnly:
    """An array on a disk: like h5py, it takes no index but an increasing one."""

    def __init__(self, array):
        self.array = array
        self.shape, self.dtype = array.shape, array.dtype
        self.n_read = 0

    def __getitem__(self, rows):
        assert np.all(np.diff(rows) > 0)
        self.n_read += len(rows)
        return self.array[rows]


def darken(images):
    """Halve the values of the pixels."""
    return images / 2


@pytest.fixture
def pixels():
    """Ten images that differ."""
    return np.arange(10 * 3 * 4, dtype=np.uint8).reshape(10, 3, 4)


def mapped_over(images):
    """Darken lazy images."""
    return MappedImages(images, darken, shape=(3, 4), dtype=np.float64)


def test_mapped_images_read_what_the_function_gives(pixels):
    """Reading all of it is the function of all of it."""
    mapped = mapped_over(IncreasingOnly(pixels))

    assert mapped.shape == (10, 3, 4)
    assert mapped.dtype == np.float64
    assert_array_equal(np.asarray(mapped), pixels / 2)


@pytest.mark.parametrize("key", [[7, 2, 2], slice(1, 9, 3), np.arange(10) % 2 == 0])
def test_subset_stays_lazy_and_reads_its_rows_only(pixels, key):
    """Indexing reads nothing, whatever the base, and then no more than it has to."""
    base = IncreasingOnly(pixels)

    subset = mapped_over(base)[key]

    assert isinstance(subset, MappedImages)
    assert base.n_read == 0
    assert_array_equal(np.asarray(subset[::-1]), pixels[key][::-1] / 2)
    assert base.n_read == len(np.unique(np.arange(10)[key]))


def test_functions_add_up(pixels):
    """Mapped images are lazy images and can be mapped again."""
    twice = mapped_over(mapped_over(IncreasingOnly(pixels)))

    assert_array_equal(twice[3], pixels[3] / 4)
    assert isinstance(twice[:3], LazyImages)


def test_no_rows_are_no_images(pixels):
    """An empty subset has the shape and the dtype of the others."""
    empty = np.asarray(mapped_over(IncreasingOnly(pixels))[:0])

    assert empty.shape == (0, 3, 4)
    assert empty.dtype == np.float64


def test_mapped_images_can_be_pickled(pixels):
    """Parallel searches send them to their workers."""
    mapped = mapped_over(IncreasingOnly(pixels))[2:5]

    assert_array_equal(np.asarray(pickle.loads(pickle.dumps(mapped))), pixels[2:5] / 2)


def test_rows_of_a_foreign_array_are_read_in_their_order(pixels):
    """Rows may come twice and in any order."""
    rows = np.array([5, 1, 5, 0])

    assert_array_equal(read_rows(IncreasingOnly(pixels), rows), pixels[rows])

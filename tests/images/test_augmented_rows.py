"""Draws follow their images into subsets, other orders, and samples with repeats."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.utils import resample

from sklcnn.augmentation import RandomBrightness, RandomErasing, RandomRotation
from sklcnn.images import AugmentedImages
from sklcnn.images._random import number_repeats

N = 9
quickly = settings(deadline=None, max_examples=25, derandomize=True, database=None)
row = st.integers(0, N - 1)


def augmented_images():
    """Make images that differ, in a range that does not depend on the subset."""
    X = np.random.default_rng(0).random((N, 5, 6))
    X[:, 0, :2] = 0, 1
    for step in (RandomRotation(30), RandomBrightness(), RandomErasing()):
        X = clone(step).fit_transform(X)
    return X


@quickly
@given(st.lists(row, min_size=1, unique=True), st.integers(0, 5), st.integers(0, 5))
def test_subsets_and_permutations_keep_their_draws(rows, epoch, seed):
    """Whatever the order, epoch and seed."""
    augmented = augmented_images()

    drawn = augmented[rows].draw(epoch=epoch, seed=seed)

    assert_array_equal(drawn, augmented.draw(epoch=epoch, seed=seed)[rows])


@quickly
@given(st.lists(row, min_size=1))
def test_repeats_are_drawn_each_in_a_way_of_its_own(rows):
    """The first occurrence is drawn as in the whole; no two rows are drawn alike."""
    augmented = augmented_images()

    drawn = augmented[rows].draw()

    _, firsts = np.unique(rows, return_index=True)
    assert_array_equal(drawn[firsts], augmented.draw()[np.array(rows)[firsts]])
    assert len({image.tobytes() for image in drawn}) == len(rows)


@quickly
@given(st.data())
def test_samples_of_samples_keep_their_draws(data):
    """Subsets of an oversampled set have its draws, also those of repeats."""
    sample = augmented_images()[data.draw(st.lists(row, min_size=1))]
    places = st.integers(0, len(sample) - 1)
    subset = data.draw(st.lists(places, min_size=1, unique=True))
    again = data.draw(st.lists(places, min_size=1))

    drawn, resampled = sample[subset].draw(), sample[again].draw()

    assert_array_equal(drawn, sample.draw()[subset])
    _, firsts = np.unique(again, return_index=True)
    assert_array_equal(resampled[firsts], sample.draw()[np.array(again)[firsts]])
    assert len({image.tobytes() for image in resampled}) == len(again)


def test_bootstrap_samples_are_drawn_differently():
    """As the resampling of scikit-learn picks them."""
    sample = resample(augmented_images(), n_samples=40, random_state=0)

    drawn = sample.draw()

    assert isinstance(sample, AugmentedImages)
    assert len(np.unique(np.asarray(sample), axis=0)) <= N
    assert len(np.unique(drawn, axis=0)) == 40


def test_rows_that_are_given_twice_are_drawn_differently():
    """Also where the numbers of images are given by hand."""
    images = np.random.default_rng(0).random((1, 5, 6)).repeat(3, axis=0)

    drawn = AugmentedImages(images, [RandomRotation(90)], rows=np.array([7, 7, 8]))

    assert len(np.unique(drawn.draw(), axis=0)) == 3


@quickly
@given(st.lists(st.integers(0, 3), max_size=30), st.lists(row, max_size=30))
def test_numbers_of_repeats_are_all_different(rows, picked):
    """Also where numbers that were given to repeats are repeated."""
    numbered = number_repeats(np.array(rows, dtype=int))
    places = np.array([place for place in picked if place < len(rows)], dtype=int)

    again = number_repeats(numbered[places])

    assert len(set(numbered)) == len(rows)
    assert len(set(again)) == len(places)
    assert (numbered >= 0).all()
    assert (again >= 0).all()


@pytest.mark.parametrize(
    ("key", "is_view"),
    [
        (slice(None, 4), True),
        (slice(1, None, 3), True),
        (np.arange(2, 6), True),
        (np.arange(N) > 3, True),
        ([1, 2, 4], False),
        (slice(None, None, -1), False),
    ],
    ids=["half", "every third", "range", "mask", "uneven", "backwards"],
)
def test_evenly_spaced_rows_are_a_view(tmp_path, key, is_view):
    """Half of a memory map is not copied, as numpy does not copy it."""
    images = np.memmap(tmp_path / "images", np.uint8, "w+", shape=(N, 4, 4))
    images[:] = np.random.default_rng(0).integers(0, 256, images.shape)
    augmented = RandomRotation().fit_transform(images)

    subset = augmented[key]

    assert np.shares_memory(subset.images, images) == is_view
    assert_array_equal(np.asarray(subset), images[key])
    assert_array_equal(subset.draw(), augmented.draw()[key])

"""Numbers depend on their counters only, and look random."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from sklcnn.images._random import RowRandom, normal_pixels, uniform_pixels

N = 10_000


def test_a_number_depends_on_its_row_and_not_on_the_others():
    """Any selection of rows, in any order, gets the numbers of its rows."""
    rows = np.array([7, 3, 3, 9_000])

    few, all_rows = RowRandom(rows, 1, 2, 3), RowRandom(np.arange(N), 1, 2, 3)

    for _ in range(3):
        assert_array_equal(few.uniform(), all_rows.uniform()[rows])


@pytest.mark.parametrize("position", range(3))
def test_every_counter_makes_new_numbers(position):
    """Another seed, epoch or step, even by one, is unrelated."""
    counters = np.array([5, 6, 7])
    numbers = RowRandom(np.arange(N), *counters).uniform()
    counters[position] += 1

    others = RowRandom(np.arange(N), *counters).uniform()

    assert abs(np.corrcoef(numbers, others)[0, 1]) < 0.04


def test_counters_do_not_change_places():
    """Epoch 1 of seed 2 is not epoch 2 of seed 1."""
    numbers = RowRandom(np.arange(5), 1, 2).uniform()

    assert not np.isin(numbers, RowRandom(np.arange(5), 2, 1).uniform()).any()


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1, 2**63])
def test_numbers_are_uniform_and_unrelated_from_row_to_row(seed):
    """Kolmogorov and Smirnov, and the correlation of neighbors, find nothing."""
    random = RowRandom(np.arange(N), seed, 0, 0)

    first, second = random.uniform(), random.uniform()

    for numbers in (first, second):
        assert stats.kstest(numbers, "uniform").pvalue > 1e-3
        assert abs(np.corrcoef(numbers[1:], numbers[:-1])[0, 1]) < 0.04
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.04


def test_whole_numbers_include_both_ends():
    """Each is drawn as often as the others."""
    numbers = RowRandom(np.arange(N), 0).integers(-2, 2)

    values, counts = np.unique(numbers, return_counts=True)

    assert_array_equal(values, [-2, -1, 0, 1, 2])
    assert stats.chisquare(counts).pvalue > 1e-3


def test_pixels_are_normal_and_unrelated():
    """Moments, shape and correlation with the neighbors of 1.3 million numbers."""
    keys = RowRandom(np.arange(200), 0).pixel_keys()

    noise = normal_pixels(keys, torch.empty(200, 40, 40, 4)).numpy()

    assert stats.kstest(noise[:10].ravel(), "norm").pvalue > 1e-3
    assert abs(noise.mean()) < 0.004
    assert abs(noise.std() - 1) < 0.004
    assert abs(stats.kurtosis(noise, axis=None)) < 0.02
    for axis in range(4):
        ahead, behind = (
            np.moveaxis(noise, axis, 0)[1:],
            np.moveaxis(noise, axis, 0)[:-1],
        )
        assert abs((ahead * behind).mean()) < 0.006


def test_pixels_are_finite_at_the_ends_of_the_range():
    """The greatest and least numbers stay inside -1 to 1 in float32."""
    keys = np.arange(-(2**31), 2**31 - 1, 2**16, dtype=np.int64).astype(np.int32)

    numbers = uniform_pixels(keys, torch.empty(len(keys), 4, 4, 1))

    assert -1 < numbers.min() < -0.9999
    assert 0.9999 < numbers.max() < 1
    assert torch.isfinite(torch.erfinv(numbers.new_tensor([1 - 2.0**-24]))).all()


@pytest.mark.parametrize("n_images", [1, 3, 50])
def test_pixels_do_not_depend_on_the_batch(n_images):
    """Chunks and batches change nothing, single precision rounds only."""
    keys = RowRandom(np.arange(50), 0).pixel_keys()
    all_images = normal_pixels(keys, torch.empty(50, 30, 30, 3))

    few = normal_pixels(keys[-n_images:], torch.empty(n_images, 30, 30, 3))
    exact = normal_pixels(keys, torch.empty(50, 30, 30, 3, dtype=torch.float64))

    assert_array_equal(few, all_images[-n_images:])
    assert_allclose(all_images, exact, rtol=1e-5, atol=1e-6)

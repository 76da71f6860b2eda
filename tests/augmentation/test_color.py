"""Colors change as the parameters say."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from skimage.exposure import adjust_gamma

from sklcnn.augmentation import (
    ImageFormat,
    RandomBrightness,
    RandomContrast,
    RandomGamma,
    RandomSaturation,
    RowRandom,
)

N = 10_000


def drawn_stage(step, pixel_range=(0, 1)):
    """Draw 10,000 times."""
    image_format = ImageFormat((5, 5, 3), pixel_range)
    return step.draw_stage(RowRandom(np.arange(N), 0, 0, 0), image_format)


def assert_uniform(numbers, low, high):
    """Compare with the uniform distribution."""
    assert stats.kstest(numbers, stats.uniform(low, high - low).cdf).pvalue > 1e-3


def test_what_is_drawn_matches_the_parameters():
    """Kolmogorov and Smirnov find no difference."""
    brighter = drawn_stage(RandomBrightness(), (0, 10)).matrices[:, 0, 3]
    pair = drawn_stage(RandomBrightness(brightness=(0, 0.1))).matrices[:, 1, 3]
    contrasts = drawn_stage(RandomContrast(contrast=(0.5, 2))).matrices[:, 1, 1]
    saturated = drawn_stage(RandomSaturation(saturation=(0, 2))).matrices
    powers = drawn_stage(RandomGamma(gamma=(0.5, 2))).powers

    assert_uniform(brighter, -2, 2)
    assert_uniform(pair, 0, 0.1)
    assert_uniform(np.log2(contrasts), -1, 1)
    assert_uniform(saturated[:, 0, 0] - saturated[:, 1, 0], 0, 2)
    assert_uniform(np.log2(powers), -1, 1)


@pytest.mark.parametrize(
    "step", [RandomBrightness(), RandomContrast(), RandomSaturation()]
)
def test_colors_change_as_often_as_they_should(step):
    """A third of the images, for a probability of a third."""
    matrices = drawn_stage(step.set_params(p=1 / 3)).matrices

    changed = (matrices != np.eye(4)).any(axis=(1, 2))

    assert stats.binomtest(changed.sum(), N, 1 / 3).pvalue > 1e-3


def test_gamma_equals_scikit_image():
    """For images between 0 and 1."""
    X = np.random.default_rng(0).random((2, 5, 5, 3))

    drawn = RandomGamma(gamma=(1.7, 1.7)).fit_transform(X).draw()

    assert_allclose(drawn, adjust_gamma(X, 1.7))


def test_contrast_keeps_the_middle_of_the_range():
    """Of 0 to 255, where pixels are such numbers."""
    X = np.array([[[0.0, 100.0], [127.5, 255.0]]])

    drawn = RandomContrast(contrast=(0.5, 0.5)).fit_transform(X).draw()

    assert_allclose(drawn, 127.5 + (X - 127.5) / 2)

"""Detail is taken away as the parameters say."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from skimage.filters import gaussian

from sklcnn.augmentation import (
    ImageFormat,
    RandomBlur,
    RandomErasing,
    RandomNoise,
    RowRandom,
)

N = 10_000


def drawn_stage(step, image_shape=(100, 100, 1), pixel_range=(0, 1)):
    """Draw 10,000 times."""
    image_format = ImageFormat(image_shape, pixel_range)
    return step.draw_stage(RowRandom(np.arange(N), 0, 0, 0), image_format)


def test_noise_is_a_fraction_of_the_range():
    """A number is the standard deviation itself, a pair a range of it."""
    same = drawn_stage(RandomNoise(std=0.1), pixel_range=(0, 255)).amplitudes
    drawn = drawn_stage(RandomNoise(std=(0.1, 0.3)), pixel_range=(-1, 1)).amplitudes

    assert_allclose(same, 25.5)
    assert stats.kstest(drawn, stats.uniform(0.2, 0.4).cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("step", "name"), [(RandomNoise(), "amplitudes"), (RandomBlur(), "sigmas")]
)
def test_steps_happen_as_often_as_they_should(step, name):
    """A third of the images, for a probability of a third."""
    strengths = getattr(drawn_stage(step.set_params(p=1 / 3)), name)

    assert stats.binomtest((strengths > 0).sum(), N, 1 / 3).pvalue > 1e-3


def test_boxes_have_the_area_and_ratio_they_should():
    """Inside the image, and as often as they should be."""
    step = RandomErasing(area=(0.04, 0.16), ratio=(0.5, 2.0), p=0.4)

    top, bottom, left, right = drawn_stage(step).boxes.T

    happens = bottom > top
    heights, widths = (bottom - top)[happens], (right - left)[happens]
    assert stats.binomtest(happens.sum(), N, 0.4).pvalue > 1e-3
    assert top.min() == left.min() == 0
    assert max(bottom.max(), right.max()) == 100
    assert_allclose((heights * widths).min(), 400, rtol=0.05)
    assert_allclose((heights * widths).max(), 1600, rtol=0.05)
    assert_allclose(np.median(heights * widths), 1000, rtol=0.05)
    assert_allclose(np.median(heights / widths), 1, rtol=0.05)


def test_boxes_fit_into_narrow_images():
    """What would be higher than the image is cut."""
    boxes = drawn_stage(RandomErasing(area=(0.5, 1.0), p=1.0), (1, 30, 1)).boxes

    assert (boxes[:, 0] == 0).all()
    assert (boxes[:, 1] == 1).all()
    assert boxes[:, 3].max() <= 30


def test_no_area_is_painted_nowhere():
    """Small areas are at least a pixel, and none is none."""
    X = np.ones((20, 8, 8))

    nothing = RandomErasing(area=(0, 0), p=1.0).fit_transform(X).draw()
    little = RandomErasing(area=(1e-6, 1e-6), p=1.0).fit_transform(X).draw()

    assert_allclose(nothing, X)
    assert_allclose(little.sum(axis=(1, 2)), 63)


def test_blur_equals_scikit_image():
    """For uint8, to one gray level."""
    X = np.random.default_rng(0).integers(0, 256, (2, 9, 9, 3), dtype=np.uint8)

    drawn = RandomBlur(sigma=(1.2, 1.2), p=1.0).fit_transform(X).draw()

    for image, blurred in zip(X, drawn, strict=True):
        expected = gaussian(image, 1.2, channel_axis=2) * 255
        assert_allclose(blurred, expected, atol=0.6)

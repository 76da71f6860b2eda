"""Neighbors are done at once, and what is done equals scikit-image."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from skimage.filters import gaussian

from sklcnn.augmentation._stages import Blur, Erase, Gamma, Noise, Recolor, Warp
from sklcnn.images._matrices import (
    about_center,
    brightness,
    contrast,
    identities,
    rotation,
    saturation,
    scaling,
)
from sklcnn.images._warp import warp_array

ROWS = np.arange(4)


def test_warps_multiply_into_one():
    """The same as one warp by the product, also on an image that is not square."""
    images = torch.rand(4, 9, 14, 2, dtype=torch.float64)
    turned = Warp(rotation(np.linspace(0, 1, 4)), 1, ("edge", 0.0))
    larger = Warp(scaling(np.full(4, 1.3), np.full(4, 1.3)), 1, ("edge", 0.0))

    both = turned.then(larger)

    matrices = about_center(turned.matrices @ larger.matrices, 9, 14)
    expected = warp_array(images.numpy(), matrices, mode="edge")
    assert_allclose(both(images, ROWS), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((None, None), (None, None), (None, None)),
        ((None, None), (1, ("edge", 0)), (1, ("edge", 0))),
        ((1, ("edge", 0)), (None, ("edge", 0)), (1, ("edge", 0))),
        ((1, ("edge", 0)), (0, ("edge", 0)), None),
        ((1, ("edge", 0)), (1, ("constant", 0)), None),
        ((None, ("constant", 0)), (None, ("constant", 1)), None),
    ],
)
def test_warps_that_disagree_stay_apart(first, second, expected):
    """Whole-pixel moves go with any order, mirroring with any border."""
    first, second = (Warp(identities(4), *settings) for settings in (first, second))

    both = first.then(second)

    assert (both and (both.order, both.border)) == expected


def test_stages_of_other_kinds_stay_apart():
    """Their order matters, so each is done in its place."""
    recolor = Recolor(brightness(np.zeros(4), 1), (0, 1))

    assert Warp(identities(4)).then(recolor) is None
    assert recolor.then(Warp(identities(4))) is None
    assert Gamma(np.ones(4), (0, 1)).then(Gamma(np.ones(4), (0, 1))) is None


@pytest.mark.parametrize("n_channels", [1, 3, 4])
def test_colors_multiply_into_one(n_channels):
    """First and then second, with matrices written out pixel by pixel."""
    factors = np.linspace(0.5, 1.5, 4)
    images = torch.rand(4, 5, 6, n_channels, dtype=torch.float64)
    first = Recolor(contrast(factors, 0.5, n_channels), (-9, 9))
    second = Recolor(saturation(factors, n_channels), (-9, 9))

    actual = first.then(second)(images, ROWS)

    ones = np.ones((4, 5, 6, 1))
    colors = np.concatenate([images, ones], axis=3)
    matrices = second.matrices @ first.matrices
    expected = np.einsum("nij,nhwj->nhwi", matrices, colors)
    assert_allclose(actual, expected[..., :-1], atol=1e-12)


def test_colors_keep_to_the_range_of_training():
    """Whatever that is."""
    images = torch.rand(4, 5, 6, 1) * 100

    actual = Recolor(brightness(np.full(4, 60), 1), (0, 100))(images, ROWS)

    assert_allclose(actual, (images + 60).clamp(0, 100))


def test_gamma_counts_the_range_as_0_to_1():
    """The ends stay where they are."""
    images = torch.tensor([-10.0, 0, 10]).reshape(1, 1, 3, 1)

    actual = Gamma(np.array([2.0]), (-10, 10))(images, [0])

    assert_allclose(actual.flatten(), [-10, -5, 10])


def test_gamma_leaves_images_of_one_color():
    """A range of one value has no middle tones."""
    images = torch.ones(4, 3, 3, 1)

    assert Gamma(np.full(4, 2.0), (1, 1))(images, ROWS) is images


@pytest.mark.parametrize("shape", [(9, 9, 1), (1, 12, 3), (4, 20, 2)])
def test_blur_equals_scikit_image(shape):
    """Sigma by sigma, where the Gaussian is wider than the image, too."""
    sigmas = np.array([0.0, 0.1, 0.7, 2.3])
    images = torch.rand(4, *shape, dtype=torch.float64)

    actual = Blur(sigmas, radius=9)(images, ROWS)

    for image, blurred, sigma in zip(images.numpy(), actual, sigmas, strict=True):
        expected = gaussian(image, sigma, channel_axis=2) if sigma else image
        assert_allclose(blurred, expected, atol=1e-6)


def test_noise_is_as_strong_as_it_says():
    """Image by image; none is none, bit for bit."""
    images = torch.full((4, 40, 40, 3), 0.5)
    amplitudes = np.array([0, 0.01, 0.02, 0.05])

    actual = Noise(amplitudes, np.arange(4, dtype=np.int32), (0, 1))(images, ROWS)

    assert_allclose(actual.std(dim=(1, 2, 3)), amplitudes, rtol=0.05)
    assert torch.equal(actual[0], images[0])


@pytest.mark.parametrize("value", [0.25, "random"])
def test_erasing_paints_the_box_and_nothing_else(value):
    """The box is given as (top, bottom, left, right)."""
    images = torch.full((1, 6, 7, 2), 9.0)
    boxes = np.array([[1, 4, 2, 7]])

    actual = Erase(boxes, np.zeros(1, np.int32), value, (0, 1))(images, [0])

    inside = torch.zeros(1, 6, 7, 2, dtype=torch.bool)
    inside[:, 1:4, 2:7] = True
    assert torch.equal(actual[~inside], images[~inside])
    if value == "random":
        assert ((actual[inside] >= 0) & (actual[inside] <= 1)).all()
        assert len(actual[inside].unique()) == 30
    else:
        assert (actual[inside] == value).all()

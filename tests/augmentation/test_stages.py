"""Neighbors are done at once, and what is done equals scikit-image."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from skimage.filters import gaussian

from sklcnn.augmentation import Pixelwise, Recolor, Warp
from sklcnn.augmentation._stages import Blur, Erase, Gamma, Noise
from sklcnn.images._matrices import (
    brightness,
    contrast,
    identities,
    rotation,
    saturation,
    scaling,
)
from tests._warping import warp_array

ROWS = np.arange(4)


class OnlyIndexed:
    """Parameters of very many images, of which only some are ever read."""

    def __init__(self, values):
        self.values = values

    def __getitem__(self, key):
        return self.values[key]


@pytest.mark.parametrize(
    "make_stage",
    [
        lambda wrap: Warp(wrap(rotation(ROWS * 0.1)), 1, "edge"),
        lambda wrap: Recolor(wrap(saturation(ROWS * 0.5, 3)), (0, 1)),
        lambda wrap: Gamma(wrap(ROWS + 1.0), (0, 1)),
        lambda wrap: Noise(wrap(ROWS * 0.1), wrap(ROWS.astype(np.int32)), (0, 1)),
        lambda wrap: Blur(wrap(ROWS * 0.5), radius=3),
        lambda wrap: Erase(wrap(np.tile([0, 2, 0, 2], (4, 1))), 0.5),
        lambda wrap: Pixelwise(torch.multiply, wrap(ROWS * 0.5)),
    ],
    ids=["warp", "recolor", "gamma", "noise", "blur", "erase", "pixelwise"],
)
def test_a_batch_costs_the_same_for_any_number_of_images(make_stage):
    """A stage indexes the parameters of all images, and does nothing else with them."""
    batch = torch.rand(2, 5, 6, 3, generator=torch.Generator().manual_seed(0))
    rows = np.array([3, 1])

    actual = make_stage(OnlyIndexed)(batch, rows)

    assert torch.equal(actual, make_stage(np.asarray)(batch, rows))
    assert not torch.equal(actual, batch)


def test_warps_multiply_into_one():
    """The same as one warp by the product, also on an image that is not square."""
    images = torch.rand(4, 9, 14, 2, dtype=torch.float64)
    turned = Warp(rotation(np.linspace(0, 1, 4)), 1, "edge")
    larger = Warp(scaling(np.full(4, 1.3), np.full(4, 1.3)), 1, "edge")

    both = turned.then(larger)

    matrices = turned.matrices @ larger.matrices
    expected = warp_array(images.numpy(), matrices, mode="edge")
    assert_allclose(both(images, ROWS), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((None,), (None,), (None, None, 0)),
        ((None,), (1, "edge"), (1, "edge", 0)),
        ((1, "edge"), (None, "edge", 5), (1, "edge", 0)),
        ((1, "edge"), (0, "edge"), None),
        ((1, "edge"), (1, "constant"), None),
        ((1, "constant", 2), (1, "constant", 2), (1, "constant", 2)),
        ((None, "constant", 0), (None, "constant", 1), None),
    ],
)
def test_warps_that_disagree_stay_apart(first, second, expected):
    """Whole-pixel moves go with any order, mirroring with any border."""
    first, second = (Warp(identities(4), *settings) for settings in (first, second))

    both = first.then(second)

    assert (both and (both.order, both.mode, both.cval)) == expected


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


@pytest.mark.parametrize("rows", [[0], [1], [1, 0], [2, 3, 1, 0]])
def test_colors_that_some_images_mix_change_no_others(rows):
    """Whatever images are in the batch, each is mixed by its own matrix."""
    matrices = saturation(np.array([1.0, 0.5, 1.0, 0.0]), 3)
    images = torch.rand(4, 5, 6, 3)
    stage = Recolor(matrices, (0, 1))

    whole = stage(images, ROWS)

    assert torch.equal(stage(images[rows], np.array(rows)), whole[rows])


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


@pytest.mark.parametrize("is_random", [False, True])
def test_erasing_paints_the_box_and_nothing_else(is_random):
    """The box is given as (top, bottom, left, right)."""
    images = torch.full((1, 6, 7, 2), 9.0)
    boxes = np.array([[1, 4, 2, 7]])

    fill = {"keys": np.zeros(1, np.int32)} if is_random else {"value": 0.25}
    actual = Erase(boxes, **fill)(images, [0])

    inside = torch.zeros(1, 6, 7, 2, dtype=torch.bool)
    inside[:, 1:4, 2:7] = True
    assert torch.equal(actual[~inside], images[~inside])
    if is_random:
        assert ((actual[inside] >= 0) & (actual[inside] <= 1)).all()
        assert len(actual[inside].unique()) == 30
    else:
        assert (actual[inside] == 0.25).all()

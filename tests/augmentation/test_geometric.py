"""What is drawn is what the parameters say, and looks like what the names say."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from skimage.transform import rescale, rotate

from sklcnn.augmentation import (
    ImageFormat,
    RandomCrop,
    RandomFlip,
    RandomPerspective,
    RandomRotation,
    RandomScale,
    RandomShear,
    RandomTranslation,
    RowRandom,
)
from sklcnn.images._warp import PADDING_MODES

N = 10_000


def drawn_matrices(step, image_shape=(20, 30, 3)):
    """Draw 10,000 times."""
    random = RowRandom(np.arange(N), 0, 0, 0)
    return step.draw_stage(random, ImageFormat(image_shape)).matrices


def assert_uniform(numbers, low, high):
    """Compare with the uniform distribution."""
    assert stats.kstest(numbers, stats.uniform(low, high - low).cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("degrees", "low", "high"), [(30, -30, 30), ((10, 40), 10, 40), ([-5, 0], -5, 0)]
)
def test_angles_are_uniform(degrees, low, high):
    """A number is plus or minus, a pair a range."""
    turned = drawn_matrices(RandomRotation(degrees=degrees))
    leaning = drawn_matrices(RandomShear(degrees=degrees))

    assert_uniform(np.rad2deg(np.arctan2(turned[:, 1, 0], turned[:, 0, 0])), low, high)
    assert_uniform(np.rad2deg(np.arctan(leaning[:, 0, 1])), low, high)


def test_scales_are_log_uniform_and_alike_on_both_axes():
    """Half is as frequent as double."""
    matrices = drawn_matrices(RandomScale(scale=(0.5, 2)))

    assert_uniform(np.log2(1 / matrices[:, 0, 0]), -1, 1)
    assert_array_equal(matrices[:, 0, 0], matrices[:, 1, 1])


def test_translations_are_fractions_of_the_sides():
    """Of the width sideways, of the height up and down, unrelated."""
    matrices = drawn_matrices(RandomTranslation(translate=0.2))

    assert_uniform(matrices[:, 0, 2], -6, 6)
    assert_uniform(matrices[:, 1, 2], -4, 4)
    assert abs(np.corrcoef(matrices[:, 0, 2], matrices[:, 1, 2])[0, 1]) < 0.04


def test_crops_are_whole_pixels():
    """Each of the 49 places as often as the others."""
    matrices = drawn_matrices(RandomCrop(padding=3))

    places = matrices[:, 0, 2] * 7 + matrices[:, 1, 2]
    _, counts = np.unique(places, return_counts=True)
    assert len(counts) == 49
    assert stats.chisquare(counts).pvalue > 1e-3


def test_corners_move_by_up_to_the_distortion():
    """Uniformly, as a fraction of the sides."""
    matrices = np.linalg.inv(drawn_matrices(RandomPerspective(distortion=0.2)))

    corner = matrices @ [-15, -10, 1]
    assert_uniform(corner[:, 0] / corner[:, 2] + 15, -6, 6)
    assert_uniform(corner[:, 1] / corner[:, 2] + 10, -4, 4)


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
@pytest.mark.parametrize(
    "step",
    [
        RandomRotation(),
        RandomTranslation(),
        RandomScale(),
        RandomShear(),
        RandomPerspective(),
    ],
    ids=lambda step: type(step).__name__,
)
def test_steps_happen_as_often_as_they_should(step, p):
    """And never, or always, where that is what `p` says."""
    happens = (drawn_matrices(step.set_params(p=p)) != np.eye(3)).any(axis=(1, 2))

    assert stats.binomtest(happens.sum(), N, p).pvalue > 1e-3


@pytest.mark.parametrize(("horizontal", "vertical"), [(True, False), (True, True)])
def test_flips_happen_as_often_as_they_should(horizontal, vertical):
    """Each axis by itself."""
    step = RandomFlip(horizontal=horizontal, vertical=vertical, p=0.3)

    x, y = np.diagonal(drawn_matrices(step), axis1=1, axis2=2)[:, :2].T == -1

    assert stats.binomtest(x.sum(), N, 0.3).pvalue > 1e-3
    assert stats.binomtest(y.sum(), N, 0.3 * vertical).pvalue > 1e-3
    assert stats.binomtest((x & y).sum(), N, 0.09 * vertical).pvalue > 1e-3


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_flips_are_bit_exact(dtype):
    """Mirrored images are those of numpy."""
    X = (np.random.default_rng(0).random((3, 13, 28, 3)) * 255).astype(dtype)

    sideways = RandomFlip(p=1.0).fit_transform(X).draw()
    upright = RandomFlip(horizontal=False, vertical=True, p=1.0).fit_transform(X).draw()

    assert_array_equal(sideways, X[:, :, ::-1])
    assert_array_equal(upright, X[:, ::-1])


@pytest.mark.parametrize("mode", list(PADDING_MODES))
def test_crops_with_flips_are_cut_from_padded_images(mode):
    """Bit for bit one of the 81 cuts of the image, or of its mirror image."""
    X = np.random.default_rng(0).random((10, 9, 12, 1)).astype(np.float32)
    crop = RandomCrop(padding=4, mode=mode, cval=0.3)
    constant = {"constant_values": np.float32(0.3)} if mode == "constant" else {}

    drawn = crop.fit_transform(RandomFlip().fit_transform(X)).draw()

    for image, original in zip(drawn, X, strict=True):
        padded = np.pad(original, [(4, 4), (4, 4), (0, 0)], mode, **constant)
        cuts = np.lib.stride_tricks.sliding_window_view(padded, (9, 12), (0, 1))
        cuts = cuts.reshape(-1, 9, 12, 1)
        candidates = np.concatenate([cuts, cuts[:, :, ::-1]])
        assert (candidates == image).all(axis=(1, 2, 3)).any()


def test_rotation_and_scale_look_like_scikit_image():
    """Counter-clockwise as displayed, above 1 is larger."""
    X = np.zeros((1, 21, 21))
    X[0, 4:12, 8:17] = 1

    turned = RandomRotation(degrees=(30, 30)).fit_transform(X).draw()
    larger = RandomScale(scale=(2, 2)).fit_transform(X).draw()

    assert_allclose(turned[0], rotate(X[0], 30), atol=1e-12)
    assert_allclose(larger[0], rescale(X[0], 2, order=1)[11:32, 11:32], atol=0.51)
    assert larger.sum() > 2 * X.sum()


def test_several_steps_are_one_interpolation():
    """Turning there and back leaves the image as it is, which two would blur."""
    X = np.random.default_rng(0).random((2, 11, 11))
    augmented = RandomRotation(degrees=(33, 33)).fit_transform(X)

    drawn = RandomRotation(degrees=(-33, -33)).fit_transform(augmented).draw()

    assert_allclose(drawn, X, atol=1e-12)


@pytest.mark.parametrize("white", [np.uint8(255), np.uint16(4095), 1.0, -0.7])
@pytest.mark.parametrize(
    "step",
    [
        RandomCrop(),
        RandomRotation(180),
        RandomTranslation(0.5),
        RandomScale((0.2, 0.5)),
        RandomShear(60),
        RandomPerspective(0.2),
    ],
    ids=lambda step: type(step).__name__,
)
def test_no_step_adds_a_border_of_another_color(step, white):
    """What is outside of pictures on white is white, by default."""
    X = np.full((5, 9, 12), white)

    assert_array_equal(step.fit_transform(X).draw(), X)


def test_steps_of_one_border_are_one_interpolation():
    """The defaults of all geometric steps agree."""
    X = np.random.default_rng(0).random((2, 11, 11))
    steps = RandomRotation(), RandomScale(), RandomTranslation(), RandomShear()

    for step in (RandomFlip(), RandomCrop(), *steps, RandomPerspective()):
        X = step.fit_transform(X)
    draws = X.draws(0, 0)
    draws(torch.zeros(2, 11, 11, 1), np.arange(2))

    assert len(draws._stages) == 1

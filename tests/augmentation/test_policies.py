"""RandAugment does the fourteen transforms of its paper, as strongly as it is told."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from sklcnn.augmentation import (
    ImageFormat,
    RandAugment,
    RandomFlip,
    RandomResizedCrop,
    RandomRotation,
    RowRandom,
)
from sklcnn.augmentation._levels import (
    auto_contrast,
    equalize,
    posterize,
    sharpen,
    solarize,
)

N = 10_000


def as_images(X):
    """Make arrays tensors of floats."""
    return torch.from_numpy(X / 255).float()


def assert_levels_equal(actual, expected, atol=0.501):
    """Compare with images of torchvision, in levels."""
    expected = expected.permute(0, 2, 3, 1).numpy()
    assert_allclose(actual.numpy() * 255, expected, atol=atol)


@pytest.mark.parametrize("n_channels", [1, 3])
def test_levels_are_changed_as_torchvision_does(n_channels):
    """To the rounding of uint8."""
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    rng = np.random.default_rng(0)
    X = np.sort(rng.integers(20, 200, (4, 65, 63, n_channels)), axis=1)
    X[:, -1, :15] = 255  # so that torchvision's steps of a histogram are whole numbers
    X = X.astype(np.uint8)
    images, tensor = as_images(X), torch.from_numpy(X).permute(0, 3, 1, 2)
    ones = torch.ones(4, 1, 1, 1)

    actual = {
        "auto_contrast": auto_contrast(images, (0, 1)),
        "equalize": equalize(images, (0, 1)),
        "solarize": solarize(images, (0, 1), ones * 100 / 255),
        "posterize": posterize(images, (0, 1), ones * 3),
    }

    assert_levels_equal(actual["auto_contrast"], functional.autocontrast(tensor), 1)
    assert_levels_equal(actual["equalize"], functional.equalize(tensor), 1.51)
    assert_levels_equal(actual["solarize"], functional.solarize(tensor, 100))
    assert_levels_equal(actual["posterize"], functional.posterize(tensor, 5))
    for factor in (0.1, 1.9):
        sharp = sharpen(images, (0, 1), ones * factor)
        expected = functional.adjust_sharpness(tensor, factor)
        assert_levels_equal(sharp, expected, 1.51)


@pytest.mark.parametrize("function", [auto_contrast, equalize])
def test_images_of_one_color_stay(function):
    """There is nothing to stretch."""
    images = torch.full((2, 4, 5, 3), 0.3)

    assert_array_equal(function(images, (0, 1)), images)


def test_other_ranges_are_changed_as_0_to_1_is():
    """12-bit data and floats of any range get what photos get."""
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.random((3, 8, 8, 1)))
    far = images * 400 - 200
    one = torch.ones(3, 1, 1, 1)

    for function, parameters in [
        (auto_contrast, ()),
        (equalize, ()),
        (solarize, (one / 3,)),
        (posterize, (one * 2,)),
        (sharpen, (one * 1.5,)),
    ]:
        expected = function(images, (0.0, 1.0), *parameters) * 400 - 200
        actual = function(far, (-200.0, 200.0), *parameters)
        assert_allclose(actual, expected, atol=1e-9)


@pytest.mark.parametrize("step", [RandAugment(), RandAugment(3, magnitude=30)])
@pytest.mark.parametrize("shape", [(12, 10), (1, 1, 1), (9, 9, 3), (6, 7, 5)])
def test_draws_do_not_depend_on_the_batch(step, shape):
    """Alone or among others, an image is drawn alike."""
    X = np.random.default_rng(0).integers(0, 255, (40, *shape), dtype=np.uint8)
    augmented = step.fit_transform(X)

    together = augmented.draw()

    assert_array_equal(together[7], augmented.draw([7])[0])
    assert together.dtype == np.uint8
    assert together.shape == X.shape


def test_magnitude_0_changes_only_histograms():
    """All transforms but two have a strength."""
    X = np.random.default_rng(0).integers(50, 200, (500, 8, 8), dtype=np.uint8)

    drawn = RandAugment(n_steps=1, magnitude=0).fit_transform(X).draw()

    changed = (drawn != X).any(axis=(1, 2)).mean()
    assert stats.binomtest(int(changed * 500), 500, 2 / 14).pvalue > 1e-3


def test_each_transform_is_as_frequent_as_the_others():
    """One in fourteen; `p` is the share of images that get any."""
    random = RowRandom(np.arange(N), 0, 0, 0)
    step = RandAugment(n_steps=1, magnitude=30, p=0.5)

    warp, recolor, *levels = step.draw_stage(random, ImageFormat((20, 30, 3)))

    moved = (warp.matrices != np.eye(3)).any(axis=(1, 2))
    colored = (recolor.matrices != np.eye(4)).any(axis=(1, 2))
    assert stats.binomtest(int(moved.sum()), N, 0.5 * 5 / 14).pvalue > 1e-3
    assert stats.binomtest(int(colored.sum()), N, 0.5 * 3 / 14).pvalue > 1e-3
    assert len(levels) == 5
    for stage in levels:
        n_selected = int(stage.is_selected.sum())
        assert stats.binomtest(n_selected, N, 0.5 / 14).pvalue > 1e-3


def test_strength_is_proportional_to_the_magnitude():
    """A magnitude of 15 moves half as far as 30."""
    image_format = ImageFormat((20, 30, 1))

    strong, weak = (
        RandAugment(n_steps=1, magnitude=magnitude)
        .draw_stage(RowRandom(np.arange(N), 0, 0, 0), image_format)[0]
        .matrices
        for magnitude in (30, 15)
    )

    assert abs(strong[:, 0, 2]).max() == pytest.approx(0.45 * 30)
    assert_allclose(weak[:, :2, 2], strong[:, :2, 2] / 2)


def test_moves_are_merged_with_those_of_neighbors():
    """One interpolation and one matrix of color, with steps before and behind."""
    X = np.random.default_rng(0).random((30, 16, 16, 3), dtype=np.float32)
    augmented = RandAugment().fit_transform(RandomRotation().fit_transform(X))
    draws = augmented.draws(0, 0)

    draws(torch.from_numpy(X), np.arange(30))

    names = [type(stage).__name__ for stage in draws._stages]
    assert names[:2] == ["Warp", "Recolor"]
    assert names.count("Warp") == 1


def test_parts_have_the_area_and_the_ratio_that_are_asked_for():
    """Anywhere within the image."""
    step = RandomResizedCrop(scale=(0.2, 0.5), ratio=(0.8, 1.25))
    random = RowRandom(np.arange(N), 0, 0, 0)

    matrices = step.draw_stage(random, ImageFormat((20, 30, 3))).matrices

    width, height = matrices[:, 0, 0], matrices[:, 1, 1]  # of parts, as fractions
    assert stats.kstest(width * height, stats.uniform(0.2, 0.3).cdf).pvalue > 1e-3
    ratios = np.log(width / height) / np.log(1.25)
    assert stats.kstest(ratios, stats.uniform(-1, 2).cdf).pvalue > 1e-3
    for corner in ([-15, -10, 1], [15, 10, 1]):
        source = matrices @ corner
        assert (abs(source[:, :2]) <= np.array([15, 10]) + 1e-9).all()


def test_the_whole_image_is_a_part_too():
    """With scale and ratio of 1 nothing changes."""
    X = np.random.default_rng(0).integers(0, 255, (5, 9, 7, 3), dtype=np.uint8)

    drawn = RandomResizedCrop((1, 1), ratio=(1, 1)).fit_transform(X).draw()

    assert_array_equal(drawn, X)


def test_a_part_is_what_scikit_image_enlarges():
    """The part is resized by linear interpolation."""
    from skimage.transform import AffineTransform, warp

    X = np.random.default_rng(0).random((1, 12, 16))
    step = RandomResizedCrop((0.4, 0.4), ratio=(1, 1), mode="edge")
    matrix = step.draw_stage(RowRandom(np.arange(1), 0, 0, 0), ImageFormat((12, 16, 1)))
    center = AffineTransform(translation=(7.5, 5.5)).params
    matrix = center @ matrix.matrices[0] @ np.linalg.inv(center)

    drawn = step.fit_transform(X).draw()

    expected = warp(X[0], AffineTransform(matrix), order=1, mode="edge")
    assert_allclose(drawn[0], expected, atol=1e-6)


@pytest.mark.parametrize(
    "step",
    [
        RandAugment(n_steps=0),
        RandAugment(magnitude=31),
        RandAugment(magnitude=1.5),
        RandomResizedCrop(scale=(0, 1)),
        RandomResizedCrop(scale=(0.5, 1.5)),
        RandomResizedCrop(scale=0.5),
        RandomResizedCrop(ratio=(2, 1)),
    ],
)
def test_values_out_of_range_are_refused(step):
    """With the name of the parameter."""
    with pytest.raises(ValueError, match="parameter of Rand"):
        step.fit(np.zeros((2, 8, 8)))


def test_flips_before_and_behind_keep_their_place():
    """A list of stages is merged as single ones are."""
    X = np.random.default_rng(0).random((8, 8, 8, 1))
    flip, rand = RandomFlip(p=1.0), RandAugment(magnitude=0, n_steps=1)

    drawn = flip.fit_transform(rand.fit_transform(flip.fit_transform(X)))

    kept = np.isclose(drawn.draw(), X).all(axis=(1, 2, 3))
    assert kept.mean() > 0.5


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_no_magnitude_leaves_only_what_has_no_strength(dtype):
    """An image with all levels and a flat histogram stays as it is, white as white."""
    levels = np.arange(256).reshape(1, 16, 16)
    scale = {np.uint8: 1, np.uint16: 257, np.float32: 1 / 255}[dtype]
    X = np.repeat((levels * scale).astype(dtype), 60, axis=0)

    drawn = RandAugment(n_steps=3, magnitude=0).fit_transform(X).draw()

    assert_allclose(drawn, X, rtol=1e-6, atol=1e-6)


def test_no_magnitude_does_not_posterize():
    """Pixels of floats keep their values between the 256 levels."""
    images = torch.rand(3, 4, 4, 1)
    bits = torch.tensor([0.0, 0.4, 4.0]).view(-1, 1, 1, 1)

    posterized = posterize(images, (0, 1), bits)

    assert_array_equal(posterized[:2], images[:2])
    assert len(posterized[2].unique()) < 16


@pytest.mark.parametrize("shape", [(16, 16), (5, 12), (1, 9)])
@pytest.mark.parametrize("scale", [(0.05, 0.3), (0.35, 1.0)])
def test_resized_crops_mix_nothing_in(shape, scale):
    """Not even in the outermost pixels; all parts of the image are drawn."""
    X = np.ones((300, *shape), dtype=np.float32)
    X[0] = 0

    drawn = RandomResizedCrop(scale, cval=-100.0).fit_transform(X).draw()[1:]

    assert_allclose(drawn, 1, atol=1e-4)


def test_resized_crops_reach_every_corner():
    """Their first pixel comes near to that of the image, and so does the last."""
    X = np.tile(np.arange(16.0, dtype=np.float32), (400, 16, 1))

    drawn = RandomResizedCrop((0.25, 0.25), ratio=(1, 1)).fit_transform(X).draw()

    assert 0 <= drawn.min() < 0.2
    assert 14.8 < drawn.max() <= 15

"""Tensors are warped to what scikit-image makes of arrays."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from skimage.transform import rotate, warp
from torch.nn.functional import interpolate

from sklcnn.images._matrices import (
    perspective,
    rotation,
    scaling,
    shear,
    translation,
)
from sklcnn.images._warp import PADDING_MODES, warp_about_center
from tests._warping import about_center, warp_array

SHAPES = [(7, 7, 1), (1, 9, 1), (8, 13, 3), (33, 20, 4), (28, 28, 2)]
TOLERANCES = {np.float32: 1e-4, np.float64: 1e-12}


def random_matrices(n, shape, kind, rng):
    """Draw maps far beyond what augmentation does: any angle, half to double size."""
    height, width = shape[:2]
    matrices = rotation(rng.uniform(-np.pi, np.pi, n))
    matrices = matrices @ scaling(rng.uniform(0.5, 2, n), rng.uniform(0.5, 2, n))
    matrices = matrices @ shear(rng.uniform(-0.7, 0.7, n))
    matrices = matrices @ translation(
        rng.uniform(-width, width, n) / 2, rng.uniform(-height, height, n) / 2
    )
    if kind == "projective":
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [width, height] / 2
        moved = corners * rng.uniform(0.6, 1.4, (n, 4, 1))
        matrices = matrices @ perspective(corners, moved)
    return matrices


def away_from_ties(matrices, shape, distance):
    """Tell which pixels have a clear nearest neighbor, and a finite one."""
    matrices = about_center(matrices, *shape[:2])
    y, x = np.mgrid[: shape[0], : shape[1]]
    places = np.einsum("nij,jhw->nihw", matrices, np.stack([x, y, np.ones_like(x)]))
    places = places[:, :2] / places[:, 2:]
    return (np.abs((places - 0.5) - np.rint(places - 0.5)) > distance).all(axis=1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["affine", "projective"])
@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("mode", list(PADDING_MODES))
def test_arrays_and_tensors_are_warped_alike(mode, order, kind, dtype):
    """scikit-image and torch give the same pixels for the same matrices."""
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        images = rng.random((12, *shape)).astype(dtype)
        matrices = random_matrices(12, shape, kind, rng)
        settings = {"mode": mode, "order": order, "cval": 0.3}

        actual = warp_about_center(
            torch.as_tensor(images), matrices, **settings
        ).numpy()

        expected = warp_array(images.astype(float), matrices, **settings)
        compared = np.ones(actual.shape[:3], dtype=bool)
        if order == 0:
            compared = away_from_ties(matrices, shape, 1e-3)
        assert actual.dtype == dtype
        assert compared.mean() > 0.9
        atol = TOLERANCES[dtype]
        assert_allclose(actual[compared], expected[compared], rtol=0, atol=atol)


@pytest.mark.parametrize("shape", [(224, 224, 3), (97, 160, 1)])
@pytest.mark.parametrize("mode", list(PADDING_MODES))
def test_large_images_are_warped_alike(mode, shape):
    """The tolerances hold where coordinates are large, too."""
    rng = np.random.default_rng(0)
    images = rng.random((2, *shape))
    matrices = random_matrices(2, shape, "affine", rng)
    expected = warp_array(images, matrices, mode=mode)

    for dtype, atol in [(torch.float32, 1e-4), (torch.float64, 1e-12)]:
        batch = torch.as_tensor(images, dtype=dtype)

        actual = warp_about_center(batch, matrices, mode=mode)

        assert_allclose(actual, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_quarter_turn_equals_rot90(k, order):
    """Counter-clockwise as displayed, on whole images."""
    images = torch.rand(2, 9, 9, 3)
    matrices = rotation(np.full(2, k * np.pi / 2))

    actual = warp_about_center(images, matrices, order=order)

    assert_allclose(actual, np.rot90(images, k, axes=(1, 2)), atol=2e-6)


def test_rotation_equals_scikit_images_rotate():
    """The same sense, the same middle, on an image that is not square."""
    images = torch.rand(1, 12, 19, 1, dtype=torch.float64)
    matrices = rotation(np.deg2rad([25]))

    actual = warp_about_center(images, matrices)

    expected = rotate(images[0, :, :, 0].numpy(), 25)
    assert_allclose(actual[0, :, :, 0], expected, atol=1e-12)


@pytest.mark.parametrize("cval", [0.0, 0.7])
@pytest.mark.parametrize("mode", list(PADDING_MODES))
def test_the_nearest_pixel_moves_whole_pixels_bit_for_bit(mode, cval):
    """Mirrored and moved images have the very values of the pixels before."""
    images = torch.rand(1, 11, 224, 3)
    matrices = translation(np.array([3]), np.array([-2])) @ scaling([-1], [1])

    actual = warp_about_center(images, matrices, order=0, mode=mode, cval=cval)

    constant = {"constant_values": np.float32(cval)} if mode == "constant" else {}
    padded = np.pad(images, [(0, 0), (4, 4), (4, 4), (0, 0)], mode, **constant)
    expected = padded[:, 6 : 6 + 11, 1 : 1 + 224][:, :, ::-1]
    assert_array_equal(actual, expected)


def test_large_batches_are_warped_as_their_images():
    """Working in parts that fit into a cache changes nothing."""
    images = torch.rand(9, 150, 160, 3)
    matrices = random_matrices(9, (150, 160), "affine", np.random.default_rng(0))

    actual = warp_about_center(images, matrices)

    single = [
        warp_about_center(images[i : i + 1], matrices[i : i + 1]) for i in range(9)
    ]
    assert_allclose(actual, torch.cat(single), rtol=0, atol=1e-6)


def test_fused_matrices_are_their_product():
    """One warp by a product is, away from borders, two warps one after the other."""
    y, x = np.mgrid[:40, :40] / 40
    images = (np.sin(3 * x) + np.cos(2 * y))[np.newaxis, :, :, np.newaxis]
    first = rotation(np.array([0.3]))
    second = scaling([1.2], [1.2])

    fused = warp_array(images, first @ second)

    one_by_one = warp_array(warp_array(images, first), second)
    assert_allclose(fused[:, 12:-12, 12:-12], one_by_one[:, 12:-12, 12:-12], atol=3e-3)


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("shape", [(8, 9, 1), (1, 6, 3), (2, 2, 4), (200, 90, 3)])
def test_border_is_the_median_color_of_the_border(shape, order):
    """Of each image and channel, also where a batch is warped in parts."""
    images = np.random.default_rng(0).random((12, *shape))
    images[:, 1:-1, 1:-1] += 5
    matrices = rotation(np.linspace(-1, 1, 12))

    actual = warp_about_center(
        torch.as_tensor(images), matrices, cval="border", order=order
    ).numpy()

    is_border = np.ones(shape[:2], dtype=bool)
    is_border[1:-1, 1:-1] = False
    for image, matrix, warped in zip(images, matrices, actual, strict=True):
        color = np.quantile(image[is_border], 0.5, axis=0, method="lower")
        for channel, cval in enumerate(color):
            expected = warp_array(
                image[None, ..., channel, None], matrix[None], cval=cval, order=order
            )
            if order == 1:
                assert_allclose(warped[..., channel], expected[0, ..., 0], atol=1e-9)
            else:  # pixels halfway between two may be either
                same = np.isclose(warped[..., channel], expected[0, ..., 0])
                assert same.mean() > 0.98


@pytest.mark.parametrize(("order", "interpolation"), [(1, "bilinear"), (3, "bicubic")])
@pytest.mark.parametrize("mode", list(PADDING_MODES))
@pytest.mark.parametrize("cval", [0.0, 0.3, "border"])
def test_images_that_stay_are_enlarged_as_torch_does(cval, mode, order, interpolation):
    """To the border, unless what lies outside is a mirror image."""
    images = torch.rand(3, 9, 12, 2, generator=torch.Generator().manual_seed(0))
    planes = images.permute(0, 3, 1, 2)
    expected = interpolate(planes, (20, 41), mode=interpolation)

    actual = warp_about_center(
        images,
        np.eye(3)[np.newaxis].repeat(3, axis=0),
        mode=mode,
        cval=cval,
        order=order,
        size=(20, 41),
    )

    inside = slice(8, -8) if "reflection" in PADDING_MODES[mode] else slice(None)
    actual = actual.permute(0, 3, 1, 2)[:, :, inside, inside]
    assert_allclose(actual, expected[:, :, inside, inside], atol=1e-5)


@pytest.mark.parametrize("side", [40, 400])
def test_images_are_turned_and_enlarged_in_one_interpolation(side):
    """As scikit-image does it, in parts of a batch too; outside lies the fill value."""
    images = np.random.default_rng(0).random((3, 20, 16, 1))
    turned = about_center(rotation(np.array([0.3, -0.2, 0.0])), 20, 16)
    factor = 16 / side
    smaller = np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2]])
    smaller = np.vstack([smaller, [0, 0, 1]])
    size = (side * 20 // 16, side)
    expected = np.stack(
        [
            warp(image, matrix @ smaller, output_shape=size, cval=np.nan)
            for image, matrix in zip(images, turned, strict=True)
        ]
    )

    actual = warp_about_center(
        torch.as_tensor(images),
        rotation(np.array([0.3, -0.2, 0.0])),
        cval=7.0,
        size=size,
    ).numpy()

    known = np.isfinite(expected)
    assert 0.7 < known.mean() < 1
    assert_allclose(actual[known], expected[known], atol=1e-12)
    assert (actual[:2, :2, :2] == 7).all()

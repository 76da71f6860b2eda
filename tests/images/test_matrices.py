"""Matrices mean what scikit-image means by them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from skimage.color import rgb2gray
from skimage.transform import AffineTransform, ProjectiveTransform

from sklcnn.images._matrices import (
    brightness,
    contrast,
    identities,
    perspective,
    rotation,
    saturation,
    scaling,
    shear,
    translation,
)

NUMBERS = np.array([-0.7, 0.2, 0.9])


@pytest.mark.parametrize(
    ("matrices", "transforms"),
    [
        (rotation(NUMBERS), [AffineTransform(rotation=-a) for a in NUMBERS]),
        (scaling(NUMBERS, NUMBERS), [AffineTransform(scale=s) for s in NUMBERS]),
        (
            translation(NUMBERS, 2 * NUMBERS),
            [AffineTransform(translation=(x, 2 * x)) for x in NUMBERS],
        ),
        (
            shear(NUMBERS),
            [np.array([[1, -np.tan(a), 0], [0, 1, 0], [0, 0, 1]]) for a in NUMBERS],
        ),
    ],
    ids=["rotation", "scaling", "translation", "shear"],
)
def test_matrices_are_the_inverses_of_what_happens(matrices, transforms):
    """`skimage.transform.warp` takes the way back from output to input."""
    forward = [getattr(t, "params", t) for t in transforms]

    assert_allclose(matrices, np.linalg.inv(forward), atol=1e-12)


def test_perspective_takes_points_to_points():
    """The four points come out where they should, by scikit-image's own transform."""
    rng = np.random.default_rng(0)
    before = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [5.0, 3.0]
    after = before + rng.uniform(-0.5, 0.5, (10, 4, 2))

    matrices = perspective(before, after)

    for matrix, points in zip(matrices, after, strict=True):
        assert_allclose(ProjectiveTransform(matrix)(points), before, atol=1e-9)


@pytest.mark.parametrize("n_channels", [1, 3, 4])
def test_matrices_of_color_do_what_their_names_say(n_channels):
    """Compared with the same written out for pixels."""
    colors = np.append(np.random.default_rng(0).random(n_channels), 1)

    assert_allclose(
        (brightness(NUMBERS, n_channels) @ colors)[:, :-1],
        colors[:-1] + NUMBERS[:, None],
    )
    assert_allclose(
        (contrast(NUMBERS, 0.4, n_channels) @ colors)[:, :-1],
        0.4 + (colors[:-1] - 0.4) * NUMBERS[:, None],
    )


def test_saturation_keeps_luminance_and_zero_is_gray():
    """As scikit-image's `rgb2gray` has it."""
    colors = np.random.default_rng(0).random(3)
    factors = np.array([0.0, 0.5, 2.0])

    saturated = (saturation(factors, 3) @ np.append(colors, 1))[:, :-1]

    assert_allclose(rgb2gray(saturated), np.tile(rgb2gray(colors), 3))
    assert_allclose(saturated[0], np.tile(rgb2gray(colors), 3))
    assert_allclose(np.ptp(saturated[2]), 2 * np.ptp(colors))


@pytest.mark.parametrize("n_channels", [1, 2])
def test_gray_has_no_saturation(n_channels):
    """Gray, with or without an alpha channel, stays as it is."""
    matrices = saturation(NUMBERS, n_channels)

    assert_allclose(matrices, identities(3, n_channels + 1))

"""Moved pixels, compared with numpy and scikit-image."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from skimage.transform import rotate

from sklcnn.preprocessing import CenterCrop, Flip, Rotate


def random_images(shape, dtype="uint8"):
    """Draw images."""
    return np.random.default_rng(0).integers(0, 256, shape).astype(dtype)


@pytest.mark.parametrize(("height", "width"), [(4, 4), (3, 7), (9, 8), (1, 1)])
def test_crop_is_the_middle(height, width):
    """As many pixels go on both sides, or one more at the end."""
    images = random_images((3, 9, 8, 3))

    cropped = CenterCrop((height, width)).fit_transform(images)

    top, left = (9 - height) // 2, (8 - width) // 2
    assert_array_equal(
        cropped, images[:, top : top + height, left : left + width], strict=True
    )


def test_crop_takes_images_of_mixed_sizes():
    """The middle of each image."""
    images = [random_images((9, 8)), random_images((5, 7)), random_images((4, 4))]

    cropped = CenterCrop(4).fit_transform(images)

    assert_array_equal(cropped[1], images[1][0:4, 1:5])
    assert_array_equal(cropped[2], images[2])


def test_crop_of_a_smaller_image_is_refused():
    """An image that is too small is an error in fit and in transform."""
    small = random_images((2, 5, 9))
    message = "at least 6 x 6 pixels. Got an image of 5 x 9.* smaller size"

    with pytest.raises(ValueError, match=message):
        CenterCrop(6).fit(small)
    with pytest.raises(ValueError, match=message):
        CenterCrop(6).fit(random_images((2, 6, 6))).transform(small)
    with pytest.raises(ValueError, match=message):
        CenterCrop(6).fit_transform([random_images((6, 6)), small[0]])


@pytest.mark.parametrize("turns", [-5, -1, 0, 1, 2, 3, 4])
def test_quarter_turns_are_exact(turns):
    """Multiples of 90 degrees move whole pixels."""
    square = random_images((2, 6, 6, 3))
    wide = random_images((2, 5, 8))

    assert_array_equal(
        Rotate(90 * turns).fit_transform(square), np.rot90(square, turns, axes=(1, 2))
    )
    assert_array_equal(
        Rotate(90 * turns, resize=True).fit_transform(wide),
        np.rot90(wide, turns, axes=(1, 2)),
    )


@pytest.mark.parametrize("shape", [(2, 7, 10), (2, 8, 8, 3), (2, 8, 9, 2)])
@pytest.mark.parametrize("resize", [True, False])
@pytest.mark.parametrize(
    ("degrees", "order", "mode"),
    [(15, 1, "constant"), (-40, 0, "edge"), (90, 1, "reflect"), (200, 1, "wrap")],
)
def test_rotation_equals_scikit_image(shape, resize, degrees, order, mode):
    """Any other angle is that of `skimage.transform.rotate`."""
    images = random_images(shape, "float64")
    settings = {"resize": resize, "order": order, "mode": mode, "cval": 3}

    rotated = Rotate(degrees, **settings).fit_transform(images)

    expected = [rotate(x, degrees, preserve_range=True, **settings) for x in images]
    assert_allclose(rotated, np.stack(expected), atol=1e-9)


def test_rotated_uint8_is_rounded():
    """The result is the nearest whole number, not the one below."""
    images = random_images((2, 8, 8))

    rotated = Rotate(33, cval=0).fit_transform(images)

    expected = [rotate(x, 33, preserve_range=True) for x in images]
    assert np.abs(rotated - np.stack(expected)).max() <= 0.501


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_rotation_continues_the_color_of_the_border(order, dtype):
    """A picture on a color of its own has no corners of another one."""
    images = np.full((2, 9, 9, 3), [250, 130, 20], dtype)
    images[1] = 7
    images[:, 3:6, 3:6] = 99

    rotated = Rotate(30, order=order).fit_transform(images)

    assert_allclose(rotated[:, [0, 0, 8, 8], [0, 8, 0, 8]], images[:, [0] * 4, [0] * 4])
    assert_array_equal(
        Rotate(30, mode="edge").fit_transform(images),
        Rotate(30, mode="edge", cval=9).fit_transform(images),
    )


def test_rotation_is_counterclockwise():
    """As displayed, what was on the right is then on the top."""
    image = np.zeros((1, 9, 9))
    image[0, 4, 7] = 1

    rotated = Rotate(80).fit_transform(image)[0]

    assert rotated[:3].sum() > 0.9


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 4, 3)])
def test_flips_mirror(shape):
    """Flips are those of numpy, bit for bit."""
    images = random_images(shape)

    assert_array_equal(Flip().fit_transform(images), images[:, :, ::-1])
    assert_array_equal(
        Flip(horizontal=False, vertical=True).fit_transform(images), images[:, ::-1]
    )
    assert_array_equal(Flip(vertical=True).fit_transform(images), images[:, ::-1, ::-1])

"""Images of any dtype and channels become pictures."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklcnn.inspection._pictures import luminance, make_pictures


@pytest.fixture
def ramp():
    """Give an image of all gray levels."""
    return np.arange(256, dtype=np.uint8).reshape(16, 16)


@pytest.mark.parametrize(
    "convert",
    [
        lambda x: x,
        lambda x: x.astype(np.uint16) * 257,
        lambda x: x / 255,
        lambda x: (x / 255).astype(np.float32),
        lambda x: x.astype(np.float64),
        lambda x: x.astype(np.int32) - 128,
        lambda x: x[..., np.newaxis],
    ],
)
def test_dtypes_give_one_picture(convert, ramp):
    """The scale of the pixels does not matter."""
    (picture,) = make_pictures([convert(ramp)])

    assert picture.dtype == np.uint8
    assert_allclose(picture, ramp, atol=1)


def test_bool_is_black_and_white():
    """False is black."""
    (picture,) = make_pictures([np.array([[True, False]])])

    assert_array_equal(picture, [[255, 0]])


@pytest.mark.parametrize(
    ("n_channels", "shown"), [(2, [0, 1, 1]), (3, [0, 1, 2]), (4, [0, 1, 2])]
)
def test_channels_are_colors(n_channels, shown):
    """Of two, three and four channels."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (5, 6, n_channels), dtype=np.uint8)
    image.flat[:2] = 0, 255

    (picture,) = make_pictures([image])

    assert_array_equal(picture, image[..., shown])


def test_further_bands_have_a_range_each():
    """The first three of many bands are shown, each from black to white."""
    image = np.random.default_rng(0).random((5, 6, 7)) * [1, 10, 100, 1, 1, 1, 1]

    (picture,) = make_pictures([image])

    assert picture.shape == (5, 6, 3)
    assert_array_equal(picture.min((0, 1)), 0)
    assert_array_equal(picture.max((0, 1)), 255)


def test_brightness_is_on_one_scale():
    """A dark image stays darker than a bright one."""
    dark, bright = np.full((4, 4), 20, np.uint8), np.full((4, 4), 200, np.uint8)

    pictures = make_pictures([dark, bright])

    assert_array_equal(pictures[0], dark)
    assert_array_equal(pictures[1], bright)


@pytest.mark.parametrize("value", [0.0, 0.4, 7.0, -3.0, np.nan, np.inf])
def test_constant_images_are_drawn(value):
    """Also those without a range."""
    (picture,) = make_pictures([np.full((4, 4), value)])

    assert picture.shape == (4, 4)


def test_large_images_are_reduced():
    """To what can be seen, with their own aspect."""
    (picture,) = make_pictures([np.zeros((1024, 2048, 3), np.uint8)])

    assert picture.shape == (256, 512, 3)


def test_no_images_give_no_pictures():
    """Of an empty list."""
    assert make_pictures([]) == []


def test_luminance_is_that_of_scikit_image():
    """Pictures become gray as scikit-image makes them."""
    from skimage.color import rgb2gray

    picture = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)

    assert_allclose(luminance(picture), rgb2gray(picture), atol=1e-4)
    assert_allclose(luminance(picture[..., 0]), picture[..., 0] / 255, atol=1e-6)

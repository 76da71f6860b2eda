"""Gray and equalized images, compared with scikit-image."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from skimage import data, exposure
from skimage.color import rgb2gray, rgb2hsv

from sklcnn.preprocessing import EqualizeHistogram, Grayscale

PICTURE = data.astronaut()[40:104, 180:260]


def test_gray_is_the_luminance_of_scikit_image():
    """In uint8 it is rounded, in floats it is exact."""
    gray = Grayscale().fit_transform(PICTURE[np.newaxis])
    floats = Grayscale().fit_transform(PICTURE[np.newaxis] / 255)

    assert gray.shape == (1, 64, 80)
    assert np.abs(gray[0] - 255 * rgb2gray(PICTURE)).max() <= 0.501
    assert_allclose(floats[0], rgb2gray(PICTURE), atol=1e-12)


def test_gray_leaves_alpha_out():
    """Transparency is ignored, and gray images stay as they are."""
    alpha = np.full((*PICTURE.shape[:2], 1), 9, dtype=np.uint8)
    rgba = np.concatenate([PICTURE, alpha], axis=-1)[np.newaxis]

    assert_array_equal(
        Grayscale().fit_transform(rgba), Grayscale().fit_transform(rgba[..., :3])
    )
    assert_array_equal(Grayscale().fit_transform(rgba[..., 2:]), rgba[..., 2])
    assert_array_equal(Grayscale().fit_transform(rgba[..., 1]), rgba[..., 1])


def test_gray_of_many_channels_is_refused():
    """Five channels are no colors."""
    with pytest.raises(ValueError, match=r"3 or 4 channels.* Got .*\(8, 8, 5\)"):
        Grayscale().fit(np.ones((2, 8, 8, 5)))


@pytest.mark.parametrize("image", [PICTURE, PICTURE[..., 0]], ids=["rgb", "gray"])
@pytest.mark.parametrize("kernel_size", [None, 12, (10, 20)])
def test_adaptive_equalization_is_that_of_scikit_image(image, kernel_size):
    """Regions are at least 8 pixels, else an eighth of the image."""
    step = EqualizeHistogram(kernel_size=kernel_size, clip_limit=0.02)

    equalized = step.fit_transform(image[np.newaxis])[0]

    expected = 255 * exposure.equalize_adapthist(
        image, kernel_size=kernel_size or (8, 10), clip_limit=0.02
    )
    assert np.abs(equalized - expected).max() <= 1
    assert np.abs(equalized - expected).mean() <= 0.3


def test_plain_equalization_is_that_of_scikit_image():
    """The histogram of the whole image becomes flat."""
    image = PICTURE[..., 0] / 255

    equalized = EqualizeHistogram(adaptive=False).fit_transform(image[np.newaxis])

    assert_allclose(equalized[0], exposure.equalize_hist(image), atol=1e-9)


def test_equalization_keeps_hue_and_alpha():
    """Only the value of a color changes, and transparency does not."""
    images = PICTURE[np.newaxis] / 255
    rgba = np.concatenate([images, images[..., :1]], axis=-1)

    equalized = EqualizeHistogram().fit_transform(rgba)

    assert_array_equal(equalized[..., 3], rgba[..., 3])
    lit = equalized[..., :3].max(axis=-1) > 0
    before, after = rgb2hsv(images)[lit], rgb2hsv(equalized[..., :3])[lit]
    assert_allclose(after[..., :2], before[..., :2], atol=1e-6)


@pytest.mark.parametrize("value_range", ["dtype", "image", (-1, 3)])
@pytest.mark.parametrize("n_colors", [1, 3])
def test_alpha_stays_to_the_last_bit(value_range, n_colors):
    """And colors are equalized as they are without it."""
    image = np.random.default_rng(0).random((1, 16, 16, n_colors + 1)) / 2
    image[..., -1:] += 0.5
    step = EqualizeHistogram(value_range=value_range)

    equalized = step.fit_transform(image)

    assert_array_equal(equalized[..., -1], image[..., -1])
    assert_allclose(equalized[..., :-1], step.fit_transform(image[..., :-1]))


def test_range_of_values_can_be_told():
    """The same image in another range is equalized to that range."""
    image = PICTURE[np.newaxis, ..., 0]
    expected = EqualizeHistogram().fit_transform(image)

    as_int = EqualizeHistogram(value_range=(0, 255)).fit_transform(image.astype(int))
    shifted = EqualizeHistogram(value_range="image").fit_transform(image * 10.0 - 40)

    assert_array_equal(as_int, expected)
    assert shifted.min() == image.min() * 10.0 - 40
    assert_allclose(shifted.max(), image.max() * 10.0 - 40)


def test_unknown_range_is_refused():
    """Pixels whose black and white is not known are an error with a mend."""
    floats = np.linspace(0, 255, 64).reshape(1, 8, 8)

    with pytest.raises(ValueError, match=r"between 0 and 1.* Got .* 0 and 255.* Set"):
        EqualizeHistogram().fit(floats)
    with pytest.raises(
        ValueError, match=r"from pixels of dtype int64. Set value_range"
    ):
        EqualizeHistogram().fit(floats.astype("int64"))


@pytest.mark.parametrize(
    "shape", [(1, 3), (2, 2), (5, 70), (8, 8, 2), (30, 3), (9, 9, 1)]
)
def test_tiny_and_flat_images_are_equalized(shape):
    """Any size works, and an image of one value stays so."""
    images = np.random.default_rng(0).random((2, *shape))
    images[1] = 0.3

    equalized = EqualizeHistogram().fit_transform(images)

    assert equalized[0].max() > 0.9
    assert_allclose(equalized[1], 0.3)

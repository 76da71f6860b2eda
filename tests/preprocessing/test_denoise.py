"""Images without noise, compared with scikit-image."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import ndimage
from skimage import data, restoration

from sklcnn.preprocessing import Denoise

METHODS = ["tv", "bilateral", "nl_means", "median"]
CLEAN = data.astronaut()[40:72, 180:216]


def expected_from_scikit_image(image, method):
    """Call scikit-image by hand."""
    if method == "tv":
        return restoration.denoise_tv_chambolle(image, weight=0.15, channel_axis=-1)
    if method == "bilateral":
        return restoration.denoise_bilateral(
            image, sigma_color=0.15, sigma_spatial=2, mode="edge", channel_axis=-1
        )
    if method == "nl_means":
        return restoration.denoise_nl_means(
            image, h=0.15, patch_size=5, patch_distance=6, channel_axis=-1
        )
    return ndimage.median_filter(image, (5, 5, 1), mode="nearest")


@pytest.mark.parametrize("method", METHODS)
def test_methods_are_those_of_scikit_image(method):
    """Floats are denoised as they are, uint8 as 0 to 1."""
    step = Denoise(method=method, strength=0.15, radius=2)

    denoised = step.fit_transform(CLEAN[np.newaxis])[0]

    expected = expected_from_scikit_image(CLEAN / 255, method)
    assert np.abs(denoised - 255 * expected).max() <= 1
    floats = step.fit_transform(CLEAN[np.newaxis] / 255)[0]
    assert_allclose(floats, expected, atol=2e-3)


@pytest.mark.parametrize("method", METHODS)
def test_noise_gets_less(method):
    """A noisy image comes closer to the one without noise."""
    rng = np.random.default_rng(0)
    noisy = CLEAN / 255 + 0.1 * rng.standard_normal(CLEAN.shape)

    denoised = Denoise(method=method, strength=0.1).fit_transform(noisy[np.newaxis])[0]

    def error(image):
        return np.square(image - CLEAN / 255).mean()

    assert error(denoised) < 0.7 * error(noisy)


@pytest.mark.parametrize("method", METHODS)
def test_short_floats_are_denoised(method):
    """float16 goes in and comes out, as float32 does but for rounding."""
    images = (CLEAN[np.newaxis] / 255).astype("float16")
    step = Denoise(method=method)

    denoised = step.fit_transform(images)

    assert denoised.dtype == "float16"
    assert_allclose(denoised, step.fit_transform(images.astype("f4")), atol=1e-3)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(1, 3), (8, 8, 1), (8, 8, 2), (6, 9, 5), (1, 1, 3)])
def test_any_shape_and_negative_pixels_are_denoised(method, shape):
    """Few pixels, any number of channels and standardized images work."""
    images = np.random.default_rng(0).standard_normal((2, *shape))

    denoised = Denoise(method=method).fit_transform(images)

    assert denoised.shape == images.shape
    assert np.isfinite(denoised).all()

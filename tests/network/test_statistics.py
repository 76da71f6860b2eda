"""Range, mean and standard deviation of pixels."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklcnn.images._lazy import LazyImages
from sklcnn.network import _statistics
from sklcnn.network._statistics import channel_statistics


class StoredImages(LazyImages):
    """Lazy images that note down which rows are read."""

    def __init__(self, images):
        self.images, self.reads = images, []

    shape = property(lambda self: self.images.shape)
    dtype = property(lambda self: self.images.dtype)

    def read(self, rows):
        """Read rows."""
        self.reads.append(rows)
        return self.images[rows]

    def take(self, rows):
        """Keep rows."""
        return StoredImages(self.images[rows])


def random_images(n=20):
    """Make images of 8x6 pixels with two channels."""
    return np.random.default_rng(0).integers(0, 250, (n, 8, 6, 2)) * 1.0


@pytest.mark.parametrize("container", [np.asarray, StoredImages])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.int32, np.float64])
def test_statistics_equal_numpys(container, dtype, monkeypatch):
    """Weighted, in blocks of a few rows, those of weight 0 left out."""
    monkeypatch.setattr(_statistics, "PIXELS_READ", 7 * 96)
    X = random_images()
    X = (X > 125 if dtype is bool else X).astype(dtype)
    weights = np.random.default_rng(1).random(20) * (np.arange(20) % 5 > 0)

    pixel_range, mean, std = channel_statistics(container(X), weights, (8, 6, 2))

    used = X[weights > 0] / {np.uint8: 255, np.uint16: 65535}.get(dtype, 1)
    expected = np.average(used, axis=0, weights=weights[weights > 0]).mean((0, 1))
    squares = np.average(
        (used - expected) ** 2, axis=0, weights=weights[weights > 0]
    ).mean((0, 1))
    assert_allclose(pixel_range, (used.min(), used.max()))
    assert_allclose(mean, expected)
    assert_allclose(std, np.sqrt(squares))


def test_statistics_hold_far_from_zero():
    """A small spread about a large mean is not lost, and a constant has spread 1."""
    X = 1e6 + 0.1 * np.random.default_rng(0).standard_normal((50, 8, 6, 2))
    X[..., 1] = 1e6

    _, mean, std = channel_statistics(X, np.ones(50), (8, 6, 2))

    assert_allclose(mean, 1e6)
    assert_allclose(std, [X[..., 0].std(), 1.0], rtol=1e-6)


def test_statistics_of_many_lazy_images_are_those_of_some(monkeypatch):
    """Evenly spaced rows stand for all, the first and the last among them."""
    monkeypatch.setattr(_statistics, "LAZY_ROWS_READ", 5)
    images = StoredImages(random_images(21))

    _, mean, _ = channel_statistics(images, np.ones(21), (8, 6, 2))

    assert np.concatenate(images.reads).tolist() == [0, 5, 10, 15, 20]
    assert_allclose(mean, images.images[::5].mean((0, 1, 2)))


def test_pixels_too_far_apart_are_an_error():
    """Their variance would be infinite in float32."""
    X = np.array([-1e30, 1e30]).repeat(4).reshape(2, 2, 2, 1)

    with pytest.raises(ValueError, match=r"range from -1e\+30 to 1e\+30\. Scale them"):
        channel_statistics(X, np.ones(2), (2, 2, 1))

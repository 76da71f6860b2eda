"""Deterministic steps as torch modules: the same pixels as from arrays."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from skimage.filters import gaussian

from sklcnn.preprocessing import (
    CenterCrop,
    Denoise,
    EqualizeHistogram,
    Flip,
    Grayscale,
    ImageFunction,
    Resize,
    ResizeByFactor,
    Rotate,
)

EXPRESSIBLE = [
    CenterCrop((5, 4)),
    Flip(),
    Flip(horizontal=False, vertical=True),
    Grayscale(),
    ImageFunction(),
    Resize((6, 6)),
    Resize((16, 7), aspect="crop"),
    Resize((5, 14), aspect="stretch"),
    Resize((12, 20), mode="edge"),
    Resize((12, 20), mode="reflect"),
    Resize((12, 40), mode="symmetric"),
    Resize((12, 20), cval=1),
    ResizeByFactor((0.7, 1.6)),
    Rotate(180),
    Rotate(-90, resize=True),
]

INEXPRESSIBLE = [
    Denoise(),
    EqualizeHistogram(),
    ImageFunction(gaussian),
    Rotate(90),
    Rotate(10),
]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "bool", "int32"])
@pytest.mark.parametrize("n_channels", [1, 3, 4])
@pytest.mark.parametrize("step", EXPRESSIBLE, ids=str)
def test_modules_give_the_pixels_of_arrays(step, n_channels, dtype):
    """Modules compute what the step makes of arrays, but for few gray levels."""
    random = np.random.default_rng(0)
    high = {"bool": 2, "uint8": 256}.get(dtype, 4096)
    images = random.integers(0, high, (4, 9, 8, n_channels)).astype(dtype)
    if dtype == "float32":
        images /= 4096

    modules = step._torch_modules(images.shape[1:], images.dtype)
    actual = torch.nn.Sequential(*modules)(torch.tensor(images.astype(np.float32)))

    expected = step.fit_transform(images).astype(np.float64)
    if expected.ndim == 3:
        expected = expected[..., np.newaxis]
    if isinstance(step, (Resize, ResizeByFactor, Grayscale)):
        tolerance = 1e-6 if dtype in ("float32", "bool") else 1
        assert_allclose(actual.numpy(), expected, atol=tolerance)
        assert np.mean(np.abs(actual.numpy() - expected) > 1e-6) < 0.1
    else:
        assert_array_equal(actual.numpy(), expected)


@pytest.mark.parametrize("step", INEXPRESSIBLE, ids=lambda step: type(step).__name__)
def test_other_steps_have_no_modules(step):
    """Steps of scikit-image, and turns that interpolate, say that they have none."""
    assert step._torch_modules((9, 8, 3), np.dtype(np.uint8)) is None

"""Lazy images are read where that is meant, and nowhere else."""

import numpy as np
import pytest
import torch

from sklcnn.augmentation import RandomFlip

OPERATIONS = {
    "divide": lambda X: X / 255,
    "multiply": lambda X: 1.0 * X,
    "subtract": lambda X: X - X,
    "negate": lambda X: -X,
    "numpy scalar": lambda X: np.float32(2) * X,
    "array": lambda X: np.ones(X.shape) + X,
    "tensor": lambda X: torch.ones(X.shape) / X,
    "compare": lambda X: X > 0.5,
    "ufunc": np.sqrt,
    "reduce": np.add.reduce,
}


def lazy_images():
    """Make images that are augmented."""
    return RandomFlip().fit_transform(np.random.default_rng(0).random((6, 8, 8)))


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_arithmetic_raises(operation):
    """It would freeze one draw, or none, without a word; the message has the mend."""
    mend = (
        "AugmentedImages takes no arithmetic.* before the augmentation, .* `np.asarray"
    )

    with pytest.raises(TypeError, match=mend):
        operation(lazy_images())


def test_arithmetic_in_place_raises():
    """The name still stands for the images then."""
    images = lazy_images()

    with pytest.raises(TypeError, match="takes no arithmetic"):
        images /= 255

    assert images.shape == (6, 8, 8)


def test_equality_is_identity():
    """scikit-learn compares what it is given with strings and None."""
    images, others = lazy_images(), lazy_images()

    assert images in [None, "passthrough", images]
    assert images not in [None, "passthrough", others]

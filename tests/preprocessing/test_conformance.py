"""Every step is a transformer by scikit-learn's own checks."""

import numpy as np
from skimage.filters import gaussian
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from sklcnn.preprocessing import (
    HOG,
    CenterCrop,
    Denoise,
    EqualizeHistogram,
    Flatten,
    Flip,
    Grayscale,
    ImageFunction,
    Resize,
    ResizeByFactor,
    Rotate,
)

STEPS = [
    CenterCrop((1, 1)),
    Denoise(),
    Denoise(method="bilateral"),
    Denoise(method="median"),
    EqualizeHistogram(value_range="image"),
    EqualizeHistogram(value_range="image", adaptive=False),
    Flatten(),
    Flip(),
    Grayscale(),
    HOG(pixels_per_cell=1, cells_per_block=1),
    ImageFunction(),
    ImageFunction(np.negative),
    ResizeByFactor(),
    ResizeByFactor((1, 1.5)),
    Resize((3, 4)),
    Resize((4, 4), aspect="crop"),
    Rotate(),
    Rotate(30),
]


@parametrize_with_checks(STEPS)
def test_sklearn_checks(estimator, check):
    """scikit-learn finds nothing to object to, on flat images."""
    check(estimator)


def test_sklearn_checks_of_a_function_with_keywords():
    """Neither do keywords of a function disturb scikit-learn."""
    results = check_estimator(ImageFunction(gaussian, sigma=1))

    assert {result["status"] for result in results} == {"passed"}

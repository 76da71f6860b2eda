"""Any function of scikit-image as a step with searchable keywords."""

import functools

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from skimage.color import rgb2gray
from skimage.exposure import adjust_gamma
from skimage.feature import hog
from skimage.filters import gaussian, sobel
from skimage.morphology import disk, erosion
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklcnn.images._mapped import MappedImages
from sklcnn.preprocessing import Flip, ImageFunction, Resize


def by_corner(image, *, size=2):
    """Cut images to different sizes, by their first pixel."""
    return image[: size + int(image[0, 0] > 0)]


@pytest.fixture
def images():
    """Draw color images."""
    return np.random.default_rng(0).random((6, 8, 10, 3))


@pytest.mark.parametrize(
    ("function", "keywords"),
    [
        (gaussian, {"sigma": 2, "channel_axis": -1}),
        (rgb2gray, {}),
        (adjust_gamma, {"gamma": 2}),
        (
            hog,
            {"channel_axis": -1, "pixels_per_cell": (4, 4), "cells_per_block": (1, 1)},
        ),
        (functools.partial(gaussian, sigma=1), {"mode": "wrap"}),
    ],
)
def test_function_is_applied_to_each_image(images, function, keywords):
    """The step is a loop over images, and what comes out is taken as it is."""
    changed = ImageFunction(function, **keywords).fit_transform(images)

    expected = np.stack([function(image, **keywords) for image in images])
    assert_array_equal(changed, expected, strict=True)


def darken(image):
    """Halve the pixels in place."""
    assert image.flags.c_contiguous
    image /= 2
    return image


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_function_that_works_in_place_leaves_the_images_alone(images, n_jobs):
    """It gets a copy of each image once, also of what can't be written to."""
    images = np.asfortranarray(images)
    images.setflags(write=False)
    before = images.copy()

    with parallel_config(backend="threading"):
        changed = ImageFunction(darken, n_jobs=n_jobs).fit_transform(images)

    assert_array_equal(images, before)
    assert_array_equal(changed, before / 2)


def test_gray_images_come_without_channel_axis(images):
    """The function gets images with as many dimensions as the user has."""
    gray = images[..., 0]

    changed = ImageFunction(erosion, footprint=disk(1)).fit_transform(gray)

    assert_array_equal(changed[2], erosion(gray[2], disk(1)))


def test_keywords_are_parameters():
    """They are got, set, cloned and shown like any other."""
    step = ImageFunction(gaussian, sigma=1)

    assert step.get_params() == {"function": gaussian, "n_jobs": None, "sigma": 1}
    assert step.set_params(sigma=3, truncate=2.0, n_jobs=2) is step
    copy = clone(step)
    assert copy.get_params() == step.get_params()
    assert copy.set_params(sigma=4).get_params()["sigma"] == 4
    assert step.get_params()["sigma"] == 3
    assert "sigma=3" in repr(step)
    assert "truncate" in step._repr_html_()


def test_keyword_is_searched():
    """A keyword that was not given before takes part in a search."""
    X = np.random.default_rng(0).normal(size=(40, 64))
    X[1::2, :8] += 1
    y = np.arange(40) % 2
    model = make_pipeline(ImageFunction(gaussian), LogisticRegression())

    search = GridSearchCV(model, {"imagefunction__sigma": [100, 0.1]}, cv=2)
    search.fit(X, y)

    assert search.best_params_ == {"imagefunction__sigma": 0.1}
    assert search.best_estimator_[0].get_params()["sigma"] == 0.1
    assert np.ptp(search.cv_results_["mean_test_score"]) > 0


def test_functions_are_searched():
    """The function itself is a parameter, and None is no change at all."""
    X = np.random.default_rng(0).random((20, 16))
    model = make_pipeline(ImageFunction(), LogisticRegression())

    search = GridSearchCV(model, {"imagefunction__function": [None, sobel]}, cv=2)

    assert search.fit(X, X[:, 0] > 0.5).best_params_["imagefunction__function"] is None


def test_functions_with_their_own_keywords_are_searched_as_steps():
    """Keywords stay where the function is set to another, and the error says so."""
    X = np.random.default_rng(0).random((20, 16))
    blur = ImageFunction(gaussian, sigma=1)
    model = make_pipeline(blur, LogisticRegression())
    other = clone(blur).set_params(function=sobel)

    search = GridSearchCV(
        model, {"imagefunction": [blur, ImageFunction(np.negative)]}, cv=2
    )

    assert search.fit(X, X[:, 0] > 0.5).best_params_
    with pytest.raises(ValueError, match=r"'sigma'.* as whole steps, .*ImageFunction"):
        other.fit(X)


def test_unknown_keyword_is_refused(images):
    """A keyword that the function does not take is an error when set, or in fit."""
    message = (
        "Invalid parameter 'sigmas' for ImageFunction: gaussian takes the keywords"
    )

    with pytest.raises(ValueError, match=message):
        ImageFunction(gaussian).set_params(sigmas=2)
    with pytest.raises(ValueError, match=message):
        ImageFunction(gaussian, sigmas=2).fit(images)


def test_lazy_features_are_an_array(images):
    """What is no longer an image is computed at once."""
    flip = Flip().fit(images)
    lazy = MappedImages(images, flip.transform, shape=(8, 10, 3), dtype=float)
    step = ImageFunction(np.mean, axis=(0, 1)).fit(lazy)

    assert_allclose(step.transform(lazy), images.mean(axis=(1, 2)))


def test_result_that_is_no_image_is_refused(images):
    """A function returns one image, of one shape for all."""
    with pytest.raises(ValueError, match="expects mean to return an image"):
        ImageFunction(np.mean).fit(images)
    with pytest.raises(
        ValueError, match=r"expects shape to return.* it returned tuple"
    ):
        ImageFunction(np.shape).fit(images)
    images[0, 0, 0] = 0
    with pytest.raises(ValueError, match="by_corner to return images of one shape"):
        ImageFunction(by_corner).fit_transform(images[..., 0])


def test_steps_follow_each_other(images):
    """Steps make a pipeline, from images of mixed sizes to features."""
    mixed = [images[0], images[1][:5], images[2][:, :7]]
    mean = ImageFunction(np.mean, axis=(0, 1))

    features = make_pipeline(Resize(6), Flip(), mean).fit_transform(mixed)

    assert features.shape == (3, 3)


def test_masked_result_is_refused():
    """What is masked would come out as what is behind."""

    def mask_dark(image):
        return np.ma.masked_less(image, 0.5)

    with pytest.raises(ValueError, match="ImageFunction got a masked array"):
        ImageFunction(mask_dark).fit(np.random.default_rng(0).random((2, 4, 4)))

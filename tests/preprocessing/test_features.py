"""Features are those of scikit-image, whatever holds the images."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from skimage.feature import hog
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklcnn.datasets import make_image_folder
from sklcnn.images import load_image_folder
from sklcnn.images._mapped import RowsOf
from sklcnn.preprocessing import HOG, Flatten, ReadImages

GRAY = np.random.default_rng(0).integers(0, 256, (7, 16, 24), dtype=np.uint8)
COLOR = np.random.default_rng(1).random((5, 16, 24, 3))
OPTIONS = {
    "defaults": ({}, {"orientations": 9, "pixels_per_cell": (8, 8)}),
    "cells": (
        {"pixels_per_cell": (4, 6), "cells_per_block": (1, 2)},
        {"pixels_per_cell": (4, 6), "cells_per_block": (1, 2)},
    ),
    "norm": ({"block_norm": "L1"}, {"block_norm": "L1"}),
    "root": (
        {"transform_sqrt": True, "orientations": 5},
        {"transform_sqrt": True, "orientations": 5},
    ),
}


@pytest.mark.parametrize("images", [GRAY, COLOR], ids=["gray", "color"])
@pytest.mark.parametrize("kind", OPTIONS)
@pytest.mark.parametrize("n_jobs", [None, 2, -1])
def test_hog_is_that_of_scikit_image(images, kind, n_jobs):
    """With its parameters, in any number of threads."""
    options, keywords = OPTIONS[kind]
    keywords = {"cells_per_block": (2, 2), **keywords}
    axis = -1 if images.ndim == 4 else None

    features = HOG(**options, n_jobs=n_jobs).fit_transform(images)

    expected = [hog(image, channel_axis=axis, **keywords) for image in images]
    assert_allclose(features, expected)


@pytest.mark.parametrize("step", [HOG(), Flatten()])
@pytest.mark.parametrize("kind", ["lazy", "list", "channel"])
def test_images_of_every_kind_have_the_same_features(step, kind):
    """Lazy ones, lists, and gray ones with a channel axis."""
    expected = step.fit_transform(GRAY)
    images = {
        "lazy": RowsOf(GRAY, np.arange(7)),
        "list": list(GRAY),
        "channel": GRAY[..., np.newaxis],
    }[kind]

    assert_array_equal(step.fit_transform(images), expected)
    assert_array_equal(step.transform(images[2:4]), expected[2:4])


def test_flatten_keeps_pixels_and_dtype():
    """Row by row, with the channels last."""
    assert_array_equal(Flatten().fit_transform(COLOR), COLOR.reshape(5, -1))
    assert Flatten().fit_transform(GRAY).dtype == np.uint8


@pytest.mark.parametrize("step", [HOG(), Flatten()])
def test_features_are_named_and_put_into_frames(step):
    """With as many names as columns."""
    step = step.set_output(transform="pandas")

    frame = step.fit_transform(GRAY)

    assert list(frame) == list(step.get_feature_names_out())
    assert frame.columns[0] == f"{type(step).__name__.lower()}0"
    step.set_output(transform="default")


@pytest.mark.parametrize("step", [HOG(), Flatten()])
def test_images_of_another_size_are_refused(step):
    """As they have other features."""
    step.fit(GRAY)

    with pytest.raises(ValueError, match="fitted on images of shape"):
        step.transform(GRAY[:, :, 1:])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pixels_per_cell": 16}, r"32 x 32 pixels at least.*Got 16 x 24"),
        ({"pixels_per_cell": (8, 0)}, "pixels_per_cell to be a number, or"),
        ({"pixels_per_cell": (8,)}, "pixels_per_cell to be a number, or"),
        ({"cells_per_block": (2, 2, 2)}, "cells_per_block to be a number, or"),
        ({"orientations": 0}, "'orientations' parameter of HOG"),
        ({"block_norm": "L3"}, "'block_norm' parameter of HOG"),
    ],
)
def test_what_can_not_be_computed_is_named(options, message):
    """With what is wrong."""
    with pytest.raises(ValueError, match=message):
        HOG(**options).fit(GRAY)


def test_square_roots_of_negative_pixels_are_refused():
    """scikit-image would give NaN."""
    with pytest.raises(ValueError, match="pixels of 0 and above"):
        HOG(transform_sqrt=True).fit(COLOR - 1.5)


def test_classical_baseline_is_cross_validated_on_files(tmp_path):
    """As the network is, in the same lines."""
    folder = make_image_folder(tmp_path, n_images=60, random_state=0)
    X, y = load_image_folder(folder, return_X_y=True)
    model = make_pipeline(ReadImages((32, 32)), HOG(), SVC(C=10))

    scores = cross_val_score(model, X, y, cv=3, error_score="raise")

    assert scores.mean() > 0.6
    flat = make_pipeline(ReadImages((8, 8)), Flatten(), SVC())
    assert np.isfinite(cross_val_score(flat, X, y, cv=3)).all()

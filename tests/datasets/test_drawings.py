"""Pictures are drawn alike for equal seeds, and are no easy ones."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklcnn.datasets import make_image_folder
from sklcnn.images import find_bad_images, load_image_folder
from sklcnn.preprocessing import HOG, Flatten, ReadImages


def read(folder, **options):
    """Read all pictures of a folder."""
    X, y = load_image_folder(folder, return_X_y=True)
    return np.asarray(ReadImages(**options).fit_transform(X)), y


@pytest.mark.parametrize("image_shape", [(64, 64), (20, 33), (8, 8)])
@pytest.mark.parametrize("n_classes", [2, 8])
def test_folder_has_what_is_asked_for(image_shape, n_classes, tmp_path):
    """As many classes and pictures, of this shape, none of them odd."""
    folder = make_image_folder(
        tmp_path / "new" / "folder",
        n_classes=n_classes,
        n_images=19,
        image_shape=image_shape,
        random_state=0,
    )

    images, y = read(folder)

    assert images.shape == (19, *image_shape, 3)
    counts = np.unique(y, return_counts=True)[1]
    assert len(counts) == n_classes
    assert np.ptp(counts) <= 1
    assert find_bad_images(load_image_folder(folder).filenames) == []


def test_equal_seeds_draw_equal_pictures(tmp_path):
    """And others draw others."""
    drawn = [
        read(make_image_folder(tmp_path / str(number), n_images=9, random_state=seed))[
            0
        ]
        for number, seed in enumerate((0, 0, 1))
    ]

    assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_accuracy_says_something(tmp_path):
    """Edges tell the classes apart better than pixels, and neither does so always."""
    make_image_folder(tmp_path, n_images=150, random_state=0)
    X, y = load_image_folder(tmp_path, return_X_y=True)
    pixels = make_pipeline(ReadImages((16, 16)), Flatten(), SVC())
    edges = make_pipeline(ReadImages((64, 64)), HOG(), SVC(C=10))

    of_pixels = cross_val_score(pixels, X, y, cv=3).mean()
    of_edges = cross_val_score(edges, X, y, cv=3).mean()

    assert 0.5 < of_pixels < of_edges < 1


def test_pictures_of_the_same_name_are_replaced(tmp_path):
    """And whatever else is in the folder stays."""
    (tmp_path / "notes.txt").write_text("x")
    for seed in (0, 1):
        make_image_folder(tmp_path, n_images=6, random_state=seed)

    assert (tmp_path / "notes.txt").exists()
    assert len(load_image_folder(tmp_path).filenames) == 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_classes": 9}, "'n_classes' parameter of make_image_folder"),
        ({"n_images": 2}, "n_images to be n_classes at least. Got n_images=2"),
        ({"image_shape": (64, 64, 3)}, r"image_shape=\(height, width\)"),
        ({"image_shape": (4, 64)}, "two ints of at least 8"),
        ({"random_state": "x"}, "'random_state' parameter"),
    ],
)
def test_wrong_options_are_named(options, message, tmp_path):
    """Before anything is written."""
    with pytest.raises(ValueError, match=message):
        make_image_folder(tmp_path / "x", **options)
    assert not (tmp_path / "x").exists()

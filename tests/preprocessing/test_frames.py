"""Data frames around images: rows keep their index, and columns have names."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from skimage.filters import gaussian
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklcnn.images._mapped import RowsOf
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

PICTURES = np.random.default_rng(0).integers(0, 256, (3, 9, 9), dtype=np.uint8)
INDEX = pd.Index(["c", "a", "b"], name="picture")
STEPS = [
    CenterCrop((5, 6)),
    CenterCrop(5),
    Denoise(strength=0.2),
    EqualizeHistogram(),
    Flip(vertical=True),
    Grayscale(),
    ImageFunction(gaussian, sigma=0.7, preserve_range=True),
    ImageFunction(np.mean, axis=0),
    ResizeByFactor(1.5),
    Resize((5, 9)),
    Rotate(20),
]

every_step = pytest.mark.parametrize(
    "step", STEPS, ids=lambda step: type(step).__name__
)


def test_pandas_output_breaks_nothing():
    """`set_output` reaches features and what comes after them; images stay arrays."""
    model = make_pipeline(Resize(4), ImageFunction(np.mean, axis=0), StandardScaler())

    output = model.set_output(transform="pandas").fit_transform(PICTURES)

    assert isinstance(model[0].transform(PICTURES), np.ndarray)
    assert list(output.columns) == [f"imagefunction{column}" for column in range(4)]
    assert list(output.columns) == list(model.get_feature_names_out())


@every_step
@pytest.mark.parametrize("kind", ["images", "lazy", "flat"])
def test_rows_keep_the_index_of_a_frame(step, kind):
    """Where frames are asked for, so that columns are joined to the right images."""
    X = {
        "images": pd.Series(list(PICTURES), index=INDEX),
        "lazy": RowsOf(PICTURES, np.arange(3), INDEX),
        "flat": pd.DataFrame(PICTURES.reshape(3, 81), index=INDEX),
    }[kind]

    output = clone(step).set_output(transform="pandas").fit_transform(X)

    assert output.index.equals(INDEX)
    assert_array_equal(
        np.asarray(output).ravel(), clone(step).fit_transform(PICTURES).ravel()
    )
    if hasattr(output, "columns"):
        assert output.columns[0] == f"{type(step).__name__.lower()}0"


def test_subset_of_lazy_images_has_its_part_of_the_index():
    """Also through a step, and in any order."""
    step = Flip().fit(PICTURES)
    images = step.transform(RowsOf(PICTURES, np.arange(3), INDEX))

    assert images[[2, 0]].index.tolist() == ["b", "c"]
    assert images[np.array([False, True, True])].index.tolist() == ["a", "b"]
    assert images[:1].index.name == "picture"


def test_unknown_index_is_not_made_up():
    """Arrays and lists have none, and without frames it is not needed."""
    step = Flip().fit(PICTURES)

    assert step.transform(RowsOf(PICTURES, np.arange(3))).index is None
    assert isinstance(step.transform(pd.Series(list(PICTURES), INDEX)), np.ndarray)
    step.set_output(transform="pandas")
    assert isinstance(step.transform(PICTURES), np.ndarray)
    assert isinstance(step.transform(list(PICTURES)), np.ndarray)


def test_global_configuration_makes_frames_of_features():
    """As it does for scikit-learn's own steps."""
    flat = pd.DataFrame(np.arange(8.0).reshape(2, 4), index=[7, 3], columns=[*"abcd"])

    with config_context(transform_output="pandas"):
        output = Flip().fit_transform(flat)

    assert output.index.tolist() == [7, 3]
    assert output.columns.tolist() == ["flip0", "flip1", "flip2", "flip3"]
    assert_array_equal(output, [[1, 0, 3, 2], [5, 4, 7, 6]])


@every_step
@pytest.mark.parametrize("X", [PICTURES, PICTURES.reshape(3, 81)], ids=["", "flat"])
def test_columns_out_are_named(step, X):
    """There is a name for each flat pixel or feature, and one for images."""
    step = clone(step)
    output = step.fit_transform(X)

    names = step.get_feature_names_out()

    prefix = type(step).__name__.lower()
    if output.ndim == 2:
        assert names.tolist() == [f"{prefix}{i}" for i in range(output.shape[1])]
    elif X.ndim == 3:
        assert names.tolist() == ["images"]
        assert step.get_feature_names_out(["path"]).tolist() == ["path"]
    else:
        assert names.tolist() == [f"x{i}" for i in range(81)]


def test_names_are_as_many_as_flat_pixels():
    """Other numbers are refused, in scikit-learn's words."""
    step = Flip().fit(PICTURES.reshape(3, 81))

    with pytest.raises(ValueError, match="input_features should have length equal"):
        step.get_feature_names_out(["pixel"])

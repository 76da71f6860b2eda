"""Images beside tabular columns, joined by the index of a data frame."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from sklcnn.augmentation import RandomFlip
from sklcnn.preprocessing import Flip, ReadImages, Resize


@pytest.fixture
def frame(noise, tmp_path):
    """Give a shuffled data frame of paths, pixels, positions and labels."""
    X, y = noise
    paths = [str(tmp_path / f"{row}.png") for row in range(30)]
    for path, image in zip(paths, X, strict=True):
        Image.fromarray(image).save(path)
    table = pd.DataFrame({"path": paths, "row": np.arange(30), "label": y})
    pixels = pd.DataFrame(X.reshape(30, 64)).add_prefix("pixel")
    return pd.concat([table, pixels], axis=1).sample(frac=1, random_state=0)


def joined(images, column):
    """Join the embeddings of images to the positions of their rows."""
    parts = [("image", images, column), ("table", "passthrough", ["row"])]
    return ColumnTransformer(parts).set_output(transform="pandas")


@pytest.mark.parametrize(
    "steps", [[], [Resize(6)], [RandomFlip()], [Flip(), RandomFlip()]]
)
@pytest.mark.parametrize("column", ["path", "pixels"])
def test_embeddings_are_joined_to_their_rows(frame, tiny, steps, column):
    """Of a shuffled frame, of a part of it, in training and in prediction."""
    if column == "pixels":
        column = [name for name in frame if name.startswith("pixel")]
    else:
        steps = [ReadImages(), *steps]
    join = joined(make_pipeline(*steps, tiny), column)

    output = join.fit_transform(frame, frame["label"])

    assert output.index.equals(frame.index)
    assert output["table__row"].tolist() == frame["row"].tolist()
    assert list(output) == list(join.get_feature_names_out())
    assert output.columns[0] == "image__cnnclassifier0"
    expected = join.named_transformers_["image"].transform(frame[column])
    assert_array_equal(output.iloc[:, :-1], expected)
    part = join.transform(frame[7:12])
    assert_array_equal(part, output[7:12])


def test_names_go_through_the_steps_before_the_classifier(frame, tiny):
    """Also where nobody has said what comes in."""
    model = make_pipeline(ReadImages(6), RandomFlip(), tiny)
    model.fit(frame["path"], frame["label"])

    assert model[:-1].get_feature_names_out().tolist() == ["images"]
    assert model.get_feature_names_out(["path"])[0] == "cnnclassifier0"


def test_images_beside_tabular_columns_are_cross_validated(frame, tiny):
    """Folds of a frame are frames with other rows."""
    model = make_pipeline(
        joined(make_pipeline(ReadImages(), RandomFlip(), tiny), "path"),
        LogisticRegression(max_iter=1000),
    )

    scores = cross_val_score(model, frame, frame["label"], cv=3, error_score="raise")

    assert np.isfinite(scores).all()

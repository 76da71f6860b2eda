"""Places in the plane are those of the embeddings."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklcnn.inspection import EmbeddingDisplay
from sklcnn.inspection._embedding import embed, scattered, to_plane
from sklcnn.preprocessing import Flatten, Resize


def test_points_are_principal_components(gray):
    """Of the embeddings of `transform`."""
    display = EmbeddingDisplay.from_estimator(gray.model, gray.X, gray.y)

    expected = PCA(2, random_state=0).fit_transform(gray.model.transform(gray.X))
    assert_allclose(np.abs(display.points), np.abs(expected), atol=1e-4)
    assert display.labels == [str(label) for label in gray.y]


def test_new_images_are_placed_among_the_others(gray):
    """By the directions of the others."""
    display = EmbeddingDisplay.from_estimator(gray.model, gray.X, X_new=gray.X[5:8])

    assert_allclose(display.new_points, display.points[5:8], atol=1e-5)
    assert any(number >= len(gray.X) for number in display.pictures)


def test_pictures_are_those_of_their_points(gray):
    """Also where images were chosen from more."""
    display = EmbeddingDisplay.from_estimator(
        gray.model, gray.X, gray.y, max_images=30, n_thumbnails=9
    )

    features = gray.model.transform(gray.X)
    rows = np.sort(np.random.RandomState(0).choice(60, 30, replace=False))
    assert len(display.points) == 30
    for number, picture in display.pictures.items():
        np.testing.assert_array_equal(picture, gray.X[rows[number]])
    assert_allclose(features[rows].shape, (30, features.shape[1]))


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_few_images_have_places(n, method):
    """Also a single one."""
    features = np.random.default_rng(0).random((n, 4), dtype=np.float32)
    if method == "tsne" and n < 3:
        pytest.skip("t-SNE needs neighbors")

    (places,) = to_plane([features], method, np.random.RandomState(0))

    assert places.shape == (n, 2)
    assert np.isfinite(places).all()


def test_neighbors_stay_together():
    """t-SNE takes old and new images together."""
    rng = np.random.default_rng(0)
    features = np.concatenate([rng.normal(0, 1, (20, 5)), rng.normal(50, 1, (20, 5))])
    new = rng.normal(50, 1, (4, 5))

    places, new_places = to_plane([features, new], "tsne", np.random.RandomState(0))

    to_first = np.linalg.norm(new_places - places[:20].mean(axis=0), axis=1)
    to_second = np.linalg.norm(new_places - places[20:].mean(axis=0), axis=1)
    assert (to_second < to_first).all()


def test_thumbnails_are_spread_out():
    """One of each square of a grid."""
    points = np.random.default_rng(0).random((500, 2))

    chosen = scattered(points, 16)

    squares = np.minimum((points[chosen] * 4).astype(int), 3)
    assert len(np.unique(squares, axis=0)) >= 14
    assert len(chosen) <= 16


def test_features_of_a_pipeline_are_what_its_classifier_gets(color):
    """Where the last step makes none."""
    model = make_pipeline(Flatten(), LogisticRegression()).fit(color.X, color.y)

    features = embed(model, color.X, name="test")

    assert_allclose(features, color.X.reshape(40, -1))


def test_classes_can_be_chosen(many):
    """Others are gray."""
    chosen = list(many.y[[0, 200]])

    display = EmbeddingDisplay.from_estimator(
        many.model, many.X, many.y, classes=chosen, n_thumbnails=0
    )

    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend[-1] == "98 other classes"
    assert len(legend) == 3
    assert display.pictures == {}


def test_a_single_other_class_is_one(many):
    """In the legend."""
    y = np.where(np.arange(len(many.y)) % 2, "a", "b")

    display = EmbeddingDisplay.from_estimator(
        many.model, many.X, y, classes=["a"], n_thumbnails=0
    )

    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend == ["a", "1 other class"]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"method": "umap"}, "method to be one of 'pca', 'tsne'"),
        ({"y": [1, 2]}, "one label for each of 60"),
    ],
)
def test_wrong_input_is_refused(options, match, gray):
    """Before anything is drawn."""
    with pytest.raises(ValueError, match=match):
        EmbeddingDisplay.from_estimator(gray.model, gray.X, **options)


def test_estimator_without_features_is_refused(noise):
    """The error says what makes them."""
    X, y = noise
    model = LogisticRegression().fit(X.reshape(30, 64), y)

    with pytest.raises(ValueError, match="makes features of images"):
        EmbeddingDisplay.from_estimator(model, X.reshape(30, 64))
    with pytest.raises(ValueError, match="makes features of images"):
        EmbeddingDisplay.from_estimator(Resize((4, 4)).fit(X), X)

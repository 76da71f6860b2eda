"""Any number of images is predicted in blocks, with flat memory."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin

from sklcnn.images._lazy import LazyImages
from sklcnn.inspection import ConfusionDisplay, EmbeddingDisplay, PredictionDisplay
from sklcnn.inspection._blocks import in_blocks


class Noted(LazyImages):
    """Lazy images that note down how many are read at once."""

    dtype = np.dtype(np.uint8)

    def __init__(self, rows, noted):
        self.rows, self.noted = rows, noted

    @property
    def shape(self):
        """Shape of all images."""
        return len(self.rows), 4, 4

    def read(self, rows):
        """Read images, which are their numbers."""
        self.noted.append(len(rows))
        return (self.rows[rows] % 251).astype(np.uint8)[:, None, None] + np.zeros(
            (4, 4), np.uint8
        )

    def take(self, rows):
        """Keep some rows."""
        return Noted(self.rows[rows], self.noted)


class Parity(ClassifierMixin, BaseEstimator):
    """Classifier of the parity of pixels."""

    def fit(self, X, y):
        """Learn nothing."""
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, X):
        """Predict the parity."""
        pixels = np.asarray(X)[:, 0, 0]
        return np.stack([pixels % 2 == 0, pixels % 2 == 1], axis=1).astype(float)

    def transform(self, X):
        """Compute features."""
        return np.asarray(X).reshape(len(X), -1)


@pytest.mark.parametrize(
    "draw",
    [
        lambda X, y: PredictionDisplay.from_estimator(Parity().fit(X, y), X, y),
        lambda X, y: ConfusionDisplay.from_estimator(Parity().fit(X, y), X, y),
        lambda X, y: EmbeddingDisplay.from_estimator(Parity().fit(X, y), X, y),
    ],
)
def test_lazy_images_are_read_in_blocks(draw):
    """No more than 1,024 at once, of 5,000."""
    noted = []
    X = Noted(np.arange(5000), noted)

    draw(X, np.arange(5000) % 2)

    assert max(noted) <= 1024
    assert sum(noted) < 5100


def test_blocks_are_joined_in_order():
    """Rows of the last block included."""
    X = np.arange(2500).reshape(2500, 1, 1) + np.zeros((2, 2))

    values, positions = in_blocks(lambda block, rows: (block[:, 0, 0], rows), X)

    assert_array_equal(values, np.arange(2500))
    assert_array_equal(positions, np.arange(2500))


def test_progress_is_shown_where_asked_for(capsys):
    """As a bar over the images."""
    X = np.zeros((2000, 2, 2))

    in_blocks(lambda block, rows: (rows,), X)
    assert capsys.readouterr().err == ""
    in_blocks(lambda block, rows: (rows,), X, verbose=1)
    assert "2000/2000" in capsys.readouterr().err

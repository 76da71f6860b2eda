"""Steps of one's own, as the guide shows them, work as those of the package do."""

import inspect
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklcnn.augmentation import (
    BaseAugmentation,
    ImageFormat,
    Pixelwise,
    RandomBrightness,
    RandomRotation,
    RowRandom,
    Stage,
    Warp,
)

GUIDE = Path(__file__).parents[2] / "docs" / "user_guide" / "augmentation.md"


class RandomSolarize(BaseAugmentation):
    """Invert pixels above a threshold, a fraction of the range, at random."""

    def __init__(self, threshold=0.5, *, p=0.5):
        self.threshold = threshold
        self.p = p

    def draw_stage(self, random, image_format):
        """Draw which images are solarized."""
        low, high = image_format.pixel_range
        threshold = low + self.threshold * (high - low)
        limits = np.where(random.happens(self.p), threshold, np.inf)
        return Pixelwise(
            lambda images, limits: images.where(images < limits, low + high - images),
            limits,
        )


class RandomQuarterTurn(BaseAugmentation):
    """Rotate square images by 0, 90, 180 or 270 degrees."""

    def draw_stage(self, random, image_format):
        """Draw one of four matrices per image."""
        turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
        turns = np.stack([np.linalg.matrix_power(turn, k) for k in range(4)])
        return Warp(turns[random.integers(0, 3).astype(int)])


@pytest.fixture
def photos():
    """Give 30 color images that use the whole range of uint8, and three labels."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (30, 8, 8, 3), dtype=np.uint8)
    X[:, 0, 0] = [0, 255, 128]
    return X, np.arange(30) % 3


@pytest.mark.parametrize("step", [RandomSolarize, RandomQuarterTurn])
def test_the_guide_shows_these_steps(step):
    """Line by line, docstrings of methods apart."""
    guide = [line.strip() for line in GUIDE.read_text().splitlines()]

    lines = [line.strip() for line in inspect.getsource(step).splitlines()]

    missing = [line for line in lines if line not in guide]
    assert missing == [lines for lines in missing if lines.startswith('"""Draw')]


def test_solarizing_inverts_what_is_bright(photos):
    """In uint8 and in 12-bit data."""
    X, _ = photos
    for pixels, white in ((X, 255), (X.astype(np.uint16) * 16, 255 * 16)):
        drawn = RandomSolarize(p=1.0).fit_transform(pixels).draw()

        bright = pixels >= white / 2
        assert_array_equal(drawn, np.where(bright, white - pixels, pixels))


def test_quarter_turns_are_those_of_numpy(photos):
    """Bit for bit, each of the four."""
    X, _ = photos

    drawn = RandomQuarterTurn().fit_transform(X).draw()

    turns = [np.rot90(X, k, axes=(1, 2)) for k in range(4)]
    is_turn = np.stack([(drawn == turned).all(axis=(1, 2, 3)) for turned in turns])
    assert is_turn.any(axis=0).all()
    assert is_turn.any(axis=1).all()


@pytest.mark.parametrize("step", [RandomSolarize(), RandomQuarterTurn()])
def test_own_steps_train_in_pipelines(tiny, photos, step):
    """They change training, between other steps, and the pipeline is pickled."""
    X, y = photos
    model = make_pipeline(RandomRotation(), step, RandomBrightness(), tiny)
    without = clone(model).set_params(**{model.steps[1][0]: "passthrough"}).fit(X, y)

    model.fit(X, y)
    loaded = pickle.loads(pickle.dumps(model))

    assert not np.allclose(model.predict_proba(X), without.predict_proba(X))
    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert_array_equal(
        loaded.fit(X, y).predict_proba(X), clone(model).fit(X, y).predict_proba(X)
    )


def test_parameters_of_own_steps_are_searched(tiny, photos):
    """In a grid, by name."""
    X, y = photos
    model = make_pipeline(RandomSolarize(p=1.0), tiny)
    grid = {"randomsolarize__threshold": [0.0, 0.5, 1.1]}

    search = GridSearchCV(model, grid, cv=2, scoring="neg_log_loss").fit(X, y)

    assert len(set(search.cv_results_["mean_test_score"])) == 3
    assert (
        search.best_estimator_[0].threshold
        == search.best_params_["randomsolarize__threshold"]
    )


def test_own_steps_draw_the_same_for_equal_seeds(photos):
    """Copies, clones, subsets and one image at a time."""
    X, _ = photos
    augmented = RandomSolarize().fit_transform(X)

    drawn = augmented.draw(epoch=3, seed=1)

    copied = pickle.loads(pickle.dumps(augmented))
    assert_array_equal(copied.draw(epoch=3, seed=1), drawn)
    assert_array_equal(augmented[5:].draw(epoch=3, seed=1), drawn[5:])
    assert_array_equal(augmented.draw(7, epoch=3, seed=1), drawn[7])
    assert not np.array_equal(augmented.draw(epoch=4, seed=1), drawn)


def test_shapes_that_a_step_refuses_are_told_in_fit_and_draw():
    """Flat images get their shape when they are drawn."""

    class OnlySquares(RandomQuarterTurn):
        def check_shape(self, image_shape):
            if image_shape[0] != image_shape[1]:
                raise ValueError(f"OnlySquares got images of {image_shape}.")

    with pytest.raises(ValueError, match=r"OnlySquares got images of \(4, 8, 1\)"):
        OnlySquares().fit(np.zeros((2, 4, 8)))
    flat = OnlySquares().fit_transform(np.zeros((2, 32)))
    with pytest.raises(ValueError, match=r"OnlySquares got images of \(2, 16, 1\)"):
        flat.draw(image_shape=(2, 16, 1))


def test_a_step_without_a_stage_is_no_step():
    """What is missing is named when it is made."""

    class Forgotten(BaseAugmentation):
        pass

    with pytest.raises(TypeError, match="draw_stage"):
        Forgotten()
    with pytest.raises(TypeError, match="__call__"):
        Stage()


@pytest.mark.parametrize("returned", [None, np.ones(3), np.negative])
def test_what_is_no_stage_is_refused(returned):
    """The message says what to return."""

    class Unfinished(BaseAugmentation):
        def draw_stage(self, random, image_format):
            return returned

    with pytest.raises(TypeError, match=r"Unfinished.draw_stage must .* Pixelwise\("):
        Unfinished().fit_transform(np.zeros((2, 4, 4))).draw()


def test_parameters_reach_functions_by_image():
    """In the dtype of the images, broadcast over their pixels."""
    random = RowRandom(np.arange(10), 0)
    shifts = random.integers(0, 9)
    stage = Pixelwise(torch.add, shifts)
    batch = torch.zeros(3, 2, 2, 1, dtype=torch.float64)

    shifted = stage(batch, np.array([9, 0, 4]))

    assert shifted.dtype == torch.float64
    assert_array_equal(shifted[:, 0, 0, 0], shifts[[9, 0, 4]])
    assert_array_equal(batch, 0)


def test_formats_bring_values_to_the_scale_of_the_network():
    """uint8 counts as 0 to 1 there."""
    image_format = ImageFormat((8, 8, 1), (0.25, 0.75), pixel_scale=1 / 255)

    assert image_format.scaled(255) == 1
    assert image_format.span() == 0.5

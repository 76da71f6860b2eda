"""Draws are shown as training draws them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline

from sklcnn import CNNFeatures
from sklcnn.augmentation import RandomFlip, RandomNoise, RandomRotation
from sklcnn.inspection import AugmentationDisplay
from sklcnn.inspection._augmentation import draw_as_trained
from sklcnn.preprocessing import ImageFunction


def by_first_pixels(images):
    """Sort images, whose order differs between epochs."""
    flat = np.reshape(images, (len(images), -1))
    return flat[np.lexsort(flat.T[::-1])]


def test_draws_are_what_the_network_was_fed(spy, signs):
    """In each epoch, to the last bit."""
    X, y = signs
    steps = RandomRotation(30), RandomNoise(0.3)
    model = make_pipeline(*steps, spy.classifier).fit(X, y)

    _, draws = draw_as_trained(model, X, np.arange(30), range(3), name="test")

    for drawn, fed in zip(draws, spy.trained, strict=True):
        assert_allclose(by_first_pixels(drawn), by_first_pixels(fed), atol=1e-6)


def test_draws_of_a_row_do_not_depend_on_others(spy, signs):
    """A few rows are drawn as among all."""
    X, y = signs
    model = make_pipeline(RandomRotation(30), spy.classifier).fit(X, y)

    _, every = draw_as_trained(model, X, np.arange(30), [2], name="test")
    _, some = draw_as_trained(model, X, np.array([20, 4]), [2], name="test")

    assert_array_equal(some[0], every[0][[20, 4]])


def test_steps_before_are_applied(color):
    """What is drawn are images after the steps that change all."""
    invert = ImageFunction(np.invert)
    model = make_pipeline(invert, *color.model).fit(color.X, color.y)

    display = AugmentationDisplay.from_estimator(
        model, color.X, rows=[3], epochs=[0, 7]
    )

    assert_array_equal(display.originals[0], 255 - color.X[3])
    flips = 255 - color.X[3], 255 - color.X[3][:, ::-1]
    for (drawn,) in display.draws:
        assert any(np.array_equal(drawn, flip) for flip in flips)


def test_augmented_images_are_drawn_before_training(color):
    """As their own method draws them."""
    images = make_pipeline(RandomFlip(), RandomRotation(20)).fit_transform(color.X)

    display = AugmentationDisplay.from_images(images, rows=[1, 2], epochs=2)

    assert_array_equal(display.draws[1], images.draw([1, 2], epoch=1))
    assert_array_equal(display.originals, color.X[1:3])


def test_pipeline_without_random_steps_is_refused(tiny, noise):
    """The error shows how one is made, and what came."""
    model = make_pipeline(ImageFunction(np.invert), tiny).fit(*noise)

    with pytest.raises(ValueError, match=r"random steps.*ImageFunction, CNNClassifier"):
        AugmentationDisplay.from_estimator(model, noise[0])


@pytest.mark.filterwarnings("ignore:.*(random weights|no effect)")
def test_features_are_not_redrawn(noise):
    """`CNNFeatures` embeds each image once, without random steps."""
    features = CNNFeatures("convnet", random_state=0)
    model = make_pipeline(RandomFlip(), features).fit(noise[0])

    with pytest.raises(ValueError, match=r"fitted CNNClassifier.*Got CNNFeatures"):
        AugmentationDisplay.from_estimator(model, noise[0])


def test_random_steps_without_effect_are_no_random_steps(tiny, noise):
    """Those before a step that changes all are lost, as in training."""
    model = make_pipeline(RandomFlip(), ImageFunction(np.invert), tiny)
    with pytest.warns(UserWarning, match="no effect"):
        model.fit(*noise)

    with pytest.raises(ValueError, match="right before the classifier"):
        AugmentationDisplay.from_estimator(model, noise[0])


@pytest.mark.parametrize("epochs", [0, -1, [], [-1], [0.5], "ab"])
def test_wrong_epochs_are_refused(epochs, color):
    """Before anything is drawn."""
    with pytest.raises(ValueError, match="epochs"):
        AugmentationDisplay.from_estimator(color.model, color.X, epochs=epochs)


def test_plain_images_are_refused(noise):
    """The error says where augmented ones come from."""
    with pytest.raises(ValueError, match=r"pipeline\[:-1\].fit_transform"):
        AugmentationDisplay.from_images(noise[0])

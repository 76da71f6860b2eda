"""Temperatures are those of the greatest likelihood, and near 1 for few images."""

import numpy as np
import pytest
from scipy.special import softmax

from sklcnn.network import fit_temperature


def draw_labels(n, sharpness, seed=0):
    """Draw logits, and labels from the probabilities of the logits times a factor."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 4)) * 3
    steps = softmax(logits * sharpness, axis=1).cumsum(axis=1)
    return logits, (rng.random((n, 1)) > steps).sum(axis=1).clip(max=3)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_the_temperature_is_found(temperature):
    """That which the labels were drawn with."""
    logits, targets = draw_labels(20_000, 1 / temperature)

    found = fit_temperature(logits, targets, np.ones(20_000))

    assert found == pytest.approx(temperature, rel=0.05)


def test_weights_count_as_repeats():
    """An image of weight 3 is three images, one of weight 0 none."""
    logits, targets = draw_labels(60, 0.5)
    weights = np.arange(60) % 4

    found = fit_temperature(logits, targets, weights)

    repeated = np.repeat(np.arange(60), weights)
    expected = fit_temperature(logits[repeated], targets[repeated], np.ones(90))
    assert found == pytest.approx(expected, rel=1e-4)


def test_a_few_right_images_are_no_proof():
    """All of 20 right does not make the network certain."""
    logits = np.tile([5.0, 0.0], (20, 1))

    few = fit_temperature(logits, np.zeros(20, int), np.ones(20))
    many = fit_temperature(
        np.tile(logits, (500, 1)), np.zeros(10_000, int), np.ones(10_000)
    )

    assert 0.6 < few < 1
    assert many < 0.6 * few


def test_no_image_leaves_logits_as_they_are():
    """There is nothing to fit."""
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, int), np.zeros(0)) == 1

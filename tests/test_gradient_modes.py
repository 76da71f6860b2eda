"""Gradient modes of torch that are set around calls, and stay as they were."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone

from sklcnn import CNNClassifier, CNNFeatures
from sklcnn.inspection import saliency_maps

MODES = {"no_grad": torch.no_grad, "inference_mode": torch.inference_mode}


def fit(tiny, X, y):
    """Train from the beginning."""
    return tiny.fit(X, y)


def fit_further(tiny, X, y):
    """Train step by step, and by the net."""
    tiny.partial_fit(X, y, classes=[0, 1, 2]).partial_fit(X, y)
    tiny.net_.partial_fit(X[..., np.newaxis], y)
    return tiny


def fit_a_copy(tiny, X, y):
    """Train what came out of a file."""
    return pickle.loads(pickle.dumps(tiny.fit(X, y))).partial_fit(X, y)


def fit_own_layers(tiny, X, y):
    """Train a network that is tried before."""

    def network(n_channels, n_classes):
        """Build lazy layers."""
        flatten, linear = torch.nn.Flatten(), torch.nn.LazyLinear(n_classes)
        return torch.nn.Sequential(flatten, linear)

    return CNNClassifier(network=network, max_epochs=1, random_state=0).fit(X, y)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("train", [fit, fit_further, fit_a_copy, fit_own_layers])
def test_training_needs_no_gradients_of_the_caller(mode, train, tiny, noise):
    """Weights are the same, and the mode afterwards is the caller's."""
    expected = train(clone(tiny), *noise).predict_proba(noise[0])

    with MODES[mode]():
        model = train(clone(tiny), *noise)
        actual = model.predict_proba(noise[0])
        maps = saliency_maps(model, noise[0][:3]) if train is fit else None
        assert not torch.is_grad_enabled()
        assert torch.is_inference_mode_enabled() == (mode == "inference_mode")

    assert torch.is_grad_enabled()
    assert_array_equal(actual, expected)
    model.partial_fit(*noise)
    if maps is not None:
        assert np.ptp(maps) > 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.filterwarnings("ignore:.*random weights")
def test_features_need_no_gradients_of_the_caller(mode, noise):
    """A function's network is tried, and its last layer found, as elsewhere."""

    def network(n_channels, n_classes):
        """Build layers of one's own."""
        layers = torch.nn.Linear(64, 5), torch.nn.Linear(5, n_classes)
        return torch.nn.Sequential(torch.nn.Flatten(), *layers)

    X, features = noise[0], CNNFeatures(network, random_state=0)
    expected = clone(features).fit_transform(X)

    with MODES[mode]():
        actual = features.fit_transform(X)
        assert not torch.is_grad_enabled()

    assert_array_equal(actual, expected)
    assert expected.shape == (30, 5)

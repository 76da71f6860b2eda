"""Networks that are returned again: no two models share weights."""

import copy
import functools
import gc
import pickle

import joblib
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from torch import nn

from sklcnn import CNNClassifier

SHARED = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))


def make_model(network):
    """Make a classifier that trains in no time."""
    return CNNClassifier(network=network, max_epochs=1, random_state=0)


def new(n_channels, n_classes):
    """Build a network of its own for each call."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64 * n_channels, n_classes))


def whole(module):
    """Make a function that returns one module."""
    return lambda n_channels, n_classes: module


def body_of(module):
    """Make a function that puts a new head on one module."""
    return lambda n_channels, n_classes: nn.Sequential(module, nn.Linear(3, n_classes))


def tied(module):
    """Make a function that ties a weight to one module's."""

    def network(n_channels, n_classes):
        layers = new(n_channels, n_classes)
        layers[1].weight = module[1].weight
        return layers

    return network


def cached(module):
    """Make a function that remembers what it returned."""
    return functools.lru_cache(new)


@pytest.mark.parametrize("kind", [whole, body_of, tied, cached])
def test_a_module_can_be_returned_once(noise, kind):
    """A later fit would change the model of before; the message says how to mend."""
    X, y = noise
    network = kind(copy.deepcopy(SHARED))
    first = make_model(network).fit(X, y)
    before = first.predict_proba(X)

    with pytest.raises(ValueError, match=r"Return `copy\.deepcopy\(module\)`"):
        make_model(network).fit(X, 2 - y)

    assert_array_equal(first.predict_proba(X), before)


def test_a_model_that_is_gone_counts(noise):
    """A fit would go on from what the one before had learnt, as folds would."""
    network = whole(copy.deepcopy(SHARED))
    make_model(network).fit(*noise)
    gc.collect()

    with pytest.raises(ValueError, match="All the 3 fits failed"):
        cross_val_score(make_model(network), *noise, cv=3)


def test_loading_takes_no_weights_away(noise):
    """Nor does drawing them anew."""
    X, y = noise
    model = make_model(cached(None)).fit(X, y)
    before = model.predict_proba(X)

    with pytest.raises(ValueError, match=r"Return `copy\.deepcopy\(module\)`"):
        copy.deepcopy(model)
    with pytest.raises(ValueError, match=r"Return `copy\.deepcopy\(module\)`"):
        model.net_.initialize()

    assert_array_equal(model.predict_proba(X), before)


def test_new_modules_are_fitted_copied_and_sent(noise):
    """Each fit, clone, pickle and worker has weights of its own."""
    X, y = noise
    model = make_model(new).fit(X, y)
    expected = model.predict_proba(X)

    others = [
        clone(model).fit(X, y),
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
        model.fit(X, y),
        *joblib.Parallel(n_jobs=2)(
            joblib.delayed(clone(model).fit)(X, y) for _ in range(2)
        ),
    ]

    for other in others:
        assert_array_equal(other.predict_proba(X), expected)


def test_copies_of_one_module_begin_alike(noise):
    """Which is how pretrained weights are used."""
    model = make_model(lambda n_channels, n_classes: copy.deepcopy(SHARED))

    one, two = (clone(model).fit(*noise).predict_proba(noise[0]) for _ in range(2))

    assert_array_equal(one, two)

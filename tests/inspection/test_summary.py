"""Layers are counted as by hand."""

import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline
from torch import nn

from sklcnn import CNNClassifier, CNNFeatures
from sklcnn.inspection import summary
from sklcnn.preprocessing import Resize


def fit(noise, **parameters):
    """Fit a classifier for one epoch."""
    X, y = noise
    return CNNClassifier(max_epochs=1, random_state=0, **parameters).fit(X, y)


def test_multiply_adds_are_those_by_hand(noise):
    """Kernel by outputs for convolutions, inputs by outputs for linear layers."""
    model = fit(noise, conv_channels=(8, 16), hidden_units=(32,))

    table = summary(model)

    by_hand = {
        "0": 9 * 1 * 8 * 64,
        "3": 9 * 8 * 16 * 64,
        "8": 16 * 4 * 4 * 32,
        "10": 32 * 3,
    }
    counted = {layer.name: layer.n_multiply_adds for layer in table.layers}
    assert {name: n for name, n in counted.items() if n} == by_hand
    assert table.n_multiply_adds == sum(by_hand.values())


def test_totals_are_those_of_the_module(noise):
    """Parameters, and bytes of them and of buffers."""
    model = fit(noise)
    module = model.net_.module_

    table = summary(model)

    assert table.n_parameters == sum(p.numel() for p in module.parameters())
    tensors = [*module.parameters(), *module.buffers()]
    assert table.n_bytes == sum(t.numel() * t.element_size() for t in tensors)


def test_pipeline_is_summed_up_for_the_images_that_enter(noise):
    """After they were resized."""
    X, y = noise
    model = make_pipeline(Resize((12, 12)), CNNClassifier(max_epochs=1)).fit(X, y)

    assert summary(model).image_shape == (12, 12, 1)


def test_features_have_a_network(noise):
    """That of `CNNFeatures`, with a layer of two outputs that it does not use."""
    with pytest.warns(UserWarning, match="random weights"):
        features = CNNFeatures("resnet18", random_state=0).fit(noise[0])

    assert summary(features).n_parameters == 11_171_266


class Odd(nn.Module):
    """Network that shares a layer, skips another and computes outside of layers."""

    def __init__(self, n_channels, n_classes):
        super().__init__()
        self.shared = nn.Linear(64, 64, bias=False)
        self.skipped = nn.Linear(5, 5)
        self.weight = nn.Parameter(torch.randn(n_classes, 64) / 8)

    def forward(self, images):
        """Compute logits."""
        rows = images.flatten(1)
        return self.shared(self.shared(rows)) @ self.weight.T


def test_everything_is_counted_once(noise):
    """Shared layers, layers that are not called, and what belongs to none."""
    model = fit(noise, network=Odd)

    shared, skipped, rest = summary(model).layers

    assert (shared.n_parameters, shared.n_multiply_adds) == (64 * 64, 2 * 64 * 64)
    assert (skipped.output_shape, skipped.n_multiply_adds) == (None, 0)
    assert (rest.n_parameters, rest.n_multiply_adds) == (3 * 64, 3 * 64)


def test_table_is_text_and_html(noise):
    """Both name every layer, and HTML is escaped."""
    table = summary(fit(noise, conv_channels=(4,)))

    text, page = repr(table), table._repr_html_()

    assert len(text.splitlines()) == len(table.layers) + 5
    for layer in table.layers:
        assert layer.kind in text
        assert f">{layer.kind}</td>" in page
    assert f"{table.n_multiply_adds:,}" in text
    assert f"{table.n_multiply_adds:,}" in page


def test_estimator_is_left_as_it_was(noise):
    """Its layers have no hooks, and its weights their values."""
    model = fit(noise)
    before = {name: w.clone() for name, w in model.net_.module_.state_dict().items()}
    layers = list(model.net_.module_.modules())

    summary(model)

    after = model.net_.module_.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert list(model.net_.module_.modules()) == layers
    assert not any(layer._forward_hooks for layer in layers)
    assert np.array_equal(model.predict(noise[0]), model.predict(noise[0]))

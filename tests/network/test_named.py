"""Networks by name: built, trained, saved and asked for embeddings."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

from sklcnn import CNNClassifier, CNNFeatures, available_networks
from sklcnn.network import _torchvision
from sklcnn.network._spec import describe_network
from sklcnn.persistence import dump, load

SMALL = 100_000_000
"""Number of parameters up to which networks are trained here."""

OF_TIMM = [
    "convnext_atto",
    "deit_tiny_patch16_224",
    "densenet121",
    "edgenext_xx_small",
    "efficientnet_lite0",
    "efficientvit_b0",
    "ghostnet_050",
    "levit_128s",
    "mobilenetv3_small_050",
    "mobilenetv4_conv_small",
    "poolformer_s12",
    "regnety_002",
    "resnet10t",
    "swin_tiny_patch4_window7_224",
    "vit_tiny_patch16_224",
]
"""Networks of timm, of fifteen families."""

IN_CI = {
    "mobilenet_v3_small": 1,
    "shufflenet_v2_x0_5": 3,
    "squeezenet1_1": 5,
    "timm/mobilenetv3_small_050": 1,
    "timm/regnety_002": 5,
}
"""Networks that are tried in every run of the tests, on so many channels."""

ONE_STEP = {"max_epochs": 1, "batch_size": 4}
"""Parameters of a training that is short, and gentle to networks with random weights.
"""

SIZES = {"alexnet": 64, "inception_v3": 96, "maxvit_t": 224}
"""Sides of the smallest images that a network takes, where 32 pixels are too few."""


def split_names():
    """Split torchvision's names by the number of parameters."""
    names = _torchvision.list_names()
    is_small = [(_torchvision.count_parameters(name) or 0) <= SMALL for name in names]
    small = [name for name, small in zip(names, is_small, strict=True) if small]
    return small, sorted({*names} - {*small})


SMALL_NAMES, LARGE_NAMES = split_names()

TRAINED = [
    *(pytest.param(name, (n,), id=f"{name}-{n}") for name, n in IN_CI.items()),
    *(
        pytest.param(name, (1, 3, 5), id=name, marks=pytest.mark.slow)
        for name in [*SMALL_NAMES, *(f"timm/{name}" for name in OF_TIMM)]
    ),
]


def images_for(name, n_channels):
    """Give four images that a network can take."""
    side = SIZES.get(name, 32)
    shape = (4, side, side, n_channels)[: 4 if n_channels > 1 else 3]
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.filterwarnings("ignore:.*weights=None:UserWarning")
@pytest.mark.parametrize(("name", "numbers"), TRAINED)
def test_network_is_trained_and_saved(name, numbers, tmp_path):
    """It is trained frozen and not, predicts, embeds, and is the same when loaded."""
    if name.startswith("timm/"):
        pytest.importorskip("timm")
    y = np.arange(4) % 2
    for n_channels in numbers:
        X = images_for(name, n_channels)
        for freeze in (True, False):
            rate = "auto" if freeze else 1e-4
            model = CNNClassifier(network=name, freeze=freeze, learning_rate=rate)
            model.set_params(random_state=0, **ONE_STEP).fit(X, y)
            expected = model.predict_proba(X)
            assert np.isfinite(expected).all()
        embeddings = model.transform(X)
        assert np.isfinite(embeddings).all()
        if name.startswith("timm/"):
            body = model.net_.module_.body
            assert embeddings.shape == (4, body.head_hidden_size)

    dump(model, tmp_path / "model.skops")  # of the last number, as others are alike
    for copy in (load(tmp_path / "model.skops"), pickle.loads(pickle.dumps(model))):
        assert_array_equal(copy.predict_proba(X), expected)
        assert_array_equal(copy.transform(X), embeddings)
    assert clone(model).get_params() == model.get_params()


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE_NAMES)
def test_large_network_has_structure_and_head(name):
    """It is described without memory for weights, with as many outputs as asked for."""
    side = 224 if name.startswith(("vit", "maxvit")) else 64
    spec, _ = describe_network(name, (side, side, 3), 7, {})

    network = spec.build_structure()

    n_weights = sum(p.numel() for p in network.parameters())
    assert n_weights > 0.5 * SMALL
    assert [*network.body.parameters()][-1].shape[0] == 7


@pytest.mark.filterwarnings("ignore:.*weights=None:UserWarning")
def test_embeddings_of_features_are_those_of_the_head():
    """Their number is what timm calls `head_hidden_size`, not `num_features`."""
    pytest.importorskip("timm")
    X = images_for("timm/mobilenetv4_conv_small", 3)
    features = CNNFeatures("timm/mobilenetv4_conv_small", random_state=0)

    assert features.fit_transform(X).shape == (4, 1280)


def test_names_are_listed_with_what_is_known():
    """Sizes, weights and licenses are there, and nothing is built."""
    (found,) = available_networks("resnet18")

    assert found.image_size == (224, 224)
    assert "IMAGENET1K_V1" in found.weights
    assert not available_networks("nothing*")


def test_licenses_of_timm_are_listed():
    """Terms of weights are told before they are downloaded."""
    pytest.importorskip("timm")

    (found,) = available_networks("timm/convnextv2_atto")

    assert found.license == "cc-by-nc-4.0"
    assert "fcmae_ft_in1k" in found.weights

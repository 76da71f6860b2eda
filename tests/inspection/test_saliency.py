"""Maps show what decides a class, and nothing is changed by computing them."""

import copy
import sys
import threading
import types

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import maximum_filter
from scipy.stats import spearmanr
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from torch import nn

from sklcnn import CNNClassifier, CNNFeatures
from sklcnn.inspection import SaliencyDisplay, saliency_maps
from sklcnn.inspection._saliency import find_layer, grad_cam
from sklcnn.preprocessing import Resize

METHODS = ["grad_cam", "integrated_gradients", "occlusion"]
SIDE, PATCH = 32, 8


def plant(n, seed):
    """Make noise with a striped patch, whose direction is the class, at some place."""
    rng = np.random.default_rng(seed)
    X = rng.integers(80, 176, (n, SIDE, SIDE), dtype=np.uint8)
    y, is_patch = np.arange(n) % 2, np.zeros(X.shape, dtype=bool)
    stripes = np.where(np.arange(PATCH) % 4 < 2, 30, 225) * np.ones((PATCH, 1))
    for image, label, mask in zip(X, y, is_patch, strict=True):
        i, j = rng.integers(0, SIDE - PATCH, 2)
        place = slice(i, i + PATCH), slice(j, j + PATCH)
        image[place] = stripes.T if label else stripes
        mask[place] = True
    return X, np.array(["upright", "level"])[y], is_patch


class Small(nn.Sequential):
    """Network of one's own."""

    def __init__(self, n_channels, n_classes):
        layers = []
        for n in (16, 32):
            layers += [nn.Conv2d(n_channels, n, 3, padding=1), nn.BatchNorm2d(n)]
            layers += [nn.ReLU(inplace=True), nn.MaxPool2d(2)]
            n_channels = n
        super().__init__(
            *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, n_classes)
        )


def fit_planted(X, y, **parameters):
    """Fit a classifier that tells the patches apart."""
    options = {"conv_channels": (16, 32), "hidden_units": ()} if not parameters else {}
    model = CNNClassifier(max_epochs=10, random_state=0, **options, **parameters)
    return model.fit(X, y)


@pytest.fixture(scope="module")
def planted():
    """Give fitted classifiers, and images with the masks of their patches."""
    X, y, _ = plant(300, 0)
    X_test, y_test, is_patch = plant(60, 1)
    models = {
        "built-in": fit_planted(X, y),
        "callable": fit_planted(X, y, network=Small),
    }
    for model in models.values():
        assert model.score(X_test, y_test) > 0.95
    return types.SimpleNamespace(models=models, X=X_test, y=y_test, is_patch=is_patch)


def share_near(maps, is_patch):
    """Compute the share of the top decile within 3 pixels of the patches."""
    near = maximum_filter(is_patch, size=(1, 7, 7))
    n_top = SIDE * SIDE // 10
    top = np.argsort(-maps.reshape(len(maps), -1), axis=1)[:, :n_top]
    return np.take_along_axis(near.reshape(len(maps), -1), top, axis=1).mean()


@pytest.mark.parametrize("kind", ["built-in", "callable"])
def test_grad_cam_finds_the_planted_patch(kind, planted):
    """At least 80 % of the top decile are within 3 pixels of it."""
    maps = saliency_maps(planted.models[kind], planted.X)

    assert share_near(maps, planted.is_patch) >= 0.8


@pytest.mark.parametrize(
    ("method", "least"), [("integrated_gradients", 0.8), ("occlusion", 0.8)]
)
def test_methods_of_captum_find_the_planted_patch(method, least, planted):
    """As Grad-CAM does."""
    maps = saliency_maps(planted.models["built-in"], planted.X[:20], method=method)

    assert share_near(maps, planted.is_patch[:20]) >= least


@pytest.mark.parametrize("method", METHODS)
def test_random_weights_give_another_map(method, planted):
    """The rank correlation is under 0.3: a map is no filter of edges."""
    X = planted.X[:10]
    random = copy.deepcopy(planted.models["built-in"])
    with torch.no_grad():
        generator = torch.Generator().manual_seed(1)
        for weight in random.net_.module_.parameters():
            weight.normal_(0, 0.1, generator=generator)

    maps = saliency_maps(planted.models["built-in"], X, target="level", method=method)
    others = saliency_maps(random, X, target="level", method=method)

    pairs = zip(maps, others, strict=True)
    varied = [(a.ravel(), b.ravel()) for a, b in pairs if np.ptp(a) and np.ptp(b)]
    assert len(varied) >= 5
    assert np.mean([spearmanr(a, b).statistic for a, b in varied]) < 0.3


def test_grad_cam_is_that_of_captum(planted):
    """To the last digits, in every layer."""
    from captum.attr import LayerGradCam

    model = planted.models["built-in"]
    module = model.net_.module_.eval()
    images = torch.as_tensor(planted.X[:8])[..., np.newaxis]
    targets = torch.as_tensor([0, 1] * 4)
    for number in ("0", "4"):
        layer = module.body.get_submodule(number)
        reference = LayerGradCam(lambda x: module(x), layer).attribute(
            images.float() / 255, targets, relu_attributions=True
        )

        maps = grad_cam(module, images, targets, f"body.{number}")

        assert_allclose(maps, reference[:, 0].detach(), rtol=1e-4, atol=1e-7)


def test_target_changes_the_map(planted):
    """What speaks for one class does not speak for the other."""
    model, X = planted.models["built-in"], planted.X[:10]
    other = np.where(planted.y[:10] == "level", "upright", "level")

    for_given = saliency_maps(model, X, target=planted.y[:10], method="occlusion")
    for_other = saliency_maps(model, X, target=other, method="occlusion")

    assert np.corrcoef(for_given.ravel(), for_other.ravel())[0, 1] < 0
    assert_array_equal(saliency_maps(model, X, method="occlusion"), for_given)


@pytest.mark.parametrize("method", METHODS)
def test_maps_do_not_depend_on_the_images_beside(method, planted):
    """Any number of images and any block gives the same."""
    model = planted.models["built-in"]

    together = saliency_maps(model, planted.X[:5], method=method)
    alone = saliency_maps(model, planted.X[3:4], method=method)

    assert_allclose(alone[0], together[3], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_estimator_is_left_as_it_was(method, planted):
    """Weights, mode, gradients, hooks, threads and generators."""
    model = planted.models["callable"]
    module = model.net_.module_
    before = {name: w.clone() for name, w in module.state_dict().items()}
    names = set(vars(model))
    generators = torch.get_rng_state(), repr(np.random.get_state())  # noqa: NPY002
    gradients = [(p.requires_grad, id(p.grad)) for p in module.parameters()]
    n_threads, modes = torch.get_num_threads(), [m.training for m in module.modules()]

    saliency_maps(model, planted.X[:2], method=method)

    after = module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert set(vars(model)) == names
    assert torch.equal(generators[0], torch.get_rng_state())
    assert repr(np.random.get_state()) == generators[1]  # noqa: NPY002
    assert torch.get_num_threads() == n_threads
    assert [m.training for m in module.modules()] == modes
    assert [(p.requires_grad, id(p.grad)) for p in module.parameters()] == gradients
    assert not any(m._forward_hooks for m in module.modules())


def test_threads_get_maps_of_their_own(planted):
    """While others predict with the same network."""
    model, found = planted.models["built-in"], {}
    expected = saliency_maps(model, planted.X[:20])

    def compute(number):
        part = planted.X[number * 5 : number * 5 + 5]
        found[number] = saliency_maps(model, part)
        model.predict(part)

    threads = [threading.Thread(target=compute, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    actual = np.concatenate([found[number] for number in range(4)])
    assert_allclose(actual, expected, rtol=1e-4, atol=1e-6)


def test_network_of_torchvision_has_maps(noise):
    """Of its last convolution, or of one that is named."""
    X, y = noise
    X = X.repeat(5, axis=1).repeat(5, axis=2)
    model = CNNClassifier(network="resnet18", max_epochs=1, random_state=0).fit(X, y)

    assert find_layer(model._network, None, name="test") == "layer4.1.conv2"
    maps = saliency_maps(model, X[:2], layer="layer2.1.conv2")

    assert maps.shape == (2, 40, 40)
    assert np.ptp(maps) > 0


def test_squeezing_convolutions_are_not_the_last_layer(noise):
    """Those whose maps have one pixel tell of no place."""
    X, y = noise
    X = X.repeat(8, axis=1).repeat(8, axis=2)
    model = CNNClassifier(network="efficientnet_b0", max_epochs=1).fit(X[:4], y[:4])

    path = find_layer(model._network, None, name="test")

    assert path == "features.8.0"


def test_pipeline_reads_and_resizes(drawn):
    """Files in, maps of the size of the network's images out."""
    maps = saliency_maps(drawn.model, drawn.X[:3])
    display = SaliencyDisplay.from_estimator(drawn.model, drawn.X, rows=[2, 0])

    assert maps.shape == (3, 16, 24)
    assert_allclose(display.maps, maps[[2, 0]], rtol=1e-4, atol=1e-6)
    assert display.pictures[0].shape == (16, 24, 3)


def test_deterministic_steps_are_applied(tiny, noise):
    """A map is as large as the image that enters the network."""
    model = make_pipeline(Resize((6, 10)), tiny).fit(*noise)

    assert saliency_maps(model, noise[0][:2]).shape == (2, 6, 10)


def test_display_tells_the_probability_of_its_class(planted):
    """Of the target, which need not be the predicted class."""
    model = planted.models["built-in"]

    display = SaliencyDisplay.from_estimator(
        model, planted.X, target="level", rows=[4, 1]
    )

    column = list(model.classes_).index("level")
    assert display.targets == ["level", "level"]
    expected = model.predict_proba(planted.X[[4, 1]])[:, column]
    assert_allclose(display.probabilities, expected, rtol=1e-5)


def test_targets_of_a_display_are_those_of_its_rows(planted):
    """One for each image of X."""
    display = SaliencyDisplay.from_estimator(
        planted.models["built-in"], planted.X, target=planted.y, rows=[5, 2]
    )

    assert display.targets == list(planted.y[[5, 2]])


class Flat(nn.Sequential):
    """Network without convolutions."""

    def __init__(self, n_channels, n_classes):
        super().__init__(nn.Flatten(), nn.Linear(64 * n_channels, n_classes))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({}, "found no convolution"),
        ({"layer": "0"}, r"The layer '0' gives an output of shape \(1, 64\)"),
        ({"layer": "2"}, "does not have"),
        ({"method": "gradcam"}, "method to be one of 'grad_cam'"),
        ({"method": "occlusion", "layer": "0"}, "layer for method='grad_cam' only"),
        ({"target": [0, 1], "method": "occlusion"}, "one for each of 3 images. Got 2"),
    ],
)
def test_wrong_input_is_refused(options, match, noise):
    """The error says what there is instead."""
    model = CNNClassifier(network=Flat, max_epochs=1).fit(*noise)

    with pytest.raises(ValueError, match=match):
        saliency_maps(model, noise[0][:3], **options)


def test_networks_that_tell_no_classes_have_no_maps(noise):
    """The last layer of `CNNFeatures` was never trained: maps would mean nothing."""
    source = CNNClassifier(max_epochs=1, random_state=0).fit(*noise)
    features = CNNFeatures("convnet", weights=FrozenEstimator(source)).fit(noise[0])

    with pytest.raises(ValueError, match=r"fitted CNNClassifier.*Got CNNFeatures"):
        saliency_maps(features, noise[0][:3])
    with pytest.raises(ValueError, match=r"fitted CNNClassifier.*Got CNNFeatures"):
        SaliencyDisplay.from_estimator(features, noise[0])


def test_networks_without_convolutions_have_maps(noise):
    """By the methods that need none."""
    model = CNNClassifier(network=Flat, max_epochs=1).fit(*noise)

    maps = saliency_maps(model, noise[0][:3], method="integrated_gradients")

    assert maps.shape == (3, 8, 8)
    assert np.ptp(maps) > 0


@pytest.mark.parametrize("method", METHODS[1:])
def test_missing_captum_names_the_extra(method, planted, monkeypatch):
    """And the method that does without."""
    monkeypatch.setitem(sys.modules, "captum", None)

    with pytest.raises(ImportError, match=r"pip install 'sklcnn\[inspect\]'.*grad_cam"):
        saliency_maps(planted.models["built-in"], planted.X[:1], method=method)

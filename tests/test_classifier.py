"""What goes into the classifier, and what comes out."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError

from sklcnn import CNNClassifier


def test_digits_are_learnt_untuned():
    """From 400 of them, those of other writers, of which `SVC()` knows 0.87."""
    digits = load_digits()
    X, y = digits.images[:900], digits.target[:900]
    model = CNNClassifier(calibration_fraction=0, random_state=0)

    assert model.fit(X[:400], y[:400]).score(X[400:], y[400:]) > 0.93


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (8, 8, 3), (7, 10, 4), (1, 30)])
def test_any_shape_trains(tiny, shape):
    """Images of 1 to 4 channels and of any size train, down to one pixel."""
    X = np.random.default_rng(0).random((12, *shape))

    model = clone(tiny).set_params(conv_channels=(4, 4, 4)).fit(X, np.arange(12) % 2)

    assert model.predict(X).shape == (12,)
    assert model.image_shape_ == (*shape, 1)[:3]


DTYPES = [bool, *"bBhHiIlLqQ", np.float16, np.float32, np.float64, np.longdouble]


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_dtype_trains(tiny, noise, dtype):
    """Every integer and float dtype works, in either byte order."""
    X, y = noise
    X = (X // 2).astype(dtype)

    model = tiny.fit(X, y)
    swapped = X.astype(X.dtype.newbyteorder())

    assert_array_equal(model.predict_proba(swapped), model.predict_proba(X))


CONTAINERS = {
    "list of arrays": list,
    "nested lists": lambda X: X.tolist(),
    "tensor": torch.as_tensor,
    "tensor with gradient": lambda X: torch.tensor(
        X, dtype=torch.float64, requires_grad=True
    ),
    "tensor in bfloat16": lambda X: torch.tensor(X).bfloat16(),
    "series": lambda X: pd.Series(list(X)),
    "list of tensors": lambda X: list(torch.as_tensor(X)),
    "Fortran order": np.asfortranarray,
    "every second": lambda X: np.repeat(X, 2, axis=0)[::2],
    "flat": lambda X: X.reshape(len(X), -1),
    "data frame": lambda X: pd.DataFrame(X.reshape(len(X), -1)).add_prefix("p"),
    "with channel axis": lambda X: X[..., np.newaxis],
    "object": lambda X: X.astype(object),
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_any_container_trains_alike(tiny, noise, kind):
    """Images give the same model in whatever they come."""
    X, y = noise[0].astype(float), noise[1]
    expected = clone(tiny).fit(X, y).predict_proba(X)

    model = tiny.fit(CONTAINERS[kind](X), y)

    assert_allclose(model.predict_proba(CONTAINERS[kind](X)), expected, atol=1e-6)


def test_pil_images_train(tiny, noise):
    """A list of PIL images is a list of images."""
    X, y = noise
    images = [Image.fromarray(image) for image in X]

    predicted = tiny.fit(images, y).predict_proba(images)

    assert_array_equal(predicted, clone(tiny).fit(X, y).predict_proba(X))


def test_memory_map_trains(tiny, noise, tmp_path):
    """Images in a read-only memory map train."""
    X, y = noise
    np.save(tmp_path / "images.npy", X)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")

    predicted = tiny.fit(mapped, y).predict_proba(mapped)

    assert_array_equal(predicted, clone(tiny).fit(X, y).predict_proba(X))


def test_flat_color_images_need_their_shape(tiny):
    """`image_shape` says what flat images are; without it, a warning says so."""
    X = np.random.default_rng(0).random((6, 4, 8, 3))
    flat, y = X.reshape(6, -1), [0, 1] * 3
    expected = clone(tiny).fit(X, y).predict_proba(X)

    model = clone(tiny).set_params(image_shape=(4, 8, 3)).fit(flat, y)

    assert_array_equal(model.predict_proba(flat), expected)
    assert model.n_features_in_ == 96
    with pytest.warns(UserWarning, match="96 features, which is not a square"):
        assert tiny.fit(flat, y).image_shape_ == (1, 96, 1)


def test_images_have_no_n_features_in(tiny, noise):
    """`n_features_in_` is there for flat images only."""
    X, y = noise

    flat = tiny.fit(X.reshape(30, -1), y)
    assert flat.n_features_in_ == 64
    assert not hasattr(flat.fit(X, y), "n_features_in_")


def test_uint8_and_unit_floats_are_the_same_pixels(tiny, noise):
    """A model fitted on uint8 takes floats from 0 to 1, and the other way round."""
    X, y = noise
    model = tiny.fit(X, y)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        predicted = model.predict_proba(X / 255)

    assert_allclose(predicted, model.predict_proba(X), atol=1e-5)


LABELS = {
    "strings": np.array(["cat", "dog", "eel"]),
    "objects": np.array(["cat", "dog", "eel"], dtype=object),
    "sparse integers": np.array([10, 20, 30]),
    "negative": np.array([-1, 0, 1], dtype=np.int8),
    "bool": np.array([False, True, True]),
    "integers as floats": np.array([1.0, 2.0, 3.0]),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_come_back_as_they_were(tiny, noise, kind):
    """Predicted labels have the dtype and values of those in fit."""
    X, y = noise
    y = LABELS[kind][y]

    model = tiny.fit(X, y)
    predicted = model.predict(X)

    assert predicted.dtype == y.dtype
    assert_array_equal(model.classes_, np.unique(y))
    assert set(predicted) <= set(y)


def test_outputs_agree(tiny, noise):
    """Labels, probabilities, their logarithms and logits tell the same."""
    X, y = noise
    model = tiny.fit(X, y)

    logits, probabilities = model.decision_function(X), model.predict_proba(X)

    assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    assert_allclose(np.log(probabilities), model.predict_log_proba(X))
    assert_allclose(
        logits - logits[:, :1], np.log(probabilities / probabilities[:, :1])
    )
    assert_array_equal(model.classes_[logits.argmax(axis=1)], model.predict(X))


def test_two_classes_have_one_decision(tiny, noise):
    """The decision of a binary problem is one column, positive for the second class."""
    X, y = noise
    model = tiny.fit(X, y == 2)

    decision = model.decision_function(X)

    assert decision.shape == (30,)
    assert_array_equal(decision > 0, model.predict(X))


def test_embeddings_are_what_enters_the_last_layer(noise):
    """The last layer makes logits of embeddings."""
    X, y = noise
    model = CNNClassifier(max_epochs=1, hidden_units=(20, 7), random_state=0).fit(X, y)

    embeddings = model.transform(X)
    last = model.net_.module_.body[-1]
    logits = last(torch.as_tensor(embeddings)).detach().numpy()

    assert embeddings.shape == (30, 7)
    assert_allclose(logits, model.decision_function(X), atol=1e-5)
    assert list(model.get_feature_names_out()[:2]) == [
        "cnnclassifier0",
        "cnnclassifier1",
    ]


@pytest.mark.parametrize("n", [1, 2])
def test_one_image_or_two_are_enough(n):
    """One image, one class, two rows: the default classifier trains."""
    X = np.random.default_rng(0).random((n, 8, 8))

    model = CNNClassifier(max_epochs=3, random_state=0).fit(X, ["a", "b"][:n])

    assert model.predict_proba(X).shape == (n, n)
    assert set(model.predict(X)) <= {"a", "b"}


@pytest.mark.parametrize("shape", [(8, 8), (28, 28), (5, 9, 3)])
def test_prediction_does_not_depend_on_the_batch(shape):
    """A row has the same probabilities alone, among others and in any order."""
    rng = np.random.default_rng(0)
    X = rng.random((700, *shape), dtype=np.float32)
    model = CNNClassifier(max_epochs=1, conv_channels=(8, 16), random_state=0)
    model.fit(X[:60], np.arange(60) % 10)

    everything = model.predict_proba(X)
    alone = np.concatenate([model.predict_proba(X[[row]]) for row in range(0, 700, 99)])

    assert_allclose(alone, everything[::99], atol=1e-6, rtol=0)
    assert_allclose(model.predict_proba(X[::-1]), everything[::-1], atol=1e-6, rtol=0)


def test_own_network():
    """A callable gives the network; pixels reach it standardized, channels first."""
    seen = []

    def network(n_channels, n_classes):
        layers = torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Linear(64 * n_channels, n_classes)
        )
        layers.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
        return layers

    X = np.random.default_rng(0).integers(0, 99, (20, 8, 8, 3), dtype=np.uint8)

    model = CNNClassifier(network=network, max_epochs=1, random_state=0)
    model.fit(X, np.arange(20) % 2)
    model.predict(X)

    pixels = seen[-1][:20].numpy()
    assert pixels.shape == (20, 3, 8, 8)
    assert_allclose(pixels.mean((0, 2, 3)), 0, atol=1e-5)
    assert_allclose(pixels.std((0, 2, 3)), 1, atol=1e-5)
    assert model.transform(X).shape == (20, 192)


def test_network_without_linear_layer_has_no_embeddings():
    """Asking for embeddings that are not there is an error."""
    X = np.random.default_rng(0).random((6, 2, 2))
    model = CNNClassifier(network=lambda n_channels, n_classes: _Mean(), max_epochs=1)
    model.fit(X, [0, 1] * 3)

    with pytest.raises(ValueError, match="no layer was found that makes its logits"):
        model.transform(X)


class _Mean(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.bias = torch.nn.Parameter(torch.zeros(2))

    def forward(self, images):
        return images.mean((1, 2, 3))[:, None] + self.bias


def test_asking_before_fitting_is_an_error(tiny, noise):
    """Every method that needs a fitted network says so."""
    for method in ("predict", "predict_proba", "decision_function", "transform"):
        with pytest.raises(NotFittedError):
            getattr(tiny, method)(noise[0])

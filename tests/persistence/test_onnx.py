"""Exported graphs: the same probabilities, from raw pixels."""

import json
import re

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from torch import nn

from sklcnn import CNNClassifier
from sklcnn.augmentation import RandomFlip, RandomRotation
from sklcnn.persistence import describe, load_predictor, to_onnx
from sklcnn.preprocessing import (
    CenterCrop,
    Denoise,
    Flip,
    Grayscale,
    ReadImages,
    Resize,
    Rotate,
)

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
pytest.importorskip("torch", minversion="2.9")


def run(path, images):
    """Run a file by onnxruntime alone."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["label", "probabilities"], {"images": images})


def own_network(n_channels, n_classes):
    """Build a network of one layer."""
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * n_channels, n_classes)
    )


@pytest.fixture(scope="module")
def colors():
    """Give 30 color images of 9 by 7 pixels in uint8, and labels that are text."""
    random = np.random.default_rng(0)
    y = np.array(["cat", "dog", "cow"])[np.arange(30) % 3]
    X = random.integers(0, 200, (30, 9, 7, 3), dtype=np.uint8)
    X[y == "cat", 3:6] += 50
    return X, y


@pytest.fixture(scope="module")
def pipeline(colors):
    """Give a search over a pipeline of all kinds of steps, fitted."""
    X, y = colors
    steps = make_pipeline(
        Rotate(90, resize=True),
        Resize((12, 14)),
        Flip(),
        CenterCrop((10, 10)),
        Grayscale(),
        RandomRotation(10),
        RandomFlip(),
        CNNClassifier(conv_channels=(4, 8), max_epochs=3, random_state=0),
    )
    return GridSearchCV(steps, {"randomrotation__degrees": [5]}, cv=2).fit(X, y)


@pytest.fixture(scope="module")
def exported(pipeline, colors, tmp_path_factory):
    """Give the file of that search, and what `to_onnx` reported."""
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    return path, to_onnx(pipeline, path, colors[0], metadata={"license": "CC0-1.0"})


@pytest.mark.parametrize("n_images", [1, 7, 256])
def test_pipeline_predicts_the_same_in_onnxruntime(
    exported, pipeline, colors, n_images
):
    """Raw pixels give the labels and probabilities of the pipeline, in any batch."""
    path, _ = exported
    images = np.resize(colors[0], (n_images, 9, 7, 3))

    labels, probabilities = run(path, images)

    assert_allclose(probabilities, pipeline.predict_proba(images), atol=1e-3)
    assert_array_equal(labels, pipeline.predict(images))


def test_report_and_metadata_tell_what_was_made(exported, pipeline):
    """Size, differences and speed are reported, and written down for others."""
    path, report = exported

    description = describe(path)

    assert report["n_bytes"] == path.stat().st_size == description["n_bytes"]
    assert report["max_difference"] == description["max_difference"] < 1e-3
    assert report["same_labels"] == 1
    assert set(report["milliseconds_per_image"]) == {1, 128}
    assert description["classes"] == pipeline.classes_.tolist()
    assert description["image_shape"] == [9, 7, 3]
    assert description["dtype"] == "uint8"
    assert description["color_mode"] == "rgb"
    assert description["metadata"] == {"license": "CC0-1.0"}
    assert description["versions"].keys() >= {"sklcnn", "torch", "python"}


def test_file_tells_nothing_of_the_machine(exported):
    """No path and no stack trace of the exporter is left in the file."""
    assert b".py" not in exported[0].read_bytes()


def test_files_are_predicted_by_an_exported_model(exported, pipeline, colors):
    """A predictor reads what the graph takes."""
    predictor = load_predictor(exported[0])

    probabilities = predictor.predict_proba(list(colors[0][:5]))

    expected = pipeline.predict_proba(colors[0][:5])
    assert_allclose(probabilities, expected, atol=1e-3)
    assert_array_equal(predictor.classes_, pipeline.classes_)


def test_classifier_is_equal_to_five_digits(tiny, signs, tmp_path):
    """Without resizing, in float32, probabilities are equal to 1e-5."""
    X, y = signs
    model = tiny.fit(X, y)

    report = to_onnx(model, tmp_path / "model.onnx")
    labels, probabilities = run(tmp_path / "model.onnx", X[..., np.newaxis])

    assert report["max_difference"] < 1e-5
    assert_allclose(probabilities, model.predict_proba(X), atol=1e-5)
    assert_array_equal(labels, model.predict(X))


def test_temperature_is_part_of_the_graph(digits, tmp_path):
    """Calibrated probabilities are those that come out."""
    X, y = digits
    model = CNNClassifier(conv_channels=(8,), max_epochs=5, random_state=0).fit(X, y)
    assert model.temperature_ != 1

    to_onnx(model, tmp_path / "model.onnx")
    _, actual = run(tmp_path / "model.onnx", X[..., np.newaxis].astype(np.float32))

    assert_allclose(actual, model.predict_proba(X), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["bool", "int64", "uint16", "float64"])
def test_pixels_of_any_dtype_are_exported(dtype, noise, tmp_path):
    """What has no dtype in the graph goes in as float32, and counts as it did."""
    X, y = noise
    X = (X > 127 if dtype == "bool" else X).astype(dtype)
    model = make_pipeline(Resize((6, 6)), clone(_small()))
    model.fit(X, y)

    to_onnx(model, tmp_path / "model.onnx", X)
    given = "uint16" if dtype == "uint16" else "float32"
    _, actual = run(tmp_path / "model.onnx", X[..., np.newaxis].astype(given))

    assert_allclose(actual, model.predict_proba(X), atol=1e-3)


@pytest.mark.parametrize("orders", [(">", "="), ("=", ">")], ids=str)
def test_byte_orders_are_one_dtype(orders, tiny, noise, tmp_path):
    """That of files, in `fit` or in X, and that of the machine."""
    X, y = noise
    fitted, given = (X.astype(np.dtype("uint16").newbyteorder(o)) for o in orders)

    report = to_onnx(tiny.fit(fitted, y), tmp_path / "model.onnx", given)

    assert report["max_difference"] < 1e-3
    assert describe(tmp_path / "model.onnx")["dtype"] == "uint16"


def _small():
    return CNNClassifier(
        conv_channels=(4,), hidden_units=(), max_epochs=2, random_state=0
    )


@pytest.mark.slow
@pytest.mark.parametrize("make_labels", [bool, float, int, str])
def test_labels_keep_their_kind(make_labels, noise, tmp_path):
    """Numbers, text and bools come out as such."""
    X, _ = noise
    y = np.array([make_labels(number) for number in np.arange(30) % 2])
    model = _small().fit(X, y)

    to_onnx(model, tmp_path / "model.onnx", X)
    labels, _ = run(tmp_path / "model.onnx", X[..., np.newaxis])

    assert_array_equal(labels, model.predict(X))
    assert np.asarray(labels.tolist()).dtype.kind == y.dtype.kind


@pytest.mark.slow
def test_flat_images_and_own_networks_are_exported(digits, tmp_path):
    """A network of one's own, fitted to rows of pixels, takes images in the graph."""
    X, y = digits
    model = CNNClassifier(network=own_network, max_epochs=2, random_state=0)
    model.fit(X.reshape(len(X), -1), y)

    to_onnx(model, tmp_path / "model.onnx", X.reshape(len(X), -1))
    _, actual = run(tmp_path / "model.onnx", X[..., np.newaxis].astype(np.float32))

    assert_allclose(actual, model.predict_proba(X.reshape(len(X), -1)), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "network", ["torchvision/mobilenet_v3_small", "timm/resnet10t"]
)
def test_named_networks_are_exported(network, noise, tmp_path):
    """28x28 gray pixels in, resized to 224x224 color for a network by name."""
    if network.startswith("timm"):
        pytest.importorskip("timm")
    X = np.random.default_rng(0).integers(0, 256, (8, 28, 28, 1), dtype=np.uint8)
    model = CNNClassifier(network=network, image_size=224, max_epochs=1, random_state=0)
    model.fit(X, np.arange(8) % 2)

    report = to_onnx(model, tmp_path / "model.onnx", X)

    for n_images in (1, 7, 256):
        images = np.resize(X, (n_images, 28, 28, 1))
        labels, probabilities = run(tmp_path / "model.onnx", images)
        assert_allclose(probabilities, model.predict_proba(images), atol=1e-3)
        assert_array_equal(labels, model.predict(images))
    assert report["same_labels"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("quantize", ["float16", "int8"])
def test_smaller_models_are_smaller_and_as_good(quantize, digits, tmp_path):
    """Half and a quarter of the bytes, for no more than a label in a hundred."""
    X, y = digits
    model = CNNClassifier(max_epochs=20, random_state=0).fit(X, y)

    full = to_onnx(model, tmp_path / "full.onnx", X)
    report = to_onnx(model, tmp_path / "small.onnx", X, quantize=quantize)
    labels, _ = run(tmp_path / "small.onnx", X[..., np.newaxis].astype(np.float32))

    share = {"float16": 0.55, "int8": 0.35}[quantize]
    assert report["n_bytes"] < share * full["n_bytes"]
    assert report["same_labels"] >= 0.99
    assert np.mean(labels == model.predict(X)) >= 0.99
    assert describe(tmp_path / "small.onnx")["quantize"] == quantize


def test_step_that_has_no_graph_is_named(noise, tmp_path):
    """The error tells the step, and nothing is written."""
    X, y = noise
    model = make_pipeline(Denoise(), _small()).fit(X, y)

    with pytest.raises(ValueError, match=r"can't express the step 'denoise' \(Denoise"):
        to_onnx(model, tmp_path / "model.onnx", X)

    assert not list(tmp_path.iterdir())


def test_other_estimators_are_refused(noise, tmp_path):
    """What is no CNNClassifier at the end is named."""
    X, y = noise
    model = make_pipeline(_small(), LogisticRegression()).fit(X, y)

    with pytest.raises(
        ValueError, match=r"LogisticRegression\(\) instead, as the step"
    ):
        to_onnx(model, tmp_path / "model.onnx", X)
    with pytest.raises(NotFittedError):
        to_onnx(_small(), tmp_path / "model.onnx", X)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quantize": "int8"}, r"needs images .*X\[:256\]"),
        ({"quantize": "int4"}, "quantize to be one of None, 'float16', 'int8'"),
        ({"dtype": np.uint8}, "dtype to be one of 'auto', 'uint8'"),
        ({"X": np.zeros((3, 5, 5), np.uint8)}, r"shape \(8, 8, 1\).*\(5, 5, 1\)"),
        ({"X": np.zeros((3, 8, 8))}, "pixels of dtype uint8. Got X of dtype float64"),
        ({"X": ["a.png"]}, "X to be images"),
        ({"metadata": {"a": np.ones(3)}}, "metadata to be a dict of what JSON holds"),
        ({"metadata": {1: "a"}}, "metadata to be a dict"),
    ],
)
def test_wrong_choices_are_refused(options, message, tiny, noise, tmp_path):
    """Errors tell what is expected, what came and how to mend it."""
    X, y = noise
    model = tiny.fit(X, y)

    with pytest.raises(ValueError, match=message):
        to_onnx(model, tmp_path / "model.onnx", **options)


def test_sizes_of_a_mixed_fit_come_from_the_images(noise, tmp_path):
    """A pipeline that was fitted to images of several sizes needs images for one."""
    images = [np.zeros((9, 8), np.uint8), np.full((6, 7), 9, np.uint8)] * 4
    model = make_pipeline(Resize((8, 8)), _small()).fit(images, [0, 1] * 4)

    with pytest.raises(ValueError, match=r"fitted to images of several\. Give X"):
        to_onnx(model, tmp_path / "model.onnx")


def test_reading_is_told_and_left_outside(tmp_path):
    """Metadata tell how pixels are read; files read so give the same probabilities."""
    from PIL import Image

    random = np.random.default_rng(0)
    paths = [tmp_path / f"{i}.png" for i in range(12)]
    for i, path in enumerate(paths):
        pixels = random.integers(0, 255, (20 + i, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    reader = ReadImages((16, 16), aspect="stretch")
    model = make_pipeline(reader, RandomFlip(), _small()).fit(paths, np.arange(12) % 3)
    to_onnx(model, tmp_path / "model.onnx", paths)

    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    facts = {
        k: json.loads(v) for k, v in session.get_modelmeta().custom_metadata_map.items()
    }
    height, width, _ = facts["image_shape"]
    opened = [Image.open(path).convert("RGB") for path in paths]
    resized = [
        image.resize((width, height), Image.Resampling.BILINEAR) for image in opened
    ]
    actual = session.run(["probabilities"], {"images": np.stack(resized)})[0]

    assert facts["reading"]["aspect"] == "stretch"
    assert facts["color_mode"] == "rgb"
    assert_allclose(actual, model.predict_proba(paths), atol=1e-3)
    predicted = load_predictor(tmp_path / "model.onnx").predict_proba(paths)
    assert_allclose(predicted, actual, atol=1e-6)


def test_missing_packages_are_named(tiny, noise, tmp_path, monkeypatch):
    """Without onnx, the error names the extra."""
    model = tiny.fit(*noise)
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)

    with pytest.raises(ImportError, match=re.escape("pip install sklcnn[onnx]")):
        to_onnx(model, tmp_path / "model.onnx")


def test_file_that_is_no_model_is_refused(tmp_path):
    """Text, and graphs of others, are told from ours."""
    path = tmp_path / "model.onnx"
    path.write_text("no model")

    with pytest.raises(ValueError, match=r"describe can't use the file .*model.onnx"):
        describe(path)
    with pytest.raises(ValueError, match=r"can't use the file .*model.onnx"):
        load_predictor(path)

    path.write_bytes(onnx.ModelProto(ir_version=10).SerializeToString())
    with pytest.raises(ValueError, match=r"not written by .*to_onnx"):
        describe(path)


@pytest.mark.parametrize("version", ["2.6.0+cpu", "2.8.0a0+git1", "1.13.1"])
def test_torch_too_old_is_named(version, noise, tiny, tmp_path, monkeypatch):
    """Its exporter would fail with a page of guards."""
    monkeypatch.setattr(torch, "__version__", version)

    with pytest.raises(ImportError, match=r"torch 2\.9 or newer. This is torch"):
        to_onnx(tiny.fit(*noise), tmp_path / "model.onnx")

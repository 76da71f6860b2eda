"""Models in files of every format, used elsewhere by a process that knows nothing."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import sklcnn
from sklcnn import CNNClassifier
from sklcnn.augmentation import RandomFlip, RandomRotation
from sklcnn.persistence import dump, to_onnx
from sklcnn.preprocessing import Grayscale, ReadImages, Resize

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
pytest.importorskip("torch", minversion="2.9")

LOAD = """
import pickle, sys
import joblib, numpy as np
from sklcnn.persistence import load

for name in sys.argv[1:]:
    if name.endswith(".skops"):
        model = load(name)
    else:
        model = joblib.load(name) if name.endswith(".joblib") else pickle.load(open(name, "rb"))
    inputs = np.load("inputs.npy")
    np.save(name + ".npy", model.predict_proba(inputs))
"""  # noqa: E501

RUN = """
import sys
import numpy as np, onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
pixels = np.load("pixels.npy")
for n in (1, 7, 256):
    images = np.resize(pixels, (n, *pixels.shape[1:]))
    label, probabilities = session.run(None, {"images": images})
    np.save(f"{n}.npy", probabilities)
    np.save(f"{n} labels.npy", label)
assert "sklcnn" not in sys.modules and "torch" not in sys.modules
"""


def classifier(**parameters):
    """Make a classifier that trains in no time."""
    small = {"conv_channels": (4,), "hidden_units": (8,)}
    small = {} if "network" in parameters else small
    return CNNClassifier(max_epochs=2, random_state=0, **small, **parameters)


def search():
    """Make a search over a pipeline with a random step."""
    model = make_pipeline(RandomFlip(), classifier())
    return GridSearchCV(model, {"randomflip__p": [0.2, 0.5]}, cv=2)


def reading_pipeline():
    """Make a pipeline from files to probabilities."""
    steps = ReadImages((12, 12)), Resize((8, 8)), Grayscale(), RandomRotation()
    return make_pipeline(*steps, classifier())


MODELS = {
    "classifier": (classifier, 1e-5),
    "reading pipeline": (reading_pipeline, 1e-3),
    "search": (search, 1e-5),
    "named network": (
        lambda: classifier(network="mobilenet_v3_small", image_size=224, freeze=False),
        1e-3,
    ),
}
"""Makers of models, and how much the probabilities of their ONNX files may differ."""


def elsewhere(script, folder, *arguments):
    """Run a script in another folder, where this file can't be imported."""
    environment = {**os.environ, "PYTHONPATH": str(Path(sklcnn.__file__).parents[1])}
    command = [sys.executable, "-W", "error::UserWarning", "-c", script, *arguments]
    subprocess.run(command, cwd=folder, check=True, env=environment)


@pytest.mark.slow
@pytest.mark.parametrize("kind", MODELS)
def test_every_format_predicts_the_same_elsewhere(kind, tmp_path):
    """Bit for bit, but for ONNX files, which have the same labels."""
    rng = np.random.default_rng(0)
    n_images, size = (8, 28) if kind == "named network" else (30, 8)
    make, tolerance = MODELS[kind]
    inputs = pixels = rng.integers(0, 256, (n_images, size, size, 1), dtype=np.uint8)
    if kind == "reading pipeline":
        pixels = rng.integers(0, 256, (n_images, 12, 12, 3), dtype=np.uint8)
        inputs = np.array([str(tmp_path / f"{row}.png") for row in range(n_images)])
        for path, image in zip(inputs, pixels, strict=True):
            Image.fromarray(image).save(path)
    model = make().fit(inputs, np.array(["a", "b"])[np.arange(n_images) % 2])
    np.save(tmp_path / "inputs.npy", inputs)
    np.save(tmp_path / "pixels.npy", pixels)
    names = ["model.skops", "model.joblib", "model.pickle"]
    dump(getattr(model, "best_estimator_", model), tmp_path / names[0])
    joblib.dump(model, tmp_path / names[1])
    (tmp_path / names[2]).write_bytes(pickle.dumps(model))
    to_onnx(model, tmp_path / "model.onnx", pixels)

    elsewhere(LOAD, tmp_path, *names)
    elsewhere(RUN, tmp_path)

    expected = model.predict_proba(inputs)
    for name in names:
        assert_array_equal(np.load(tmp_path / f"{name}.npy"), expected)
    for n in (1, 7, 256):
        wanted = np.resize(expected, (n, 2))
        assert_allclose(np.load(tmp_path / f"{n}.npy"), wanted, atol=tolerance)
        labels = np.load(tmp_path / f"{n} labels.npy", allow_pickle=True)
        assert_array_equal(labels, model.classes_[wanted.argmax(axis=1)])


@pytest.mark.slow
def test_own_network_goes_as_onnx_alone_and_as_pickle_with_its_module(tmp_path):
    """Where its module can't be imported, its graph still runs."""
    X = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 1), dtype=np.uint8)
    module = tmp_path / "their_network.py"
    module.write_text(
        "from torch import nn\n"
        "def network(n_channels, n_classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(64, n_classes))\n"
    )
    train = (
        "import pickle, numpy as np\n"
        "from sklcnn import CNNClassifier\n"
        "from sklcnn.persistence import to_onnx\n"
        "from their_network import network\n"
        "X = np.load('inputs.npy')\n"
        "model = CNNClassifier(network=network, max_epochs=2, random_state=0)\n"
        "model.fit(X, np.arange(30) % 2)\n"
        "pickle.dump(model, open('model.pickle', 'wb'))\n"
        "to_onnx(model, 'model.onnx', X)\n"
        "np.save('expected.npy', model.predict_proba(X))\n"
    )
    for name in ("inputs", "pixels"):
        np.save(tmp_path / f"{name}.npy", X)

    elsewhere(train, tmp_path)
    elsewhere(LOAD, tmp_path, "model.pickle")  # in the folder of the module
    module.unlink()
    elsewhere(RUN, tmp_path)

    expected = np.load(tmp_path / "expected.npy")
    assert_array_equal(np.load(tmp_path / "model.pickle.npy"), expected)
    assert_allclose(np.load(tmp_path / "7.npy"), expected[:7], atol=1e-5)
    with pytest.raises(subprocess.CalledProcessError):
        elsewhere(LOAD, tmp_path, "model.pickle")

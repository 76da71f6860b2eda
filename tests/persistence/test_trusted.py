"""Files of strangers, with a digest that fits: nothing runs that was not meant."""

import importlib
import io
import json
import zipfile

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from skimage import filters, util
from skimage import io as skimage_io
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import TunedThresholdClassifierCV

from sklcnn import CNNClassifier
from sklcnn.persistence import dump, load, trusted_types
from sklcnn.persistence._files import _seal
from sklcnn.persistence._trusted import image_functions
from sklcnn.preprocessing import ImageFunction


def forge(path, change):
    """Change the description in a file, and seal it anew."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w") as new:
        schema = json.loads(old.read("schema.json"))
        change(schema)
        for name in old.namelist():
            is_schema = name == "schema.json"
            new.writestr(name, json.dumps(schema) if is_schema else old.read(name))
    path.write_bytes(_seal(buffer.getvalue()))


def set_in_network(schema, name, value):
    """Change a value in the description of the network, and there alone."""
    node = schema["content"]["content"]["_fitted"]["content"]["spec"]["content"]
    *outer, name = name.split(".")
    for key in outer:
        node = node[key]["content"]
    node[name] = describe_plain(value)


def name_function(module, name):
    """Describe a function."""
    return {"__class__": name, "__module__": module, "__loader__": "FunctionNode"}


def describe_plain(value):
    """Describe a plain value."""
    named = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode"}
    return {**named, "content": json.dumps(value)}


def call_function(module, name, *arguments):
    """Describe the result of a call."""
    content = list(map(describe_plain, arguments))
    arguments = {"__class__": "tuple", "__module__": "builtins"}
    arguments |= {"__loader__": "TupleNode", "content": content}
    return {
        "__class__": name,
        "__module__": module,
        "__loader__": "ConstructorFromReduceNode",
        "content": arguments,
    }


@pytest.mark.parametrize(
    ("node", "name"),
    [
        (name_function("posix", "system"), "posix.system"),
        (name_function("skimage.util._invert", "dtype_limits"), "dtype_limits"),
        (name_function("skimage.io._io", "imread"), "skimage.io._io.imread"),
        (call_function("posix", "system", "touch ran"), "posix.system"),
        (call_function("skimage.util._invert", "invert", [0.0]), "_invert.invert"),
    ],
)
def test_function_that_is_not_trusted_is_refused(
    node, name, tmp_path, monkeypatch, recwarn
):
    """What else stands where a trusted function stood is named, with its place."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "step.skops"
    dump(ImageFunction(filters.gaussian), path)
    forge(path, lambda schema: schema["content"]["content"].update(function=node))

    with pytest.raises(ValueError, match=rf"step.skops'.*{name} \(in function\)"):
        load(path)

    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("place", ["network", "_spec.network", "_spec.layout.kind"])
@pytest.mark.parametrize(
    "value",
    [
        name_function("sklearn.metrics._regression", "mean_squared_error"),
        {**name_function("builtins", "str"), "__loader__": "TypeNode"},
        describe_plain(3),
    ],
)
def test_networks_are_names(place, value, tmp_path):
    """A trusted function is none to be called with the sizes in a file."""
    path = tmp_path / "model.skops"
    dump(CNNClassifier(), path)
    *outer, name = place.split(".")

    def change(schema):
        node = schema["content"]
        for key in outer:
            node["content"][key] = {**node, "__id__": None, "content": {}}
            node = node["content"][key]
        node["content"][name] = value

    forge(path, change)

    with pytest.raises(ValueError, match=rf"refuses the file .*\(in {place}\)"):
        load(path)


def test_older_protocols_are_refused(tmp_path):
    """A file can't choose the weaker checks that skops has for old files."""
    path = tmp_path / "step.skops"
    dump(ImageFunction(), path)
    forge(path, lambda schema: schema.update(protocol=0))

    with pytest.raises(ValueError, match="outdated protocol 0"):
        load(path)


def test_other_content_is_refused(tmp_path):
    """A file has to hold an estimator."""
    path = tmp_path / "step.skops"
    dump(ImageFunction(), path)
    forge(path, lambda schema: schema.update(schema["content"]))

    with pytest.raises(ValueError, match="holds a dict, not an estimator"):
        load(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "os.system"),
        ("image_shape", 3),
        ("n_outputs", 10**12),
        ("n_outputs", 2.5),
        ("layout.dropout", 7),
        ("layout.batch_norm", "no"),
        ("layout.blocks", None),
        ("layout.hidden_units", {}),
    ],
)
def test_hostile_network_is_not_built(name, value, tiny, noise, tmp_path):
    """A network that is none, or larger than its weights, takes no memory."""
    path = tmp_path / "model.skops"
    dump(tiny.fit(*noise), path)
    forge(path, lambda schema: set_in_network(schema, name, value))

    with pytest.raises(ValueError, match=r"model.skops': The saved CNNClassifier is"):
        load(path)


def test_hostile_layers_are_not_built(tiny, noise):
    """Layers as large as a file likes are refused, for their weights are not there."""
    state = tiny.fit(*noise).__getstate__()
    layout = state["_fitted"]["spec"]["layout"]
    (block,) = layout["blocks"]

    for channels in [(10**7,), (4,) * 50, "4", (-4,)]:
        layout["blocks"] = [{**block, "channels": number} for number in channels]
        with pytest.raises(ValueError, match="The saved CNNClassifier is damaged"):
            type(tiny)().__setstate__(state)


def test_trusted_functions_take_images_and_are_public():
    """Names lead to functions; those that read files or call others are not named."""
    for name in image_functions():
        module, _, function = name.rpartition(".")
        assert callable(getattr(importlib.import_module(module), function))
    for function in (skimage_io.imread, skimage_io.imsave, util.apply_parallel):
        path = f"{function.__module__}.{function.__name__}"
        assert path not in trusted_types()


def test_all_public_filters_can_be_saved(tmp_path):
    """Functions of scikit-image come back as themselves, with their keywords."""
    footprint = np.ones((3, 3), np.uint8)
    steps = [
        ImageFunction(filters.rank.median, footprint=footprint),
        ImageFunction(filters.sobel, mode="reflect"),
        ImageFunction(np.sqrt),
    ]
    for step in steps:
        dump(step, tmp_path / "step.skops")
        loaded = load(tmp_path / "step.skops")
        assert loaded.function is step.function
        np.testing.assert_equal(loaded.get_params(), step.get_params())


def test_temperature_comes_back(tiny, noise, tmp_path):
    """Probabilities calibrated by a temperature are the same."""
    pytest.importorskip("sklearn", minversion="1.8")
    X, y = noise
    model = CalibratedClassifierCV(tiny, method="temperature", cv=2).fit(X, y)
    dump(model, tmp_path / "model.skops")

    loaded = load(tmp_path / "model.skops")

    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("scoring", ["balanced_accuracy", make_scorer(f1_score)])
def test_tuned_threshold_comes_back(scoring, tiny, noise, tmp_path):
    """A threshold on probabilities is the same, and how it was chosen."""
    X, y = noise[0], noise[1] % 2
    model = TunedThresholdClassifierCV(tiny, scoring=scoring, cv=2).fit(X, y)
    dump(model, tmp_path / "model.skops")

    loaded = load(tmp_path / "model.skops")

    assert loaded.best_threshold_ == model.best_threshold_
    assert_array_equal(loaded.predict(X), model.predict(X))
    assert_array_equal(clone(loaded).fit(X, y).predict(X), model.predict(X))


def test_scorer_of_a_stranger_is_refused(tiny, noise, tmp_path):
    """What a trusted scorer would call has to be a metric."""
    path = tmp_path / "model.skops"
    model = TunedThresholdClassifierCV(tiny, cv=2).fit(noise[0], noise[1] % 2)
    dump(model, path)

    def change(schema):
        scorer = schema["content"]["content"]["_curve_scorer"]["content"]["content"]
        scorer["_score_func"] = name_function("posix", "system")

    forge(path, change)

    with pytest.raises(ValueError, match=r"posix.system \(in _curve_scorer._score_fu"):
        load(path)

"""What saved files tell of themselves, unloaded."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from skimage.filters import gaussian
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import tests.persistence.test_content as hostile
from sklcnn import CNNClassifier
from sklcnn.augmentation import RandomFlip
from sklcnn.persistence import describe, dump, load
from sklcnn.persistence._files import _seal
from sklcnn.preprocessing import ImageFunction


def test_classifier_is_described(tiny, noise, tmp_path):
    """Parameters, classes, shape, versions and metadata are told as they were."""
    X, y = noise
    metadata = {"author": "A. Author", "accuracy": 0.5, "labels": ["a", {"b": None}]}
    dump(tiny.fit(X, y), tmp_path / "model.skops", metadata=metadata)

    description = describe(tmp_path / "model.skops")

    assert description["estimator"] == "CNNClassifier"
    assert description["parameters"] == tiny.get_params()
    assert description["classes"] == [0, 1, 2]
    assert description["image_shape"] == [8, 8, 1]
    assert description["metadata"] == metadata
    assert description["untrusted"] == {}
    assert description["created"][:2] == "20"
    assert description["versions"].keys() >= {"sklcnn", "torch", "scikit-learn"}
    assert description["n_bytes"] == (tmp_path / "model.skops").stat().st_size


def test_metadata_change_nothing_of_what_is_loaded(tiny, noise, tmp_path):
    """A file with metadata is loaded as one without."""
    model = tiny.fit(*noise)
    dump(model, tmp_path / "model.skops", metadata={"data": "noise"})

    loaded = load(tmp_path / "model.skops")

    assert_array_equal(loaded.predict_proba(noise[0]), model.predict_proba(noise[0]))


@pytest.mark.parametrize("labels", [["b", "a", "c"], np.array(list("bac"), object)])
def test_search_is_described_by_its_best_estimator(labels, tiny, noise, tmp_path):
    """Steps are told with their parameters, classes of any kind as they are."""
    steps = make_pipeline(ImageFunction(gaussian, sigma=2.0), RandomFlip(), tiny)
    search = GridSearchCV(steps, {"cnnclassifier__max_epochs": [1, 2]}, cv=2)
    dump(search.fit(noise[0], np.asarray(labels)[noise[1]]), tmp_path / "a.skops")

    description = describe(tmp_path / "a.skops")

    assert description["classes"] == ["a", "b", "c"]
    assert description["image_shape"] == [8, 8, 1]
    steps = dict(description["parameters"]["estimator"]["steps"])
    assert steps["imagefunction"]["sigma"] == 2.0
    assert steps["imagefunction"]["function"].endswith(".gaussian")
    assert steps["randomflip"]["class"] == "RandomFlip"
    assert description["parameters"]["param_grid"] == search.param_grid


def test_unfitted_estimator_has_no_classes(tmp_path):
    """What was not fitted has parameters alone."""
    dump(CNNClassifier(), tmp_path / "model.skops")

    description = describe(tmp_path / "model.skops")

    assert description["classes"] is None
    assert description["image_shape"] is None
    assert description["metadata"] == {}


def test_file_of_an_older_version_is_described():
    """Without date and metadata, all else is told."""
    golden = Path(__file__).parents[1] / "golden" / "0.1" / "pipeline.skops"

    description = describe(golden)

    assert description["created"] is None
    assert description["classes"] is not None
    assert description["untrusted"] == {}


@pytest.mark.parametrize("kind", hostile.HOSTILE)
def test_hostile_file_is_described_or_refused(kind, tmp_path):
    """Nothing is built of it: it is refused, or what must not be loaded is named."""
    make, _ = hostile.HOSTILE[kind]
    make(tmp_path / "hostile.skops")

    try:
        description = describe(tmp_path / "hostile.skops")
    except ValueError as error:
        assert "hostile.skops" in str(error)  # noqa: PT017
    else:
        assert description["untrusted"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_hostile_files_are_described_in_little_memory_and_time(tmp_path):
    """With 300 MB to spare, each takes seconds, and none ends the process."""
    paths = [tmp_path / f"{i}.skops" for i in range(len(hostile.HOSTILE))]
    for path, (make, _) in zip(paths, hostile.HOSTILE.values(), strict=True):
        make(path)
    program = hostile.LIMITED.replace("import load", "import describe as load")

    output = subprocess.run(
        [sys.executable, "-c", program, *paths],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()

    assert len(output) == len(paths)
    for line in output:
        kind, *rest = line.split()
        assert kind in ("loaded", "ValueError"), line
        assert kind == "loaded" or float(rest[0]) < 5, line


FACTS = {
    "too long": (b'{"metadata": "' + bytes(2**20) + b'"}', "too long"),
    "no JSON": (b"{", "JSONDecodeError|Expecting"),
    "no dict": (b"[]", "no dict"),
    "nested": (b"[" * 10**5 + b"]" * 10**5, "nested too deeply"),
}


@pytest.mark.parametrize("kind", FACTS)
def test_hostile_metadata_are_refused(kind, tmp_path):
    """Metadata that are no short JSON object are no metadata."""
    content, message = FACTS[kind]
    path = tmp_path / "model.skops"
    dump(CNNClassifier(), path)
    with zipfile.ZipFile(path) as archive:
        schema = archive.read("schema.json")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("schema.json", schema)
        archive.writestr("facts.json", content)
    path.write_bytes(_seal(path.read_bytes()))

    with pytest.raises(ValueError, match=rf"describe can't use .*({message})"):
        describe(path)


@pytest.mark.parametrize(
    "metadata", [["a"], {"a": float("nan")}, {"a": {1, 2}}, {2: 1}]
)
def test_metadata_that_would_change_are_refused(metadata, tmp_path):
    """What JSON does not hold is refused when it is saved."""
    with pytest.raises(ValueError, match="dump expects metadata to be a dict of what"):
        dump(CNNClassifier(), tmp_path / "model.skops", metadata=metadata)


def test_damaged_and_missing_files_are_told(tmp_path):
    """Errors name the file, and what is wrong with it."""
    (tmp_path / "a.skops").write_text("no model")

    with pytest.raises(ValueError, match=r"a.skops'.*not written by"):
        describe(tmp_path / "a.skops")
    with pytest.raises(FileNotFoundError, match="describe can't read the file"):
        describe(tmp_path / "b.skops")
    with pytest.raises(TypeError, match="describe expects the name of a file"):
        describe(3)


def test_description_is_made_of_plain_values(tiny, noise, tmp_path):
    """A description can be written as JSON."""
    dump(tiny.fit(*noise), tmp_path / "model.skops")

    assert json.dumps(describe(tmp_path / "model.skops"))

"""Command line: the same as the API, with exit codes."""

import csv
import io
import json
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklcnn import CNNClassifier
from sklcnn.__main__ import main
from sklcnn.persistence import dump, load
from sklcnn.preprocessing import HOG, ReadImages


@pytest.fixture
def saved(tiny, tmp_path):
    """Give a saved pipeline that reads files, and such files."""
    paths = [str(tmp_path / f"{i}, a.png") for i in range(12)]
    random = np.random.default_rng(0)
    for path in paths:
        Image.fromarray(random.integers(0, 256, (9, 8), dtype=np.uint8)).save(path)
    y = np.array(["cat", "dog", "cow"])[np.arange(12) % 3]
    model = make_pipeline(ReadImages((8, 8)), tiny).fit(paths, y)
    dump(model, tmp_path / "model.skops", metadata={"author": "A. Author"})
    return str(tmp_path / "model.skops"), paths


def test_predictions_are_those_of_the_estimator(saved, tmp_path, capsys):
    """The table has a row per file, with the label and all probabilities."""
    model, paths = saved

    status = main(["predict", model, *paths, "--csv", str(tmp_path / "out.csv")])

    assert status == 0
    assert capsys.readouterr().out == ""
    table = (tmp_path / "out.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["file"] for row in rows] == paths
    loaded = load(model)
    assert_array_equal([row["label"] for row in rows], loaded.predict(paths))
    actual = [[float(row[name]) for name in loaded.classes_] for row in rows]
    assert_allclose(actual, loaded.predict_proba(paths), rtol=1e-5)
    best = [float(row["probability"]) for row in rows]
    assert_array_equal(best, np.max(actual, axis=1))


def test_unreadable_files_are_named_and_the_rest_predicted(saved, tmp_path, capsys):
    """A broken file among many costs its own row, and the exit status."""
    model, paths = saved
    (tmp_path / "text.png").write_text("no image")

    status = main(["predict", model, paths[0], str(tmp_path / "text.png"), paths[1]])

    output = capsys.readouterr()
    assert status == 1
    rows = list(csv.reader(io.StringIO(output.out)))
    assert [row[0] for row in rows[1:]] == paths[:2]
    assert "text.png" in output.err


def test_model_that_reads_no_files_predicts_files(tiny, saved, noise, tmp_path, capsys):
    """Files are brought to the size and channels of the training images."""
    _, paths = saved
    model = tiny.fit(*noise)
    dump(model, tmp_path / "bare.skops")

    status = main(["predict", str(tmp_path / "bare.skops"), paths[0]])

    assert status == 0
    row = list(csv.reader(io.StringIO(capsys.readouterr().out)))[1]
    pixels = ReadImages((8, 8)).fit_transform([paths[0]])
    assert_allclose(float(row[2]), model.predict_proba(pixels).max(), rtol=1e-5)


@pytest.mark.parametrize("content", [None, b"no model"])
def test_model_that_cannot_be_used_is_a_status_of_its_own(content, tmp_path, capsys):
    """A missing or broken model is told in one line."""
    path = tmp_path / "model.skops"
    if content is not None:
        path.write_bytes(content)

    assert main(["predict", str(path), "a.png"]) == 2
    assert main(["describe", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 2


def test_model_without_images_is_refused(tmp_path, capsys):
    """A model of features can't predict files, and says so."""
    X = np.random.default_rng(0).random((10, 16, 16))
    model = make_pipeline(HOG(), LogisticRegression()).fit(X, np.arange(10) % 2)
    dump(model, tmp_path / "model.skops")

    assert main(["predict", str(tmp_path / "model.skops"), "a.png"]) == 2
    assert "expects a fitted CNNClassifier" in capsys.readouterr().err


def test_description_is_printed_for_people_and_programs(saved, capsys):
    """Lines by default, JSON if asked for."""
    model, _ = saved

    assert main(["describe", model]) == 0
    text = capsys.readouterr().out
    assert main(["describe", model, "--json"]) == 0
    description = json.loads(capsys.readouterr().out)

    assert "\n  author: 'A. Author'\n" in text
    assert description["metadata"] == {"author": "A. Author"}
    assert description["classes"] == ["cat", "cow", "dog"]


def test_help_and_usage(capsys):
    """Help is on stdout with status 0; wrong usage is on stderr with status 2."""
    for arguments, status in ((["--help"], 0), (["predict", "--help"], 0), ([], 2)):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == status

    output = capsys.readouterr()
    assert "exit status" in output.out
    assert "usage:" in output.err


def test_module_is_a_program(saved, tmp_path):
    """``python -m sklcnn`` runs from another folder, with progress on stderr only."""
    model, paths = saved

    done = subprocess.run(
        [sys.executable, "-m", "sklcnn", "predict", model, *paths],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert len(done.stdout.splitlines()) == 1 + len(paths)
    assert done.stdout.startswith("file,label,probability,cat,cow,dog\n")
    assert done.stderr == ""


def test_defaults_of_a_classifier_are_not_printed_as_objects(capsys, tmp_path):
    """Parameters are told as plain values."""
    dump(CNNClassifier(conv_channels=(4, 8)), tmp_path / "model.skops")

    main(["describe", str(tmp_path / "model.skops")])

    assert "conv_channels: [4, 8]" in capsys.readouterr().out

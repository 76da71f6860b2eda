"""Model registries: mlflow's models, and model cards of skops."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.pipeline import make_pipeline
from skops import card

from sklcnn.augmentation import RandomFlip
from sklcnn.persistence import dump, trusted_types
from sklcnn.preprocessing import Resize


@pytest.fixture
def model(tiny, noise):
    """Give a fitted pipeline with a random step, and its images."""
    X, y = noise
    labels = np.array(["cat", "cow", "dog"])[y]
    return make_pipeline(Resize((6, 6)), RandomFlip(), tiny).fit(X, labels), X


@pytest.mark.filterwarnings("ignore")  # of mlflow, about itself
def test_mlflow_saves_and_logs_pipelines(model, tmp_path, monkeypatch):
    """In the format of skops, loaded as an estimator and as a function of images."""
    mlflow = pytest.importorskip("mlflow")
    sklearn = pytest.importorskip("mlflow.sklearn")
    pipeline, X = model
    formats = {
        "serialization_format": "skops",
        "skops_trusted_types": trusted_types(),
    }
    monkeypatch.chdir(tmp_path)

    sklearn.save_model(pipeline, tmp_path / "model", **formats)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'runs.db'}")
    with mlflow.start_run():
        logged = sklearn.log_model(
            pipeline, name="model", input_example=X[:2], **formats
        )

    expected, probabilities = pipeline.predict(X), pipeline.predict_proba(X)
    loaded = sklearn.load_model(tmp_path / "model")
    assert_array_equal(loaded.predict_proba(X), probabilities)
    for uri in (str(tmp_path / "model"), logged.model_uri):
        assert_array_equal(mlflow.pyfunc.load_model(uri).predict(X), expected)


def test_model_card_is_written_from_a_pipeline(model, tmp_path):
    """Its parameters, its diagram and what one adds are in the text."""
    pipeline, _ = model
    dump(pipeline, tmp_path / "model.skops")

    page = card.Card(pipeline, model_diagram=True).add_metrics(accuracy=0.93)
    page.add(**{"Intended uses": "Noise of three kinds."})
    page.save(tmp_path / "README.md")

    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "randomflip" in text
    assert "conv_channels" in text
    assert "0.93" in text
    assert "Noise of three kinds." in text

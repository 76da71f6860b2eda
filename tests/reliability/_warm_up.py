"""Imports all that a training imports, once for all processes that are forked."""

import tempfile
from pathlib import Path

from sklcnn.persistence import dump, load
from tests.reliability import _processes  # noqa: F401
from tests.reliability._jobs import X, Y, make_model

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "model.skops"
    dump(make_model(max_epochs=1).partial_fit(X, Y, classes=range(10)), path)
    load(path).predict_proba(X)

"""Trainings that are interrupted, killed and started again."""

import contextlib
import hashlib
import os
import resource
import shutil
import subprocess
import warnings

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from torchvision.models import get_model

from sklcnn import CNNClassifier
from sklcnn.augmentation import RandomFlip, RandomRotation
from sklcnn.checkpoints import _folder
from sklcnn.network import _training
from sklcnn.persistence import dump, load

DIGITS = load_digits()
X, Y = DIGITS.images[:150], DIGITS.target[:150]
NAMED = "shufflenet_v2_x0_5"

N_CALLS = 20
"""Number of calls of `partial_fit`."""


def make_model(**parameters):
    """Make a classifier that uses all that is drawn."""
    model = CNNClassifier(
        conv_channels=(4,),
        hidden_units=(8,),
        dropout=0.3,
        mixup=0.2,
        early_stopping=True,
        n_iter_no_change=30,
        calibration_fraction=0,  # whose epochs would be noted as well
        max_epochs=30,
        random_state=0,
    )
    return model.set_params(**parameters)


def fit(folder, log, parameters=None):
    """Fit on augmented images; give what was fitted, or kept of an interrupted fit."""
    model = make_model(checkpoint_dir=folder, **parameters or {})
    try:
        with noted(log):
            model.fit(RandomRotation().fit_transform(X), Y)
    except KeyboardInterrupt:
        return "interrupted", state_of(model)
    return "done", outcome(model)


def fit_hindered(folder, log, hindrance):
    """Fit while something happens to the folder after three epochs; list warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with after_epochs(3, lambda: hinder(hindrance, folder)):
            _, answer = fit(folder, log)
    return ("done", answer), [str(warning.message) for warning in caught]


def hinder(hindrance, folder):
    """Make a folder fail."""
    if hindrance == "fill":
        with contextlib.suppress(OSError), open(folder.parent / "filler", "wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()
    elif hindrance == "make read-only":
        command = ["mount", "-o", "remount,ro", str(folder.parent)]
        subprocess.run(command, check=True)
    elif hindrance == "limit files":
        size = max(path.stat().st_size for path in folder.iterdir())
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))
    elif hindrance == "forbid":
        folder.chmod(0o500)
    elif hindrance in ("remove", "replace"):
        shutil.rmtree(folder)
        if hindrance == "replace":
            folder.write_text("")


@contextlib.contextmanager
def after_epochs(n_epochs, happen):
    """Let something happen when so many epochs were trained and saved."""
    train_epoch = _training.train_epoch

    def train_or_happen(training):
        if len(training.net.history) == n_epochs:
            happen()
        train_epoch(training)

    _training.train_epoch = train_or_happen
    try:
        yield
    finally:
        _training.train_epoch = train_epoch


def partial_fit(path, log):
    """Go on from a file, which is written after every epoch."""
    model = make_model(momentum=0.0)  # files do not hold that of the optimizer
    try:
        if path.exists():
            model = load(path)
        with noted(log):
            while state_of(model)[0] < N_CALLS:
                dump(model.partial_fit(X, Y, classes=range(10)), path)
    except KeyboardInterrupt:
        return "interrupted", state_of(model)
    return "done", outcome(model)


def search(folder, log, n_jobs=None):
    """Search a grid; give scores and ranks, or whether an interrupted one has any."""
    grid = {"learning_rate": [0.01, 0.05], "dropout": [0.0, 0.3]}
    model = make_model(max_epochs=12, checkpoint_dir=folder)
    return run_search(GridSearchCV(model, grid, cv=2, n_jobs=n_jobs), X, Y, log)


def search_networks(folder, log, n_jobs=None):
    """Search built-in and named networks, frozen or not, with random steps or not."""
    weights = log.parent / "weights.pt"
    if not weights.exists():
        save_weights(weights)
    named = {"model__network": [NAMED], "model__weights": [weights]}
    grid = [
        {"step": ["passthrough", RandomFlip()], "model__image_size": [None, 12]},
        named | {"model__freeze": [True, False], "model__image_size": [32, 48]},
        named | {"step": [RandomFlip()], "model__freeze": [True]},
    ]
    model = CNNClassifier(
        conv_channels=(4,), max_epochs=3, checkpoint_dir=folder, random_state=0
    )
    pipeline = Pipeline([("step", "passthrough"), ("model", model)])
    found = GridSearchCV(pipeline, grid, cv=2, n_jobs=n_jobs)
    return run_search(found, X[:60] / 16, Y[:60], log)


def save_weights(path):
    """Write random weights of the named network to a file, whole or not at all."""
    torch.manual_seed(0)
    torch.save(get_model(NAMED).state_dict(), path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def run_search(found, X, y, log):
    """Run a search; give scores, ranks and what was found, or whether any is told."""
    try:
        with noted(log):
            found.fit(X, y)
    except KeyboardInterrupt:
        return "interrupted", hasattr(found, "cv_results_")
    names = ("split0_test_score", "split1_test_score", "rank_test_score")
    scores = [found.cv_results_[name].tolist() for name in names]
    best = found.best_estimator_
    model = best[-1] if isinstance(best, Pipeline) else best
    return "done", (scores, outcome(model, X))


@contextlib.contextmanager
def noted(log):
    """Save after every epoch, and write down which begin and how they end."""
    train_epoch, pause = _training.train_epoch, _folder.PAUSE

    def train_and_note(training):
        epoch = len(training.net.history)
        _append(log, f"begin {epoch}")
        train_epoch(training)
        _append(log, f"end {epoch} {digest(training.net)}")

    _training.train_epoch, _folder.PAUSE = train_and_note, 0
    try:
        yield
    finally:
        _training.train_epoch, _folder.PAUSE = train_epoch, pause


def _append(log, line):
    number = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(number, f"{line}\n".encode())
    os.close(number)


def state_of(model):
    """Give the number of epochs and the digest of what was trained, if anything."""
    if not model.__sklearn_is_fitted__():
        return 0, None
    return model.n_iter_, digest(model.net_)


def digest(net):
    """Hash weights and losses."""
    sha = hashlib.sha256(repr(net.history[:, "train_loss"]).encode())
    for tensor in net.module_.state_dict().values():
        sha.update(np.ascontiguousarray(tensor).tobytes())
    return sha.hexdigest()


def outcome(model, X=X):
    """Hash all that a user sees of a fitted classifier, but for seconds."""
    known = [
        digest(model.net_),
        [record | {"seconds": 0} for record in model.history_],
        model.best_epoch_,
        model.predict_proba(X).tolist(),
        model.transform(X).tolist(),
    ]
    return hashlib.sha256(repr(known).encode()).hexdigest()

"""Calls that are repeated hundreds of times, and what each leaves behind."""

import gc
import os
from pathlib import Path

from sklcnn.augmentation import RandomRotation
from sklcnn.persistence import dump, load
from tests.reliability._jobs import X, Y, make_model

PAGE = os.sysconf("SC_PAGE_SIZE") / 2**20


def measure(call, n_calls, folder):
    """Call again and again; list MiB in memory, threads and open files after each."""
    begin, go_on = CALLS[call]
    model, measured = begin(folder), []
    gc.freeze()  # so that a collection does not go through all that was imported
    for number in range(n_calls):
        go_on(model, folder, number)
        gc.collect()
        measured.append((_mebibytes(), _count("task"), _count("fd")))
    return measured


def _mebibytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def _count(name):
    return len(list(Path(f"/proc/self/{name}").iterdir()))


def _begin(folder):
    return make_model(max_epochs=2)


def _begin_and_dump(folder):
    model = _begin(folder).fit(X, Y)
    dump(model, folder / "model.skops")
    return model


def _fit(model, folder, number):
    model.fit(RandomRotation().fit_transform(X), Y)


def _fit_with_checkpoints(model, folder, number):
    model.set_params(checkpoint_dir=folder, random_state=number // 2).fit(X, Y)


def _load_and_predict(model, folder, number):
    load(folder / "model.skops").predict_proba(X)


def _partial_fit(model, folder, number):
    model.partial_fit(X, Y, classes=range(10))


CALLS = {
    "fit": (_begin, _fit),
    "fit with checkpoints": (_begin, _fit_with_checkpoints),
    "load": (_begin_and_dump, _load_and_predict),
    "partial_fit": (_begin, _partial_fit),
}
"""For each call: what comes before all, and what is repeated."""

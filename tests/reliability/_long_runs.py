"""Memory, threads and files that calls take, and what they leave behind."""

import gc
import os
import re
import time
from pathlib import Path

import numpy as np
from torch import nn

from sklcnn import CNNClassifier
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
        n_threads = _count_threads(measured[-1][1] if measured else 1)
        measured.append((_mebibytes(), n_threads, _count("fd")))
    return measured


def _count_threads(n_before, patience=2.0):
    """Count threads, once those have left that were joined: the system is later."""
    deadline = time.monotonic() + patience
    while _count("task") > n_before and time.monotonic() < deadline:
        time.sleep(0.001)
    return _count("task")


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


def wide_network(n_channels, n_classes):
    """Build a network that embeds images in 1,024 dimensions."""
    layers = [nn.AvgPool2d(4), nn.Flatten(), nn.Linear(4 * n_channels, 1024)]
    return nn.Sequential(*layers, nn.Linear(1024, n_classes))


def peak_of(method, n_images):
    """Ask for wide outputs: their MiB, and those at the peak over what was before."""
    n_classes = 2 if method == "transform" else 1024
    images = np.random.default_rng(0).random((2048, 8, 8), dtype=np.float32)
    labels = np.arange(len(images)) % n_classes
    model = CNNClassifier(network=wide_network, max_epochs=1, random_state=0)
    ask = getattr(model.fit(images, labels), method)
    images = np.resize(images, (n_images, 8, 8))
    ask(images[:500])
    before = _mebibytes()
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    outputs = ask(images)
    status = Path("/proc/self/status").read_text()
    peak = int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 2**10
    return outputs.nbytes / 2**20, peak - before

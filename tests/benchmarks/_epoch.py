"""One epoch, watched: how long the network waits for images, and the peak memory.

Linux only: memory is read from /proc.
"""

import concurrent.futures
import multiprocessing
import re
import threading
import time
from pathlib import Path

import torch

from sklcnn.network._batches import Batches

COLUMNS = {
    "": "<34",
    "fit s": ".1f",
    "epoch s": ".1f",
    "images/s": ".0f",
    "waiting": ".1%",
    "own MiB": ".0f",
    "peak MiB": ".0f",
}
"""Own memory is what is not a file: pages of a file can be dropped at any time."""


class PeakMemory:
    """Watch the memory of this process from a thread, every hundredth of a second."""

    def __enter__(self):
        self.own = self.resident = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._ended.set()
        self._thread.join()

    def _watch(self):
        while not self._ended.wait(0.01):
            status = Path("/proc/self/status").read_text()
            kilobytes = dict(re.findall(r"(\w+):\s+(\d+) kB", status))
            own = int(kilobytes["RssAnon"]) + int(kilobytes["RssShmem"])
            self.own = max(self.own, own / 1024)
            self.resident = max(self.resident, int(kilobytes["VmRSS"]) / 1024)


def watch_epoch(make_model, X, y):
    """Fit for one epoch, and tell seconds, seconds of waiting, and MiB."""
    torch.set_num_threads(1)
    waited = 0.0
    read = Batches._read

    def read_and_clock(batches, parts):
        nonlocal waited
        images = read(batches, parts)
        while True:
            start = time.perf_counter()
            pixels = next(images, None)
            waited += time.perf_counter() - start
            if pixels is None:
                return
            yield pixels

    Batches._read = read_and_clock
    model = make_model()
    start = time.perf_counter()
    with PeakMemory() as memory:
        model.fit(X, y)
    seconds = time.perf_counter() - start
    (epoch,) = getattr(model, "steps", [(None, model)])[-1][1].history_
    return seconds, epoch["seconds"], waited, memory.own, memory.resident


def add_epoch(table, name, make_model, X, y):
    """Watch an epoch in a fresh process, and add a row to a table of `COLUMNS`."""
    result = in_fresh_process(watch_epoch, make_model, X, y)
    seconds, epoch_seconds, waited, own, resident = result
    speed = len(y) / epoch_seconds
    share = waited / epoch_seconds
    table.add(name, seconds, epoch_seconds, speed, share, own, resident)


def in_fresh_process(function, *arguments):
    """Call a function in a process of its own, and give what it gives."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
        return pool.submit(function, *arguments).result()

"""One epoch, watched: how long the network waits for images, and the peak memory.

Linux only: memory is read from /proc.
"""

import multiprocessing
import re
import threading
import time
from pathlib import Path

from sklcnn.network._batches import Batches

HEADER = (
    f"{'':34}{'fit s':>7}{'epoch s':>9}{'images/s':>10}{'waiting':>9}"
    f"{'own MiB':>9}{'peak MiB':>10}"
)
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


def watch_epoch(make_model, X, y, queue):
    """Fit for one epoch, and tell seconds, seconds of waiting, and MiB."""
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
    queue.put((seconds, epoch["seconds"], waited, memory.own, memory.resident))


def report_epoch(name, make_model, X, y):
    """Watch an epoch in a fresh process, and print one line."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=watch_epoch, args=(make_model, X, y, queue))
    process.start()
    seconds, epoch_seconds, waited, own, resident = queue.get()
    process.join()
    print(
        f"{name:34}{seconds:7.0f}{epoch_seconds:9.0f}{len(y) / epoch_seconds:10.0f}"
        f"{waited / epoch_seconds:9.1%}{own:9.0f}{resident:10.0f}",
        flush=True,
    )

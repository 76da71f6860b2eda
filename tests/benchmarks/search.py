"""`GridSearchCV` over 8 candidates on the digits, in one process and in two.

Three folds and the last fit on everything: 25 fits with one thread each. The workers
are warm: they have imported everything and trained once. Seconds are those on the wall,
so the machine has to be idle otherwise. The second table tells what a worker sees.
"""

import inspect
import time
from functools import partial

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from sklcnn import CNNClassifier
from tests.benchmarks._results import Table, summarize, summary_columns
from tests.benchmarks._run import run_alone
from tests.benchmarks._timing import alternate, timed

CANDIDATES = {
    "learning_rate": [0.02, 0.05],
    "kernel_size": [3, 5],
    "hidden_units": [(), (128,)],
}


class ThreadSpy(Callback):
    """Notes with how many threads torch trains."""

    def on_epoch_end(self, net, **known):
        """Look, while the classifier's own limit is in force."""
        self.n_threads_ = torch.get_num_threads()


class MappingSpy(ClassifierMixin, BaseEstimator):
    """Notes whether the images that its fold was cut out of are a file in memory."""

    def __init__(self, *, number=0):
        self.number = number

    def fit(self, X, y):
        """Look at what the callers of this method hold as `X`."""
        held = (frame.frame.f_locals.get("X") for frame in inspect.stack()[1:])
        self.is_mapped_ = any(isinstance(X, np.memmap) for X in held)
        return self


def threads_of(model, X, y):
    """Tell what the spy in a classifier saw, as a score."""
    return {"seen": model.callbacks[0].n_threads_}


def mapping_of(model, X, y):
    """Tell what the spy saw, as a score."""
    return {"seen": model.is_mapped_}


def search(model, X, y, n_jobs, candidates=CANDIDATES, **parameters):
    """Search with three folds."""
    return GridSearchCV(model, candidates, cv=3, n_jobs=n_jobs, **parameters).fit(X, y)


def seen_by_workers(model, candidates, scoring, X, y):
    """Collect what spies see in the workers of a search."""
    known = {"refit": False, "error_score": "raise", "scoring": scoring}
    results = search(model, X, y, 2, candidates, **known).cv_results_
    return np.array([results[f"split{fold}_test_seen"] for fold in range(3)])


def look_at_workers(X, y, quick):
    """Fill the table of what workers see."""
    table = Table("What workers see", {"": "<44", "value": "<8"}, quick=quick)
    network = CNNClassifier(max_epochs=1, callbacks=[ThreadSpy()], device="cpu")
    known = (network, {"learning_rate": [0.02, 0.05]}, threads_of, X, y)
    threads = np.unique(seen_by_workers(*known)).astype(int)
    table.add("threads of torch", ", ".join(map(str, threads)))
    large = X.repeat(2, axis=1).repeat(2, axis=2)
    known = (MappingSpy(), {"number": [0, 1]}, mapping_of, large, y)
    mapped = seen_by_workers(*known).all()
    size = f"{large.nbytes / 2**20:.1f} MiB"
    table.add(f"X of {size} is mapped into memory", "yes" if mapped else "no")
    return table


def run(options):
    """Search with one worker and with two, in turns."""
    digits = load_digits()
    X, y = digits.images, digits.target
    max_epochs, n_rounds = (1, 1) if options.quick else ("auto", 3)
    search(CNNClassifier(max_epochs=1, device="cpu"), X[:200], y[:200], 2)
    model = CNNClassifier(max_epochs=max_epochs, device="cpu", random_state=0)
    runs = {
        n: timed(partial(search, model, X, y, n), time.perf_counter) for n in (1, 2)
    }
    seconds = alternate(runs, n_rounds)
    columns = {"n_jobs": "<7", **summary_columns("seconds", ".1f", "times faster")}
    table = Table("Search over 8 candidates", columns, quick=options.quick)
    for n in runs:
        cells = summarize(seconds[n])[:2]
        table.add(str(n), *cells, *summarize(seconds[1], seconds[n])[2:])
    return [table, look_at_workers(X, y, options.quick)]


if __name__ == "__main__":
    run_alone("search")

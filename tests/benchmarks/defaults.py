"""The defaults on many tasks: accuracy, honesty and time, beside what else there is.

All figures are of rows held out of training sets, so that defaults may be chosen by
them; `accuracy` looks at a test set. "before" are the defaults before late pooling:
three blocks that pool at once, no calibration, and 1,000 steps in 10 to 100 epochs.
The steps keep labels: shift, scale, brightness, contrast, and a flip of clip art and
clothes. ECE is the expected calibration error of 15 bins; "chance" is the median of a
perfectly calibrated model with the same confidences, of 200 simulations. "ratio" is the
log loss divided by that with a temperature fitted to the other half of the held-out
rows. SVC has no probabilities; its C is tuned on training images. Figures are medians
over seeds, and means over the folds of the digits.
"""

import math
import time
from functools import partial

import numpy as np
from scipy.special import log_softmax
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC

from sklcnn import CNNClassifier
from sklcnn.augmentation import (
    RandomBrightness,
    RandomContrast,
    RandomFlip,
    RandomScale,
    RandomTranslation,
)
from sklcnn.network import fit_temperature
from sklcnn.network._rules import resolve_batch_size
from sklcnn.preprocessing import HOG, Flatten
from tests.benchmarks._peers import PEERS, attempt
from tests.benchmarks._results import Table
from tests.benchmarks._run import run_alone
from tests.benchmarks._tasks import (
    fold_digits,
    split_clip_art,
    split_digits,
    split_fashion,
    split_letters,
)

N_BINS = 15


def earlier_defaults(n_rows):
    """Give the parameters that were "auto" or off before late pooling."""
    n_steps = math.ceil(n_rows / resolve_batch_size("auto", n_rows))
    return {
        "conv_channels": (32, 64, 128),
        "stride": 1,
        "max_epochs": min(max(math.ceil(1000 / n_steps), 10), 100),
        "calibration_fraction": 0,
    }


def add_options(parser):
    """Let tasks and models be chosen; `gain` adds the number of seeds."""
    parser.add_argument("--on-tasks", nargs="*", help="tasks (default: all)")
    parser.add_argument("--of-models", nargs="*", help="models (default: all)")


def tasks_of(options):
    """List the tasks: how rows are split, and whether images may be mirrored."""
    fashion = partial(split_fashion, folder=options.data)
    numbers = 200, 1000, 2000, 10_000, 55_000
    tasks = {
        "200 digits": (partial(split_digits, n_train=200), False),
        "digits": (fold_digits, False),
    }
    tasks |= {f"{n} clothes": (partial(fashion, n_train=n), True) for n in numbers}
    tasks |= {
        f"clip art {side}": (partial(split_clip_art, side=side), True)
        for side in (64, 128)
    }
    return tasks | {"letters": (split_letters, False)}


def models(is_mirrored, n_rows, side, n_threads):
    """List the models by name."""
    steps = [
        RandomTranslation(0.1),
        RandomScale((0.85, 1.15)),
        RandomBrightness(0.15),
        RandomContrast((0.8, 1.25)),
        *[RandomFlip()] * is_mirrored,
    ]
    new = CNNClassifier(n_jobs=n_threads, random_state=0)
    before = clone(new).set_params(**earlier_defaults(n_rows))
    tuned = GridSearchCV(SVC(), {"C": [1, 10, 100]}, cv=3)
    flat, cell = (Flatten(), MinMaxScaler()), max(2, min(8, side // 7))
    return {
        "CNNClassifier": new,
        "with steps": make_pipeline(*steps, new),
        "before": before,
        "SVC": make_pipeline(*flat, tuned),
        "HOG, SVC": make_pipeline(HOG(pixels_per_cell=cell), tuned),
        "HistGradientBoosting": make_pipeline(
            Flatten(), HistGradientBoostingClassifier(random_state=0)
        ),
        "MLPClassifier": make_pipeline(
            *flat, MLPClassifier(max_iter=1000, random_state=0)
        ),
        **{name: Peer(make) for name, make in PEERS.items()},
    }


class Peer:
    """A peer with the layers of `CNNClassifier`, 10 epochs and its own defaults."""

    def __init__(self, make):
        self.make = make

    def fit(self, X, y):
        """Train; does nothing where the peer is missing."""
        self.classes_ = np.unique(y)
        self.model = attempt(self.make, X, y, n_classes=len(self.classes_))
        if self.model is not None:
            self.model.train(10)
        return self

    def predict_proba(self, X):
        """Predict; None where the peer is missing."""
        return self.model and self.model.predict_proba(self.model.prepare(X))


def expected_calibration_error(confidences, is_right):
    """Mean distance of accuracy and confidence, over bins of confidence."""
    bins = np.minimum((confidences * N_BINS).astype(int), N_BINS - 1)
    sums = np.bincount(bins, is_right - confidences, minlength=N_BINS)
    return np.abs(sums).sum() / len(bins)


def error_of_chance(confidences, n_simulations=200):
    """Median calibration error where each image is right with its confidence."""
    rng = np.random.default_rng(0)
    return np.median(
        [
            expected_calibration_error(
                confidences, rng.random(len(confidences)) < confidences
            )
            for _ in range(n_simulations)
        ]
    )


def log_loss_ratio(log_probabilities, targets):
    """Divide the log loss by that with a temperature of the other half."""
    half = np.arange(len(targets)) % 2 == 0
    rows = np.arange(len(targets))
    scaled = np.zeros(len(targets))
    for fitted, other in ((half, ~half), (~half, half)):
        ones = np.ones(fitted.sum())
        temperature = fit_temperature(log_probabilities[fitted], targets[fitted], ones)
        now = log_softmax(log_probabilities[other] / temperature, axis=1)
        scaled[other] = now[rows[: other.sum()], targets[other]]
    return log_probabilities[rows, targets].sum() / scaled.sum()


def measure(model, X, X_test, y, y_test, groups=None):
    """Train and test; None for what a model does not tell."""
    start = time.process_time()
    is_ours = isinstance(model, CNNClassifier) and groups is not None
    model.fit(X, y, **{"groups": groups} if is_ours else {})
    seconds = time.process_time() - start
    if not hasattr(model, "predict_proba"):
        return [np.mean(model.predict(X_test) == y_test), *[np.nan] * 4, seconds]
    probabilities = model.predict_proba(X_test)
    if probabilities is None:
        return None
    confidences, predicted = probabilities.max(axis=1), probabilities.argmax(axis=1)
    targets = np.searchsorted(model.classes_, y_test)
    with np.errstate(divide="ignore"):
        logs = np.maximum(np.log(probabilities.astype(np.float64)), -50)
    return [
        np.mean(predicted == targets),
        -logs[np.arange(len(targets)), targets].mean(),
        log_loss_ratio(logs, targets),
        expected_calibration_error(confidences, predicted == targets),
        error_of_chance(confidences),
        seconds,
    ]


def run(options):
    """Compare the models on each task."""
    columns = {"task": "<13", "model": "<21", "seeds": ">5", "accuracy": ".4f"}
    columns |= {"log loss": ".3f", "ratio": ".3f", "ECE": ".3f", "chance": ".3f"}
    table = Table("Defaults", columns | {"CPU s": ".1f"}, quick=options.quick)
    n_seeds = 1 if options.quick else options.seeds
    for task, (split, is_mirrored) in tasks_of(options).items():
        if task not in (options.on_tasks or [task]):
            continue
        shape = split(0)[0].shape[:2]
        for name, model in models(is_mirrored, *shape, options.threads).items():
            if name not in (options.of_models or [name]):
                continue
            results = [measure(model, *split(seed)) for seed in range(n_seeds)]
            if results[0] is not None:
                center = np.mean if split is fold_digits else np.median
                centers = center(results, axis=0)
                values = [None if np.isnan(value) else value for value in centers]
                table.add(task, name, str(n_seeds), *values)
    return [table]


if __name__ == "__main__":
    run_alone("defaults")

"""Untuned accuracy of the defaults, beside SVC and MLPClassifier.

A full run also trains on all 60,000 images of Fashion-MNIST, about 40 CPU minutes: by
default, with a flip in front, and with the defaults before late pooling.
The defaults of the classifier were chosen with these very tasks in view, so its figures
favor it a bit. The spread is the standard deviation over folds or repetitions.
"""

import time
from functools import partial

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC

from sklcnn import CNNClassifier
from sklcnn.augmentation import RandomFlip
from tests.benchmarks._data import fashion_mnist
from tests.benchmarks._plots import bars
from tests.benchmarks._results import Table
from tests.benchmarks._run import run_alone
from tests.benchmarks.defaults import earlier_defaults


def add_options(parser):
    """Let the longest trainings be left out."""
    parser.add_argument("--most", type=int, default=60_000, help="most training images")


def models(n_threads):
    """Make the models."""
    return {
        "CNNClassifier": CNNClassifier(n_jobs=n_threads, random_state=0),
        "SVC(C=10)": make_pipeline(MinMaxScaler(), SVC(C=10)),
        "MLPClassifier": make_pipeline(
            MinMaxScaler(), MLPClassifier(max_iter=1000, random_state=0)
        ),
    }


def models_for_many(n_threads):
    """Make the models for 60,000 images."""
    new = CNNClassifier(n_jobs=n_threads, random_state=0)
    return {
        "CNNClassifier": new,
        "with a flip": make_pipeline(RandomFlip(), new),
        "before": clone(new).set_params(**earlier_defaults(60_000)),
    }


def images_for(model, X):
    """Give images as they are to networks, and flat to everything else."""
    last = model[-1] if isinstance(model, Pipeline) else model
    return X if isinstance(last, CNNClassifier) else X.reshape(len(X), -1)


def digits_in_folds(model):
    """Cross-validate on the digits, in five shuffled folds."""
    digits = load_digits()
    cv = StratifiedKFold(5, shuffle=True, random_state=0)
    X = images_for(model, digits.images)
    return cross_val_score(model, X, digits.target, cv=cv)


def few_digits(model, n=200, n_repeats=5):
    """Train on a few digits and test on the rest."""
    digits = load_digits()
    scores = []
    for seed in range(n_repeats):
        X, X_test, y, y_test = train_test_split(
            images_for(model, digits.images),
            digits.target,
            train_size=n,
            stratify=digits.target,
            random_state=seed,
        )
        scores.append(clone(model).fit(X, y).score(X_test, y_test))
    return np.array(scores)


def fashion(model, n, n_repeats, data):
    """Train on some images of Fashion-MNIST and test on its test set."""
    X, y, X_test, y_test = data
    scores = []
    for seed in range(n_repeats):
        rows = np.random.default_rng(seed).permutation(len(X))[:n]
        fitted = clone(model).fit(images_for(model, X[rows]), y[rows])
        scores.append(fitted.score(images_for(model, X_test), y_test))
    return np.array(scores)


def tasks_of(options):
    """List the tasks; a quick run has only those that take seconds."""
    if options.quick:
        return {"200 digits": partial(few_digits, n_repeats=2)}
    data = fashion_mnist(options.data)
    tasks = {"digits, 5 folds": digits_in_folds, "200 digits": few_digits}
    for n, n_repeats in ((2000, 3), (60_000, 1)):
        if n <= options.most:
            run = partial(fashion, n=n, n_repeats=n_repeats, data=data)
            tasks[f"{n:,} Fashion-MNIST"] = run
    return tasks


def run(options):
    """Score every model in every task."""
    columns = {"task": "<21", "model": "<14", "accuracy": ".4f", "std": ".4f"}
    table = Table("Accuracy", {**columns, "CPU s": ".0f"}, quick=options.quick)
    for task, evaluate in tasks_of(options).items():
        make = models_for_many if task.startswith("60,000") else models
        for name, model in make(options.threads).items():
            start = time.process_time()
            scores = evaluate(model)
            seconds = time.process_time() - start
            std = scores.std() if len(scores) > 1 else None
            table.add(task, name, scores.mean(), std, seconds)
    return [table]


def plot(figure, tables):
    """Draw the errors as bars."""
    rows = tables[0].records()
    labels = [f"{row['task']}: {row['model']}" for row in rows]
    errors = [100 * (1 - row["accuracy"]) for row in rows]
    bars(figure, labels, errors, "% of test images predicted wrong", line=None)


if __name__ == "__main__":
    run_alone("accuracy")

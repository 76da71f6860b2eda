"""Accuracy of training in bfloat16 beside float32: nothing is bought with accuracy.

Both train on the same images with the same seed. Prediction is in float32 where the
hardware has bfloat16, as `precision="auto"` does; elsewhere it is in bfloat16, too. A
full run also trains on 10,000 images of Fashion-MNIST.
"""

from functools import partial

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold, cross_val_score

from sklcnn import CNNClassifier
from sklcnn.network._hardware import trains_fast_in_bfloat16
from tests.benchmarks._data import fashion_mnist
from tests.benchmarks._results import Table
from tests.benchmarks._run import run_alone


def digits_in_folds(model, seed, n_folds=5):
    """Cross-validate on the digits, in shuffled folds."""
    digits = load_digits()
    cv = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    return cross_val_score(model, digits.images, digits.target, cv=cv).mean()


def fashion(model, seed, *, n, data):
    """Train on some images of Fashion-MNIST and test on its test set."""
    X, y, X_test, y_test = data
    rows = np.random.default_rng(seed).permutation(len(X))[:n]
    return model.fit(X[rows], y[rows]).score(X_test, y_test)


def tasks_of(options):
    """List the tasks."""
    if options.quick:
        return {"digits, 2 folds": partial(digits_in_folds, n_folds=2)}
    data = fashion_mnist(options.data)
    return {
        "digits, 5 folds": digits_in_folds,
        "2,000 Fashion-MNIST": partial(fashion, n=2_000, data=data),
        "10,000 Fashion-MNIST": partial(fashion, n=10_000, data=data),
    }


def run(options):
    """Score both number formats in every task, for every seed."""
    fast = "auto" if trains_fast_in_bfloat16("cpu") else "bfloat16"
    known = {"device": "cpu", "n_jobs": options.threads}
    if options.quick:
        known["max_epochs"] = 5
    columns = {"task": "<21", fast: ".4f", "float32": ".4f"}
    points = {"points more": "+.2f", "range": ">14"}
    title = "Accuracy, mean over seeds, and what bfloat16 gains or loses"
    table = Table(title, {**columns, **points}, quick=options.quick)
    for task, evaluate in tasks_of(options).items():
        scores = [
            [
                evaluate(
                    CNNClassifier(precision=each, random_state=seed, **known), seed
                )
                for each in (fast, "float32")
            ]
            for seed in range(1 if options.quick else 3)
        ]
        more = 100 * -np.diff(scores, axis=1)
        spread = f"{more.min():+.2f} to {more.max():+.2f}"
        table.add(task, *np.mean(scores, axis=0), more.mean(), spread)
    return [table]


if __name__ == "__main__":
    run_alone("precision")

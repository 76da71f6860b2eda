"""Measure how many wrong labels are found, and what it brings to train without them.

A tenth of the labels of 5,000 images of Fashion-MNIST are replaced by other classes at
random, which is the easy case: people confuse classes that look alike. True errors of
the set count as false alarms. The networks that are trained on all images, on those
whose labels are not in doubt, and on all with the probabilities of their labels as
weights, are tested on 5,000 other images of the training set.
"""

import time

import numpy as np
from sklearn.metrics import accuracy_score

from sklcnn import CNNClassifier
from sklcnn.inspection import find_label_issues
from tests.benchmarks._data import fashion_mnist
from tests.benchmarks._results import Table
from tests.benchmarks._run import run_alone

N_IMAGES = 5000
SHARE = 0.1


def add_options(parser):
    """Let the length of training be chosen."""
    parser.add_argument("--label-seeds", type=int, default=2)


def flip_labels(y, random_state):
    """Replace some labels by other classes; tell which are."""
    rng = np.random.default_rng(random_state)
    rows = rng.permutation(len(y))[: int(SHARE * len(y))]
    flipped = y.copy()
    flipped[rows] = (y[rows] + rng.integers(1, 10, len(rows))) % 10
    return flipped, flipped != y


def make_model(options, max_epochs, random_state):
    """Make the classifier of the defaults."""
    return CNNClassifier(
        max_epochs=1 if options.quick else max_epochs,
        n_jobs=options.threads,
        random_state=random_state,
    )


def accuracies(options, random_state, issues, images, labels, X_test, y_test):
    """Train on all images, on those of labels not in doubt, and with weights."""
    good = ~issues.is_issue
    ways = {
        "all images": (images, labels, None),
        "labels not in doubt": (images[good], labels[good], None),
        "weighted by label quality": (images, labels, issues.label_quality),
    }
    for name, (X, y, sample_weight) in ways.items():
        model = make_model(options, "auto", random_state)
        model.fit(X, y, sample_weight=sample_weight)
        yield name, accuracy_score(y_test, model.predict(X_test))


def run(options):
    """Find wrong labels, and train without them."""
    X, y, _, _ = fashion_mnist(options.data)
    n = 500 if options.quick else N_IMAGES
    images, X_test, y_test = X[:n], X[n : 2 * n], y[n : 2 * n]
    found = Table(
        f"{SHARE:.0%} of the labels of {n:,} images of Fashion-MNIST flipped",
        {
            "seed": "<6",
            "flagged": ".0f",
            "found": ".3f",
            "false alarms": ".3f",
            "accuracy": ".3f",
            "CPU s": ".0f",
        },
        "Found is the share of the flipped labels, false alarms the share of the "
        "flagged ones; the accuracy is that of the cross-validation.",
        quick=options.quick,
    )
    trained = Table(
        "Accuracy on other images, trained with the defaults",
        {"seed": "<6", "trained on": "<26", "accuracy": ".4f"},
        quick=options.quick,
    )
    for seed in range(1 if options.quick else options.label_seeds):
        labels, is_flipped = flip_labels(y[:n], seed)
        start = time.process_time()
        issues = find_label_issues(make_model(options, 5, seed), images, labels)
        seconds = time.process_time() - start
        flagged = issues.is_issue
        recall, precision = flagged[is_flipped].mean(), is_flipped[flagged].mean()
        found.add(
            str(seed), flagged.sum(), recall, 1 - precision, issues.accuracy, seconds
        )
        for name, accuracy in accuracies(
            options, seed, issues, images, labels, X_test, y_test
        ):
            trained.add(str(seed), name, accuracy)
    return [found, trained]


if __name__ == "__main__":
    run_alone("label_issues")

"""Four troubles on scanned digits, and what a tool gains in each.

The numbers of the tutorial. Training images are drawn at random from scikit-learn's
1,797 scanned digits, and all others are tested on; figures are means of three draws.
What complexity costs is to be read beside the first network of "compute".
Poor labels are those of which a fifth are replaced by another digit at random.
"""

import time

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklcnn import CNNClassifier
from sklcnn.augmentation import RandomRotation, RandomScale, RandomTranslation
from sklcnn.inspection import find_label_issues, summary
from sklcnn.preprocessing import HOG, Flatten
from tests.benchmarks._results import Table
from tests.benchmarks._run import run_alone

SHARE_WRONG = 0.2

STEPS = RandomRotation(10), RandomTranslation(0.1), RandomScale((0.85, 1.15))

HEAD = {"trouble": "<12", "images": ">6", "model": "<34", "parameters": ",.0f"}


def add_options(parser):
    """Let the number of draws and the troubles be chosen."""
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--troubles", nargs="*", help="troubles (default: all)")


def split(n_train, seed):
    """Draw training images of each class alike; test on all others."""
    digits = load_digits()
    return train_test_split(
        digits.images,
        digits.target,
        train_size=n_train,
        stratify=digits.target,
        random_state=seed,
    )


def flip_labels(y, seed):
    """Replace a fifth of the labels by another digit."""
    rng = np.random.default_rng(seed)
    is_wrong = rng.random(len(y)) < SHARE_WRONG
    return np.where(is_wrong, (y + rng.integers(1, 10, len(y))) % 10, y)


class WithoutIssues(CNNClassifier):
    """A network that leaves out images whose labels are in doubt."""

    def fit(self, X, y):
        """Find labels in doubt, and train on the other images."""
        issues = find_label_issues(CNNClassifier(**self.get_params()), X, y)
        return super().fit(X[~issues.is_issue], y[~issues.is_issue])


def troubles(options):
    """List the models of each trouble, with the number of training images."""

    def network(kind=CNNClassifier, **parameters):
        known = {"n_jobs": options.threads, "random_state": 0, **parameters}
        return kind(**known | ({"max_epochs": 1} if options.quick else {}))

    small = {"conv_channels": (8, 16, 32), "hidden_units": (32,)}
    tiny = {"conv_channels": (4, 8), "hidden_units": ()}
    flat, hog = (
        make_pipeline(Flatten(), SVC(C=10)),
        make_pipeline(HOG(pixels_per_cell=2), SVC(C=10)),
    )
    short = network(max_epochs=10, calibration_fraction=0)
    return {
        ("little data", 100): {
            "SVC(C=10)": flat,
            "CNNClassifier()": network(),
            "with random steps": make_pipeline(*STEPS, network()),
        },
        ("poor labels", 500): {
            "CNNClassifier()": network(),
            "label_smoothing=0.2": network(label_smoothing=0.2),
            "without labels in doubt": network(WithoutIssues),
        },
        ("compute", 1000): {
            "CNNClassifier()": network(),
            "max_epochs=10, calibration_fraction=0": short,
            "HOG, SVC(C=10)": hog,
            "SVC(C=10)": flat,
        },
        ("complexity", 1000): {
            "(8, 16, 32) channels, (32,) units": network(**small),
            "(4, 8) channels, no hidden layer": network(**tiny),
        },
    }


def measure(model, X, X_test, y, y_test):
    """Train and test: accuracy, CPU seconds, log loss and number of parameters.

    A support vector machine has neither of the last two.
    """
    start = time.process_time()
    model.fit(X, y)
    seconds = time.process_time() - start
    accuracy = np.mean(model.predict(X_test) == y_test)
    if not hasattr(model, "predict_proba"):
        return accuracy, seconds, None, None
    loss = log_loss(y_test, model.predict_proba(X_test))
    return accuracy, seconds, loss, summary(model).n_parameters


def measure_draws(model, trouble, n_train, n_draws):
    """Measure with several draws of training images; give the cells of a row."""
    results = []
    for seed in range(n_draws):
        X, X_test, y, y_test = split(n_train, seed)
        if trouble == "poor labels":
            y = flip_labels(y, seed)
        results.append(measure(model, X, X_test, y, y_test))
    accuracies, seconds, losses, sizes = zip(*results, strict=True)
    loss = None if losses[0] is None else np.mean(losses)
    return sizes[0], np.mean(accuracies), np.std(accuracies), loss, np.mean(seconds)


def run(options):
    """Measure each tool beside what it is to mend."""
    measured = {"accuracy": ".4f", "std": ".4f", "log loss": ".3f", "CPU s": ".1f"}
    table = Table("Troubles and tools", HEAD | measured, quick=options.quick)
    n_draws = 1 if options.quick else options.draws
    for (trouble, n_train), models in troubles(options).items():
        if trouble not in (options.troubles or [trouble]):
            continue
        for name, model in models.items():
            cells = measure_draws(model, trouble, n_train, n_draws)
            table.add(trouble, f"{n_train:,}", name, *cells)
    return [table]


if __name__ == "__main__":
    run_alone("tutorial")

"""Test accuracy on Fashion-MNIST against the CPU seconds of training, beside peers.

All 60,000 training images and all 10,000 test images. This package is its default
classifier behind a random flip, trained anew for every number of epochs. Peers train
the same layers in batches of 128, in the manner of their own tutorials: skorch with
Adam at 0.002; Keras with Adam at 0.001; fastai with `fit_one_cycle`, anew for every
number of epochs, as the learning rate depends on it. They are tested after every epoch,
`MLPClassifier` (its defaults, images scaled to 0..1) after some, which is not counted.
`SVC(C=10)` gives a single point. Pixels are made floats for the peers before the clock
starts. One seed each: a few thousandths are chance.
"""

import numpy as np
import torch
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklcnn import CNNClassifier
from sklcnn.augmentation import RandomFlip
from tests.benchmarks._data import fashion_mnist
from tests.benchmarks._peers import attempt, fastai_model, keras_model, skorch_model
from tests.benchmarks._plots import OWN
from tests.benchmarks._results import Table
from tests.benchmarks._run import run_alone
from tests.benchmarks._timing import Stopwatch, clock_of

EPOCHS = (1, 2, 4, 6, 10)
PEER_EPOCHS = 10
FASTAI_EPOCHS = (2, 4, 6)
MLP_EPOCHS = (1, 2, 5, 10, 20, 50)
STYLES = {
    "sklcnn": {"color": OWN, "marker": "o", "markersize": 6, "zorder": 3},
    "skorch": {"color": "tab:blue", "marker": "."},
    "Keras 3": {"color": "tab:red", "marker": "."},
    "fastai": {"color": "tab:green", "marker": "s", "linestyle": ""},
    "MLPClassifier": {"color": "tab:purple", "marker": "."},
    "SVC(C=10)": {"color": "black", "marker": "*", "markersize": 9},
}
TARGETS = (0.90, 0.91, 0.92, 0.93)


def add_options(parser):
    """Let trainings of many epochs be left out: they take most of the time."""
    parser.add_argument(
        "--longest", type=int, default=PEER_EPOCHS, help="most epochs of a network"
    )


class Course:
    """The data, and a table to which every test of a model adds a row."""

    def __init__(self, data, table, clock):
        self.X, self.y, self.X_test, self.y_test = data
        self.table = table
        self.clock = clock

    def add(self, name, n_epochs, seconds, predicted):
        """Add a row: how many of the test images are predicted right."""
        accuracy = np.mean(predicted == self.y_test)
        self.table.add(name, n_epochs, seconds, accuracy)

    def follow(self, name, model, n_epochs):
        """Train a peer, test it after every epoch, and stop the clock meanwhile."""
        X_test = model.prepare(self.X_test)
        done, seconds, start = 0, 0.0, self.clock()

        def after_epoch():
            nonlocal done, seconds, start
            seconds += self.clock() - start
            done += 1
            predicted = model.predict_proba(X_test).argmax(1)
            self.add(name, done, seconds, predicted)
            start = self.clock()

        model.train(n_epochs, after_epoch)


def run_sklcnn(course, epochs, n_jobs):
    """Fit the defaults behind a flip, anew for every number of epochs."""
    CNNClassifier(max_epochs=1, device="cpu").fit(course.X[:500], course.y[:500])
    for n_epochs in epochs:
        network = CNNClassifier(
            random_state=0, max_epochs=n_epochs, n_jobs=n_jobs, device="cpu"
        )
        model = make_pipeline(RandomFlip(), network)
        with Stopwatch(course.clock) as watch:
            model.fit(course.X, course.y)
        course.add("sklcnn", n_epochs, watch.seconds, model.predict(course.X_test))


def run_peers(course, n_epochs, fastai_epochs):
    """Train the peers that have networks like this one."""
    X, y = course.X, course.y
    adam = {"optimizer": torch.optim.Adam, "lr": 0.002}
    runs = [("skorch", skorch_model, adam, n_epochs)]
    runs += [("Keras 3", keras_model, {}, n_epochs)]
    runs += [(f"fastai, {n}", fastai_model, {}, n) for n in fastai_epochs]
    for name, prepare, parameters, length in runs:
        model = attempt(prepare, X, y, **parameters)
        if model is None:
            course.table.add(name, None, None, None)
        else:
            course.follow(name, model, length)


def run_scikit_learn(course, epochs, *, with_svc):
    """Train scikit-learn's own classifiers, on flat images."""
    X = course.X.reshape(len(course.X), -1) / np.float32(255)
    X_test = course.X_test.reshape(len(course.X_test), -1) / np.float32(255)
    model = MLPClassifier(random_state=0)
    watch = Stopwatch(course.clock)
    for done in range(1, epochs[-1] + 1):
        with watch:
            model.partial_fit(X, course.y, classes=np.arange(10))
        if done in epochs:
            course.add("MLPClassifier", done, watch.seconds, model.predict(X_test))
    if with_svc:
        model = SVC(C=10)
        with Stopwatch(course.clock) as watch:
            model.fit(X, course.y)
        course.add("SVC(C=10)", None, watch.seconds, model.predict(X_test))


def first_to_reach(courses, quick):
    """Make a table of the seconds after which each model first had an accuracy."""
    names = {f"{target:.0%}": ".0f" for target in TARGETS}
    title = "CPU seconds to a test accuracy of"
    table = Table(title, {"model": "<14", **names}, quick=quick)
    for model, points in courses.items():
        table.add(model, *[seconds_to(points, target) for target in TARGETS])
    return table


def seconds_to(points, target):
    """Find the least seconds of points that reach an accuracy; None if none does."""
    reached = [seconds for seconds, accuracy in points if accuracy >= target]
    return min(reached, default=None)


def courses_of(table):
    """Sort the points of a table by model: seconds and accuracy."""
    courses = {}
    for row in table.records():
        name = row["model"].partition(", ")[0]
        points = courses.setdefault(name, [])
        if row["accuracy"] is not None:
            points.append((row["seconds"], row["accuracy"]))
    return courses


def run(options):
    """Train and test them all."""
    data = fashion_mnist(options.data)
    if options.quick:
        data = [
            part[:n] for part, n in zip(data, (3_000, 3_000, 500, 500), strict=True)
        ]
    columns = {"model": "<14", "epochs": "d", "seconds": ".1f", "accuracy": ".4f"}
    table = Table("Accuracy after each training", columns, quick=options.quick)
    course = Course(data, table, clock_of(options.threads))
    longest = 2 if options.quick else options.longest
    run_sklcnn(course, [n for n in EPOCHS if n <= longest], options.threads)
    run_peers(course, longest, [n for n in FASTAI_EPOCHS if n <= longest])
    mlp_epochs = MLP_EPOCHS[:2] if options.quick else MLP_EPOCHS
    run_scikit_learn(course, mlp_epochs, with_svc=not options.quick)
    return [first_to_reach(courses_of(table), options.quick), table]


def plot(figure, tables):
    """Draw accuracy over seconds; what is far below the best is cut off."""
    axes = figure.subplots()
    courses = {name: each for name, each in courses_of(tables[1]).items() if each}
    for name, points in courses.items():
        style = {"linewidth": 1, "markersize": 4, **STYLES[name]}
        axes.plot(*zip(*points, strict=True), label=name, **style)
    best = max(accuracy for points in courses.values() for _, accuracy in points)
    if best > 0.9:
        axes.set_ylim(0.86, best + 0.005)
    axes.set_xscale("log")
    axes.set_xlabel("seconds of training")
    axes.set_ylabel("test accuracy")
    axes.grid(alpha=0.3, which="both")
    axes.legend()


if __name__ == "__main__":
    run_alone("time_to_accuracy")

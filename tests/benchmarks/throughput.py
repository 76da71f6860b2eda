"""Images per second of the default network, in training and prediction, beside peers.

All train the same layers, in the same order, on the same random pixels, in batches of
128. This package takes the uint8 images as they are; what the peers take, standardized
float32, is made before the clock starts. Ratios are to bare skorch, round by round.
bfloat16 is measured on hardware that has it.
"""

import copy
from functools import partial

import numpy as np

from sklcnn.network._hardware import trains_fast_in_bfloat16
from tests.benchmarks._data import random_images
from tests.benchmarks._peers import (
    PEERS,
    Standard,
    attempt,
    sklcnn_model,
    skorch_model,
)
from tests.benchmarks._plots import bars
from tests.benchmarks._results import Table, summarize, summary_columns
from tests.benchmarks._run import run_alone
from tests.benchmarks._timing import alternate, clock_of, timed

SHAPES = {"28x28": (28, 28), "32x32x3": (32, 32, 3)}


def models_of(X, y, threads):
    """Prepare this package in two number formats, and the peers."""
    own = partial(sklcnn_model, X, y, n_jobs=threads, device="cpu")
    formats = ["bfloat16"] if trains_fast_in_bfloat16("cpu") else []
    return {
        **{f"sklcnn, {name}": own(precision=name) for name in [*formats, "float32"]},
        **{name: attempt(peer, X, y) for name, peer in PEERS.items()},
    }


def jobs_of(models, X, clock):
    """List what is timed: training for an epoch, and predicting all probabilities."""
    training, predicting = dict.fromkeys(models), dict.fromkeys(models)
    for name, model in models.items():
        if model is None:
            continue
        pixels = model.prepare(X)
        model.predict_proba(pixels[:512])
        training[name] = timed(partial(model.train, 1), clock)
        predicting[name] = timed(partial(model.predict_proba, pixels), clock)
    return {"training": training, "prediction": predicting}


def measure_speed(options):
    """Fill the table of speeds."""
    n_images, n_rounds = (1_280, 2) if options.quick else (6_400, 5)
    texts = {"images": "<8", "task": "<11", "library": "<17"}
    columns = {**texts, **summary_columns("images/s", ",.0f", "ratio to skorch")}
    table = Table("Images per second", columns, quick=options.quick)
    clock = clock_of(options.threads)
    for shape_name, shape in SHAPES.items():
        X, y = random_images(n_images, shape)
        models = models_of(X, y, options.threads)
        for task, runs in jobs_of(models, X, clock).items():
            speeds = {
                name: None if seconds is None else n_images / np.array(seconds)
                for name, seconds in alternate(runs, n_rounds).items()
            }
            for name, values in speeds.items():
                cells = summarize(values, speeds["skorch"])
                table.add(shape_name, task, name, *cells)
    return table


def greatest_difference(shape):
    """Compare probabilities in float32 with those of skorch for the same weights."""
    X, y = random_images(256, shape)
    own = sklcnn_model(X, y, precision="float32", device="cpu")
    own.train(10)  # until it is sure of what it says
    network = own.predict_proba.__self__.net_.module_
    standardize = network.standardize
    body = copy.deepcopy(network.body)
    peer = skorch_model(X, y, module=body)
    prepare = Standard(X, channels_first=True)
    prepare.mean, prepare.std = standardize.mean.numpy(), standardize.std.numpy()
    expected = peer.predict_proba(prepare(X))
    return np.abs(own.predict_proba(X) - expected).max()


def compare_probabilities(options):
    """Fill the table of differences."""
    columns = {"images": "<8", "greatest difference": ".1e"}
    title = "Probabilities in float32, beside skorch's with the same weights"
    table = Table(title, columns, quick=options.quick)
    for name, shape in SHAPES.items():
        table.add(name, greatest_difference(shape))
    return table


def run(options):
    """Measure speeds, and whether the same is computed."""
    return [measure_speed(options), compare_probabilities(options)]


def plot(figure, tables):
    """Draw the ratios as bars: training on the left, prediction on the right."""
    rows = tables[0].records()
    for task, axes in zip(
        ("training", "prediction"), figure.subplots(1, 2), strict=True
    ):
        chosen = [row for row in rows if row["task"] == task]
        labels = [f"{row['images']}, {row['library']}" for row in chosen]
        ratios = [row["ratio to skorch"] for row in chosen]
        unit = f"{task}: times the images/s of skorch"
        bars(figure, labels, ratios, unit, axes=axes)
        if task == "prediction":
            axes.set_yticks([])


if __name__ == "__main__":
    run_alone("throughput")

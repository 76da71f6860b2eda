"""Seconds of an epoch against the number and the side of images, and the fixed cost.

Batches are of 128, in the default precision. Where there are few images, several epochs
are timed together. What is relative is seconds a pixel, to the row in the middle of the
scale. The fixed cost is that of a `fit` of one epoch of one batch, less the epoch. How
memory grows is told by the benchmark `memory`.
"""

import time
from functools import partial

import numpy as np
from sklearn.datasets import load_digits

from sklcnn import CNNClassifier
from tests.benchmarks._data import random_images
from tests.benchmarks._peers import sklcnn_model
from tests.benchmarks._plots import OWN
from tests.benchmarks._results import Table, summarize
from tests.benchmarks._run import run_alone
from tests.benchmarks._timing import alternate, clock_of, timed

COUNTS, MIDDLE_COUNT = (1_000, 3_000, 10_000, 30_000, 60_000), 10_000
SIDES, MIDDLE_SIDE = (14, 28, 56, 112), 28
N_PIXELS = 8_192 * 28 * 28
"""How many pixels an epoch has where the side changes."""


def epochs_of(n_images, side, *, n_least, options):
    """Prepare epochs on some images, enough of them to take a while."""
    X, y = random_images(n_images, (side, side))
    n_epochs = -(-n_least // n_images)
    model = sklcnn_model(X, y, n_jobs=options.threads, device="cpu")
    run = timed(partial(model.train, n_epochs), clock_of(options.threads))
    return lambda: run() / n_epochs


def measure_counts(options):
    """Fill the table of numbers of images."""
    counts = (500, 1_000, 2_000) if options.quick else COUNTS
    middle = 1_000 if options.quick else MIDDLE_COUNT
    runs = {n: epochs_of(n, 28, n_least=middle, options=options) for n in counts}
    seconds = alternate(runs, 2 if options.quick else 3)
    per_image = {n: np.array(seconds[n]) / n for n in counts}
    columns = {"images": ">8", "s/epoch": ".2f", "spread": ".2f"}
    columns = {**columns, "us/image": ".1f", "relative": ".2f", "range": ">13"}
    table = Table("Number of images of 28x28", columns, quick=options.quick)
    for n in counts:
        speed, _, ratio, ratios = summarize(per_image[n], per_image[middle])
        cells = summarize(seconds[n])[:2]
        table.add(f"{n:,}", *cells, 1e6 * speed, ratio, ratios)
    return table


def measure_sides(options):
    """Fill the table of sides of images, which have as many pixels in all."""
    n_pixels = N_PIXELS // 16 if options.quick else N_PIXELS
    counts = {side: n_pixels // side**2 for side in SIDES}
    runs = {
        side: epochs_of(n, side, n_least=n, options=options)
        for side, n in counts.items()
    }
    seconds = alternate(runs, 2 if options.quick else 3)
    per_pixel = {side: np.array(seconds[side]) / n_pixels for side in SIDES}
    columns = {"side": ">6", "images": ",", "s/epoch": ".2f", "spread": ".2f"}
    columns = {**columns, "ns/pixel": ".0f", "relative": ".2f", "range": ">13"}
    table = Table("Side of the images", columns, quick=options.quick)
    for side, n in counts.items():
        speed, _, ratio, ratios = summarize(per_pixel[side], per_pixel[MIDDLE_SIDE])
        cells = summarize(seconds[side])[:2]
        table.add(str(side), n, *cells, 1e9 * speed, ratio, ratios)
    return table


def fixed_cost(X, y, n_jobs):
    """Fit for one epoch of one batch: seconds less those of the epoch."""
    model = CNNClassifier(
        batch_size=len(X), max_epochs=1, n_jobs=n_jobs, device="cpu", random_state=0
    )
    start = time.perf_counter()
    model.fit(X, y)
    return time.perf_counter() - start - model.history_[0]["seconds"]


def measure_fixed_cost(options):
    """Fill the table of the fixed cost."""
    X, y = load_digits(return_X_y=True)
    X, y = X[:200].reshape(-1, 8, 8), y[:200]
    run = partial(fixed_cost, X, y, options.threads)
    run()
    seconds = alternate({"fit": run}, 5 if options.quick else 21)
    columns = {"": "<12", "seconds": ".3f", "spread": ".3f"}
    title = "Fixed cost of `fit`, on the wall"
    table = Table(title, columns, quick=options.quick)
    table.add("200 digits", *summarize(seconds["fit"])[:2])
    return table


def run(options):
    """Measure how the seconds of an epoch grow, and what every `fit` costs."""
    return [
        measure_counts(options),
        measure_sides(options),
        measure_fixed_cost(options),
    ]


def plot(figure, tables):
    """Draw seconds an image, relative to 10,000 images and to 28x28."""
    left, right = figure.subplots(1, 2, sharey=True)
    scales = ((left, tables[0], "images", 0), (right, tables[1], "side", 2))
    for axes, table, column, power in scales:
        rows = table.records()
        xs = [int(row[column].replace(",", "")) for row in rows]
        ys = [
            row["relative"] * (x / 28) ** power for x, row in zip(xs, rows, strict=True)
        ]
        axes.axhspan(0.85, 1.15, color="0.9")
        axes.plot(xs, ys, "o-", color=OWN)
        axes.set_xscale("log")
        axes.set_xticks(xs, [f"{x:,}" for x in xs])
        axes.minorticks_off()
        axes.set_xlabel(table.title.replace(" (quick run)", ""))
    left.set_ylim(bottom=0)
    left.set_ylabel("seconds an image, relative")


if __name__ == "__main__":
    run_alone("scaling")

"""What feeding costs: an epoch beside a hand-written loop and beside bare skorch.

All three train the same layers on 20,000 random 28x28 images in batches of 128, in
turns. The hand-written loop has every lever that this package has. Ratios are to it,
round by round.
"""

from functools import partial

import numpy as np
import torch
from torch import nn

from sklcnn import CNNClassifier
from sklcnn.network._hardware import trains_fast_in_bfloat16
from tests.benchmarks._data import random_images
from tests.benchmarks._peers import BATCH_SIZE, default_layers, skorch_model
from tests.benchmarks._plots import bars
from tests.benchmarks._results import Table, summarize, summary_columns
from tests.benchmarks._run import run_alone
from tests.benchmarks._timing import alternate, clock_of, timed

LOOPS = ("by hand", "sklcnn", "skorch")


def tiny_network(n_channels, n_classes):
    """Build one convolution of 8 channels and a linear layer."""
    return nn.Sequential(
        nn.Conv2d(n_channels, 8, 3, padding=1),
        nn.MaxPool2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 7 * 7, n_classes),
    )


def default_network(n_channels, n_classes):
    """Build the default layers of the classifier."""
    return default_layers((28, 28, n_channels), n_classes)


def by_hand(network, X, y, *, bfloat16, clock):
    """Train one epoch with a loop as short as it gets."""
    model = network(1, 10).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(
        model.parameters(), 0.01, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    mean, std = X.mean() / 255, X.std() / 255
    targets = torch.as_tensor(y)
    order = np.random.default_rng(0).permutation(len(X))
    start = clock()
    for rows in np.array_split(order, -(-len(X) // BATCH_SIZE)):
        images = torch.from_numpy(X[rows]).float().unsqueeze(1)
        images = (images / 255 - mean) / std
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            logits = model(images)
        nn.functional.cross_entropy(logits.float(), targets[rows]).backward()
        optimizer.step()
    return clock() - start


def by_sklcnn(network, X, y, *, bfloat16, clock, n_jobs):
    """Train one epoch with this package."""
    model = CNNClassifier(
        network=network,
        precision="auto" if bfloat16 else "float32",
        batch_size=BATCH_SIZE,
        max_epochs=1,
        n_jobs=n_jobs,
        random_state=0,
    )
    model.partial_fit(X[:BATCH_SIZE], y[:BATCH_SIZE], classes=np.arange(10))
    return timed(lambda: model.partial_fit(X, y), clock)()


def by_skorch(network, X, y, *, clock):
    """Train one epoch with skorch as it comes, in float32."""
    model = skorch_model(X, y, module=network(1, 10), optimizer__momentum=0.9)
    return timed(lambda: model.train(1), clock)()


def run(options):
    """Time the loops, with a tiny network and the default one."""
    n_images, n_rounds = (2_560, 3) if options.quick else (20_000, 5)
    clock = clock_of(options.threads)
    X, y = random_images(n_images, (28, 28))
    columns = {"network": "<10", "loop": "<10", **summary_columns("s/epoch", ".2f")}
    table = Table("Seconds of an epoch", columns, quick=options.quick)
    fast = trains_fast_in_bfloat16("cpu")
    for network, bfloat16 in ((tiny_network, False), (default_network, fast)):
        arguments = (network, X, y)
        known = {"bfloat16": bfloat16, "clock": clock}
        runs = {
            "by hand": partial(by_hand, *arguments, **known),
            "sklcnn": partial(by_sklcnn, *arguments, n_jobs=options.threads, **known),
            "skorch": partial(by_skorch, *arguments, clock=clock),
        }
        seconds = alternate(runs, n_rounds)
        name = network.__name__.removesuffix("_network")
        for loop in LOOPS:
            table.add(name, loop, *summarize(seconds[loop], seconds["by hand"]))
    return [table]


def plot(figure, tables):
    """Draw the ratios as bars."""
    rows = tables[0].records()
    labels = [f"{row['network']}, {row['loop']}" for row in rows]
    bars(figure, labels, [row["ratio"] for row in rows], "times the hand-written loop")


if __name__ == "__main__":
    run_alone("loop")

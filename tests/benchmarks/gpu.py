"""On a GPU: images per second beside a hand-written loop with all data on the device.

The default network and a ResNet-18, on 32x32x3 in batches of 512. The hand-written loop
computes in bfloat16, channels last, and never waits for the device; prediction is
beside the bare module in float32, which is what `precision="auto"` predicts in. Seconds
are those on the wall, to the end of all work on the device; those of training are of
the second epoch of a fit, with the images in place. Then, what `compile=True` brings to
a small network, and what random transforms cost the default one. Without a GPU nothing
is measured.
"""

import time
from functools import partial

import numpy as np
import torch
from sklearn.pipeline import make_pipeline
from torch import nn

from sklcnn import CNNClassifier
from sklcnn.augmentation import RandomCrop, RandomFlip, RandomRotation, RandomScale
from tests.benchmarks._data import random_images
from tests.benchmarks._peers import default_layers
from tests.benchmarks._plots import bars
from tests.benchmarks._results import Table, summarize, summary_columns
from tests.benchmarks._run import run_alone
from tests.benchmarks._timing import alternate

BATCH_SIZE = 512
SHAPE = (32, 32, 3)


def default_network(n_channels, n_classes):
    """Build the default layers of the classifier."""
    return default_layers((*SHAPE[:2], n_channels), n_classes)


def resnet18(n_channels, n_classes):
    """Build torchvision's ResNet-18."""
    from torchvision.models import resnet18

    return resnet18(num_classes=n_classes)


def waited_for(function):
    """Make a function that tells the seconds of another, the GPU's work included."""

    def run():
        torch.cuda.synchronize()
        start = time.perf_counter()
        function()
        torch.cuda.synchronize()
        return time.perf_counter() - start

    return run


class HandWritten:
    """A loop as short as it gets, with all images on the device."""

    def __init__(self, network, X, y):
        self.network = network(SHAPE[2], 10).cuda()
        self.network.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.SGD(
            self.network.parameters(),
            0.01,
            momentum=0.9,
            nesterov=True,
            weight_decay=5e-4,
        )
        self.X, self.y = torch.from_numpy(X).cuda(), torch.from_numpy(y).cuda()
        self.mean, self.std = X.mean() / 255, X.std() / 255

    def images_of(self, rows):
        """Make floats, channels first in the order of axes and last in memory."""
        pixels = self.X[rows].permute(0, 3, 1, 2).float()
        return (pixels / 255 - self.mean) / self.std

    def train(self):
        """Train for one epoch."""
        self.network.train()
        order = torch.randperm(len(self.X), device="cuda")
        for rows in order.split(BATCH_SIZE):
            self.optimizer.zero_grad()
            with torch.autocast("cuda", torch.bfloat16):
                logits = self.network(self.images_of(rows))
            loss = nn.functional.cross_entropy(logits.float(), self.y[rows])
            loss.backward()
            self.optimizer.step()

    @torch.inference_mode()
    def predict(self):
        """Predict all probabilities, and bring them to the CPU."""
        self.network.eval()
        rows = torch.arange(len(self.X), device="cuda")
        logits = [self.network(self.images_of(part)) for part in rows.split(BATCH_SIZE)]
        return torch.cat(logits).softmax(1).cpu()


def make_model(**parameters):
    """Make a classifier that trains for two epochs."""
    known = {"batch_size": BATCH_SIZE, "device": "cuda", "random_state": 0}
    return CNNClassifier(max_epochs=2, **known | parameters)


def second_epoch(model, X, y):
    """Train, and tell the seconds of the second epoch."""
    return model.fit(X, y).history_[1]["seconds"]


def jobs_of(network, X, y):
    """Prepare training and prediction, by hand and with this package."""
    hand, model = HandWritten(network, X, y), make_model(network=network)
    model.fit(X, y)
    return {
        "training": {
            "by hand": waited_for(hand.train),
            "sklcnn": partial(second_epoch, model, X, y),
        },
        "prediction": {
            "by hand": waited_for(hand.predict),
            "sklcnn": waited_for(partial(model.predict_proba, X)),
        },
    }


def measure_options(X, y, n_rounds, *, quick, **parameters):
    """Fill the table of what compiling brings and random transforms cost."""
    small = {"conv_channels": (8, 16), "hidden_units": (), **parameters}
    transformed = make_pipeline(
        RandomFlip(), RandomCrop(padding=2), RandomRotation(), RandomScale()
    ).fit_transform(X)
    runs = {
        ("small", "as it is"): partial(second_epoch, make_model(**small), X, y),
        ("small", "compiled"): partial(
            second_epoch, make_model(compile=True, **small), X, y
        ),
        ("default", "as it is"): partial(second_epoch, make_model(**parameters), X, y),
        ("default", "transforms"): partial(
            second_epoch, make_model(**parameters), transformed, y
        ),
    }
    seconds = alternate(runs, n_rounds)
    columns = {"network": "<10", "training": "<11"}
    columns = {**columns, **summary_columns("s/epoch", ".3f")}
    table = Table("What options change", columns, quick=quick)
    for network, training in runs:
        plain = seconds[network, "as it is"]
        table.add(network, training, *summarize(seconds[network, training], plain))
    return table


def run(options):
    """Train and predict on a GPU, if there is one."""
    if not torch.cuda.is_available():
        print("not measured: torch.cuda.is_available() is False")
        return []
    n_images, n_rounds = (5_120, 3) if options.quick else (51_200, 7)
    X, y = random_images(n_images, SHAPE)
    columns = {"network": "<10", "task": "<11", "loop": "<8"}
    columns = {**columns, **summary_columns("images/s", ",.0f", "seconds, ratio")}
    table = Table("Images per second on a GPU", columns, quick=options.quick)
    for name, network in {"default": default_network, "ResNet-18": resnet18}.items():
        for task, jobs in jobs_of(network, X, y).items():
            alternate(jobs, 2)
            seconds = alternate(jobs, n_rounds)
            for loop in jobs:
                speed = summarize(n_images / np.array(seconds[loop]))[:2]
                ratio = summarize(seconds[loop], seconds["by hand"])[2:]
                table.add(name, task, loop, *speed, *ratio)
    return [table, measure_options(X, y, n_rounds, quick=options.quick)]


def plot(figure, tables):
    """Draw the ratios as bars."""
    rows = [row for row in tables[0].records() if row["loop"] == "sklcnn"]
    labels = [f"sklcnn, {row['network']}, {row['task']}" for row in rows]
    ratios = [row["seconds, ratio"] for row in rows]
    bars(figure, labels, ratios, "times the seconds of the hand-written loop")


if __name__ == "__main__":
    run_alone("gpu")

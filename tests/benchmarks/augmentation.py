"""What random flips, rotations, scales and shifts cost, beside other libraries.

The first table is their share of a training step of the default network, on batches of
128, in its default precision. The second compares libraries. Every library starts from
the same uint8 images and ends with a float batch; each image has parameters of its own.
Rounds alternate between the libraries. The third is what a batch costs where it is one
of few or of very many, by every step alone, and what an epoch costs before its batches.
"""

import numpy as np
import torch

from sklcnn import CNNClassifier, augmentation
from sklcnn.augmentation import (
    RandomFlip,
    RandomRotation,
    RandomScale,
    RandomTranslation,
)
from sklcnn.images import AugmentedImages
from sklcnn.network._batches import Batch
from tests.benchmarks._data import random_images
from tests.benchmarks._peers import attempt, load
from tests.benchmarks._plots import bars
from tests.benchmarks._results import Table, summarize
from tests.benchmarks._run import run_alone
from tests.benchmarks._timing import alternate, clock_of, timed

SHAPES = {(28, 28, 1): 128, (32, 32, 3): 128, (224, 224, 3): 32}
BATCH_SIZE = 128
N_ROWS = (1_000, 1_000_000)
STEPS = (
    RandomFlip(),
    RandomRotation(degrees=15),
    RandomScale(scale=(0.9, 1.1)),
    RandomTranslation(translate=0.1),
)


def to_floats(images):
    """Bring a uint8 array to a tensor of floats between 0 and 1."""
    return torch.from_numpy(images).float().mul_(1 / 255)


def with_sklcnn(images):
    """Draw an epoch of which the images are the only batch, parameters and all."""
    augmented = AugmentedImages(images, STEPS)
    rows = np.arange(len(images))
    return lambda: augmented.draws(epoch=0, seed=0)(to_floats(images), rows)


def with_sklcnn_epoch(images):
    """Draw a batch of an epoch of 50,000 images, whose parameters are drawn before."""
    augmented = AugmentedImages(np.zeros((50_000, 1, 1)), STEPS)
    rows = np.random.default_rng(0).permutation(50_000)[: len(images)]
    draws = augmented.draws(epoch=0, seed=0)
    return lambda: draws(to_floats(images), rows)


def with_kornia(images):
    """Transform whole batches, the affine part in one step."""
    augmentation = load("kornia.augmentation")
    transforms = augmentation.AugmentationSequential(
        augmentation.RandomHorizontalFlip(p=0.5),
        augmentation.RandomAffine(15, (0.1, 0.1), (0.9, 1.1), p=1.0),
    )
    return lambda: transforms(to_floats(images).permute(0, 3, 1, 2))


def with_albumentations(images):
    """Transform image by image, the affine part in one step."""
    albumentations = load("albumentations")
    transforms = albumentations.Compose(
        [
            albumentations.HorizontalFlip(p=0.5),
            albumentations.Affine(
                rotate=(-15, 15),
                scale=(0.9, 1.1),
                translate_percent=(-0.1, 0.1),
                keep_ratio=True,
                p=1.0,
            ),
        ]
    )
    return lambda: to_floats(np.stack([transforms(image=x)["image"] for x in images]))


def with_torchvision(images):
    """Transform image by image, the affine part in one step."""
    v2 = load("torchvision.transforms.v2")
    transforms = v2.Compose(
        [
            v2.RandomHorizontalFlip(p=0.5),
            v2.RandomAffine(
                15, (0.1, 0.1), (0.9, 1.1), interpolation=v2.InterpolationMode.BILINEAR
            ),
        ]
    )

    def draw():
        planes = torch.from_numpy(images).permute(0, 3, 1, 2)
        return (
            torch.stack([transforms(image) for image in planes]).float().mul_(1 / 255)
        )

    return draw


LIBRARIES = {
    "sklcnn": with_sklcnn,
    "sklcnn, in a long epoch": with_sklcnn_epoch,
    "kornia": with_kornia,
    "albumentations": with_albumentations,
    "torchvision v2, per image": with_torchvision,
}


def parts_of_a_step(shape, clock):
    """Prepare the draws of a batch, and a training step on what is drawn.

    That pixels become floats, which they do without draws too, is counted among them;
    the numbers are drawn before, once an epoch for all images.
    """
    images, y = random_images(BATCH_SIZE, shape)
    ones = torch.ones(BATCH_SIZE)
    model = CNNClassifier(random_state=0, device="cpu")
    model.partial_fit(images, y, classes=range(10))
    draws = AugmentedImages(images, STEPS).draws(epoch=0, seed=0)
    rows = np.random.default_rng(0).permutation(BATCH_SIZE)
    drawn = draws(to_floats(images), rows)
    model.net_.module_.train()
    batch = Batch(drawn, torch.from_numpy(y), ones)
    return {
        "draws": timed(lambda: draws(to_floats(images), rows), clock),
        "step": timed(lambda: model.net_.train_step(batch), clock),
    }


def rounds_of(shape, options):
    """Choose the number of rounds: few of large images."""
    n_rounds = 15 if shape[0] < 100 else 5
    return 3 if options.quick else n_rounds


def measure_shares(options):
    """Fill the table of shares of a step."""
    columns = {"images": "<12", "draws ms": ".2f", "step ms": ".1f", "share": ".1%"}
    title = f"Share of a training step on {BATCH_SIZE} images"
    table = Table(title, {**columns, "spread": ".1%"}, quick=options.quick)
    clock = clock_of(options.threads)
    for shape in list(SHAPES)[: 2 if options.quick else 3]:
        runs = parts_of_a_step(shape, clock)
        seconds = alternate(runs, rounds_of(shape, options))
        drawing = 1000 * np.array(seconds["draws"])
        whole = drawing + 1000 * np.array(seconds["step"])
        share, spread, *_ = summarize(drawing / whole)
        table.add(name_of(shape), np.median(drawing), np.median(whole), share, spread)
    return table


def name_of(shape):
    """Write a shape as people do."""
    return "x".join(map(str, shape))


def measure_libraries(options):
    """Fill the table of libraries."""
    columns = {"images": "<12", "library": "<26", "images/s": ",.0f", "spread": ",.0f"}
    columns = {**columns, "ratio to sklcnn": ".2f", "range": ">13"}
    table = Table("Images drawn per second", columns, quick=options.quick)
    clock = clock_of(options.threads)
    for shape, n in SHAPES.items():
        images, _ = random_images(n, shape)
        runs = {}
        for name, prepare in LIBRARIES.items():
            draw = attempt(prepare, images)
            runs[name] = draw if draw is None else timed(draw, clock)
            if draw is not None:
                draw()
        speeds = {
            name: None if seconds is None else n / np.array(seconds)
            for name, seconds in alternate(runs, rounds_of(shape, options)).items()
        }
        for name, values in speeds.items():
            cells = summarize(values, speeds["sklcnn"])
            table.add(name_of(shape), name, *cells)
    return table


def draws_among(n_rows, step):
    """Prepare an epoch of very many images, without the images."""
    images = np.broadcast_to(np.uint8(0), (n_rows, 32, 32, 3))
    return AugmentedImages(images, (step,)).draws(epoch=0, seed=0)


def measure_rows(options):
    """Fill the table of batches among few and among very many images."""
    columns = {"step": "<18", "rows": ",.0f", "epoch ms": ",.1f", "batch ms": ".2f"}
    title = f"Cost of a batch of {BATCH_SIZE} images of 32x32x3 among all rows"
    table = Table(title, {**columns, "spread": ".2f"}, quick=options.quick)
    clock = clock_of(options.threads)
    batch = to_floats(random_images(BATCH_SIZE, (32, 32, 3))[0])
    names = [name for name in augmentation.__all__ if name.startswith("Random")]
    for name in names[:2] if options.quick else names:
        runs, first = {}, {}
        for n_rows in N_ROWS:
            draws = draws_among(n_rows, getattr(augmentation, name)())
            rows = np.random.default_rng(0).permutation(n_rows)[:BATCH_SIZE]
            run = timed(lambda draws=draws, rows=rows: draws(batch, rows), clock)
            runs[n_rows], first[n_rows] = run, run()
        for n_rows, seconds in alternate(runs, rounds_of((32,), options)).items():
            median, spread, *_ = summarize(1000 * np.array(seconds))
            table.add(name, n_rows, 1000 * first[n_rows] - median, median, spread)
    return table


def run(options):
    """Measure the share of a step, libraries side by side, and very many rows."""
    return [
        measure_shares(options),
        measure_libraries(options),
        measure_rows(options),
    ]


def plot(figure, tables):
    """Draw the speeds of the libraries as bars, for each shape beside the other."""
    rows = tables[1].records()
    shapes = list(dict.fromkeys(row["images"] for row in rows))
    for shape, axes in zip(shapes, figure.subplots(1, len(shapes)), strict=True):
        chosen = [row for row in rows if row["images"] == shape]
        labels = [row["library"] for row in chosen]
        speeds = [row["images/s"] for row in chosen]
        bars(figure, labels, speeds, f"images/s, {shape}", axes=axes, line=None)
        axes.locator_params(axis="x", nbins=3)
        if shape != shapes[0]:
            axes.set_yticks([])


if __name__ == "__main__":
    run_alone("augmentation")

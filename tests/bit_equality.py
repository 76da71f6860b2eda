"""Compare the predictions of two checkouts of this package, to the last bit.

Run ``python tests/bit_equality.py OTHER``, where OTHER is the folder of another
checkout. It trains a dozen configurations with both and names those that differ.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]


def network(n_channels, n_classes):
    """Build a network of one's own."""
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(n_channels, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.GELU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(32, n_classes),
    )


def configurations(X, y):
    """Yield names, classifiers or pipelines, and arguments of `fit`."""
    from sklearn.pipeline import make_pipeline

    from sklcnn import CNNClassifier
    from sklcnn.augmentation import RandomErasing, RandomFlip, RandomRotation

    def model(**parameters):
        return CNNClassifier(**{"max_epochs": 3, "random_state": 0} | parameters)

    names = np.array(["zero", "one", "two", "three", "four"])
    bytes_ = (X * 15).astype(np.uint8)
    color = np.stack([bytes_, bytes_[:, ::-1], 255 - bytes_], axis=-1)
    weights = np.linspace(0, 2, len(y))
    steps = RandomRotation(degrees=20), RandomFlip(), RandomErasing()
    yield "defaults", model(), (X, y)
    yield "strings", model(), (X, names[y % 5])
    yield "uint8, color", model(conv_channels=(8, 16)), (color, y)
    yield "uint16, 4-D", model(), ((X * 4000).astype(np.uint16)[..., None], y)
    yield "flat", model(dropout=0.3), (X.reshape(len(X), -1), y)
    yield "random steps", make_pipeline(*steps, model(mixup=0.2)), (bytes_, y)
    yield "weights", model(class_weight="balanced"), (X, y, weights)
    stopping = {"early_stopping": True, "n_iter_no_change": 2, "max_epochs": 12}
    yield "early stopping", model(**stopping), (X, y)
    adamw = {"optimizer": "adamw", "learning_rate": 1e-3}
    yield "warm start", model(warm_start=True, **adamw), (X, y)
    yield "function", model(network=network, cutmix=1.0), (X, y)
    yield "bfloat16", model(precision="bfloat16"), (X, y)
    yield "float64", model(precision="float64", lr_schedule="cosine"), (X, y)
    yield "no pooling", model(pool_size=1, kernel_size=4, batch_norm=False), (X, y)
    yield "automatic", model(max_epochs="auto", conv_channels=(4,)), (X[:60], y[:60])


def predict(path):
    """Train all configurations, and write what they predict to a file."""
    from sklearn.datasets import load_digits

    data = load_digits()
    X, y = data.images[:240], data.target[:240]
    results = {}
    for name, model, arguments in configurations(X, y):
        n_fits = 2 if name == "warm start" else 1
        for _ in range(n_fits):
            model.fit(*arguments)
        classifier = model[-1] if hasattr(model, "steps") else model
        if name == "defaults":
            classifier.partial_fit(*arguments)
        images = arguments[0]
        losses = [record["train_loss"] for record in classifier.history_]
        results[f"{name}: probabilities"] = model.predict_proba(images)
        results[f"{name}: embeddings"] = model.transform(images)
        results[f"{name}: losses"] = np.array(losses)
    np.savez(path, **results)


def main():
    """Compare two checkouts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("other", type=Path)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write is not None:
        predict(options.write)
        return
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for number, checkout in enumerate((ROOT, options.other.resolve())):
            path = Path(folder) / f"{number}.npz"
            command = [sys.executable, __file__, str(checkout), "--write", str(path)]
            environment = {**os.environ, "PYTHONPATH": str(checkout)}
            subprocess.run(command, env=environment, check=True, cwd=folder)
            results.append(dict(np.load(path)))
    one, other = results
    differing = [
        f"{name} by {np.abs(one[name] - other[name]).max():.3g}"
        for name in one
        if not np.array_equal(one[name], other[name])
    ]
    print(f"{len(one) - len(differing)} of {len(one)} results are equal to the bit.")
    if differing:
        sys.exit("Different: " + ", ".join(differing))


if __name__ == "__main__":
    main()

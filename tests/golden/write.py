"""Write the golden files of this version, once: later versions load them for ever."""

import pickle
import sys
from pathlib import Path

import numpy as np
from sklearn.pipeline import make_pipeline

from sklcnn import CNNClassifier
from sklcnn.augmentation import RandomFlip
from sklcnn.persistence import dump
from sklcnn.preprocessing import Grayscale, Resize


def images():
    """Make 30 color images and three labels."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (30, 10, 8, 3), dtype=np.uint8)
    return X, np.array(["cat", "dog", "owl"])[np.arange(30) % 3]


def classifier(**parameters):
    """Make a small classifier."""
    known = {"conv_channels": (4, 6), "hidden_units": (5,), "dropout": 0.2}
    return CNNClassifier(max_epochs=3, random_state=0, **known | parameters)


def main(folder):
    """Write all files into a new folder."""
    folder.mkdir()
    X, y = images()
    plain = classifier(early_stopping=True, validation_fraction=0.2).fit(X, y)
    steps = Resize((6, 7)), Grayscale(), RandomFlip()
    pipeline = make_pipeline(*steps, classifier()).fit(X, y)
    kept = classifier(checkpoint_dir=folder, early_stopping=True).fit(X, y)
    (checkpoint,) = folder.iterdir()
    checkpoint.rename(folder / "training.checkpoint")
    (folder / "classifier.pickle").write_bytes(pickle.dumps(plain, protocol=4))
    dump(pipeline, folder / "pipeline.skops")
    np.savez(
        folder / "expected.npz",
        classifier=plain.predict_proba(X),
        embeddings=plain.transform(X),
        pipeline=pipeline.predict_proba(X),
        checkpoint=kept.predict_proba(X),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))

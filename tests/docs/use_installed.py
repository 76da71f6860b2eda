"""Use an installed package where no repository is: train, save, load and report.

Run ``python use_installed.py FOLDER``, where FOLDER is where the package was installed.
"""

import sys
from pathlib import Path

import numpy as np

import sklcnn
from sklcnn.augmentation import RandomFlip
from sklcnn.persistence import dump, load


def main():
    """Write a model to the working directory, and read it."""
    folder = Path(sys.argv[1]).resolve()
    if not Path(sklcnn.__file__).resolve().is_relative_to(folder):
        return f"sklcnn was imported from {sklcnn.__file__}, not from {folder}"

    X, y = np.random.default_rng(0).random((20, 8, 8)), np.arange(20) % 2
    model = sklcnn.CNNClassifier(conv_channels=(4,), max_epochs=1, random_state=0)
    model.fit(RandomFlip().fit_transform(X), y)
    dump(model, "model.skops")
    if (load("model.skops").predict(X) != model.predict(X)).any():
        return "a saved model predicts otherwise"
    sklcnn.show_versions()
    return 0


if __name__ == "__main__":
    sys.exit(main())

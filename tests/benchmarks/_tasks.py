"""Tasks of classification whose images are on this machine, and rows to hold out.

All rows come from training sets: no official test set is touched.
"""

import string
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold, train_test_split

from tests.benchmarks._data import MissingDataError, fashion_mnist
from tests.benchmarks.transfer import clip_art

FONTS = Path("/usr/share/fonts")

CHARACTERS = string.ascii_letters + string.digits

N_HELD_OUT = 5000
"""Number of held-out images of Fashion-MNIST."""


def split_digits(seed, n_train):
    """Scanned digits, 8x8: train on some and hold the rest out."""
    X, y = load_digits(return_X_y=True)
    X = X.reshape(-1, 8, 8).astype(np.uint8)
    return train_test_split(X, y, train_size=n_train, stratify=y, random_state=seed)


def fold_digits(seed):
    """Scanned digits, 8x8: one of five folds is held out."""
    X, y = load_digits(return_X_y=True)
    X = X.reshape(-1, 8, 8).astype(np.uint8)
    folds = StratifiedKFold(5, shuffle=True, random_state=0).split(X, y)
    train, test = list(folds)[seed % 5]
    return X[train], X[test], y[train], y[test]


def split_fashion(seed, n_train, folder):
    """Fashion-MNIST, 28x28: the last 5,000 training images are held out."""
    X, y, _, _ = fashion_mnist(folder)
    rows = np.random.default_rng(seed).permutation(len(X) - N_HELD_OUT)[:n_train]
    held_out = slice(len(X) - N_HELD_OUT, None)
    return X[rows], X[held_out], y[rows], y[held_out]


def split_clip_art(seed, side):
    """Clip art of six categories, in color: three tenths are held out."""
    X, y = clip_art(side=side)
    return train_test_split(X, y, test_size=0.3, stratify=y, random_state=seed)


def split_letters(seed, folder=FONTS):
    """Letters and digits of installed fonts, 32x32: a quarter of families is held out.

    Families are groups, which come as a fifth value for the training images.
    """
    X, y, families = draw_letters(folder)
    names = np.unique(families)
    if len(names) < 8:
        raise MissingDataError(
            f"There are fonts of {len(names)} families in {folder}; at least 8 are "
            "needed. On Debian, install packages such as fonts-lato or fonts-firacode."
        )
    held_out = np.random.default_rng(seed).permutation(names)[: len(names) // 4]
    test = np.isin(families, held_out)
    return X[~test], X[test], y[~test], y[test], families[~test]


def draw_letters(folder):
    """Draw every character of every font, white on black."""
    X, y, families = [], [], []
    files = sorted(
        file for kind in ("ttf", "otf") for file in folder.rglob(f"*.{kind}")
    )
    for file in files:
        font = ImageFont.truetype(file, 24)
        drawn = [draw_character(font, character) for character in CHARACTERS]
        if len({image.tobytes() for image in drawn}) < len(CHARACTERS) / 2:
            continue  # a font of symbols, or of another script
        X += drawn
        y += range(len(CHARACTERS))
        families += [file.stem.split("-")[0]] * len(CHARACTERS)
    return np.array(X), np.array(y), np.array(families)


def draw_character(font, character, side=32):
    """Draw one character into the middle of an image."""
    image = Image.new("L", (side, side))
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = draw.textbbox((0, 0), character, font=font)
    place = (side - left - right) / 2, (side - top - bottom) / 2
    draw.text(place, character, fill=255, font=font)
    return np.asarray(image)

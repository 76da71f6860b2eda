"""Draw the pictures of the documentation: ``python docs/pictures.py [NAME ...]``.

Those of examples stand beside them, all others in ``docs/images``.
"""

import os
import re
import runpy
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from skimage.data import chelsea

from sklcnn.preprocessing import (
    CenterCrop,
    Denoise,
    EqualizeHistogram,
    Flip,
    Grayscale,
    Resize,
    Rotate,
)

DOCS = Path(__file__).resolve().parent

EXAMPLES = "plot_readme", "plot_augmentation", "plot_digits"
"""Examples whose last figure is shown on a page."""


BLOCK = re.compile(r"(?<!-->\n)^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
"""Code that is run; what takes minutes has a comment in the line before."""


def draw_last_figure(page):
    """Run the blocks of a page, in a folder of their own; give the last figure."""
    text = (DOCS / page).read_text(encoding="utf-8")
    variables = {}
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        for block in BLOCK.findall(text):
            exec(block, variables)
        os.chdir(DOCS)
    return plt.gcf()


def draw_preprocessing():
    """Draw a photograph after each step, one after the other."""
    photograph = Image.fromarray(chelsea()).resize((225, 150))
    noise = np.random.default_rng(0).normal(0, 18, (150, 225, 3))
    noisy = np.clip(np.asarray(photograph) + noise, 0, 255).astype(np.uint8)[np.newaxis]
    steps = {
        "image": None,
        "Resize(96)": Resize(96),
        'Resize(96, aspect="crop")': Resize(96, aspect="crop"),
        "CenterCrop(96)": CenterCrop(96),
        "Flip()": Flip(),
        "Rotate(20)": Rotate(20),
        "Grayscale()": Grayscale(),
        "EqualizeHistogram()": EqualizeHistogram(),
        'Denoise(method="tv")': Denoise(method="tv"),
        'Denoise(method="median")': Denoise(method="median"),
    }
    figure, axes = plt.subplots(2, 5, figsize=(12, 4.6), layout="constrained")
    for ax, (title, step) in zip(axes.flat, steps.items(), strict=True):
        shown = noisy if step is None else step.fit_transform(noisy)
        ax.imshow(shown[0], cmap="gray")
        ax.set_title(title, fontsize=10)
        ax.axis("off")
    return figure


DRAWN = {
    "preprocessing": draw_preprocessing,
    "quick_start": partial(draw_last_figure, "quick_start.md"),
    "tutorial": partial(draw_last_figure, "tutorial.md"),
}


def save(figure, path):
    """Save a figure with 256 colors, in a quarter of the bytes."""
    figure.savefig(path, dpi=100)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(256).save(path, optimize=True)


def main(names):
    """Draw the pictures that are named, or all."""
    for name in names or [*EXAMPLES, *DRAWN]:
        if name in DRAWN:
            save(DRAWN[name](), DOCS / "images" / f"{name}.png")
        else:
            path = DOCS.parent / "examples" / f"{name}.py"
            runpy.run_path(str(path))
            save(plt.gcf(), path.with_suffix(".png"))
        plt.close("all")


if __name__ == "__main__":
    main(sys.argv[1:])

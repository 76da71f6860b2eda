"""Draw the pictures of the documentation: ``python docs/pictures.py [NAME ...]``.

Those of examples stand beside them, all others in ``docs/images``.
"""

import os
import re
import runpy
import sys
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


def run_page(name):
    """Run the blocks of a page, in a folder of their own."""
    text = (DOCS / name).read_text(encoding="utf-8")
    variables = {}
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        for block in re.findall(
            r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE
        ):
            exec(block, variables)
        os.chdir(DOCS)
    return variables


def draw_quick_start():
    """Draw the last figure of the quick start."""
    run_page("quick_start.md")
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


DRAWN = {"preprocessing": draw_preprocessing, "quick_start": draw_quick_start}


def main(names):
    """Draw the pictures that are named, or all."""
    for name in names or [*EXAMPLES, *DRAWN]:
        if name in DRAWN:
            DRAWN[name]().savefig(DOCS / "images" / f"{name}.png", dpi=100)
        else:
            path = DOCS.parent / "examples" / f"{name}.py"
            runpy.run_path(str(path))
            plt.gcf().savefig(path.with_suffix(".png"), dpi=100)
        plt.close("all")


if __name__ == "__main__":
    main(sys.argv[1:])

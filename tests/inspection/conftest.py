"""Estimators, images and checks of figures that tests of inspection share."""

import itertools
import types

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.image import AxesImage
from sklearn.pipeline import make_pipeline

from sklcnn import CNNClassifier
from sklcnn.augmentation import RandomFlip
from sklcnn.datasets import make_image_folder
from sklcnn.images import load_image_folder
from sklcnn.preprocessing import ReadImages


@pytest.fixture(autouse=True)
def closed_figures():
    """Close what a test has drawn."""
    yield
    pyplot.close("all")


def fit_case(shape, names, n_each, **options):
    """Fit a pipeline to images whose mean pixels tell the classes apart a little."""
    rng = np.random.default_rng(0)
    y = np.repeat(names, n_each)
    X = rng.integers(0, 256, (len(y), *shape), dtype=np.uint8)
    classifier = CNNClassifier(
        conv_channels=(4,), hidden_units=(), max_epochs=2, random_state=0, **options
    )
    model = make_pipeline(RandomFlip(), classifier).fit(X, y)
    return types.SimpleNamespace(model=model, X=X, y=y)


@pytest.fixture(scope="session")
def gray():
    """Give gray square images of ten classes."""
    return fit_case((8, 8), np.arange(10), 6, early_stopping=True)


@pytest.fixture(scope="session")
def color():
    """Give wide color images of two classes."""
    return fit_case((6, 15, 3), np.array(["cats", "dogs"]), 20)


@pytest.fixture(scope="session")
def many():
    """Give high color images of 100 classes with long names, which hold signs."""
    names = [
        f"wire-haired $x_{n}$ terrier_of the_northern ${n} isles" for n in range(100)
    ]
    return fit_case((10, 6, 3), np.array(names), 3)


@pytest.fixture
def check_legible():
    """Give a check that texts overlap nothing and nothing is cut off or stretched."""

    def check(figure):
        figure.draw_without_rendering()
        renderer = figure.canvas.get_renderer()
        boxes = [
            (text.get_text(), text.get_window_extent(renderer))
            for text in shown_texts(figure)
            if text.get_visible() and text.get_text().strip()
        ]
        whole = figure.bbox
        for shown, box in boxes:
            inside = box.x0 >= -1 and box.y0 >= -1
            inside &= box.x1 <= whole.x1 + 1 and box.y1 <= whole.y1 + 1
            assert inside, f"{shown!r} is cut off"
        for (one, a), (other, b) in itertools.combinations(boxes, 2):
            assert not overlap(a, b), f"{one!r} and {other!r} overlap"
        for image in figure.findobj(AxesImage):
            if image.get_array().shape[0] > 1:  # not the scale of colors
                box = image.get_window_extent(renderer)
                rows, columns = image.get_array().shape[:2]
                assert box.height / box.width == pytest.approx(rows / columns, rel=0.02)

    return check


def shown_texts(figure):
    """List the texts that a figure shows."""
    for axes in figure.axes:
        yield from [axes.title, *axes.texts]
        if axes.get_legend() is not None:
            yield from axes.get_legend().get_texts()
        if axes.axison:
            for axis in (axes.xaxis, axes.yaxis):
                yield from [axis.label, *(tick.label1 for tick in axis._update_ticks())]


def overlap(a, b):
    """Tell whether two boxes share more than a pixel."""
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    return width > 1 and height > 1


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """Give drawn pictures in files of two classes, and a pipeline that reads them."""
    folder = make_image_folder(
        tmp_path_factory.mktemp("drawn"),
        n_classes=2,
        n_images=20,
        image_shape=(24, 36),
        random_state=0,
    )
    X, y = load_image_folder(folder, return_X_y=True)
    classifier = CNNClassifier(conv_channels=(4,), max_epochs=2, random_state=0)
    model = make_pipeline(ReadImages((16, 24)), RandomFlip(), classifier).fit(X, y)
    return types.SimpleNamespace(model=model, X=X, y=y)

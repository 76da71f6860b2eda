"""What Displays draw can be read, in any figure and for any images and classes."""

import numpy as np
import pytest
from matplotlib import pyplot

from sklcnn.inspection import (
    AugmentationDisplay,
    ConfusionDisplay,
    EmbeddingDisplay,
    PredictionDisplay,
    SaliencyDisplay,
    TrainingCurveDisplay,
)

DISPLAYS = {
    "curve": lambda case, ax: TrainingCurveDisplay.from_estimator(
        {"a": case.model, "the $5 other one of a long name": case.model}, ax=ax
    ),
    "augmentation": lambda case, ax: AugmentationDisplay.from_estimator(
        case.model, case.X, ax=ax
    ),
    "worst": lambda case, ax: PredictionDisplay.from_estimator(
        case.model, case.X, case.y, ax=ax
    ),
    "confused": lambda case, ax: PredictionDisplay.from_estimator(
        case.model, case.X, case.y, kind="confused", n_images=20, ax=ax
    ),
    "unlabeled": lambda case, ax: PredictionDisplay.from_estimator(
        case.model, case.X, kind="doubtful", n_images=1, ax=ax
    ),
    "confusion": lambda case, ax: ConfusionDisplay.from_estimator(
        case.model, case.X, case.y, ax=ax
    ),
    "saliency": lambda case, ax: SaliencyDisplay.from_estimator(
        case.model, case.X, ax=ax
    ),
    "embedding": lambda case, ax: EmbeddingDisplay.from_estimator(
        case.model, case.X, case.y, X_new=case.X[:5], ax=ax
    ),
}

FIGURES = {"own": None, "notebook": (6.4, 4.8), "wide": (14, 4.5)}


@pytest.mark.parametrize("figsize", FIGURES.values(), ids=FIGURES)
@pytest.mark.parametrize("classes", ["gray", "color", "many"])
@pytest.mark.parametrize("draw", DISPLAYS.values(), ids=DISPLAYS)
def test_figure_is_legible(draw, classes, figsize, request, check_legible):
    """Texts don't overlap, nothing is cut off, and no image is stretched."""
    case = request.getfixturevalue(classes)
    ax = None if figsize is None else pyplot.subplots(figsize=figsize)[1]

    display = draw(case, ax)

    check_legible(display.figure_)


@pytest.mark.parametrize("layout", ["constrained", "tight", None])
def test_displays_stand_beside_each_other(layout, gray, check_legible):
    """In the panels of one figure, and with any layout, they stay legible."""
    figure, axes = pyplot.subplots(2, 2, figsize=(10, 8), layout=layout)

    PredictionDisplay.from_estimator(gray.model, gray.X, gray.y, ax=axes[0, 0])
    ConfusionDisplay.from_estimator(gray.model, gray.X, gray.y, ax=axes[0, 1])
    SaliencyDisplay.from_estimator(gray.model, gray.X, ax=axes[1, 0])
    AugmentationDisplay.from_estimator(gray.model, gray.X, ax=axes[1, 1])

    check_legible(figure)


@pytest.mark.parametrize("draw", DISPLAYS.values(), ids=DISPLAYS)
def test_display_draws_on_the_axes_it_is_given(draw, gray):
    """`figure_` is the figure of the axes, and no other one is made."""
    figure, ax = pyplot.subplots()

    display = draw(gray, ax)

    assert display.figure_ is figure
    assert pyplot.get_fignums() == [figure.number]


@pytest.mark.parametrize("draw", DISPLAYS.values(), ids=DISPLAYS)
def test_display_can_be_drawn_again(draw, gray):
    """The data are kept, and `plot` draws them on other axes."""
    display = draw(gray, None)
    first = display.figure_

    again = display.plot(ax=pyplot.subplots()[1])

    assert again is display
    assert display.figure_ is not first


@pytest.mark.parametrize("draw", DISPLAYS.values(), ids=DISPLAYS)
def test_missing_matplotlib_names_the_extra(draw, gray, monkeypatch):
    """Before anything is computed, the error says what to install."""
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)

    with pytest.raises(ImportError, match=r"pip install 'sklcnn\[plot\]'"):
        draw(gray, None)


def test_pictures_have_the_colors_of_the_images(color):
    """What is drawn are the pixels of the image, in their colors."""
    display = PredictionDisplay.from_estimator(
        color.model, color.X, color.y, n_images=3
    )

    for row, picture in zip(display.rows, display.pictures, strict=True):
        np.testing.assert_array_equal(picture, color.X[row])

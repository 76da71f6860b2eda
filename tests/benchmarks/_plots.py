"""Drawing what tables say."""

OWN, OTHER = "tab:orange", "tab:gray"
"""Colors of this package and of everything else."""


def color_of(label):
    """Choose the color of what a label names."""
    own = ("sklcnn", "CNNClassifier", "ReadImages")
    return OWN if any(name in label for name in own) else OTHER


def short(number):
    """Write a number with three digits or more."""
    return f"{number:,.0f}" if number >= 1000 else f"{number:.3g}"


def bars(figure, labels, values, unit, *, axes=None, line=1):
    """Draw horizontal bars, with their values; what is missing is left out.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Where to draw.
    labels : list of str
        A label for each bar, from above.
    values : list of float or None
        Lengths of the bars.
    unit : str
        What a length means.
    axes : matplotlib.axes.Axes, default=None
        Where in the figure; None is all of it.
    line : float or None, default=1
        Where a line is drawn, such as that of the limit.
    """
    known = [each for each in zip(labels, values, strict=True) if each[1] is not None]
    labels, values = zip(*known, strict=True)
    axes = figure.subplots() if axes is None else axes
    drawn = axes.barh(range(len(values)), values, color=[*map(color_of, labels)])
    axes.bar_label(drawn, fmt=short, padding=3)
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.margins(x=0.2)
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel(unit)
    if line is not None:
        axes.axvline(line, color="black", linewidth=1, linestyle=":")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)

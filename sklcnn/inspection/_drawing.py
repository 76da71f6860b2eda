"""Drawing with matplotlib: texts that fit, colors, and pictures with captions."""

import numpy as np

COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
"""Colors that the color-blind tell apart, by Okabe and Ito."""

RIGHT, WRONG = COLORS[0], COLORS[5]
"""Colors of what is predicted right and wrong."""

FONT_SIZE = 8
"""Size of captions, in points."""

LINE = 1.3
"""Height of a line of text, in font sizes."""

GAP = 6
"""Space between pictures, in points."""

HINTED = 1.08
"""Factor by which texts may be wider on a screen, where letters lie on whole pixels."""

SMALL = 24
"""Width of pictures, in points, that is not worth having for longer captions."""

TEXT_WIDTH = 72
"""Least width of captions of classes that is aimed at, in points."""


def import_pyplot(name):
    """Import matplotlib.

    Parameters
    ----------
    name : str
        What needs it, for messages.

    Returns
    -------
    pyplot : module

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            f"{name} draws with matplotlib, which is not installed. Install it by "
            "`pip install 'sklcnn[plot]'`."
        ) from error
    return pyplot


def text_width(text, size=FONT_SIZE):
    """Measure the width of one line of text, in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size)
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, False)
    return width * HINTED


def fit_text(text, width, size=FONT_SIZE):
    """Cut the middle out of a text that is too long for a width.

    Parameters
    ----------
    text : object
        What is to be written. Line breaks become blanks.
    width : float
        Width that there is, in points.
    size : float, default=8
        Size of the font, in points.

    Returns
    -------
    text : str
        With an ellipsis for what is left out.
    """
    text = " ".join(str(text).split())
    if text_width(text, size) <= width:
        return text
    shortest, longest = 1, len(text)
    while longest - shortest > 1:
        middle = (shortest + longest) // 2
        if text_width(_cut(text, middle), size) <= width:
            shortest = middle
        else:
            longest = middle
    return _cut(text, shortest)


def _cut(text, n):
    """Keep `n` characters: more of the beginning, and of the end."""
    n_last = n // 3
    return f"{text[: n - n_last]}…{text[len(text) - n_last :]}"


def size_in_points(ax):
    """Measure width and height of axes, in points."""
    box = ax.get_position().transformed(ax.figure.transSubfigure)
    return box.width * 72 / ax.figure.dpi, box.height * 72 / ax.figure.dpi


def show_picture(ax, picture, left, top, width, height):
    """Draw a picture into a box, in the middle and with its own aspect.

    Parameters
    ----------
    ax : matplotlib Axes
        Axes whose y axis points down, with equal units.
    picture : ndarray of shape (height, width) or (height, width, 3), uint8
        The picture.
    left, top, width, height : float
        The box, in the units of the axes.

    Returns
    -------
    image : matplotlib AxesImage
    """
    n_rows, n_columns = picture.shape[:2]
    scale = min(width / n_columns, height / n_rows)
    x, y = left + width / 2, top + height / 2
    dx, dy = n_columns * scale / 2, n_rows * scale / 2
    limits = ax.get_xlim(), ax.get_ylim()
    image = ax.imshow(
        picture,
        cmap="gray",
        vmin=0,
        vmax=255,
        extent=(x - dx, x + dx, y + dy, y - dy),
        interpolation="nearest" if max(n_rows, n_columns) <= 64 else "antialiased",
        aspect="equal",
        zorder=2,
    )
    ax.set(xlim=limits[0], ylim=limits[1])
    return image


def frame(ax, image, color):
    """Draw a frame around a picture."""
    from matplotlib.patches import Rectangle

    left, right, bottom, top = image.get_extent()
    corner = left, min(top, bottom)
    size = right - left, abs(bottom - top)
    ax.add_patch(
        Rectangle(corner, *size, fill=False, edgecolor=color, linewidth=1.5, zorder=3)
    )


class Grid:
    """Axes for pictures in rows and columns, with captions beneath.

    Units of the axes are points, as long as the figure keeps its size. Pictures keep
    their aspect in any axes, and captions are cut where they would be too wide.

    Parameters
    ----------
    ax : matplotlib Axes or None
        Where to draw. None makes a figure with as many rows as are needed.
    n_pictures : int
        Number of pictures.
    aspect : float
        Height of the boxes of pictures in relation to their width.
    n_lines : int
        Number of lines of captions.
    n_columns : int, default=None
        Number of columns; None is what makes pictures largest.
    title : str, default=""
        What stands above.
    headings : sequence of str, default=()
        What stands above the columns.
    width : float, default=100
        Width of a picture in a new figure, in points.
    text_width : float, default=72
        Width of captions that is aimed at, in points.
    foot : float, default=0
        Room below the pictures, in points.
    name : str
        Name of the Display, for messages.
    """

    def __init__(
        self,
        ax,
        n_pictures,
        aspect,
        n_lines,
        *,
        name,
        n_columns=None,
        title="",
        headings=(),
        width=100,
        text_width=TEXT_WIDTH,
        foot=0,
    ):
        self.text_width = text_width
        self.foot = foot
        self.aspect = float(np.clip(aspect, 0.2, 5))
        self.caption = n_lines * LINE * FONT_SIZE + (4 if n_lines else 0)
        self.head = LINE * FONT_SIZE + 2 if headings else 0
        if ax is None:
            n_columns = n_columns or min(n_pictures, max(1, int(720 // (width + GAP))))
            ax = self._new_axes(name, n_pictures, n_columns, width, title)
        self.ax = ax
        ax.set_axis_off()
        if title:
            ax.set_title(
                fit_text(title, size_in_points(ax)[0], 10),
                fontsize=10,
                parse_math=False,
            )
        self._lay_out(n_pictures, n_columns)
        for column, heading in enumerate(headings):
            x = (column + 0.5) * self.cell[0]
            self._write(x, 0, fit_text(heading, self.text_width))

    def _new_axes(self, name, n_pictures, n_columns, width, title):
        """Make a figure of the size that the pictures need."""
        n_rows = -(-n_pictures // n_columns)
        wide = n_columns * (width + GAP)
        high = n_rows * (width * self.aspect + self.caption + GAP)
        high += self.head + self.foot
        margin, above = 8, 24 if title else 4
        least = max(wide, text_width(title, 10) + 8)
        total = least + 2 * margin, high + margin + above
        figure = import_pyplot(name).figure(figsize=(total[0] / 72, total[1] / 72))
        return figure.add_axes(
            (margin / total[0], margin / total[1], least / total[0], high / total[1])
        )

    def _lay_out(self, n_pictures, n_columns):
        """Choose the number of columns and the size of the pictures."""
        wide, high = size_in_points(self.ax)
        numbers = range(1, n_pictures + 1) if n_columns is None else [n_columns]
        every = {n: self._largest(wide, high, n, n_pictures) for n in numbers}
        widths = {n: w for n, w in every.items() if wide / n >= self.text_width + GAP}
        if max(widths.values(), default=0) < SMALL:  # better short captions
            widths = every
        self.n_columns = max(widths, key=widths.get)
        self.width = widths[self.n_columns]
        height = self.width * self.aspect + self.caption + GAP
        least = max(self.width, 1.5 * self.text_width) + GAP
        self.cell = min(wide / self.n_columns, least), height
        self.text_width = self.cell[0] - GAP
        n_rows = -(-n_pictures // self.n_columns)
        needed = self.head + n_rows * height + self.foot
        self.font_size = FONT_SIZE * min(1, high / needed)
        self.ax.set(
            xlim=(0, self.n_columns * self.cell[0]),
            ylim=(needed, 0),
            aspect="equal",
            anchor="N",
        )

    def _largest(self, wide, high, n_columns, n_pictures):
        """Find the largest width of a picture with so many columns."""
        n_rows = -(-n_pictures // n_columns)
        by_height = (high - self.head - self.foot) / n_rows - self.caption - GAP
        return max(8, min(wide / n_columns - GAP, by_height / self.aspect))

    def _box(self, number):
        row, column = divmod(number, self.n_columns)
        left = column * self.cell[0] + (self.cell[0] - self.width) / 2
        return left, self.head + row * self.cell[1]

    def add(self, number, picture, lines=(), color=None):
        """Draw a picture with its caption.

        Parameters
        ----------
        number : int
            Its place, from 0.
        picture : ndarray of shape (height, width) or (height, width, 3), uint8
            The picture.
        lines : sequence of str, default=()
            Lines of the caption.
        color : str, default=None
            Color of a frame.
        """
        left, top = self._box(number)
        height = self.width * self.aspect
        image = show_picture(self.ax, picture, left, top, self.width, height)
        if color is not None:
            frame(self.ax, image, color)
        texts = [fit_text(line, self.text_width) for line in lines]
        x = left + self.width / 2
        for line, text in enumerate(texts):
            self._write(x, top + height + 3 + line * LINE * FONT_SIZE, text)

    def _write(self, x, y, text):
        self.ax.text(
            x,
            y,
            text,
            fontsize=self.font_size,
            ha="center",
            va="top",
            parse_math=False,
            linespacing=1,
        )

    def draw_scale(self, cmap, low, high):
        """Draw a scale of colors into the room below the pictures."""
        (_, wide), (bottom, _) = self.ax.get_xlim(), self.ax.get_ylim()
        length, top = min(120, wide / 3), bottom - self.foot + GAP
        left = (wide - length) / 2
        colors = np.linspace(0, 1, 256)[np.newaxis]
        limits = self.ax.get_xlim(), self.ax.get_ylim()
        self.ax.imshow(
            colors,
            cmap=cmap,
            extent=(left, left + length, top + FONT_SIZE, top),
            aspect="equal",
        )
        self.ax.set(xlim=limits[0], ylim=limits[1])
        style = {"fontsize": FONT_SIZE, "va": "center"}
        middle = top + FONT_SIZE / 2
        self.ax.text(left - GAP, middle, low, ha="right", **style)
        self.ax.text(left + length + GAP, middle, high, ha="left", **style)


def common_aspect(pictures):
    """Compute the height of a box for all pictures, in relation to its width."""
    return float(
        np.median([picture.shape[0] / picture.shape[1] for picture in pictures])
    )


def percent(probability):
    """Write a probability, so that only what is certain is 0 or 100 %."""
    if 0 < probability < 0.01 or 0.99 < probability < 1:
        return "< 1 %" if probability < 0.5 else "> 99 %"
    return f"{100 * probability:.0f} %"

"""Beginnings of many files: what they have in common, and which can't be read."""

from numbers import Integral

from sklcnn.images._cache import HEADERS
from sklcnn.images._decode import read_header
from sklcnn.images._files import in_threads
from sklcnn.images._open import UnreadableImageError
from sklcnn.images._sources import name_of, name_some

MAX_NAMED = 100
"""Maximum number of files beyond the limit that an error names."""


def read_headers(sources, size, opening, n_jobs):
    """Look at the beginnings of files.

    Parameters
    ----------
    sources : ndarray of shape (n_samples,), dtype object
        As `check_sources` makes them. With a reader, which has to read all of a file,
        only the first that can be read is looked at.
    size : tuple of int or None
        Height and width that will be wanted.
    opening : Opening
        How files are opened.
    n_jobs : int or None
        Number of threads.

    Returns
    -------
    headers : dict of int to Header
        By row.
    problems : dict of int to UnreadableImageError
        By row, of those that can't be read.
    """

    def look_at(row):
        source = sources[row]

        def read():
            return read_header(source, size, opening=opening)

        try:
            return HEADERS.find(source, (size, opening), read)
        except UnreadableImageError as error:
            return error

    if opening.reader is not None:
        found = {}
        for row in range(len(sources)):
            found[row] = look_at(row)
            if not isinstance(found[row], UnreadableImageError):
                break
    else:
        found = dict(enumerate(in_threads(look_at, range(len(sources)), n_jobs)))
    problems = {
        row: header
        for row, header in found.items()
        if isinstance(header, UnreadableImageError)
    }
    return {r: header for r, header in found.items() if r not in problems}, problems


def explain_problems(problems, n_samples, name):
    """Say which files can't be read, all those beyond the limit among them.

    Parameters
    ----------
    problems : dict of int to UnreadableImageError
        By row.
    n_samples : int
        Number of all files.
    name : str
        Name of the estimator, for messages.

    Returns
    -------
    message : str
    """
    errors = list(problems.values())
    if len(errors) == 1:
        return str(errors[0])
    parts = []
    broken = [
        f"{error.name} ({error.cause})" for error in errors if not error.is_too_large
    ]
    if broken:
        parts.append(f"{len(broken)} of {n_samples} files: {name_some(broken)}")
    large = [error for error in errors if error.is_too_large]
    if large:
        named = ", ".join(error.name for error in large[:MAX_NAMED])
        more = len(large) - MAX_NAMED
        named += f" and {more} more" if more > 0 else ""
        parts.append(
            f"{len(large)} of {n_samples} files are beyond the limit of max_pixels: "
            f"{named}. Of the first, {large[0].cause}"
        )
    return f"{name} can't read {'; '.join(parts)}."


def choose_channels(headers, sources, color_mode, name):
    """Choose the channels that images get.

    Parameters
    ----------
    headers : dict of int to Header
        By row.
    sources : ndarray of shape (n_samples,), dtype object
        What they are of.
    color_mode : {"auto", "gray", "rgb", "rgba", "all"}
        What is asked for.
    name : str
        Name of the estimator, for messages.

    Returns
    -------
    color_mode : {"gray", "rgb", "rgba"} or int
        A number is that of all bands of every file.

    Raises
    ------
    ValueError
        If files have different bands, none of which may be left out.
    """
    if color_mode in ("gray", "rgb", "rgba"):
        return color_mode
    found = {header.bands._replace(is_unclear=False) for header in headers.values()}
    widest = "gray" if all(bands.n_colors == 1 for bands in found) else "rgb"
    if not any(bands.n_more for bands in found):
        if color_mode == "auto" or not any(bands.has_opacity for bands in found):
            return widest
        is_gray = widest == "gray" and len(found) == 1
        return 2 if is_gray else "rgba"
    counts = {}
    for row, header in headers.items():
        counts.setdefault(header.bands.n_bands, []).append(row)
    if len(counts) > 1:
        examples = [
            f"{n_bands} in {name_of(sources[rows[0]])}"
            for n_bands, rows in sorted(counts.items())
        ]
        raise ValueError(
            f"{name} found files with several numbers of bands, such as "
            f"{name_some(examples)}. Read those of one kind, or leave bands out by "
            "color_mode='rgb' or 'gray'."
        )
    return next(iter(counts))


def unclear_files(headers, sources):
    """Name the files that do not say what their last band shows."""
    return [
        name_of(sources[row])
        for row, header in headers.items()
        if header.bands.is_unclear
    ]


def bands_left_out(headers, sources, color_mode):
    """Name the files with bands that a color mode leaves out."""
    if isinstance(color_mode, Integral):
        return []
    return [
        name_of(sources[row])
        for row, header in headers.items()
        if header.bands.n_more > _n_more_shown(header.bands, color_mode)
    ]


def _n_more_shown(bands, color_mode):
    """Count bands beyond color and opacity that a color mode shows."""
    if color_mode == "gray" or bands.has_opacity:
        return 0
    n_shown = {"rgb": 3, "rgba": 4}[color_mode]
    # of bands that are no colors, the first three are shown as such
    is_shown = bands.n_colors == 3 or bands.n_bands >= 3
    return n_shown - bands.n_colors if is_shown and bands.n_bands <= 4 else 0

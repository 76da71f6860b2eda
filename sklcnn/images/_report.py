"""What is wrong with a collection of images, before anything is trained on it."""

import hashlib
from numbers import Integral
from typing import NamedTuple

import numpy as np

from sklcnn._sklearn import N_JOBS, Interval, validate_params
from sklcnn.images._decode import cause_of, decode
from sklcnn.images._files import check_paths, in_threads


class BadImage(NamedTuple):
    """A file and what is wrong with its image."""

    path: str
    problem: str


@validate_params(
    {
        "min_size": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": N_JOBS,
    },
    prefer_skip_nested_validation=True,
)
def find_bad_images(paths, *, min_size=8, n_jobs=None):
    """Look for unreadable, tiny, constant and duplicate images.

    Every file is read in full, at its own size. Where another library has set
    ``PIL.ImageFile.LOAD_TRUNCATED_IMAGES``, truncated files count as good.

    Parameters
    ----------
    paths : array-like of str or path-like of shape (n_samples,)
        The files.
    min_size : int, default=8
        Images with a side of fewer pixels are tiny.
    n_jobs : int or None, default=None
        Number of threads that decode; None is 1 and -1 all processors.

    Returns
    -------
    report : list of (path, problem)
        Named tuples of two strings, in the order of `paths`, at most one for each
        file. The first word of `problem` is the first of these that holds:

        - ``"unreadable"``: the file can't be decoded; the cause follows;
        - ``"tiny"``: a side has fewer than `min_size` pixels;
        - ``"constant"``: all pixels are alike;
        - ``"duplicate"``: the pixels are those of an earlier file, which is named.
          Its own format, size in bytes and metadata may differ.

    See Also
    --------
    load_image_folder : Finds the files, without the unreadable ones if asked to.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from PIL import Image
    >>> from sklcnn.images import find_bad_images
    >>> path = Path(tempfile.mkdtemp()) / "black.png"
    >>> Image.new("L", (9, 9)).save(path)
    >>> for bad in find_bad_images([path]):
    ...     print(bad.problem)
    constant: every pixel is 0

    Leave broken files out before they are split into folds:

    >>> X, y = np.array([str(path), "missing.png"]), np.array(["night", "day"])
    >>> report = find_bad_images(X)
    >>> bad = {path for path, problem in report if problem.startswith("unreadable")}
    >>> keep = [path not in bad for path in X]
    >>> X, y = X[keep], y[keep]
    >>> y
    array(['night'], dtype='<U5')
    """
    paths = check_paths(paths, name="find_bad_images")
    found = in_threads(
        lambda row: _look_at(paths[row], min_size), range(len(paths)), n_jobs
    )
    report = []
    first_rows = {}
    for row, (problem, digest) in enumerate(found):
        first_row = row if digest is None else first_rows.setdefault(digest, row)
        if problem is None and first_row != row:
            problem = f"duplicate of {paths[first_row]!r}"
        if problem is not None:
            report.append(BadImage(paths[row], problem))
    return report


def _look_at(path, min_size):
    """Give the problem of one image by itself, if any, and a digest of its pixels."""
    try:
        pixels, _ = decode(path)
    except ValueError as error:
        return f"unreadable: {cause_of(error, path)}", None
    if pixels.ndim == 3 and (pixels == pixels[..., :1]).all():
        pixels = pixels[..., 0]  # gray saved as RGB is the same picture
    height, width = pixels.shape[:2]
    digest = hashlib.blake2b(np.ascontiguousarray(pixels), digest_size=16)
    digest.update(f"{pixels.shape} {pixels.dtype}".encode())
    problem = None
    if min(height, width) < min_size:
        problem = f"tiny: {height} x {width} pixels"
    elif (pixels == pixels[:1, :1]).all():
        problem = f"constant: every pixel is {pixels[0, 0].tolist()}"
    return problem, digest.digest()

"""What is wrong with a collection of images, before anything is trained on it."""

import hashlib
from numbers import Integral
from typing import NamedTuple

import numpy as np
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.utils import check_consistent_length

from sklcnn._sklearn import N_JOBS, Interval, validate_params
from sklcnn.images._cache import LOOKS
from sklcnn.images._decode import decode
from sklcnn.images._files import in_threads
from sklcnn.images._open import UnreadableImageError
from sklcnn.images._raster import full_scale, resize_pixels
from sklcnn.images._sources import check_paths

HASH_SIDE, DCT_SIDE = 8, 32
"""Sides of the hash, and of the image that it is computed of."""

PAIRS_AT_ONCE = 2**22
"""Number of pairs of hashes that are compared at a time."""

MAX_DISTANCE = [Interval(Integral, 0, HASH_SIDE**2, closed="both"), None]


class BadImage(NamedTuple):
    """A file and what is wrong with its image."""

    path: str
    problem: str


class Look(NamedTuple):
    """What an image is by itself.

    Parameters
    ----------
    error : str or None
        Why it can't be read.
    size : tuple of int, default=()
        Height and width.
    constant : object, default=None
        The value of all pixels, if they are alike.
    digest : bytes or None, default=None
        Equal for equal pixels.
    code : int, default=0
        Perceptual hash of 64 bits, which differs in few bits for similar images.
    """

    error: str | None
    size: tuple = ()
    constant: object = None
    digest: bytes | None = None
    code: int = 0


@validate_params(
    {
        "min_size": [Interval(Integral, 1, None, closed="left")],
        "max_distance": MAX_DISTANCE,
        "n_jobs": N_JOBS,
    },
    prefer_skip_nested_validation=True,
)
def find_bad_images(paths, y=None, *, min_size=8, max_distance=None, n_jobs=None):
    """Look for unreadable, tiny, constant, duplicate and nearly duplicate images.

    Every file is read in full, at its own size, once in a process as long as it does
    not change: calls that follow, those of :func:`group_duplicates` and of
    ``load_image_folder(..., on_error="warn")`` among them, read nothing again. Where
    another library has set ``PIL.ImageFile.LOAD_TRUNCATED_IMAGES``, truncated files
    count as good.

    Parameters
    ----------
    paths : array-like of str or path-like of shape (n_samples,)
        The files.
    y : array-like of shape (n_samples,), default=None
        The labels. With them, duplicates of an image with another label say so.
    min_size : int, default=8
        Images with a side of fewer pixels are tiny.
    max_distance : int or None, default=None
        Number of bits, of 64, in which the perceptual hashes of near duplicates differ
        at most: 6 finds most copies that were resized, compressed or brightened. Small
        and smooth images look alike to such a hash without being copies. None looks for
        equal pixels only.
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
          Its own format, size in bytes and metadata may differ;
        - ``"near"``: a near duplicate of an earlier file, which is named.

    See Also
    --------
    group_duplicates : Keep copies on one side of a split.
    load_image_folder : Find the files, without the unreadable ones if asked to.

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
    labels = None if y is None else np.asarray(y)
    check_consistent_length(paths, labels)
    looks = _look_at_all(paths, n_jobs)
    firsts = _first_alike(looks, max_distance, min_size)
    report = []
    for row, look in enumerate(looks):
        problem = _problem(look, min_size)
        if problem is None and firsts[row] is not None:
            first, distance = firsts[row]
            problem = f"duplicate of {paths[first]!r}"
            if distance is not None:
                problem = f"near {problem}, {distance} of 64 bits apart"
            if labels is not None and labels[first] != labels[row]:
                problem += (
                    f", which is {str(labels[first])!r} and not {str(labels[row])!r}"
                )
        if problem is not None:
            report.append(BadImage(paths[row], problem))
    return report


@validate_params(
    {"max_distance": MAX_DISTANCE, "n_jobs": N_JOBS},
    prefer_skip_nested_validation=True,
)
def group_duplicates(paths, *, max_distance=None, n_jobs=None):
    """Assign copies of images to groups, for splits by groups.

    A copy in training of an image in the test set makes scores too good. Splitters such
    as :class:`~sklearn.model_selection.GroupKFold` keep groups together.

    Parameters
    ----------
    paths : array-like of str or path-like of shape (n_samples,)
        The files.
    max_distance : int or None, default=None
        Number of bits, of 64, in which the perceptual hashes of near duplicates differ
        at most, such as 6. None looks for equal pixels only.
    n_jobs : int or None, default=None
        Number of threads that decode; None is 1 and -1 all processors.

    Returns
    -------
    groups : ndarray of int of shape (n_samples,)
        Equal for copies, and for copies of copies. A file that can't be read is alone.

    See Also
    --------
    find_bad_images : Name the copies.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from sklcnn.images import group_duplicates
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name, color in {"a.png": "red", "b.bmp": "blue", "c.bmp": "red"}.items():
    ...     Image.new("RGB", (9, 9), color).save(folder / name)
    >>> group_duplicates([folder / name for name in ("a.png", "b.bmp", "c.bmp")])
    array([0, 1, 0])
    """
    paths = check_paths(paths, name="group_duplicates")
    looks = _look_at_all(paths, n_jobs)
    first_rows = {}
    pairs = [
        (first_rows.setdefault(look.digest, row), row)
        for row, look in enumerate(looks)
        if look.digest is not None
    ]
    if max_distance is not None:
        varied = [row for row, look in enumerate(looks) if _is_varied(look)]
        pairs += [pair[:2] for pair in _near_pairs(looks, varied, max_distance)]
    left, right = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
    shape = (len(paths), len(paths))
    graph = coo_array((np.ones(len(left)), (left, right)), shape=shape)
    return connected_components(graph, directed=False)[1].astype(np.int64)


def look_at(path):
    """Read an image in full, once as long as its file does not change."""
    return LOOKS.find(path, None, lambda: _look_at(path))


def _look_at_all(paths, n_jobs):
    return in_threads(lambda row: look_at(paths[row]), range(len(paths)), n_jobs)


def _look_at(path):
    try:
        pixels, _ = decode(path)
    except UnreadableImageError as error:
        return Look(error.cause)
    if pixels.ndim == 3 and (pixels == pixels[..., :1]).all():
        pixels = pixels[..., 0]  # gray saved as RGB is the same picture
    digest = hashlib.blake2b(np.ascontiguousarray(pixels), digest_size=16)
    digest.update(f"{pixels.shape} {pixels.dtype}".encode())
    is_constant = (pixels == pixels[:1, :1]).all()
    constant = pixels[0, 0].tolist() if is_constant else None
    return Look(
        None, pixels.shape[:2], constant, digest.digest(), perceptual_hash(pixels)
    )


def perceptual_hash(pixels):
    """Hash an image so that similar ones differ in few bits.

    Parameters
    ----------
    pixels : ndarray of shape (height, width[, n_channels])
        uint8, uint16 or float32.

    Returns
    -------
    code : int
        64 bits: whether each of the lowest frequencies of the discrete cosine
        transform of the gray image, 32 pixels a side, is above their median.
    """
    gray = pixels if pixels.ndim == 2 else pixels.mean(axis=2, dtype=np.float32)
    gray = gray.astype(np.float32) / np.float32(full_scale(pixels.dtype))
    small = resize_pixels(gray, (DCT_SIDE, DCT_SIDE), "stretch")
    low = dctn(small)[:HASH_SIDE, :HASH_SIDE]
    bits = low.ravel() > np.median(low)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _problem(look, min_size):
    """Say what is wrong with an image by itself, if anything."""
    if look.error is not None:
        return f"unreadable: {look.error}"
    if min(look.size) < min_size:
        return f"tiny: {look.size[0]} x {look.size[1]} pixels"
    if look.constant is not None:
        return f"constant: every pixel is {look.constant}"
    return None


def _is_varied(look):
    """Tell whether an image has a hash that says something."""
    return look.error is None and look.constant is None


def _first_alike(looks, max_distance, min_size):
    """Find the first image that each is a copy of, and how far they are apart."""
    first_rows, firsts = {}, [None] * len(looks)
    for row, look in enumerate(looks):
        if look.digest is None:
            continue
        first = first_rows.setdefault(look.digest, row)
        if first != row:
            firsts[row] = (first, None)
    if max_distance is not None:
        rows = [r for r in first_rows.values() if _problem(looks[r], min_size) is None]
        for first, row, distance in _near_pairs(looks, rows, max_distance):
            if firsts[row] is None:
                firsts[row] = (first, distance)
    return firsts


def _near_pairs(looks, rows, max_distance):
    """List pairs of rows whose hashes differ in few bits, in the order of the later.

    Returns
    -------
    pairs : list of (int, int, int)
        The earlier row, the later one, and their distance.
    """
    codes = np.array([looks[row].code for row in rows], dtype=np.uint64)
    pairs = []
    step = max(1, PAIRS_AT_ONCE // max(1, len(codes)))
    for start in range(0, len(codes), step):
        later = codes[start : start + step, np.newaxis]
        distances = np.bitwise_count(later ^ codes[: start + step])
        for i, j in np.argwhere(distances <= max_distance):
            if j < start + i:
                pairs.append((rows[j], rows[start + i], int(distances[i, j])))
    return pairs

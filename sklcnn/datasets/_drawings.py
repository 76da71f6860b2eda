"""Folders of simple pictures, drawn for examples and tests."""

import os
from numbers import Integral
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.utils import check_random_state

from sklcnn._sklearn import Interval, validate_params

SHAPES = ("circle", "cross", "moon", "ring", "square", "star", "triangle", "wave")
"""Names of the classes, in the order in which they are used."""

COUNT = [Interval(Integral, 1, None, closed="left")]


@validate_params(
    {
        "path": [str, os.PathLike],
        "n_classes": [Interval(Integral, 1, len(SHAPES), closed="both")],
        "n_images": COUNT,
        "image_shape": [tuple, list],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_image_folder(
    path, *, n_classes=3, n_images=60, image_shape=(64, 64), random_state=None
):
    """Draw a folder of simple pictures, with one sub-folder per class.

    Each picture shows one shape, of any bright color, in any place and size and at some
    angle, on a textured ground of any darker color, with noise. So neither a mean color
    nor a single pixel tells the classes apart.

    Parameters
    ----------
    path : str or path-like
        The folder, which is made if it is not there. Pictures of the same names in it
        are replaced.
    n_classes : int, default=3
        Number of classes, up to 8: circles, crosses, moons, rings, squares, stars,
        triangles and waves.
    n_images : int, default=60
        Number of pictures, over all classes, which differ by one at most.
    image_shape : tuple of (int, int), default=(64, 64)
        Height and width in pixels, of 8 at least.
    random_state : int, RandomState instance or None, default=None
        Seed of the pictures.

    Returns
    -------
    path : pathlib.Path
        The folder, for :func:`~sklcnn.images.load_image_folder`.

    See Also
    --------
    sklcnn.images.load_image_folder : List the files and their labels.
    sklearn.datasets.make_classification : Draw features.

    Examples
    --------
    >>> import tempfile
    >>> from sklcnn.datasets import make_image_folder
    >>> from sklcnn.images import load_image_folder
    >>> folder = make_image_folder(tempfile.mkdtemp(), n_images=6, random_state=0)
    >>> load_image_folder(folder).target
    array(['circle', 'circle', 'cross', 'cross', 'moon', 'moon'], dtype='<U6')
    """
    height, width = _check_shape(image_shape)
    if n_images < n_classes:
        raise ValueError(
            "make_image_folder expects n_images to be n_classes at least. Got "
            f"n_images={n_images} and n_classes={n_classes}."
        )
    path = Path(path).expanduser()
    rng = check_random_state(random_state)
    for number in range(n_images):
        name = SHAPES[number % n_classes]
        (path / name).mkdir(parents=True, exist_ok=True)
        pixels = _draw(name, height, width, rng)
        Image.fromarray(pixels).save(path / name / f"{number:05}.png")
    return path


def _check_shape(image_shape):
    is_pair = len(image_shape) == 2
    if not is_pair or not all(isinstance(n, Integral) and n >= 8 for n in image_shape):
        raise ValueError(
            "make_image_folder expects image_shape=(height, width), two ints of at "
            f"least 8. Got image_shape={image_shape!r} instead."
        )
    return image_shape


def _draw(name, height, width, rng):
    """Draw one picture, uint8 of shape (height, width, 3)."""
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    side = min(height, width)
    radius = side * rng.uniform(0.28, 0.44)
    top = rng.uniform(radius, height - 1 - radius)
    left = rng.uniform(radius, width - 1 - radius)
    angle = rng.normal(0, 0.3)
    y, x = (rows - top) / radius, (columns - left) / radius
    u = np.cos(angle) * x + np.sin(angle) * y
    v = -np.sin(angle) * x + np.cos(angle) * y
    # a soft edge, one pixel wide
    cover = np.clip(0.5 - _distance(name, u, v) * radius, 0, 1)[..., np.newaxis]
    ground, color = _two_colors(rng)
    frequency, direction = rng.uniform(0.2, 1.2), rng.uniform(0, np.pi)
    stripes = rows * np.sin(direction) + columns * np.cos(direction)
    texture = 12 * np.sin(frequency * stripes + rng.uniform(0, 6))[..., np.newaxis]
    pixels = ground + texture + (color - ground) * cover
    pixels += rng.normal(0, 8, (height, width, 3))
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def _two_colors(rng):
    """Draw a color, and a brighter one, of any hues."""
    ground = rng.uniform(30, 130, 3)
    return ground, np.minimum(ground + rng.uniform(40, 120, 3), 255)


def _distance(name, u, v):
    """Compute about the distance to the edge of a shape in the unit circle."""
    r = np.hypot(u, v)
    angle = np.arctan2(v, u)
    return {
        "circle": r - 0.8,
        "cross": np.minimum(_box(u, v, 0.95, 0.28), _box(u, v, 0.28, 0.95)),
        "moon": np.maximum(r - 0.9, 0.75 - np.hypot(u - 0.5, v)),
        "ring": np.abs(r - 0.72) - 0.2,
        "square": _box(u, v, 0.7, 0.7),
        "star": r - 0.62 - 0.36 * np.cos(5 * angle),
        "triangle": np.maximum(np.abs(u) * np.sqrt(3) / 2 + v / 2 - 0.45, -v - 0.45),
        "wave": np.maximum(np.abs(v - 0.4 * np.sin(4 * u)) - 0.2, np.abs(u) - 0.95),
    }[name]


def _box(u, v, half_width, half_height):
    return np.maximum(np.abs(u) - half_width, np.abs(v) - half_height)

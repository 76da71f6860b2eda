"""Random steps that choose among transforms: `RandAugment`."""

from numbers import Integral

import numpy as np

from sklcnn._sklearn import Interval
from sklcnn.augmentation._base import (
    BORDER,
    PROBABILITY,
    FillingAugmentation,
    only_where,
)
from sklcnn.augmentation._levels import (
    auto_contrast,
    equalize,
    posterize,
    sharpen,
    solarize,
)
from sklcnn.augmentation._stages import Recolor, Selected, Warp
from sklcnn.images._matrices import (
    contrast,
    rotation,
    saturation,
    shear,
    translation,
)

MAX_MAGNITUDE = 30

MAX_DEGREES, MAX_SHEAR, MAX_MOVE, MAX_CHANGE, N_BITS_LOST = 30, 0.3, 0.45, 0.9, 4
"""What the greatest magnitude does: angle of rotation, slope, share of a side, change
of a factor of color, and number of bits that posterizing takes away."""

OPERATIONS = (
    "identity",
    "auto_contrast",
    "equalize",
    "rotate",
    "solarize",
    "saturation",
    "posterize",
    "contrast",
    "brightness",
    "sharpness",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
)
"""The fourteen transforms of the paper."""


class RandAugment(FillingAugmentation):
    """Apply a few transforms, chosen at random, to each image.

    The strength of augmentation is one number to search, `magnitude`. For each image,
    `n_steps` of these fourteen are chosen with replacement: no change, automatic
    contrast, equalized histogram, rotation, solarizing, saturation, posterizing,
    contrast, brightness, sharpness, shear and translation along either axis.

    Moves of an image are merged with one another and with neighboring geometric steps
    into one interpolation, changes of color into one matrix. Moves come first, then
    changes of color, then the others.

    Parameters
    ----------
    n_steps : int, default=2
        Number of transforms per image, at least 1.
    magnitude : int, default=9
        Strength of the transforms, from 0 to 30. At 30, images are rotated by 30
        degrees, sheared by 0.3, moved by 0.45 of their sides, factors of color differ
        by 0.9 from 1, posterizing leaves 16 levels, and solarizing inverts all pixels;
        below it is proportional. Signs are drawn. Automatic contrast and equalized
        histograms have no strength: at 0, they alone are left.
    mode : {"constant", "edge", "symmetric", "reflect"}, default="constant"
        What lies outside the image, in the words of `numpy.pad` and scikit-image.
    cval : float or "border", default="border"
        Pixel value outside the image for ``mode="constant"``, on the scale of the
        images: 255 is white in uint8. ``"border"`` is the median color of the pixels at
        the border, for each image.
    p : float, default=1.0
        Probability of applying the transforms to an image.

    Attributes
    ----------
    image_shape_ : tuple of int
        Shape of an image, as seen in `fit`.
    n_features_in_ : int
        Number of features seen in `fit`. Defined only for flat images.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features seen in `fit`. Defined only for flat images from a data
        frame.

    See Also
    --------
    RandomResizedCrop : Crop a random part of images and enlarge it.
    RandomFlip : Mirror images at random.

    Notes
    -----
    The paper [1]_ chooses `n_steps` and `magnitude` by a grid search; it applies the
    chosen transforms in the order in which they were drawn. Levels are 256 steps of the
    range of the training pixels.

    References
    ----------
    .. [1] E. D. Cubuk, B. Zoph, J. Shlens and Q. V. Le, "RandAugment: Practical
       automated data augmentation with a reduced search space", 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.augmentation import RandAugment
    >>> X = np.arange(192, dtype=np.uint8).reshape(1, 8, 8, 3)
    >>> RandAugment(n_steps=2, magnitude=9).fit_transform(X).draw().shape
    (1, 8, 8, 3)
    """

    _parameter_constraints: dict = {
        "n_steps": [Interval(Integral, 1, None, closed="left")],
        "magnitude": [Interval(Integral, 0, MAX_MAGNITUDE, closed="both")],
        **BORDER,
        "p": [PROBABILITY],
    }

    def __init__(
        self, n_steps=2, *, magnitude=9, mode="constant", cval="border", p=1.0
    ):
        self.n_steps = n_steps
        self.magnitude = magnitude
        self.mode = mode
        self.cval = cval
        self.p = p

    def draw_stage(self, random, image_format):
        """Draw the transforms of each image.

        Parameters
        ----------
        random : RowRandom
            Random numbers, one per image at a time.
        image_format : ImageFormat
            Shape and pixel values of the images.

        Returns
        -------
        stages : list of Stage
            The transforms of a batch.
        """
        happens = random.happens(self.p)
        share = self.magnitude / MAX_MAGNITUDE
        moves, colors = np.eye(3), np.eye(image_format.shape[2] + 1)
        chosen = dict.fromkeys(OPERATIONS, False)
        for _ in range(self.n_steps):
            number = random.integers(0, len(OPERATIONS) - 1)
            strength = share * np.where(random.happens(0.5), -1.0, 1.0)
            now = {
                name: happens & (number == place)
                for place, name in enumerate(OPERATIONS)
            }
            moves = moves @ _move_matrices(now, strength, image_format.shape)
            colors = _color_matrices(now, strength, image_format) @ colors
            chosen = {name: chosen[name] | now[name] for name in OPERATIONS}
        factors = 1 + MAX_CHANGE * share * np.where(random.happens(0.5), -1.0, 1.0)
        return [
            Warp(moves, 1, self.mode, self._fill_value(image_format)),
            Recolor(colors, image_format.pixel_range),
            *_level_stages(chosen, share, factors, image_format.pixel_range),
        ]


def _move_matrices(chosen, strength, image_shape):
    """Make the matrices of moves; at most one of them is chosen for an image."""
    height, width, _ = image_shape
    angles = np.arctan(MAX_SHEAR * strength)
    still = np.zeros(len(strength))
    moves = {
        "rotate": rotation(np.deg2rad(MAX_DEGREES * strength)),
        "shear_x": shear(angles),
        "shear_y": shear(angles).transpose(0, 2, 1),
        "translate_x": translation(MAX_MOVE * width * strength, still),
        "translate_y": translation(still, MAX_MOVE * height * strength),
    }
    return _multiply(moves, chosen)


def _color_matrices(chosen, strength, image_format):
    """Make the matrices of colors; at most one of them is chosen for an image."""
    n_channels = image_format.shape[2]
    low, high = image_format.pixel_range
    factors = 1 + MAX_CHANGE * strength
    colors = {
        "saturation": saturation(factors, n_channels),
        "contrast": contrast(factors, (low + high) / 2, n_channels),
        "brightness": contrast(factors, low, n_channels),
    }
    return _multiply(colors, chosen)


def _multiply(matrices, chosen):
    product = None
    for name, values in matrices.items():
        values = only_where(chosen[name], values)
        product = values if product is None else product @ values
    return product


def _level_stages(chosen, share, factors, pixel_range):
    """List the transforms that no matrix can do."""
    functions = {
        "auto_contrast": (auto_contrast, ()),
        "equalize": (equalize, ()),
        "solarize": (solarize, (np.full(len(factors), 1 - share),)),
        "posterize": (posterize, (np.full(len(factors), N_BITS_LOST * share),)),
        "sharpness": (sharpen, (factors,)),
    }
    return [
        Selected(function, chosen[name], pixel_range, *parameters)
        for name, (function, parameters) in functions.items()
    ]

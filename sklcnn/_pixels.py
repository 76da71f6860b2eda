"""Pixel values: scale of every dtype, range of training images, fill values."""

from dataclasses import dataclass

import numpy as np

FULL_RANGE = (0.0, 1.0)
USED_SHARE = 0.5
"""Share of 0 to 1 that pixels must span for it to count as their range."""


def pixel_scale(dtype):
    """Look up the factor from pixels of a dtype to those that the network sees.

    The rule of `skimage.util.img_as_float`, for the dtypes whose range is that of their
    images. Wider and signed integers, and floats, are taken as they are: their dtype
    says nothing about the range of the pixels.

    Parameters
    ----------
    dtype : numpy dtype or torch dtype
        The dtype of the pixels.

    Returns
    -------
    scale : float
        1 / 255 for uint8, 1 / 65535 for uint16 and 1.0 for every other dtype.
    """
    name = dtype.name if isinstance(dtype, np.dtype) else str(dtype)
    return {"uint8": 1 / 255, "uint16": 1 / 65535}.get(name.removeprefix("torch."), 1.0)


def working_range(low, high):
    """Choose the range of pixels to which strengths of random transforms refer.

    It is 0 to 1 where the training pixels lie inside and span more than half of it, as
    those of photos with 8 bits do, which hardly ever reach both ends. Otherwise it is
    the range of the training pixels: 12-bit data in uint16 span a sixteenth of 0 to 1,
    and floats may be on any scale.

    Parameters
    ----------
    low, high : float
        Least and greatest training pixel, after `pixel_scale`.

    Returns
    -------
    pixel_range : tuple of two floats
        (0, 1) or (low, high). Constant images between 0 and 1 have (0, 1).
    """
    is_inside = low >= 0 and high <= 1
    is_narrow = 0 < high - low <= USED_SHARE
    return FULL_RANGE if is_inside and not is_narrow else (low, high)


def check_fill_value(cval, dtype, *, name, parameter="cval"):
    """Check that images can hold a fill value, which is on the scale of their pixels.

    Parameters
    ----------
    cval : float
        The fill value.
    dtype : numpy dtype
        The dtype of the images.
    name : str
        Name of the step, for messages.
    parameter : str, default="cval"
        Name of the fill value, for messages.

    Raises
    ------
    ValueError
        If the dtype is one of integers or bool that has no such value.
    """
    if dtype.kind not in "iub":
        return
    limits = (0, 1) if dtype.kind == "b" else _limits(dtype)
    if float(cval).is_integer() and limits[0] <= cval <= limits[1]:
        return
    raise ValueError(
        f"The {parameter!r} parameter of {name} is on the scale of the images. For "
        f"dtype {dtype.name}, give a whole number from {limits[0]} to {limits[1]}. Got "
        f"{parameter}={cval}."
    )


def _limits(dtype):
    return np.iinfo(dtype).min, np.iinfo(dtype).max


@dataclass(frozen=True)
class ImageFormat:
    """Shape and pixel values of the images that a random step transforms.

    Parameters
    ----------
    shape : tuple of three ints
        Height, width and number of channels.
    pixel_range : tuple of two floats, default=(0.0, 1.0)
        Range of the training pixels on the scale of the network, where uint8 and uint16
        count as 0 to 1. It is (0, 1) where the pixels lie inside and span more than
        half of it, else from the least to the greatest training pixel.
    pixel_scale : float, default=1.0
        Factor from pixels of the images to the scale of the network: 1 / 255 for uint8,
        1 / 65535 for uint16, 1 for all others.

    See Also
    --------
    BaseAugmentation : Base class of the random steps.

    Examples
    --------
    >>> from sklcnn.augmentation import ImageFormat
    >>> image_format = ImageFormat((28, 28, 1), pixel_scale=1 / 255)
    >>> image_format.scaled(51)
    0.2
    """

    shape: tuple
    pixel_range: tuple = FULL_RANGE
    pixel_scale: float = 1.0

    def scaled(self, value):
        """Bring a pixel value of the images to the scale of the network.

        Parameters
        ----------
        value : float
            A value as pixels of the images have it, such as a fill value.

        Returns
        -------
        value : float
            The same value as stages get it.
        """
        return float(value) * self.pixel_scale

    def span(self):
        """Compute the width of the range of pixels, the unit of strengths.

        Returns
        -------
        width : float
            Greatest minus least.
        """
        return self.pixel_range[1] - self.pixel_range[0]

"""What the number in a pixel means: the scale of every dtype."""

import numpy as np


def pixel_scale(dtype):
    """Tell what takes pixels of a dtype to the range the network sees.

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
    """Tell the range in which random transforms work: 0 to 1 where pixels lie inside.

    Parameters
    ----------
    low, high : float
        Least and greatest pixel, as the network sees them.

    Returns
    -------
    pixel_range : tuple of two floats
        (0, 1), or what was given.
    """
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)

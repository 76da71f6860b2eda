"""Pictures: images of any dtype and number of channels, in colors that can be shown."""

import numpy as np

from sklcnn._pixels import pixel_scale, working_range
from sklcnn.images._matrices import LUMINANCE
from sklcnn.images._raster import resize_pixels
from sklcnn.inspection._parts import LARGEST_SIDE


def make_pictures(images, pixel_range=None):
    """Make pictures of images, all on one scale of brightness.

    Parameters
    ----------
    images : sequence of ndarray of shape (height, width[, n_channels])
        Images of any numeric dtype. One channel is gray, two are red and cyan, three
        and four are RGB, the fourth being left out. Of more, the first three are
        shown, each over its own range.
    pixel_range : tuple of two floats, default=None
        Values that are black and white, on the scale of the network: uint8 and uint16
        count as 0 to 1. By default 0 to 1 where the pixels lie inside and span more
        than half of it, else from the least to the greatest.

    Returns
    -------
    pictures : list of ndarray of shape (height, width) or (height, width, 3), uint8
    """
    images = [_small(_as_floats(image)) for image in images]
    if not images:
        return []
    bands = [image.reshape(-1, image.shape[-1]) for image in images]
    if max(pixels.shape[1] for pixels in bands) > 4 or pixel_range is None:
        pixel_range = _find_range(bands)
    return [_as_picture(image, *pixel_range) for image in images]


def _as_floats(image):
    """Bring pixels to the scale of the network, with an axis of channels."""
    image = np.asarray(image)
    image = image[..., np.newaxis] if image.ndim == 2 else image
    return np.nan_to_num(
        image.astype(np.float32) * np.float32(pixel_scale(image.dtype))
    )


def _small(image):
    """Reduce an image whose sides are larger than can be seen."""
    height, width = image.shape[:2]
    scale = LARGEST_SIDE / max(height, width)
    if scale >= 1:
        return image
    size = max(1, round(height * scale)), max(1, round(width * scale))
    return resize_pixels(image, size, "stretch").reshape(*size, -1)


def _find_range(bands):
    """Find what is black and white: for all channels, or beyond four for each."""
    if max(pixels.shape[1] for pixels in bands) > 4:
        low = np.min([pixels.min(axis=0)[:3] for pixels in bands], axis=0)
        high = np.max([pixels.max(axis=0)[:3] for pixels in bands], axis=0)
        return low, high
    low = min(float(pixels.min()) for pixels in bands)
    high = max(float(pixels.max()) for pixels in bands)
    return working_range(low, high)


def _as_picture(image, low, high):
    width = np.maximum(np.subtract(high, low), np.finfo(np.float32).tiny)
    channels = {1: [0], 2: [0, 1, 1]}.get(image.shape[-1], [0, 1, 2])
    shown = (image[..., channels] - low) / width
    pixels = np.rint(255 * np.clip(shown, 0, 1)).astype(np.uint8)
    return pixels[..., 0] if len(channels) == 1 else pixels


def luminance(picture):
    """Make a picture gray.

    Parameters
    ----------
    picture : ndarray of shape (height, width) or (height, width, 3), uint8
        The picture.

    Returns
    -------
    gray : ndarray of shape (height, width), float32
        In [0, 1].
    """
    pixels = picture.astype(np.float32) / 255
    return pixels if pixels.ndim == 2 else pixels @ np.float32(LUMINANCE)

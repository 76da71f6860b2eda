"""Matrices of random transforms: 3x3 for positions, (c+1)x(c+1) for c channels.

Matrices of positions take output pixels to input pixels, as in scikit-image: x is the
column, y the row, neighboring pixels are 1 apart, and `first` followed by
`second` is ``first @ second``. They rotate, scale and mirror about the origin, which is
the center of the image where `warp_about_center` takes them.

Matrices of color take the channels before, followed by a one, to the channels after;
`first` followed by `second` is ``second @ first``.
"""

import numpy as np

LUMINANCE = (0.2125, 0.7154, 0.0721)  # of skimage.color.rgb2gray


def identities(n, size=3):
    """Make identity matrices.

    Parameters
    ----------
    n : int
        Number of matrices.
    size : int, default=3
        Number of rows and of columns.

    Returns
    -------
    matrices : ndarray of shape (n, size, size)
    """
    matrices = np.zeros((n, size, size))
    matrices[:, range(size), range(size)] = 1
    return matrices


def rotation(angles):
    """Rotate about the origin.

    Parameters
    ----------
    angles : ndarray of shape (n,)
        Angles in radians, counter-clockwise on the screen.

    Returns
    -------
    matrices : ndarray of shape (n, 3, 3)
    """
    matrices = identities(len(angles))
    matrices[:, 0, 0] = matrices[:, 1, 1] = np.cos(angles)
    matrices[:, 1, 0] = np.sin(angles)
    matrices[:, 0, 1] = -matrices[:, 1, 0]
    return matrices


def translation(x, y):
    """Translate images to the right and down.

    Parameters
    ----------
    x, y : ndarray of shape (n,)
        Distances in pixels.

    Returns
    -------
    matrices : ndarray of shape (n, 3, 3)
    """
    matrices = identities(len(x))
    matrices[:, 0, 2] = np.negative(x)
    matrices[:, 1, 2] = np.negative(y)
    return matrices


def scaling(x, y):
    """Scale or mirror images about the origin.

    Parameters
    ----------
    x, y : ndarray of shape (n,)
        Factors of the width and of the height. Above 1 is larger, -1 mirrors.

    Returns
    -------
    matrices : ndarray of shape (n, 3, 3)
    """
    matrices = identities(len(x))
    matrices[:, 0, 0] = np.divide(1, x)
    matrices[:, 1, 1] = np.divide(1, y)
    return matrices


def shear(angles):
    """Shear images horizontally, about the origin.

    Parameters
    ----------
    angles : ndarray of shape (n,)
        Angles in radians by which upright lines lean to the right.

    Returns
    -------
    matrices : ndarray of shape (n, 3, 3)
    """
    matrices = identities(len(angles))
    matrices[:, 0, 1] = np.tan(angles)
    return matrices


def perspective(before, after):
    """Change the perspective so that four points move.

    Parameters
    ----------
    before : ndarray of shape (4, 2)
        Points (x, y), no three of them on one line.
    after : ndarray of shape (n, 4, 2)
        Their new positions in each image.

    Returns
    -------
    matrices : ndarray of shape (n, 3, 3)
    """
    matrices = _from_basis(before) @ np.linalg.inv(_from_basis(after))
    return matrices / matrices[:, 2:, 2:]


def _from_basis(points):
    """Compute the matrices from the projective basis to four points."""
    points = np.concatenate([points, np.ones((*points.shape[:-1], 1))], axis=-1)
    columns = np.swapaxes(points[..., :3, :], -1, -2)
    weights = np.linalg.solve(columns, points[..., 3, :, np.newaxis])
    return columns * np.swapaxes(weights, -1, -2)


def brightness(shifts, n_channels):
    """Add a number to all channels.

    Parameters
    ----------
    shifts : ndarray of shape (n,)
        The numbers, on the scale of the pixels.
    n_channels : int
        Number of channels.

    Returns
    -------
    matrices : ndarray of shape (n, n_channels + 1, n_channels + 1)
    """
    matrices = identities(len(shifts), n_channels + 1)
    matrices[:, :-1, -1] = np.expand_dims(shifts, 1)
    return matrices


def contrast(factors, middle, n_channels):
    """Change the contrast of all channels about a value.

    Parameters
    ----------
    factors : ndarray of shape (n,)
        Above 1 is more contrast.
    middle : float
        The value that does not change.
    n_channels : int
        Number of channels.

    Returns
    -------
    matrices : ndarray of shape (n, n_channels + 1, n_channels + 1)
    """
    matrices = brightness((1 - factors) * middle, n_channels)
    channels = range(n_channels)
    matrices[:, channels, channels] = np.expand_dims(factors, 1)
    return matrices


def saturation(factors, n_channels):
    """Change the saturation: the distance from the gray of the same luminance.

    Parameters
    ----------
    factors : ndarray of shape (n,)
        Above 1 is more colorful, 0 is gray.
    n_channels : int
        Number of channels. The first three of three or four are colors; one or two
        are gray and stay as they are.

    Returns
    -------
    matrices : ndarray of shape (n, n_channels + 1, n_channels + 1)
    """
    matrices = identities(len(factors), n_channels + 1)
    if n_channels > 2:
        factors = np.reshape(factors, (-1, 1, 1))
        matrices[:, :3, :3] = factors * np.eye(3) + (1 - factors) * LUMINANCE
    return matrices

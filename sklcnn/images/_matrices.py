"""Batches of matrices: 3x3 for places in an image, (c+1)x(c+1) for colors.

Matrices of space take output pixels to input pixels, as in scikit-image: x is the
column, y the row, a pixel's center has whole coordinates, and doing `first` and then
`second` is ``first @ second``. They turn, scale and mirror about the origin;
`about_center` moves that to the middle of the image.

Matrices of color take the channels before, followed by a one, to the channels after, so
that doing `first` and then `second` is ``second @ first``.
"""

import numpy as np

LUMINANCE = (0.2125, 0.7154, 0.0721)  # of skimage.color.rgb2gray


def identities(n, size=3):
    """Leave everything as it is.

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
    """Move images to the right and down.

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
    """Make images larger about the origin, or mirror them.

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
    """Slide rows sideways, the higher the further.

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
    """Move four points of every image, and with them all others.

    Parameters
    ----------
    before : ndarray of shape (4, 2)
        Points as (x, y), no three on one line.
    after : ndarray of shape (n, 4, 2)
        Where they go.

    Returns
    -------
    matrices : ndarray of shape (n, 3, 3)
    """
    equations = np.zeros((len(after), 2, 4, 8))
    ones = np.ones((*after.shape[:2], 1))
    for axis in range(2):
        equations[:, axis, :, 3 * axis : 3 * axis + 3] = np.concatenate(
            [after, ones], axis=2
        )
        equations[:, axis, :, 6:] = -after * before[:, axis, np.newaxis]
    targets = np.tile(before.T.reshape(8, 1), (len(after), 1, 1))
    solved = np.linalg.solve(equations.reshape(-1, 8, 8), targets)[..., 0]
    return np.concatenate([solved, ones[:, 0]], axis=1).reshape(-1, 3, 3)


def about_center(matrices, height, width):
    """Move the origin from the middle of the image to its first pixel.

    Parameters
    ----------
    matrices : ndarray of shape (n, 3, 3)
        Matrices whose origin is the middle.
    height, width : int
        Size of the images.

    Returns
    -------
    matrices : ndarray of shape (n, 3, 3)
    """
    x, y = np.array([(width - 1) / 2]), np.array([(height - 1) / 2])
    return translation(-x, -y) @ matrices @ translation(x, y)


def from_center(matrices, height, width):
    """Undo `about_center`.

    Parameters
    ----------
    matrices : ndarray of shape (n, 3, 3)
        Matrices whose origin is the first pixel, as scikit-image has them.
    height, width : int
        Size of the images.

    Returns
    -------
    matrices : ndarray of shape (n, 3, 3)
    """
    return about_center(matrices, 2 - height, 2 - width)


def brightness(shifts, n_channels):
    """Add to every channel.

    Parameters
    ----------
    shifts : ndarray of shape (n,)
        What is added.
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
    """Pull every channel away from a value.

    Parameters
    ----------
    factors : ndarray of shape (n,)
        Above 1 is more contrast.
    middle : float
        The value that stays as it is.
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
    """Pull red, green and blue away from the gray of the same luminance.

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

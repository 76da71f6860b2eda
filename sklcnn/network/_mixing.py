"""MixUp and CutMix: two images in one, and both of their labels."""

import numpy as np
import torch

from sklcnn._tensors import to_device


def mix(images, rng, *, mixup, cutmix):
    """Mix every image of a batch with another one of it.

    MixUp [1]_ adds the images, in shares that are drawn; CutMix [2]_ puts a rectangle
    of the other image into the first, of a size that is drawn. Where both are on, one
    of them is drawn.

    Parameters
    ----------
    images : tensor of shape (n, height, width, n_channels)
        The batch, of floats.
    rng : numpy.random.Generator
        What is drawn with.
    mixup, cutmix : float
        Parameter of the Beta distribution of the shares; 0 is off.

    Returns
    -------
    images : tensor of shape (n, height, width, n_channels)
        The mixed images.
    partners : tensor of shape (n,)
        Positions of the other images.
    share : float
        Share of the first image.

    References
    ----------
    .. [1] H. Zhang, M. Cisse, Y. N. Dauphin and D. Lopez-Paz, "mixup: Beyond empirical
       risk minimization", 2018.
    .. [2] S. Yun, D. Han, S. J. Oh, S. Chun, J. Choe and Y. Yoo, "CutMix:
       Regularization strategy to train strong classifiers with localizable features",
       2019.
    """
    partners = to_device(rng.permutation(len(images)), images.device)
    cut = cutmix > 0 and (mixup == 0 or rng.random() < 0.5)
    share = rng.beta(*[cutmix if cut else mixup] * 2)
    if not cut:
        return torch.lerp(images[partners], images, share), partners, share
    height, width = images.shape[1:3]
    top, bottom = _interval(rng, height, np.sqrt(1 - share))
    left, right = _interval(rng, width, np.sqrt(1 - share))
    images = images.clone()
    images[:, top:bottom, left:right] = images[partners, top:bottom, left:right]
    share = 1 - (bottom - top) * (right - left) / (height * width)
    return images, partners, share


def _interval(rng, side, length):
    """Draw an interval of a share of a side, about any point and cut off at the rim."""
    center, half = rng.integers(side + 1), round(side * length) / 2
    return max(0, round(center - half)), min(side, round(center + half))

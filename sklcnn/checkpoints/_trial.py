"""Outputs of an untrained network, which show what its code reads elsewhere."""

import contextlib
import copy
import math
import random

import numpy as np
import torch

from sklcnn.network._contract import check_network, noise_like
from sklcnn.network._hardware import seeded

SHARE_TRIED = 1 / 16
"""Share of the number of training images that are tried in training mode."""

PIXELS_TRIED = 2**11
"""Number of pixels, over all channels, up to which more are tried: they cost little."""

MAX_TRIED = 256

BATCH_SIZE = 32


def try_out(network, n_rows):
    """Run an untrained network on noise, in evaluation and in training mode.

    Weights, statistics and random generators are left as they were.

    Parameters
    ----------
    network : FittedNetwork
        The network. Only that of a function is run in training mode, as the code of
        others is known.
    n_rows : int
        Number of training images, of which there are fewer in the trial.

    Returns
    -------
    outputs : ndarray of shape (n_values,) or None
        The same for the same network, but for rounding. Where training mode fails, or
        gives something else each time, the values of evaluation alone. None for the
        built-in network, whose code is part of the address.
    """
    spec, body = network.spec, network.module.body
    if spec.kind == "convnet":
        return None
    outputs = check_network(body, spec.body_shape, spec.n_outputs)[0].ravel()
    if spec.kind != "callable":
        return outputs
    try:
        runs = [_run_in_training(network, n_rows) for _ in range(2)]
    except Exception:  # which a fit would show
        return outputs
    if not np.allclose(*runs, rtol=1e-6, atol=1e-6, equal_nan=True):
        return outputs
    return np.concatenate([outputs, runs[0]])


def _run_in_training(network, n_rows):
    """Give one number an image, a random projection of its outputs."""
    body, shape = copy.deepcopy(network.module.body).train(), network.spec.body_shape
    n_images = max(8, int(SHARE_TRIED * n_rows), PIXELS_TRIED // math.prod(shape))
    noise = noise_like(body, shape, min(n_images, MAX_TRIED))
    directions = np.random.default_rng(0).standard_normal(network.spec.n_outputs)
    projected = []
    with _seeded_everywhere(network.device), torch.enable_grad():
        for images in noise.tensor_split(-(-len(noise) // BATCH_SIZE)):
            outputs = body(images).detach().double().cpu().numpy()
            projected.append(outputs @ directions / math.sqrt(len(directions)))
    return np.concatenate(projected)


@contextlib.contextmanager
def _seeded_everywhere(device):
    """Seed the global generators of torch, numpy and Python, and restore them."""
    of_numpy, of_python = np.random.get_state(), random.getstate()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    random.seed(0)
    try:
        with seeded(0, device) as seeds, seeds:
            yield
    finally:
        np.random.set_state(of_numpy)  # noqa: NPY002
        random.setstate(of_python)

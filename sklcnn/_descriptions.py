"""Descriptions of what results depend on: networks, devices, versions and files."""

import functools
import hashlib
import os
import sys
from pathlib import Path

import numpy as np
import PIL
import scipy
import skimage
import sklearn
import skorch
import torch

from sklcnn._fingerprint import fingerprint

PIXELS_HASHED = 2**22
"""Number of pixels of lazy images that are read at a time to be hashed."""


def describe_module(module):
    """Describe a network by its layers, their attributes, their code and its weights.

    Parameters
    ----------
    module : nn.Module
        The network.

    Returns
    -------
    description : list
        Its `repr` is the same in any process.

    Raises
    ------
    TypeError
        If an attribute has no fingerprint, or a class of the user has no source.
    """
    layers = [
        (
            path,
            fingerprint(type(layer)),
            fingerprint(
                {
                    name: value
                    for name, value in sorted(vars(layer).items())
                    if name not in INTERNALS and not (name in EMPTY and not value)
                }
            ),
        )
        for path, layer in module.named_modules()
    ]
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    shared = [name for name, _ in module.named_parameters(remove_duplicate=False)]
    return [layers, shared, [(name, fingerprint(t)) for name, t in tensors.items()]]


_BLANK = vars(torch.nn.Module())

INTERNALS = {"_parameters", "_buffers", "_modules", "training"}
"""Attributes of layers that are described elsewhere."""

EMPTY = set(_BLANK) - INTERNALS
"""Attributes that every layer has, among them hooks: described where there are any."""


def describe_device(device):
    """Describe the hardware by what decides how sums are rounded."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device), torch.get_float32_matmul_precision()
    return torch.backends.cpu.get_cpu_capability(), torch.get_float32_matmul_precision()


@functools.cache
def describe_environment():
    """List versions of packages, and hash the sources of this one."""
    sources = sorted(Path(__file__).parent.rglob("*.py"))
    sha = hashlib.sha256()
    for source in sources:
        sha.update(source.read_bytes())
    packages = (np, PIL, scipy, skimage, sklearn, skorch, torch)
    versions = [package.__version__ for package in packages]
    return sys.version_info[:2], versions, sha.hexdigest()


def describe_file(path):
    """Tell one version of a file from the next, also where a copy keeps its date."""
    path = os.path.realpath(path)
    try:
        status = os.stat(path)
    except OSError:
        return path, None
    return path, status.st_size, status.st_mtime_ns, status.st_ctime_ns

"""The address of a training: a hash of all that its result depends on."""

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

from sklcnn._description import describe, hash_array
from sklcnn.images import AugmentedImages, ImageFiles
from sklcnn.images._mapped import MappedImages
from sklcnn.network._batches import read_ahead

PIXELS_HASHED = 2**22
"""How many pixels of lazy images are read at a time to be hashed."""


def address_of(facts, images, weights, image_shape):
    """Hash what the result of a training depends on.

    Parameters
    ----------
    facts : dict
        Parameters, labels, the seed: what `describe` takes.
    images : ndarray, lazy images or AugmentedImages of shape (n_samples, ...)
        The images. Arrays are hashed, as they may have changed since they were last
        seen; files are told by name, size and dates.
    weights : ndarray of shape (n_samples,)
        Weights of the images. Lazy ones of weight 0 are not read.
    image_shape : tuple of three ints
        Height, width and number of channels.

    Returns
    -------
    address : str
        64 hexadecimal digits.

    Raises
    ------
    TypeError
        If something can't be described.
    """
    rows = np.flatnonzero(weights)
    known = [
        describe(facts),
        _describe_images(images, rows, image_shape),
        hash_array(weights),
        image_shape,
        str(torch.get_default_dtype()),
        _environment(),
    ]
    return hashlib.sha256(repr(known).encode()).hexdigest()


def describe_device(device):
    """Describe the hardware as far as sums are rounded otherwise on another one."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device), torch.get_float32_matmul_precision()
    return torch.backends.cpu.get_cpu_capability(), torch.get_float32_matmul_precision()


@functools.cache
def _environment():
    """Describe the packages; this one by its sources, which change between releases."""
    sources = sorted(Path(__file__).parents[1].rglob("*.py"))
    sha = hashlib.sha256()
    for source in sources:
        sha.update(source.read_bytes())
    packages = (np, PIL, scipy, skimage, sklearn, skorch, torch)
    versions = [package.__version__ for package in packages]
    return sys.version_info[:2], versions, sha.hexdigest()


def _describe_images(images, rows, image_shape):
    """Describe images by what they are made of, and by their pixels if need be."""
    if isinstance(images, np.ndarray):
        return hash_array(images)
    if isinstance(images, AugmentedImages):
        inner = _describe_images(images.images, rows, image_shape)
        kind = describe(type(images))
        return inner, kind, describe(images.steps), hash_array(images.rows)
    if type(images) is ImageFiles:
        made_by = images.size, images.mode, images.dtype.str, images.aspect
        files = repr([_describe_file(path) for path in images.paths])
        return made_by, hashlib.sha256(files.encode()).hexdigest()
    if type(images) is MappedImages:
        try:
            function = describe(images.function)
        except TypeError:
            return _hash_pixels(images, rows, image_shape)
        inner = images.images
        return function, _describe_images(inner, rows, tuple(inner.shape[1:]))
    return _hash_pixels(images, rows, image_shape)


def _hash_pixels(images, rows, image_shape):
    """Read all lazy images that have weight, a block at a time, and hash them."""
    sha = hashlib.sha256(repr((images.shape, str(images.dtype))).encode())
    n_blocks = -(-len(rows) * int(np.prod(image_shape)) // PIXELS_HASHED)
    for pixels in read_ahead(images, np.array_split(rows, n_blocks), image_shape):
        sha.update(hash_array(pixels).encode())
    return sha.digest()


def _describe_file(path):
    """Tell one version of a file from the next, also where a copy keeps its date."""
    try:
        status = os.stat(path)
    except OSError:
        return path, None
    return path, status.st_size, status.st_mtime_ns, status.st_ctime_ns

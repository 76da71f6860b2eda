"""Address of a training: a hash of all that its result depends on."""

import hashlib

import numpy as np
import torch

from sklcnn._descriptions import (
    PIXELS_HASHED,
    describe_environment,
    describe_file,
    describe_module,
)
from sklcnn._fingerprint import fingerprint, hash_array, version_of
from sklcnn.images import AugmentedImages, ImageFiles
from sklcnn.images._mapped import MappedImages
from sklcnn.network._batches import read_ahead

N_TRIED = 8
"""Number of images that show what functions of the user do."""

EPOCHS_TRIED = 8, 48
"""Least and largest number of epochs that they are drawn for."""


def address_of(facts, body, images, weights, image_shape):
    """Hash what the result of a training depends on.

    Parameters
    ----------
    facts : dict
        Parameters, labels, the seed: what `fingerprint` takes.
    body : nn.Module
        The network with its initial weights.
    images : ndarray, lazy images or AugmentedImages of shape (n_samples, ...)
        The images. Arrays are hashed, as they may have changed since they were last
        seen; files are told by path, size and dates.
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
        If something has no fingerprint.
    """
    rows = np.flatnonzero(weights)
    known = [
        fingerprint(facts),
        describe_module(body),
        describe_images(images, rows, image_shape),
        hash_array(weights),
        image_shape,
        str(torch.get_default_dtype()),
        describe_environment(),
    ]
    return hashlib.sha256(repr(known).encode()).hexdigest()


def describe_images(images, rows, image_shape):
    """Describe images by what they are made of, and by their pixels if need be."""
    if isinstance(images, np.ndarray):
        return hash_array(images)
    if isinstance(images, AugmentedImages):
        inner = describe_images(images.images, rows, image_shape)
        steps = fingerprint(images.steps)
        kind = fingerprint(type(images))
        return inner, kind, steps, hash_array(images.rows), _try_steps(images, rows)
    if type(images) is ImageFiles:
        made_by = images.made_by
        files = repr([describe_file(path) for path in images.paths])
        return made_by, hashlib.sha256(files.encode()).hexdigest()
    if type(images) is MappedImages:
        try:
            function = fingerprint(images.function)
        except TypeError:
            return _hash_pixels(images, rows, image_shape)
        inner = images.images
        tried = _hash_pixels(images, _some(rows), image_shape)
        return function, describe_images(inner, rows, tuple(inner.shape[1:])), tried
    return _hash_pixels(images, rows, image_shape)


def _some(rows):
    """Select a few evenly spaced rows."""
    return rows[np.linspace(0, len(rows) - 1, min(N_TRIED, len(rows))).astype(int)]


def _try_steps(images, rows):
    """Hash some draws, where a random step is not of an installed package.

    What its source does not show, as a value that it looks up, shows in them. They are
    as many as in one epoch, up to 384, which show what happens to one image in fifty.
    """
    if all(version_of(type(step).__module__) for step in images.steps):
        return None
    few = images[_some(rows)]
    pixels = few.read(np.arange(len(few)))
    few, sha = AugmentedImages(pixels, few.steps, few.rows), hashlib.sha256()
    for epoch in range(np.clip(len(rows) // N_TRIED, *EPOCHS_TRIED)):
        sha.update(hash_array(few.draw(epoch=epoch, seed=0)).encode())
    return sha.hexdigest()


def _hash_pixels(images, rows, image_shape):
    """Read all lazy images that have weight, a block at a time, and hash them."""
    sha = hashlib.sha256(repr((images.shape, str(images.dtype))).encode())
    n_blocks = -(-len(rows) * int(np.prod(image_shape)) // PIXELS_HASHED)
    for pixels in read_ahead(images, np.array_split(rows, n_blocks), image_shape):
        sha.update(hash_array(pixels).encode())
    return sha.digest()

"""Addresses of trainings on images that are read when they are asked for."""

import os

import numpy as np
import pytest
from PIL import Image
from torch import nn

from sklcnn.augmentation import RandomFlip
from sklcnn.checkpoints._address import address_of
from sklcnn.images import AugmentedImages, ImageFiles
from sklcnn.images._lazy import LazyImages
from sklcnn.preprocessing import ImageFunction

BODY = nn.Flatten()


class Foreign:
    """An array that can be indexed and nothing more, like zarr's."""

    def __init__(self, pixels):
        self.pixels = pixels
        self.shape, self.dtype = pixels.shape, pixels.dtype

    def __getitem__(self, key):
        return self.pixels[key]


@pytest.fixture
def files(tmp_path):
    """Give six image files."""
    for number in range(6):
        Image.new("L", (4, 4), number).save(tmp_path / f"{number}.png")
    paths = sorted(tmp_path.iterdir())
    return ImageFiles(paths, (4, 4), color_mode="gray")


def address(images):
    """Hash a training on gray images, all of weight 1."""
    return address_of({}, BODY, images, np.ones(images.shape[0]), (4, 4, 1))


def test_files_are_told_by_name_size_and_dates(files):
    """Order, another version, and another file count; reading them does not."""
    before = address(files)

    np.asarray(files)
    assert address(files) == address(files[np.arange(6)]) == before
    assert address(files[::-1]) != before
    assert (
        address(ImageFiles(files.paths, (4, 4), aspect="crop", color_mode="gray"))
        != before
    )
    status = os.stat(files.paths[3])
    Image.new("L", (4, 4), 77).save(files.paths[3])
    os.utime(files.paths[3], ns=(status.st_atime_ns, status.st_mtime_ns))
    assert os.stat(files.paths[3]).st_size == status.st_size
    assert address(files) != before


def test_functions_on_top_of_files_count(files):
    """Steps before the classifier are described, and nothing is read."""
    one, other = (
        ImageFunction(np.clip, a_min=0, a_max=high).fit_transform(files)
        for high in (10, 20)
    )
    assert isinstance(one, LazyImages)

    assert address(one) == address(one) != address(other)


def test_arrays_on_disk_are_read(files):
    """Arrays of other packages are told by their pixels, in blocks."""
    pixels = np.random.default_rng(0).random((6, 4, 4))
    changed = pixels.copy()
    changed[5, 3, 3] += 1

    assert address(Foreign(pixels)) == address(Foreign(pixels.copy()))
    assert address(Foreign(pixels)) != address(Foreign(changed))


def test_augmented_images_are_told_by_steps_and_rows(files):
    """What draws depend on is part of the address."""
    one = AugmentedImages(files, ())

    assert address(one) != address(AugmentedImages(files, (), np.arange(6) + 1))
    assert address(one) != address(AugmentedImages(files, (RandomFlip(),)))

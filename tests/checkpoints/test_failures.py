"""Checkpoints that are damaged, and folders that take none."""

import errno
import itertools
import os

import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone

from sklcnn import CNNClassifier
from sklcnn.images._lazy import LazyImages


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "foreign", "moved"])
def test_damaged_checkpoint_is_told_and_trained_again(
    tiny, noise, folder, epochs, damage, assert_equal_models
):
    """A file that is not as it was written is named in a warning, and not used."""
    tiny.set_params(checkpoint_dir=folder)
    expected = clone(tiny).fit(*noise)
    (path,) = folder.iterdir()
    content = path.read_bytes()
    if damage == "moved":
        path.unlink()
        clone(tiny).set_params(random_state=1).fit(*noise)
        next(folder.iterdir()).rename(path)
    else:
        middle = len(content) // 2
        flipped = bytes([content[middle] ^ 4])
        path.write_bytes(
            {
                "flipped": content[:middle] + flipped + content[middle + 1 :],
                "cut": content[:middle],
                "empty": b"",
                "foreign": b"PK" + content,
            }[damage]
        )
    epochs.clear()

    with pytest.warns(UserWarning, match=f"{path.name}' can't be used"):
        again = clone(tiny).fit(*noise)

    assert epochs == [0, 1]
    assert_equal_models(again, expected)
    clone(tiny).fit(*noise)
    assert len(epochs) == 2


@pytest.mark.filterwarnings("ignore:CNNClassifier ignores")
def test_buffer_that_cannot_be_kept_is_an_error(tiny, noise, folder):
    """Elements that share memory can't be put back; the message names the buffer."""

    def network(n_channels, n_classes):
        layers = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, n_classes))
        layers.register_buffer("wide", torch.ones(1, 3).expand(4, 3))
        return layers

    tiny.set_params(checkpoint_dir=folder, network=network)

    with pytest.raises(TypeError, match=r"wide.*Use clone\(\)"):
        tiny.fit(*noise)


def test_folder_without_a_name_is_an_error(tiny, noise):
    """It would be the current one, which clear_checkpoints refuses."""
    with pytest.raises(ValueError, match="empty name"):
        tiny.set_params(checkpoint_dir="").fit(*noise)


def test_folder_that_is_none_is_an_error(tiny, noise, tmp_path):
    """A folder that can't be made is told before training."""
    (tmp_path / "file").write_text("")
    tiny.set_params(checkpoint_dir=tmp_path / "file" / "checkpoints")

    with pytest.raises(
        OSError, match=r"can't be written to: Not a dir.*Use another folder, .*=None"
    ) as raised:
        tiny.fit(*noise)
    assert raised.value.errno == errno.ENOTDIR
    assert not hasattr(tiny, "net_")


@pytest.mark.parametrize("n_whole", [3, 0])
def test_full_disk_ends_checkpoints_and_not_training(
    tiny, noise, folder, epochs, monkeypatch, assert_equal_models, n_whole
):
    """Writes that fail midway, or from the first on, are one warning a fit."""
    n_written = itertools.count()

    def fsync(number):
        if next(n_written) >= n_whole:
            raise OSError(errno.ENOSPC, "No space left on device")

    tiny.set_params(checkpoint_dir=folder, max_epochs=5)
    expected = clone(tiny).set_params(checkpoint_dir=None).fit(*noise)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        with pytest.warns(UserWarning, match="No space left.*goes on without") as told:
            actual = clone(tiny).fit(*noise)

    assert len(told) == 1
    assert_equal_models(actual, expected)
    assert len(list(folder.iterdir())) == min(n_whole, 1)  # no partial files
    epochs.clear()
    assert_equal_models(clone(tiny).fit(*noise), expected)
    assert epochs == list(range(max(0, n_whole - 2), 5))  # two before the first


def test_a_failure_of_images_keeps_the_checkpoint(noise, folder, epochs):
    """What was trained before it is there when the images can be read again."""

    class Stored(LazyImages):
        is_broken = False
        shape, dtype = noise[0].shape, noise[0].dtype

        def read(self, rows):
            if len(epochs) > 2 and Stored.is_broken:
                raise ValueError("a file is gone")
            return noise[0][rows]

        def take(self, rows):
            return noise[0][rows]

    model = CNNClassifier(
        conv_channels=(4,), max_epochs=4, random_state=0, checkpoint_dir=folder
    )
    expected = clone(model).set_params(checkpoint_dir=None).fit(Stored(), noise[1])
    epochs.clear()
    Stored.is_broken = True
    with pytest.raises(ValueError, match="a file is gone"):
        clone(model).fit(Stored(), noise[1])
    Stored.is_broken = False
    epochs.clear()

    resumed = clone(model).fit(Stored(), noise[1])

    assert epochs == [2, 3]
    assert_array_equal(
        resumed.predict_proba(noise[0]), expected.predict_proba(noise[0])
    )


def test_a_diverged_training_leaves_no_checkpoint(noise, folder):
    """It would diverge again."""
    model = CNNClassifier(
        conv_channels=(4,),
        batch_norm=False,
        learning_rate=1e20,
        random_state=0,
        checkpoint_dir=folder,
    )

    with pytest.raises(ValueError, match="diverged"):
        model.fit(*noise)

    assert not list(folder.iterdir())

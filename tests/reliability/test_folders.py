"""Folders of checkpoints that fail while a training is at work."""

import os
import shutil
import signal
import subprocess

import pytest

from tests.reliability import _jobs
from tests.reliability._processes import Job, timed
from tests.reliability.test_kills import epochs_in

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX")


@pytest.fixture
def disk(tmp_path):
    """Give a disk of 128 kB, which can be mounted by root only."""
    disk = tmp_path / "disk"
    disk.mkdir()
    options = ["-t", "tmpfs", "-o", "size=128k", "tmpfs", str(disk)]
    if not shutil.which("mount") or os.getuid():
        pytest.skip("only root may mount a disk")
    if subprocess.run(["mount", *options], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def assert_goes_on(tmp_path, folder, hindrance, message, mend=lambda: None):
    """Check a training that is hindered after three epochs, and one after the mend."""
    expected, _ = timed(_jobs.fit, None, tmp_path / "whole")
    n_epochs = len(epochs_in(tmp_path / "whole", "begin"))
    log = tmp_path / "log"

    answer, warned = timed(_jobs.fit_hindered, folder, log, hindrance)[0]
    mend()
    again = timed(_jobs.fit, folder, log)[0]

    assert answer == again == expected
    assert len(warned) == (message is not None)
    assert all(message in warning for warning in warned)
    return len(epochs_in(log, "begin")) - n_epochs, n_epochs


def test_full_disk_is_told_and_the_last_epoch_kept(tmp_path, disk):
    """One warning; what was written before is gone on from when there is room."""
    twice, n_epochs = assert_goes_on(
        tmp_path,
        disk / "folder",
        "fill",
        "No space left on device. Training goes on without",
        mend=lambda: (disk / "filler").unlink(),
    )

    assert twice == n_epochs - 3


def test_disk_that_is_full_from_the_first_is_told(tmp_path, disk):
    """Nothing can be kept, and the training ends as it would without a folder."""
    (disk / "folder").mkdir()
    _jobs.hinder("fill", disk / "folder")

    job = Job(_jobs.fit_hindered, disk / "folder", tmp_path / "log", None)
    answer, warned = job.result()

    assert answer == timed(_jobs.fit, None, tmp_path / "log")[0]
    assert len(warned) == 1
    assert "No space left on device" in warned[0]


def test_disk_that_becomes_read_only_is_told(tmp_path, disk):
    """As a disk with errors does."""
    remount = ["mount", "-o", "remount,rw", str(disk)]
    twice, n_epochs = assert_goes_on(
        tmp_path,
        disk / "folder",
        "make read-only",
        "Read-only file system",
        mend=lambda: subprocess.run(remount, check=True),
    )

    assert twice == n_epochs - 3


def test_disk_that_is_read_only_from_the_first_is_an_error(tmp_path, disk):
    """Before anything is trained."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)

    with pytest.raises(
        RuntimeError, match=r"Read-only file system.*Use another folder"
    ):
        Job(_jobs.fit, disk / "folder", tmp_path / "log").result()
    assert not epochs_in(tmp_path / "log", "begin")


def test_limit_on_files_is_told(tmp_path):
    """Files over the limit fail midway, and leave nothing half-written."""
    folder = tmp_path / "folder"

    twice, n_epochs = assert_goes_on(tmp_path, folder, "limit files", "File too large")

    assert twice == n_epochs - 3
    assert len(list(folder.iterdir())) == 1


def test_folder_that_is_removed_is_made_again(tmp_path):
    """What comes after is kept; nothing needs to be said."""
    twice, _ = assert_goes_on(tmp_path, tmp_path / "folder", "remove", None)

    assert twice == 0


def test_folder_that_becomes_a_file_is_told(tmp_path):
    """The file is left alone."""
    folder = tmp_path / "folder"

    twice, n_epochs = assert_goes_on(
        tmp_path, folder, "replace", "can't be written to", mend=folder.unlink
    )

    assert twice == n_epochs


@pytest.mark.skipif(os.name == "nt" or not os.getuid(), reason="root may write")
def test_folder_without_permission_is_told(tmp_path):
    """For users other than root."""
    folder = tmp_path / "folder"

    twice, n_epochs = assert_goes_on(
        tmp_path,
        folder,
        "forbid",
        "Permission denied",
        mend=lambda: folder.chmod(0o700),
    )

    assert twice == n_epochs - 3


def test_kill_on_a_full_disk_loses_no_epoch_before(tmp_path, disk):
    """The file that is there stays whole while no other can be written."""
    log = tmp_path / "log"
    expected, _ = timed(_jobs.fit, None, tmp_path / "whole")
    job = Job(_jobs.fit_hindered, disk / "folder", log, "fill")
    while max(epochs_in(log, "begin"), default=0) < 6:
        pass
    job.send(signal.SIGKILL)
    assert job.result() is None
    (disk / "filler").unlink()

    assert timed(_jobs.fit, disk / "folder", log)[0] == expected
    begun = epochs_in(log, "begin")
    assert begun.count(2) == 1
    assert begun.count(3) == 2

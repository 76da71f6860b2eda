"""Folders of checkpoints: what is found, and what is removed."""

import os
import time
from datetime import timedelta

import pytest
import torch
from numpy.testing import assert_array_equal

from sklcnn.checkpoints import _folder
from sklcnn.checkpoints._folder import Checkpoints
from sklcnn.persistence import clear_checkpoints

ADDRESS, OTHER = "a" * 64, "b" * 64


def save(folder, n_epochs, *, address=ADDRESS, stopped=False, **when):
    """Write a checkpoint of some epochs."""
    checkpoints = Checkpoints(folder, address, last=100)
    tensors = {"network/weight": torch.full((2, 3), float(n_epochs)).t()}
    facts = {"n_epochs": n_epochs, "stopped": stopped}
    checkpoints.save(lambda: (facts, tensors), **when)


def age(path, days):
    """Make a file look as if it was written some days ago."""
    then = time.time() - days * 86400
    os.utime(path, (then, then))


@pytest.mark.parametrize(
    ("last", "expected"), [(1, 0), (2, 2), (3, 2), (4, 4), (6, 5), (7, 7), (9, 7)]
)
def test_most_epochs_that_fit_are_found(tmp_path, last, expected):
    """What is finished, at work or stopped is gone on with, if it is not too long."""
    for n_epochs in (2, 4):
        save(tmp_path, n_epochs, is_finished=True)
    save(tmp_path, 7, stopped=True, is_finished=True)
    save(tmp_path, 5, must=True)
    save(tmp_path, 1, address=OTHER, must=True)

    checkpoints = Checkpoints(tmp_path, ADDRESS, last=last)

    if expected == 0:
        assert checkpoints.found is None
        return
    assert checkpoints.found.facts["n_epochs"] == expected
    assert checkpoints.is_finished == (expected in (last, 7) and expected != 5)
    weights = checkpoints.found.part("network")["weight"]
    assert_array_equal(weights, torch.full((3, 2), float(expected)))
    assert weights.stride() == (1, 3)


def test_end_replaces_what_was_at_work(tmp_path):
    """Where training ends, one file is left."""
    save(tmp_path, 3, must=True)
    save(tmp_path, 4, is_finished=True)

    assert [path.name for path in tmp_path.iterdir()] == [
        f"{ADDRESS}-000004.checkpoint"
    ]


def test_writing_takes_up_little_of_the_time(tmp_path, monkeypatch):
    """After a write there is a pause, of many times as long as it took."""
    monkeypatch.setattr(_folder, "PAUSE", 5)
    checkpoints = Checkpoints(tmp_path, ADDRESS)
    asked = []

    def state():
        asked.append(1)
        time.sleep(0.02)
        return {"n_epochs": 1, "stopped": False}, {}

    checkpoints.save(state, must=True)
    checkpoints.save(state)
    assert len(asked) == 1
    start = time.monotonic()
    while len(asked) == 1 and time.monotonic() - start < 60:
        checkpoints.save(state)
        time.sleep(0.01)
    assert len(asked) == 2


def test_clearing_leaves_other_files_alone(tmp_path):
    """Checkpoints and partial ones go; what has another name stays."""
    save(tmp_path, 3, must=True)
    save(tmp_path, 3, address=OTHER, is_finished=True)
    (tmp_path / f"{ADDRESS}-running.checkpoint.0f.partial").write_text("half")
    others = {"model.checkpoint", "notes.txt", f"{ADDRESS}-running.checkpoint.bak"}
    for name in others:
        (tmp_path / name).write_text("mine")
    n_bytes = sum(path.stat().st_size for path in tmp_path.iterdir())

    assert clear_checkpoints(tmp_path) == n_bytes - 4 * len(others)
    assert {path.name for path in tmp_path.iterdir()} == others


def test_clearing_by_age_keeps_what_is_used(tmp_path):
    """What was found by a `fit` is as good as new."""
    for address in (ADDRESS, OTHER):
        save(tmp_path, 3, address=address, is_finished=True)
    for path in tmp_path.iterdir():
        age(path, 10)
    assert Checkpoints(tmp_path, ADDRESS).found

    clear_checkpoints(tmp_path, older_than=timedelta(days=11))
    assert len(list(tmp_path.iterdir())) == 2
    clear_checkpoints(tmp_path, older_than=timedelta(days=9))

    assert [path.name[:64] for path in tmp_path.iterdir()] == [ADDRESS]


@pytest.mark.parametrize(
    ("days", "is_cleared"), [(2, True), (0.5, False), (-0.5, False), (-2000, True)]
)
def test_dates_far_ahead_do_not_keep_files(tmp_path, days, is_cleared):
    """Clocks may differ by hours; a file that is dated years ahead is an old one."""
    save(tmp_path, 3, is_finished=True)
    (path,) = tmp_path.iterdir()
    age(path, days)

    clear_checkpoints(tmp_path, older_than=timedelta(days=1))

    assert path.exists() != is_cleared


@pytest.mark.parametrize("folder", ["", b""])
def test_empty_name_is_not_the_working_directory(tmp_path, monkeypatch, folder):
    """It is an error, and nothing is removed."""
    save(tmp_path, 3, is_finished=True)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ValueError, match="Got an empty name"):
        clear_checkpoints(folder)

    assert len(list(tmp_path.iterdir())) == 1


def test_no_folder_can_be_cleared(tmp_path):
    """A name that is mistyped is told."""
    with pytest.raises(NotADirectoryError, match="expects a folder"):
        clear_checkpoints(tmp_path / "none")


@pytest.mark.parametrize("older_than", [5, "3 days", 0])
def test_an_age_must_be_a_timedelta(tmp_path, older_than):
    """A plain number does not say of what."""
    with pytest.raises(TypeError, match=r"older_than=datetime\.timedelta"):
        clear_checkpoints(tmp_path, older_than=older_than)


def test_folder_may_be_bytes_and_hold_folders(tmp_path):
    """Folders are left alone, whatever they are called."""
    save(tmp_path, 3, is_finished=True)
    (path,) = tmp_path.iterdir()
    path.with_name(f"{OTHER}-running.checkpoint").mkdir()

    assert clear_checkpoints(os.fsencode(tmp_path)) > 0
    assert [each.name for each in tmp_path.iterdir()] == [f"{OTHER}-running.checkpoint"]


def test_a_folder_that_cannot_be_listed_is_a_warning(tmp_path):
    """As a link that leads to itself."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")

    with pytest.warns(UserWarning, match=r"checkpoint_dir=.*loop' can't be listed: "):
        assert Checkpoints(tmp_path / "loop", ADDRESS).found is None


def test_home_is_the_users(tmp_path, monkeypatch):
    """A tilde is no folder of that name."""
    monkeypatch.setenv("HOME", str(tmp_path))

    assert Checkpoints("~/kept", ADDRESS).folder == tmp_path / "kept"


def test_old_partial_files_are_removed(tmp_path):
    """What a kill left half-written goes when the same training goes on."""
    save(tmp_path, 3, must=True)
    paths = [
        tmp_path / f"{address}-running.checkpoint.{number}.partial"
        for address, number in ((ADDRESS, 1), (ADDRESS, 2), (OTHER, 3))
    ]
    for path in paths:
        path.write_text("half")
    for path in paths[1:]:
        age(path, 1)

    Checkpoints(tmp_path, ADDRESS).remove_partial_files()

    assert [path.exists() for path in paths] == [True, False, True]

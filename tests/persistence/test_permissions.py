"""Who may read files that are written, and what is said of those that can't be read."""

import os

import pytest

from sklcnn import CNNClassifier
from sklcnn.persistence import dump, load

on_posix = pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
is_root = os.name == "posix" and os.geteuid() == 0


@pytest.fixture
def path(tmp_path):
    """Give the path of a saved classifier."""
    dump(CNNClassifier(), tmp_path / "model.skops")
    return tmp_path / "model.skops"


@on_posix
@pytest.mark.skipif(is_root, reason="root reads everything")
def test_unreadable_file_is_told(path):
    """A file that may not be read raises what `open` raises."""
    path.chmod(0)

    with pytest.raises(PermissionError, match=r"load can't read the file: Permission"):
        load(path)


@on_posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o444])
def test_replaced_file_keeps_its_permissions(mode, path, tmp_path):
    """`dump` over a private file leaves it private, also through a link."""
    path.chmod(mode)
    (tmp_path / "link.skops").symlink_to(path)

    dump(CNNClassifier(dropout=0.25), path)
    assert path.stat().st_mode & 0o777 == mode
    dump(CNNClassifier(dropout=0.5), tmp_path / "link.skops")
    assert path.stat().st_mode & 0o777 == mode
    assert load(path).dropout == 0.5


@on_posix
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0, 0o666)])
def test_new_file_has_the_permissions_of_the_umask(mask, mode, tmp_path):
    """A file that was not there is as open as any that is written."""
    before = os.umask(mask)
    try:
        dump(CNNClassifier(), tmp_path / "model.skops")
    finally:
        os.umask(before)

    assert (tmp_path / "model.skops").stat().st_mode & 0o777 == mode


@pytest.mark.skipif(not is_root, reason="only root gives files away")
def test_replaced_file_keeps_its_owner(path):
    """A file of another user stays theirs."""
    os.chown(path, 1234, 2345)

    dump(CNNClassifier(), path)

    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)

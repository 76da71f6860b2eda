"""Atomic writing of files: complete, or not at all."""

import contextlib
import os
import stat


def write_atomically(path, pieces, temporary):
    """Write a file by way of a temporary file in the same folder.

    A file that is replaced keeps its permissions and, where the system allows it, its
    owner and group; at no moment may anybody else read the new one. A new file gets
    the permissions that `open` gives.

    Parameters
    ----------
    path : Path
        The file; one that exists is replaced.
    pieces : iterable of bytes-like
        Its content.
    temporary : Path
        The temporary file, which nothing else may be writing.
    """
    try:
        with open(temporary, "xb", opener=_opener(path)) as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            _copy_ownership(path, temporary)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _opener(path):
    """Make an opener of files that only the owner may read where one is replaced."""
    mode = 0o600 if path.exists() else 0o666
    return lambda name, flags: os.open(name, flags, mode)


def _copy_ownership(path, temporary):
    """Give a new file the owner, group and permissions of that which it replaces."""
    try:
        old = path.stat()
    except FileNotFoundError:
        return
    mode = stat.S_IMODE(old.st_mode)
    if hasattr(os, "chown") and not _has_owner(temporary, old):
        with contextlib.suppress(PermissionError):
            os.chown(temporary, old.st_uid, old.st_gid)
        if not _has_owner(temporary, old):
            with contextlib.suppress(PermissionError):
                os.chown(temporary, -1, old.st_gid)
    if hasattr(os, "chown") and temporary.stat().st_gid != old.st_gid:
        mode &= ~0o070  # else another group would get what was given to the old one
    os.chmod(temporary, mode)


def _has_owner(path, old):
    new = path.stat()
    return (new.st_uid, new.st_gid) == (old.st_uid, old.st_gid)

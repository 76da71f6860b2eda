"""Folders of checkpoints: which to write, which to go on from, which to remove."""

import contextlib
import errno
import math
import os
import re
import time
import warnings
from datetime import timedelta
from pathlib import Path

from sklcnn.network._checkpoint import read_checkpoint, write_checkpoint

NAME = re.compile(r"[0-9a-f]{64}-(running|\d+)\.checkpoint(\.[0-9a-f]+\.partial)?")
"""What this module calls its files."""

PAUSE = 50
"""How many times as long as a write took at least goes by until the next one."""

ABANDONED = 3600
"""After how many seconds a partial file is nobody's work any more."""

FULL = (errno.ENOSPC, errno.EDQUOT)
"""The errors of a disk that is full, which must not end a search that is half done."""


class Checkpoints:
    """The checkpoints of one training among those of others in a folder.

    A training at work keeps one file, `<address>-running`, which each write replaces at
    once; where it ends, the file is named after the number of its epochs. All that
    write to one address write the same numbers, so that no locks are needed.

    Parameters
    ----------
    folder : path-like
        Where the files lie.
    address : str
        What tells this training from others.
    last : int or None
        The last epoch, where the address does not tell it: shorter trainings with this
        address are then beginnings of this one.
    only_finished : bool
        Whether what is not finished can't be gone on with.
    """

    def __init__(self, folder, address, *, last=None, only_finished=False):
        if not os.fspath(folder):
            raise ValueError(
                "checkpoint_dir expects a folder. Got an empty name: use '.' for the "
                "current folder, or None to keep nothing."
            )
        self.folder = Path(os.fsdecode(folder)).expanduser()
        self.address = address
        self.last = last
        self.only_finished = only_finished
        self.statistics = None
        self._due = -math.inf
        self._is_beside_longer = False
        self._has_warned = False
        self.found = self._find()
        if self.found is not None:
            self.statistics = self.found.facts["statistics"]

    @property
    def is_finished(self):
        """Whether nothing is left to train."""
        return self.found is not None and self.found.is_finished

    def save(self, state, *, at_end=False, is_finished=False, must=False):
        """Write a checkpoint, unless the last write was just now for what it costs.

        Parameters
        ----------
        state : callable
            Gives facts and tensors as in `Checkpoint`, where they are asked for.
        at_end : bool, default=False
            Whether there won't be another chance to write.
        is_finished : bool, default=False
            Whether nothing is left to train.
        must : bool, default=False
            Whether to write at any rate, and to raise an error where the folder can't
            be written to. Otherwise, and where the disk is full, there is one warning,
            and training goes on without.

        Raises
        ------
        OSError
            If the folder can't be written to, though there is room.
        """
        start = time.monotonic()
        if not must and not is_finished and self.only_finished:
            return
        if not must and not at_end and start < self._due:
            return
        if self._is_beside_longer and not is_finished:
            return
        facts, tensors = state()
        end = f"{facts['n_epochs']:06d}" if is_finished else "running"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_checkpoint(
                self._path(end),
                facts | {"address": self.address, "statistics": self.statistics},
                tensors,
            )
            if is_finished and not self._is_beside_longer:
                self._path("running").unlink(missing_ok=True)
        except OSError as error:
            message = (
                f"checkpoint_dir={str(self.folder)!r} can't be written to: {error}."
            )
            if must and error.errno not in FULL:
                raise type(error)(f"{message} Use another folder.") from error
            if not self._has_warned:
                warnings.warn(f"{message} Training goes on without.", UserWarning)
            self._has_warned = True
        now = time.monotonic()
        self._due = now + PAUSE * (now - start)

    def remove_partial_files(self):
        """Remove what killed processes left half-written, if it is old enough."""
        for entry in _entries(self.folder):
            if entry.name.startswith(self.address) and entry.name.endswith(".partial"):
                with contextlib.suppress(OSError):
                    if time.time() - entry.stat().st_mtime > ABANDONED:
                        os.unlink(entry)

    def summary(self):
        """Tell in one line what was found, and how much room all files take up."""
        sizes = [_size(entry) for entry in _entries(self.folder)]
        n_epochs = self.found.facts["n_epochs"] if self.found is not None else 0
        news = f"this training goes on after {n_epochs} epochs"
        if n_epochs == 0:
            news = "this training is new"
        elif self.found.is_finished:
            news = f"this training of {n_epochs} epochs is finished"
        return (
            f"Checkpoints in {str(self.folder)!r}: {len(sizes)} files, "
            f"{sum(sizes) / 1e6:.1f} MB; {news}."
        )

    def _path(self, end):
        return self.folder / f"{self.address}-{end}.checkpoint"

    def _find(self):
        """Find the checkpoint that leaves the least to train, or None."""
        start, end = f"{self.address}-", ".checkpoint"
        ends = [
            entry.name.removeprefix(start).removesuffix(end)
            for entry in _entries(self.folder)
            if entry.name.startswith(start) and entry.name.endswith(end)
        ]
        best = None
        for name in sorted(filter(str.isdigit, ends), reverse=True):
            best = self._read(name)
            if best is not None:
                break
        if (best is not None and best.is_finished) or "running" not in ends:
            return best
        running = None if self.only_finished else self._read("running")
        return max(
            filter(None, (best, running)),
            key=lambda checkpoint: checkpoint.facts["n_epochs"],
            default=None,
        )

    def _read(self, end):
        """Read a checkpoint; None if it is damaged, gone or of too many epochs."""
        if end.isdigit() and self.last is not None and int(end) > self.last:
            return None
        path = self._path(end)
        try:
            checkpoint = read_checkpoint(path, self.address)
        except FileNotFoundError:  # by another process, which has finished
            return None
        except (OSError, ValueError, KeyError, AttributeError, RuntimeError) as error:
            warnings.warn(
                f"The checkpoint {str(path)!r} can't be used: {error}. It is left "
                "aside, and what it may have held is trained again.",
                UserWarning,
            )
            return None
        n_epochs = checkpoint.facts["n_epochs"]
        if self.last is not None and n_epochs > self.last:
            self._is_beside_longer = True  # which must not lose what it has done
            return None
        checkpoint.is_finished = end.isdigit() and (
            self.last in (None, n_epochs) or checkpoint.facts["stopped"]
        )
        with contextlib.suppress(OSError):  # so that what is in use does not get old
            os.utime(path)
        return checkpoint


def clear_checkpoints(folder, older_than=None):
    """Remove the checkpoints of `CNNClassifier` from a folder.

    Other files, and folders in it, are left alone.

    Parameters
    ----------
    folder : path-like
        The `checkpoint_dir` of classifiers.
    older_than : datetime.timedelta, default=None
        Remove only what was neither written nor used for so long. By default all.

    Returns
    -------
    n_bytes : int
        How much room the removed files took up.

    Raises
    ------
    NotADirectoryError
        If there is no such folder.
    TypeError
        If `older_than` is no timedelta.

    See Also
    --------
    sklcnn.CNNClassifier : Writes checkpoints where it has a `checkpoint_dir`.

    Examples
    --------
    >>> import tempfile
    >>> from datetime import timedelta
    >>> from sklcnn.persistence import clear_checkpoints
    >>> folder = tempfile.mkdtemp()
    >>> clear_checkpoints(folder, older_than=timedelta(days=30))
    0
    """
    folder = Path(os.fsdecode(folder)).expanduser()
    if not folder.is_dir():
        raise NotADirectoryError(
            f"clear_checkpoints expects a folder. {str(folder)!r} is none."
        )
    if older_than is not None and not isinstance(older_than, timedelta):
        raise TypeError(
            "clear_checkpoints expects older_than=datetime.timedelta(days=...). Got "
            f"{older_than!r}."
        )
    age = -math.inf if older_than is None else older_than.total_seconds()
    n_bytes = 0
    for entry in _entries(folder):
        with contextlib.suppress(FileNotFoundError):
            status = entry.stat()
            if time.time() - status.st_mtime > age:
                os.unlink(entry)
                n_bytes += status.st_size
    return n_bytes


def _entries(folder):
    """List the files in a folder that are checkpoints, or partly, by name."""
    try:
        with os.scandir(folder) as entries:
            return [
                entry
                for entry in entries
                if NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
            ]
    except OSError:
        return []


def _size(entry):
    try:
        return entry.stat().st_size
    except FileNotFoundError:
        return 0

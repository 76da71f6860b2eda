"""Folders of checkpoints: finding, writing and removing files."""

import contextlib
import math
import os
import re
import time
from datetime import timedelta
from pathlib import Path

import numpy as np

from sklcnn._folder_errors import raise_or_warn, warn_of_listing
from sklcnn._warnings import warn_user
from sklcnn.checkpoints._file import read_checkpoint, write_checkpoint

NAME = re.compile(r"[0-9a-f]{64}-(running|\d+)\.checkpoint(\.[0-9a-f]+\.partial)?")
"""Names of the files."""

PAUSE = 50
"""Minimum pause between writes, as a multiple of the duration of the last write."""

ABANDONED = 3600
"""Age in seconds after which a partial file counts as abandoned."""

MAX_SKEW = 86400
"""Number of seconds by which clocks of machines may differ."""

ROUNDING = 1e-5
"""Largest difference of outputs, by their scale, that counts as rounding."""


class Checkpoints:
    """Checkpoints of one training, in a folder that may hold those of others.

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
        Whether a training that is not finished can't be resumed.
    outputs : ndarray of shape (n_values,), default=None
        What the untrained network makes of some images. A checkpoint where they differ
        is that of a network whose code reads something else than it did.

    Attributes
    ----------
    found : Checkpoint or None
        The one that leaves the least to train.
    statistics : list or None
        Pixel range, mean and standard deviation of the images; set by who knows them.
    """

    def __init__(
        self, folder, address, *, last=None, only_finished=False, outputs=None
    ):
        if not os.fspath(folder):
            raise ValueError(
                "checkpoint_dir expects a folder. Got an empty name: use '.' for the "
                "current folder, or None to keep nothing."
            )
        self.folder = Path(os.fsdecode(folder)).expanduser()
        self.address = address
        self.last = last
        self.only_finished = only_finished
        self.outputs = None if outputs is None else np.asarray(outputs).tolist()
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
            known = {
                "address": self.address,
                "statistics": self.statistics,
                "outputs": self.outputs,
            }
            write_checkpoint(self._path(end), facts | known, tensors)
            if is_finished and not self._is_beside_longer:
                self._path("running").unlink(missing_ok=True)
        except OSError as error:
            raise_or_warn(
                error,
                "checkpoint_dir",
                self.folder,
                consequence="Training goes on without.",
                must=must,
                warns=not self._has_warned,
            )
            self._has_warned = True
        now = time.monotonic()
        self._due = now + PAUSE * (now - start)

    def reject(self, reason):
        """Warn that the checkpoint that was found can't be used, and forget it."""
        _warn_of(self.found.path, reason)
        self.found = None

    def discard(self):
        """Remove what is left of a training that ended, or that can't be finished."""
        if self._is_beside_longer:
            return
        with contextlib.suppress(OSError):
            self._path("running").unlink(missing_ok=True)

    def remove_partial_files(self):
        """Remove what killed processes left half-written, if it is old enough."""
        for entry in _entries(self.folder):
            if entry.name.startswith(self.address) and entry.name.endswith(".partial"):
                with contextlib.suppress(OSError):
                    if _age(entry.stat()) > ABANDONED:
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
            _warn_of(path, error)
            return None
        if not _are_close(checkpoint.facts.get("outputs"), self.outputs):
            _warn_of(path, "its network computes something else than the one at hand")
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


def _are_close(kept, outputs):
    """Compare what untrained networks make of some images, but for rounding."""
    if outputs is None or kept is None:
        return True
    kept, outputs = np.asarray(kept), np.asarray(outputs)
    if kept.shape != outputs.shape:
        return False
    scale = max(1.0, np.abs(outputs).max())
    return np.allclose(kept, outputs, rtol=0, atol=ROUNDING * scale, equal_nan=True)


def _warn_of(path, reason):
    warn_user(
        f"The checkpoint {str(path)!r} can't be used: {reason}. It is left aside, and "
        "what it may have held is trained again."
    )


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
    ValueError
        If `folder` is an empty name.

    See Also
    --------
    sklcnn.CNNClassifier : Write checkpoints where it has a `checkpoint_dir`.

    Examples
    --------
    >>> import tempfile
    >>> from datetime import timedelta
    >>> from sklcnn.persistence import clear_checkpoints
    >>> folder = tempfile.mkdtemp()
    >>> clear_checkpoints(folder, older_than=timedelta(days=30))
    0
    """
    if not os.fspath(folder):
        raise ValueError(
            "clear_checkpoints expects a folder. Got an empty name: use '.' for the "
            "current folder."
        )
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
            if _age(status) > age:
                os.unlink(entry)
                n_bytes += status.st_size
    return n_bytes


def _age(status):
    """Seconds since a file was written; infinite where its date lies ahead."""
    age = time.time() - status.st_mtime
    return math.inf if age < -MAX_SKEW else age


def _entries(folder):
    """List the files in a folder that have names of checkpoints or partial ones."""
    try:
        with os.scandir(folder) as entries:
            return [
                entry
                for entry in entries
                if NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
            ]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        warn_of_listing(error, "checkpoint_dir", folder, contents="Checkpoints")
        return []


def _size(entry):
    try:
        return entry.stat().st_size
    except FileNotFoundError:
        return 0

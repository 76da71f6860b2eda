"""Decoded images and facts of files kept in memory, for all who read them again."""

import os
from collections import OrderedDict

from sklcnn._fork_lock import ForkLock

MAX_BYTES = 2 * 2**30
"""The most that one process keeps, all estimators together."""

N_FACTS = 100_000
"""Number of facts of each kind that one process keeps."""


class _Group(dict):
    """Images that were made alike, by path, and the number of their bytes."""

    n_bytes = 0


class ImageCache:
    """Decoded images by file, up to a limit.

    Images that were made alike (by equal parameters of `ImageFiles`) are a group. When
    the limit is reached, other groups make room as a whole, the least recently used one
    first; a full cache of one group stays as it is, since a training that passes over
    all files in turn would otherwise push out each image just before it is needed.

    Parameters
    ----------
    max_bytes : int
        The limit.
    """

    def __init__(self, max_bytes):
        self.max_bytes = max_bytes
        self._groups = OrderedDict()  # the least recently used one first
        self._lock = ForkLock()

    @property
    def n_bytes(self):
        """Number of bytes of all images that are kept."""
        return sum(images.n_bytes for images in self._groups.values())

    def get(self, group, path, stamp):
        """Find the pixels of a file, and what it holds besides.

        Returns
        -------
        image : tuple of (ndarray, tuple of str) or None
            As from `decode`; None if it is absent or out of date.
        """
        with self._lock.held():
            images = self._use(group)
            kept_stamp, *image = images.get(path, (None,))
        return tuple(image) if image and kept_stamp == stamp else None

    def put(self, group, path, stamp, pixels, left_out=()):
        """Keep the pixels of a file, and what it holds besides, if there is room."""
        with self._lock.held():
            images = self._use(group)
            if path in images:
                images.n_bytes -= images.pop(path)[1].nbytes
            if images.n_bytes + pixels.nbytes <= self.max_bytes:
                while self.n_bytes + pixels.nbytes > self.max_bytes:
                    self._groups.popitem(last=False)
                images[path] = (stamp, pixels, left_out)
                images.n_bytes += pixels.nbytes

    def clear(self):
        """Forget everything."""
        with self._lock.held():
            self._groups.clear()

    def _use(self, group):
        """Give the images of a group, which is now the most recently used one."""
        images = self._groups.setdefault(group, _Group())
        self._groups.move_to_end(group)
        return images


CACHE = ImageCache(MAX_BYTES)


class FactCache:
    """What was found out about files, as long as they do not change.

    Parameters
    ----------
    n_kept : int
        Number of facts at which all are forgotten.
    """

    def __init__(self, n_kept):
        self.n_kept = n_kept
        self._facts = {}
        self._lock = ForkLock()

    def find(self, source, key, compute):
        """Give a fact of a source, computed unless it is known for this file.

        Parameters
        ----------
        source : object
            Whatever is no path is not remembered.
        key : hashable
            What the fact depends on besides the file.
        compute : callable
            A function of no arguments.

        Returns
        -------
        fact : object
        """
        stamp = stamp_of(source) if isinstance(source, str) else None
        if stamp is None:
            return compute()
        kept_stamp, fact = self._facts.get((source, key), (None, None))
        if kept_stamp != stamp:
            fact = compute()
            with self._lock.held():
                if len(self._facts) >= self.n_kept:
                    self._facts.clear()
                self._facts[source, key] = (stamp, fact)
        return fact

    def clear(self):
        """Forget everything."""
        with self._lock.held():
            self._facts.clear()


def stamp_of(path):
    """Tell one file, and one version of it, from the next; None where there is none.

    Copies and archives keep sizes and dates, and a relative path may come to mean
    another file: only the file's number and the date of its last change of any kind
    can't be set at will.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    dates = status.st_ctime_ns, status.st_mtime_ns
    return status.st_dev, status.st_ino, *dates, status.st_size


HEADERS, CHECKS, LOOKS = FactCache(N_FACTS), FactCache(N_FACTS), FactCache(N_FACTS)
"""Headers of files, whether files can be read, and what their pixels look like."""

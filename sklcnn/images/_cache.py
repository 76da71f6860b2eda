"""Decoded images kept in memory, for every fold that reads the same files."""

import threading

MAX_BYTES = 2 * 2**30
"""The most that one process keeps, all estimators together."""


class ImageCache:
    """Decoded images by file, up to a limit.

    Images that were made alike (by equal parameters of `ImageFiles`) are a group. When
    the limit is reached, groups that are no longer read make room, oldest first; a full
    cache of one group stays as it is, since a training that passes over all files in
    turn would otherwise push out each image just before it is needed.

    Parameters
    ----------
    max_bytes : int
        The limit.
    """

    def __init__(self, max_bytes):
        self.max_bytes = max_bytes
        self.n_bytes = 0
        self._groups = {}
        self._lock = threading.Lock()

    def get(self, group, path, stamp):
        """Give the pixels of a file, or None if they are absent or out of date."""
        kept_stamp, pixels = self._groups.get(group, {}).get(path, (None, None))
        return pixels if kept_stamp == stamp else None

    def put(self, group, path, stamp, pixels):
        """Keep the pixels of a file as long as there is room."""
        with self._lock:
            self._remove(group, path)
            self._make_room(group, pixels.nbytes)
            if self.n_bytes + pixels.nbytes <= self.max_bytes:
                self._groups.setdefault(group, {})[path] = (stamp, pixels)
                self.n_bytes += pixels.nbytes

    def clear(self):
        """Forget everything."""
        with self._lock:
            self._groups.clear()
            self.n_bytes = 0

    def _remove(self, group, path):
        _, pixels = self._groups.get(group, {}).pop(path, (None, None))
        if pixels is not None:
            self.n_bytes -= pixels.nbytes

    def _make_room(self, group, n_bytes):
        others = [other for other in self._groups if other != group]
        while self.n_bytes + n_bytes > self.max_bytes and others:
            dropped = self._groups.pop(others.pop(0))
            self.n_bytes -= sum(pixels.nbytes for _, pixels in dropped.values())


CACHE = ImageCache(MAX_BYTES)

"""Locks of threads that are free in forked processes."""

import os
import threading
import weakref


class ForkLock:
    """Lock that is free in a forked process, which lacks the threads that held it."""

    def __init__(self):
        self._lock = threading.Lock()
        _LOCKS.add(self)

    def held(self):
        """Hold the lock.

        Returns
        -------
        lock : threading.Lock
            For a `with` block, which gives back the lock it took, also if the process
            was forked within it.
        """
        return self._lock

    def renew(self):
        """Begin with a lock that nobody holds."""
        self._lock = threading.Lock()


_LOCKS = weakref.WeakSet()
"""All locks of this process."""


def _renew_all():
    for lock in _LOCKS:
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)

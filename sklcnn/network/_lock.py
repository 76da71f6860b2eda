"""Locks: of many readers or one writer, and of one training at a time."""

import contextlib
import os
import threading

_GUARD = threading.Lock()
"""Lock that guards what the locks of this module keep."""

_TRAINED = {}
"""Lock and number of its users of everything that is being trained, by its id."""


LONGEST_WAIT = 0.1
"""Seconds after which threads that wait look again."""


def _renew():
    """Free the locks of this module in a forked process, where no other thread is."""
    global _GUARD
    _GUARD = threading.Lock()
    _TRAINED.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


@contextlib.contextmanager
def one_at_a_time(thing):
    """Let one thread at a time train something; others wait for their turn."""
    with _GUARD:
        entry = _TRAINED.setdefault(id(thing), [threading.RLock(), 0])
        entry[1] += 1
    try:
        with entry[0]:
            yield
    finally:
        with _GUARD:
            entry[1] -= 1
            if not entry[1]:
                _TRAINED.pop(id(thing), None)


class ReadWriteLock:
    """Lock that many readers may hold at a time, or one writer.

    A thread that writes may read as well. New readers wait for a writer that waits.
    A forked process begins with a lock that is free, and with what the writer had
    begun to change undone.
    """

    def __init__(self):
        self._process = os.getpid()
        self._changed = threading.Condition()
        self._readers = {}
        self._writer = None
        self._undo = None
        self._n_waiting = 0

    @contextlib.contextmanager
    def reading(self):
        """Hold the lock together with other readers."""
        thread = self._thread()
        before = self._readers.get(thread, 0)
        try:  # from here on, as an interrupt may come at any line
            with self._changed:
                if self._writer != thread and not before:
                    self._wait(lambda: not (self._writer or self._n_waiting))
                self._readers[thread] = before + 1
            yield
        finally:
            self._readers[thread] = before
            self._notify()

    @contextlib.contextmanager
    def writing(self, undo=None):
        """Hold the lock alone; a thread that does may do so again.

        Parameters
        ----------
        undo : callable, default=None
            Undoes what was changed. Called before others may read where something
            fails, and in a forked process, which has lost the thread that writes.
        """
        thread = self._thread()
        before = self._writer, self._undo
        nested, taken = before[0] == thread, False
        try:
            with self._changed:
                self._n_waiting += 1
                try:
                    self._wait(lambda: self._is_free_for(thread))
                finally:
                    self._n_waiting -= 1
                before = (thread if nested else None), (before[1] if nested else None)
                taken = True
                self._writer, self._undo = thread, undo or before[1]
            yield
        except BaseException:
            if undo is not None and taken:
                undo()
            raise
        finally:
            if taken:
                self._writer, self._undo = before
            self._notify()

    def _wait(self, is_free):
        """Wait for a condition, of which an interrupted thread may not tell."""
        while not is_free():
            self._changed.wait(LONGEST_WAIT)

    def _notify(self):
        """Let threads that wait look again."""
        with self._changed:
            self._changed.notify_all()

    def _thread(self):
        """Number of this thread, for which a forked process gets a lock of its own."""
        if self._process != os.getpid():
            with _GUARD:
                if self._process != os.getpid():
                    self._take_over(threading.get_ident())
        return threading.get_ident()

    def _take_over(self, thread):
        """Keep what this thread holds, and undo what a thread that is gone had begun.

        Raises
        ------
        RuntimeError
            If that can't be undone.
        """
        readers, writer, undo = self._readers, self._writer, self._undo
        if writer not in (None, thread):
            if undo is None:
                raise RuntimeError(
                    "This process was forked while another thread changed the network, "
                    "which it has only half of. Fork before or after that, or start "
                    "processes by 'spawn' or with joblib's loky."
                )
            undo()
            writer = undo = None
        self.__init__()
        self._readers = {t: n for t, n in readers.items() if t == thread}
        self._writer, self._undo = writer, undo

    def is_writing(self):
        """Whether this thread holds the lock alone."""
        return self._writer == threading.get_ident()

    def _is_free_for(self, thread):
        others_read = any(n for t, n in list(self._readers.items()) if t != thread)
        return self._writer in (None, thread) and not others_read

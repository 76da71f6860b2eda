"""Lock that many readers may hold at a time, or one writer."""

import contextlib
import os
import threading


class ReadWriteLock:
    """Lock that many readers may hold at a time, or one writer.

    A thread that writes may read as well. New readers wait for a writer that waits.
    """

    def __init__(self):
        self._process = os.getpid()
        self._changed = threading.Condition()
        self._readers = {}
        self._writer = None
        self._n_waiting = 0

    @contextlib.contextmanager
    def reading(self):
        """Hold the lock together with other readers."""
        thread = self._thread()
        with self._changed:
            if self._writer != thread and thread not in self._readers:
                self._changed.wait_for(lambda: not (self._writer or self._n_waiting))
            self._readers[thread] = self._readers.get(thread, 0) + 1
        try:
            yield
        finally:
            with self._changed:
                self._readers[thread] -= 1
                if not self._readers[thread]:
                    del self._readers[thread]
                self._changed.notify_all()

    @contextlib.contextmanager
    def writing(self):
        """Hold the lock alone; a thread that does may do so again."""
        thread = self._thread()
        with self._changed:
            self._n_waiting += 1
            try:
                self._changed.wait_for(lambda: self._is_free_for(thread))
            finally:
                self._n_waiting -= 1
            before, self._writer = self._writer, thread
        try:
            yield
        finally:
            with self._changed:
                self._writer = before
                self._changed.notify_all()

    def _thread(self):
        """Number of this thread; a forked process begins with a lock that is free."""
        if self._process != os.getpid():
            self.__init__()
        return threading.get_ident()

    def is_writing(self):
        """Whether this thread holds the lock alone."""
        return self._writer == threading.get_ident()

    def _is_free_for(self, thread):
        others_read = any(reader != thread for reader in self._readers)
        return self._writer in (None, thread) and not others_read

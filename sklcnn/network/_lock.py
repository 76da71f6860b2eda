"""Turns and locks of threads, which neither interrupts nor forks leave behind."""

import os
import threading
import time

LONGEST_WAIT = 0.1
"""Seconds after which threads that wait look again."""

LONGEST_WAIT_TO_FORK = 10.0
"""Seconds that a fork waits for other threads to leave the network."""


class Holding:
    """Context that takes something and gives it back; here nothing.

    An interrupt may come before the first line of an exit, which then does nothing. Two
    blocks, as in ``with turn as t, t:``, have two exits, so that one interrupt can't
    keep both from their work. A second call of `take` or `give_back` changes nothing,
    and does what the first one left to be done.
    """

    def take(self):
        """Take it."""

    def give_back(self):
        """Give it back."""

    def __enter__(self):
        try:
            self.take()
            return self
        except BaseException:
            self.give_back()
            raise

    def __exit__(self, *error):
        self.give_back()


class Turn(Holding):
    """Turn of one thread at a time, which it may take again.

    Parameters
    ----------
    turns : dict
        The turns that are taken, by their keys.
    key : hashable
        Key of what is taken.
    """

    def __init__(self, turns, key):
        self.turns, self.key = turns, key
        self.thread = threading.get_ident()
        self.ended = threading.Lock()
        self.ended.acquire()

    def take(self, until=float("inf")):
        """Wait for the turn; give whether it came until a time of `monotonic`."""
        while True:
            # one operation, which no other thread and no interrupt comes between
            holder = self.turns.setdefault(self.key, self)
            if holder.thread == self.thread:
                return True
            if time.monotonic() > until:
                return False
            holder.wait()

    def is_taken(self):
        """Whether this thread has the turn."""
        holder = self.turns.get(self.key)
        return holder is not None and holder.thread == self.thread

    def give_back(self):
        """End the turn, if it is this one."""
        if self.turns.get(self.key) is self:
            self.turns.pop(self.key, None)
        self.tell()

    def wait(self):
        """Wait for the end, which an interrupted thread may not tell."""
        if self.ended.acquire(timeout=LONGEST_WAIT):
            self.tell()

    def tell(self):
        """Let threads that wait look again."""
        try:
            self.ended.release()
        except RuntimeError:  # they were told
            return


_TURNS = {}
"""Turns of the threads of this process."""


def one_at_a_time(thing):
    """Let one thread at a time train or change something; others wait for their turn.

    Parameters
    ----------
    thing : object
        What is told from others by its identity, or by its value if it is a str.

    Returns
    -------
    turn : Turn
        For a `with` block.
    """
    return Turn(_TURNS, thing if isinstance(thing, str) else id(thing))


class ReadWriteLock:
    """Lock that many readers may hold at a time, or one writer.

    A thread that writes may read as well. New readers wait for a writer that waits.
    A forked process begins with a lock that is free, and with what the writer had
    begun to change undone.
    """

    def __init__(self):
        self._process = os.getpid()
        self.readers = {}
        self.writers = {}

    def reading(self):
        """Hold the lock together with other readers.

        Returns
        -------
        holding : Holding
            For a `with` block.
        """
        self._take_over()
        return _Reading(self)

    def writing(self, undo=None):
        """Hold the lock alone; a thread that does may do so again.

        Parameters
        ----------
        undo : callable, default=None
            Undoes what was changed, also if called twice. Called before others may read
            where something fails, and in a forked process, which has lost the thread
            that writes.

        Returns
        -------
        holding : Holding
            For a `with` block.
        """
        self._take_over()
        return _Writing(self, undo)

    def is_writing(self):
        """Whether this thread holds the lock alone."""
        return self.writing().is_taken()

    def _take_over(self):
        """In a forked process, keep what this thread holds, and undo what others began.

        Raises
        ------
        RuntimeError
            If that can't be undone.
        """
        if self._process == os.getpid():
            return
        with one_at_a_time(self) as turn, turn:
            for reader in _of_others(self.readers, turn.thread):
                self.readers.pop(reader, None)
            writer = self.writers.get("writer")
            if writer is not None and writer.thread != turn.thread:
                writer.undo_after_fork()
                self.writers.clear()
            self._process = os.getpid()


class _Reading(Turn):
    """Hold on a lock, together with other readers."""

    def __init__(self, lock):
        super().__init__(lock.writers, "writer")
        self.readers = lock.readers

    def take(self):
        """Wait until no other thread writes."""
        is_nested = any(r.thread == self.thread for r in list(self.readers))
        while True:
            # first, so that a writer that comes sees it
            self.readers[self] = None
            writer = self.turns.get(self.key)
            if is_nested or writer is None or writer.thread == self.thread:
                return
            self.readers.pop(self, None)
            writer.wait()

    def give_back(self):
        """Read no more."""
        self.readers.pop(self, None)
        self.tell()


class _Writing(Turn):
    """Hold on a lock, alone."""

    def __init__(self, lock, undo=None):
        super().__init__(lock.writers, "writer")
        self.readers, self.undo, self.has_begun = lock.readers, undo, False

    def take(self, until=float("inf")):
        """Wait until no other thread writes or reads."""
        if not super().take(until):
            return
        while time.monotonic() <= until:
            others = _of_others(self.readers, self.thread)
            if not others:
                break
            others[0].wait()
        self.has_begun = True

    def __exit__(self, kind, *error):
        has_failed = kind is not None and self.has_begun
        if has_failed and self.undo is not None and self.is_taken():
            self.undo()
        self.give_back()

    def undo_after_fork(self):
        """Undo what the thread that wrote had begun, which is gone in this process."""
        if not self.has_begun:
            return
        if self.undo is None:
            raise RuntimeError(
                "This process was forked while another thread changed the network, "
                "which it has only half of. Fork before or after that, or start "
                "processes by 'spawn' or with joblib's loky."
            )
        self.undo()


def _of_others(holdings, thread):
    """List what other threads hold."""
    return [holding for holding in list(holdings) if holding.thread != thread]


COMPUTING = ReadWriteLock()
"""Lock that threads read while they compute outputs or gradients of a network.

Libraries in C have locks of their own. If a thread held one as another thread forked,
the new process would wait for it without end. So a fork waits for other threads to end
their batches, up to some seconds.
"""

_FORKS = threading.local()
"""The hold on `COMPUTING` of a thread that is about to fork."""


def _change_nothing():
    """Undo what a thread that was about to fork had begun."""


def _wait_to_fork():
    _FORKS.hold = COMPUTING.writing(undo=_change_nothing)
    _FORKS.hold.take(until=time.monotonic() + LONGEST_WAIT_TO_FORK)


def _go_on_after_fork():
    hold = getattr(_FORKS, "hold", None)
    if hold is not None:
        hold.give_back()


def _begin_in_child():
    """Forget what other threads hold, as no other thread is here."""
    for key, turn in list(_TURNS.items()):
        if turn.thread != threading.get_ident():
            _TURNS.pop(key, None)
    _go_on_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_wait_to_fork,
        after_in_parent=_go_on_after_fork,
        after_in_child=_begin_in_child,
    )

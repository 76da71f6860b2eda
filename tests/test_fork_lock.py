"""Locks exclude threads, and not forked processes."""

import os
import threading

import pytest

from sklcnn._fork_lock import ForkLock


def test_one_thread_at_a_time_holds_the_lock():
    """Others wait for it."""
    lock, n_inside, most = ForkLock(), [], []

    def enter():
        for _ in range(200):
            with lock.held():
                n_inside.append(1)
                most.append(len(n_inside))
                n_inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(most) == 800
    assert max(most) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system can't fork")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_every_lock_is_free_in_a_forked_process():
    """Also that which the thread that forks holds, and gives back in both processes."""
    locks = [ForkLock() for _ in range(3)]

    with locks[0].held(), locks[1].held():
        child = os.fork()
        if not child:
            are_free = all(lock.held().acquire(blocking=False) for lock in locks)
            os._exit(0 if are_free else 1)
        is_held = not locks[0].held().acquire(blocking=False)

    assert os.waitpid(child, 0)[1] == 0
    assert is_held
    assert locks[0].held().acquire(blocking=False)

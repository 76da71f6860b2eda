"""Turns and locks of threads, and forks beside them."""

import os
import threading
import time

import pytest

from sklcnn.network import _lock
from sklcnn.network._lock import COMPUTING, ReadWriteLock, one_at_a_time


def in_thread(function):
    """Start a function in a thread, and give the thread."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


@pytest.fixture
def held():
    """Give a function that holds something in another thread, until it is told."""
    is_over, threads = threading.Event(), []

    def hold(holding):
        has_begun = threading.Event()

        def work():
            with holding():
                has_begun.set()
                is_over.wait(10)

        threads.append(in_thread(work))
        has_begun.wait(10)
        return is_over

    yield hold
    is_over.set()
    for thread in threads:
        thread.join(10)


def test_a_thread_waits_for_its_turn(held):
    """And takes it again within, as often as it likes."""
    thing, order = object(), []
    is_over = held(lambda: one_at_a_time(thing))

    def work():
        with one_at_a_time(thing), one_at_a_time(thing) as turn, turn:
            order.append("second")

    thread = in_thread(work)
    thread.join(0.05)
    order.append("first")
    is_over.set()
    thread.join(10)

    assert order == ["first", "second"]
    assert not _lock._TURNS


def test_readers_share_and_writers_do_not(held):
    """A reader comes in beside a reader, and neither beside a writer."""
    lock, seen = ReadWriteLock(), []
    is_over = held(lock.reading)

    with lock.reading():
        seen.append("reader")
    writer = in_thread(lambda: [seen.append("writer") for _ in [lock.writing().take()]])
    writer.join(0.05)
    assert seen == ["reader"]
    is_over.set()
    writer.join(10)

    assert seen == ["reader", "writer"]


def test_a_reader_may_read_again_while_a_writer_waits(held):
    """Else both would wait without end."""
    lock = ReadWriteLock()

    with lock.reading():
        writer = in_thread(lambda: lock.writing().__enter__().give_back())
        writer.join(0.05)
        with lock.reading():
            assert writer.is_alive()
    writer.join(10)

    assert not writer.is_alive()
    assert not lock.readers
    assert not lock.writers


def test_what_fails_is_undone_before_others_read():
    """Once, although two exits are told of the error."""
    lock, undone = ReadWriteLock(), []

    with (
        pytest.raises(ArithmeticError),
        lock.writing(lambda: undone.append(lock.is_writing())) as hold,
        hold,
    ):
        raise ArithmeticError

    assert undone == [True]


forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system can't fork")
forking_beside_threads = pytest.mark.filterwarnings(
    "ignore:.*use of fork:DeprecationWarning"
)


def fork():
    """Fork; the child ends with 0 where it can compute, and no other thread does."""
    child = os.fork()
    if not child:
        with COMPUTING.reading() as hold, hold:
            os._exit(len(COMPUTING.readers) - 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@forking
@forking_beside_threads
def test_a_fork_waits_for_the_end_of_a_batch(held):
    """Of other threads, whose libraries may hold locks until then."""
    is_over = held(COMPUTING.reading)
    threading.Timer(0.2, is_over.set).start()
    start = time.monotonic()

    code = fork()

    assert code == 0
    assert time.monotonic() - start >= 0.15
    assert not COMPUTING.writers


@forking
@forking_beside_threads
def test_a_fork_does_not_wait_for_its_own_thread(held):
    """Such as one that a layer starts within a batch."""
    start = time.monotonic()

    with COMPUTING.reading():
        child = os.fork()
        if not child:
            os._exit(len(COMPUTING.readers))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert code == 1
    assert time.monotonic() - start < 5
    assert not COMPUTING.readers


@forking
@forking_beside_threads
def test_a_fork_waits_no_longer_than_it_says(held, monkeypatch):
    """The child is not to wait for a thread that it does not have."""
    monkeypatch.setattr(_lock, "LONGEST_WAIT_TO_FORK", 0.2)
    held(COMPUTING.reading)

    assert fork() == 0


@forking
@forking_beside_threads
def test_a_child_takes_turns_of_threads_that_are_gone(held):
    """They are free there, and still taken in the parent."""
    thing = object()
    held(lambda: one_at_a_time(thing))

    child = os.fork()
    if not child:
        with one_at_a_time(thing):
            os._exit(0)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert one_at_a_time(thing).take(until=0) is False

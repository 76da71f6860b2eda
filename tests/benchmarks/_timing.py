"""Measuring in turns, so that what disturbs one run disturbs all alike."""

import time


def clock_of(threads):
    """Choose the processor's time of one thread, or the clock on the wall of several.

    The processor's time is disturbed less by other programs.
    """
    return time.process_time if threads == 1 else time.perf_counter


def timed(function, clock=time.process_time):
    """Make a function that tells how many seconds another one takes."""

    def run():
        start = clock()
        function()
        return clock() - start

    return run


def alternate(runs, n_rounds):
    """Run everything in turns: A B A B.

    Parameters
    ----------
    runs : dict of str to callable or None
        What to run: each takes nothing and gives its seconds. None is missing.
    n_rounds : int
        How often.

    Returns
    -------
    seconds : dict of str to list of float or None
        The seconds of every round, None for what is missing.
    """
    seconds = {name: None if run is None else [] for name, run in runs.items()}
    for _ in range(n_rounds):
        for name, run in runs.items():
            if run is not None:
                seconds[name].append(run())
    return seconds


class Stopwatch:
    """A clock that can be stopped and goes on from where it stood.

    Parameters
    ----------
    clock : callable
        Tells seconds.
    """

    def __init__(self, clock=time.process_time):
        self.clock = clock
        self.seconds = 0.0

    def __enter__(self):
        self._started = self.clock()
        return self

    def __exit__(self, *error):
        self.seconds += self.clock() - self._started

"""Functions in processes of their own, which get real signals."""

import contextlib
import multiprocessing
import os
import signal
import time
import traceback

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["tests.reliability._warm_up"])
FRESH = multiprocessing.get_context("spawn")


class Job:
    """A function at work in another process.

    Parameters
    ----------
    function : callable
        Importable from a module.
    *arguments
        Its arguments, which can be pickled.
    context : multiprocessing context, default=FORKED
        Where the process comes from: a server that has imported everything, or, with
        FRESH, an interpreter of its own.

    Attributes
    ----------
    begun : float
        When the process had imported everything, by `time.monotonic`.
    """

    def __init__(self, function, *arguments, context=FORKED):
        self._answers, far = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_work, args=(far, function, arguments), daemon=False
        )
        self._process.start()
        far.close()
        self._answers.recv()
        self.begun = time.monotonic()

    def send(self, number):
        """Send a signal to the process and its children, as a terminal does."""
        os.killpg(self._process.pid, number)

    def result(self, timeout=120):
        """Wait for what the function returns; None where it was killed.

        A process that takes longer than `timeout` seconds is killed, and an error.
        """
        try:
            if not self._answers.poll(timeout):
                raise TimeoutError(f"no answer after {timeout} s")
            kind, answer = self._answers.recv()
        except EOFError:
            kind, answer = "killed", None
        finally:
            self._end()
        if kind == "error":
            raise RuntimeError(answer)
        return answer

    def _end(self):
        """Kill what is left: workers of joblib wait for more to do."""
        with contextlib.suppress(ProcessLookupError):
            self.send(signal.SIGKILL)
        self._process.join()
        self._answers.close()


def _work(answers, function, arguments):
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells may ignore it
    try:
        answers.send("begun")
        answers.send(("answer", function(*arguments)))
    except BaseException:
        answers.send(("error", traceback.format_exc()))


def timed(function, *arguments):
    """Run a function in a process: its result, and how many seconds it took."""
    job = Job(function, *arguments)
    result = job.result()
    return result, time.monotonic() - job.begun


def disturbed(number, moment, function, *arguments):
    """Run a function in a process that gets a signal after so many seconds."""
    job = Job(function, *arguments)
    time.sleep(max(0, job.begun + moment - time.monotonic()))
    with contextlib.suppress(ProcessLookupError):  # it may have ended
        job.send(number)
    return job.result()

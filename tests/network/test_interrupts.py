"""Callbacks that stop a training, and signals that come while they run."""

import _thread
import ctypes
import functools
import os
import signal
import threading
import time

import pytest
from skorch.callbacks import Callback

from sklcnn import CNNClassifier


class AtThirdEpoch(Callback):
    """Call a function at the end of the third epoch."""

    def __init__(self, function):
        self.function = function

    def on_epoch_end(self, net, **kwargs):
        """Call it."""
        if len(net.history) == 3:
            self.function()


@pytest.fixture
def handled_by():
    """Give the function that sets the handler of SIGINT."""
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals are handled in the main thread")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield functools.partial(signal.signal, signal.SIGINT)
    signal.signal(signal.SIGINT, before)


def fit_with(function, noise):
    """Train five epochs, of which the third ends with a function."""
    model = CNNClassifier(
        conv_channels=(4,),
        hidden_units=(),
        max_epochs=5,
        callbacks=[AtThirdEpoch(function)],
        random_state=0,
    )
    try:
        return "finished", model.fit(*noise)
    except KeyboardInterrupt:
        return "interrupted", model


def stop():
    """Raise what stops a training of skorch."""
    raise KeyboardInterrupt


def stop_for_a_reason():
    """Raise it while another exception is handled."""
    try:
        {}["loss"]
    except KeyError as error:
        raise KeyboardInterrupt("no loss") from error


def stop_as_asked():
    """Raise it after a signal that the callback took note of."""
    try:
        press()
    except KeyboardInterrupt:
        is_asked = True
    if is_asked:
        raise KeyboardInterrupt


@pytest.mark.usefixtures("handled_by")
@pytest.mark.parametrize("function", [stop, stop_for_a_reason])
def test_callbacks_stop_a_training(noise, function):
    """By raising KeyboardInterrupt, as those of skorch do; `fit` returns."""
    ending, model = fit_with(function, noise)

    assert ending == "finished"
    assert model.n_iter_ == 3


def test_a_callback_may_turn_an_interrupt_into_a_stop(noise, handled_by):
    """What it catches is its own affair."""
    handled_by(signal.default_int_handler)

    ending, _ = fit_with(stop_as_asked, noise)

    assert ending == "finished"


def press():
    """Send SIGINT, which is handled before anything else is called."""
    signal.raise_signal(signal.SIGINT)


def press_and_sleep():
    """Send SIGINT from another thread, to compiled code that waits."""
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
    time.sleep(5)


def press_and_compute():
    """Send SIGINT from another thread, to Python code at work."""
    threading.Timer(0.05, _thread.interrupt_main).start()
    end = time.monotonic() + 5
    while time.monotonic() < end:
        pass


def press_and_clean_up():
    """Send SIGINT, and raise it again."""
    try:
        press()
    except KeyboardInterrupt:
        time.sleep(0)
        raise


def press_and_replace():
    """Send SIGINT, and raise another one in its place."""
    try:
        press()
    except KeyboardInterrupt:
        raise KeyboardInterrupt("saved") from OSError("disk")


PRESSED = [
    press,
    press_and_sleep,
    press_and_compute,
    press_and_clean_up,
    press_and_replace,
]


@pytest.mark.usefixtures("handled_by")
@pytest.mark.parametrize("function", PRESSED)
def test_a_signal_within_a_callback_interrupts(noise, function):
    """It is raised again, and the last epoch that ended is kept."""
    ending, model = fit_with(function, noise)

    assert ending == "interrupted"
    assert model.n_iter_ == 2


def simple(signum, frame):
    """Raise KeyboardInterrupt, as the default handler does."""
    raise KeyboardInterrupt


def only_once(signum, frame):
    """Let the next signal end the process."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    raise KeyboardInterrupt("again to kill")


class Handler:
    """A handler with a state."""

    def __call__(self, *arguments):
        """Raise KeyboardInterrupt through another function."""
        simple(*arguments)


@pytest.mark.parametrize(
    "handler", [simple, only_once, Handler(), functools.partial(Handler.__call__, None)]
)
def test_handlers_of_ones_own_interrupt(noise, handled_by, handler):
    """Whatever they are made of; callbacks still stop a training beside them."""
    handled_by(handler)
    interrupted, _ = fit_with(press, noise)
    handled_by(handler)
    finished, _ = fit_with(stop, noise)

    assert (interrupted, finished) == ("interrupted", "finished")


@pytest.mark.usefixtures("handled_by")
def test_an_interrupt_of_before_has_no_part(noise):
    """A training that is started while one is handled is stopped or interrupted."""
    try:
        press()
    except KeyboardInterrupt:
        finished, _ = fit_with(stop, noise)
        interrupted, _ = fit_with(press, noise)

    assert (interrupted, finished) == ("interrupted", "finished")


def raise_in_this_thread():
    """Have KeyboardInterrupt raised in this thread, as schedulers do."""
    thread = ctypes.c_ulong(threading.get_ident())
    error = ctypes.py_object(KeyboardInterrupt)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, error)
    for _ in range(1000):
        pass


@pytest.mark.parametrize(
    ("function", "expected"),
    [(stop, "finished"), (raise_in_this_thread, "interrupted")],
)
def test_other_threads_are_stopped_and_interrupted_alike(noise, function, expected):
    """Signals do not come there, but exceptions from outside do."""
    endings = []
    thread = threading.Thread(
        target=lambda: endings.append(fit_with(function, noise)[0])
    )
    thread.start()
    thread.join()

    assert endings == [expected]


@pytest.mark.usefixtures("handled_by")
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_the_net_raises_interrupts_again(tiny, noise, method):
    """Unlike skorch's own, which takes half a training for a finished one."""
    X, y = noise
    net = tiny.fit(X, y).net_
    net.set_params(callbacks=[AtThirdEpoch(press)], max_epochs=4)

    with pytest.raises(KeyboardInterrupt):
        getattr(net, method)(X, y)

    assert len(net.history) == 2
    net.set_params(callbacks=[AtThirdEpoch(stop)])
    getattr(net, method)(X, y)
    assert len(net.history) == 3

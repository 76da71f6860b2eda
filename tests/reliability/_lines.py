"""Interrupts at the executed lines of a call, one after the other."""

import sys
import threading
from pathlib import Path

import numpy as np
import torch

from sklcnn import CNNClassifier
from sklcnn.augmentation import RandomFlip
from sklcnn.network._lock import _TURNS, COMPUTING
from tests.reliability._jobs import state_of

FILES = ("sklcnn", "contextlib", "threading.py")
"""Parts of the paths of files at whose lines a call is interrupted."""

X = np.random.default_rng(0).random((16, 8, 8), dtype=np.float32)
Y = np.arange(16) % 2
PATIENCE = 5
"""Seconds that another thread may take, or it counts as one that hangs."""


def make_model(**parameters):
    """Make a classifier whose epochs do not depend on how many there are."""
    model = CNNClassifier(
        conv_channels=(4,),
        hidden_units=(4,),
        dropout=0.3,
        max_epochs=3,
        lr_schedule="constant",
        weight_decay=0.0,
        random_state=0,
    )
    return model.set_params(**parameters)


def _begin(n_epochs=3):
    model = make_model(max_epochs=n_epochs)
    return model, lambda: model.fit(X, Y)


def _begin_frozen(n_epochs=3):
    model = make_model(max_epochs=n_epochs, freeze=True)
    augmented = RandomFlip().fit_transform(X)
    return model, lambda: model.fit(augmented, Y)


def _begin_stopped(n_epochs=3):
    # dark and bright images, so that the last epoch is the best one
    model = make_model(max_epochs=n_epochs, learning_rate=0.005, early_stopping=True)
    return model, lambda: model.fit(X + Y[:, np.newaxis, np.newaxis], Y)


def _go_on(n_epochs=3):
    model = make_model().fit(X, Y).set_params(warm_start=True, max_epochs=n_epochs)
    return model, lambda: model.fit(X, Y)


def _train_on(n_epochs=1):
    model = make_model().fit(X, Y)
    return model, lambda: [model.partial_fit(X, Y) for _ in range(n_epochs)]


def _predict(n_epochs=1):
    model = make_model().fit(X, Y)
    return model, lambda: model.predict_proba(X)


CALLS = {
    "fit": _begin,
    "frozen fit": _begin_frozen,
    "fit with early stopping": _begin_stopped,
    "warm fit": _go_on,
    "partial_fit": _train_on,
    "predict_proba": _predict,
}
"""For each call: what makes a classifier and the call, which trains some epochs."""


class Interrupter:
    """Raises KeyboardInterrupt at one of the lines that a call executes.

    Parameters
    ----------
    target : int
        Number of the line, from 1; 0 interrupts nothing.
    """

    def __init__(self, target):
        self.target = target
        self.n_lines, self.where = 0, None
        self.seen = {}

    def run(self, call):
        """Call it; give whether it was left in peace."""
        sys.settrace(self._enter)
        try:
            call()
        except BaseException as error:
            # a lock of Python that an interrupt left half taken raises RuntimeError
            while error is not None and not isinstance(error, KeyboardInterrupt):
                error = error.__context__
            if error is None:
                raise
            return False
        finally:
            sys.settrace(None)
        return True

    def _enter(self, frame, event, argument):
        path = frame.f_code.co_filename
        return self._look if any(part in path for part in FILES) else None

    def _look(self, frame, event, argument):
        if event == "line":
            self.n_lines += 1
            where = frame.f_code.co_filename, frame.f_lineno
            first, _ = self.seen.setdefault(where, (self.n_lines, None))
            self.seen[where] = first, self.n_lines
            if self.n_lines == self.target:
                self.where = f"{Path(where[0]).name}:{where[1]}"
                sys.settrace(None)
                raise KeyboardInterrupt
        return self._look


def interrupt_at_lines(name, n_interrupts):
    """Interrupt a call at some of its lines, all if None, and look what is left.

    A line that is executed more than once counts for its first and its last time.

    Returns
    -------
    problems : list of str
        Where an interrupt left something behind, and what.
    n_lines : int
        Number of lines to choose from.
    """
    torch.set_num_threads(2)
    states = _states_of(name)
    counter = Interrupter(0)
    counter.run(CALLS[name]()[1])
    targets = np.unique(list(counter.seen.values()))
    n_lines = len(targets)
    if n_interrupts is not None:
        rng = np.random.default_rng(0)
        targets = np.sort(rng.choice(targets, n_interrupts, replace=False))
    problems = []
    for target in targets:
        model, call = CALLS[name]()
        before, numbers = state_of(model), torch.get_rng_state()
        interrupter = Interrupter(target)
        interrupter.run(call)
        found = _look(model, before, states, numbers)
        if found:
            problems.append(f"{interrupter.where}: {', '.join(found)}")
    return problems, n_lines


def _states_of(name):
    """Give the digest of what is trained after each number of epochs."""
    states = {0: None}
    for n_epochs in (1, 2, 3):
        model, call = CALLS[name](n_epochs)
        states |= dict([state_of(model)])
        call()
        states |= dict([state_of(model)])
    return states


def _look(model, before, states, numbers):
    """List what an interrupt has left behind, and set it right."""
    problems = []
    n_epochs, digest = state_of(model)
    if digest != states[n_epochs]:
        problems.append(f"not the state after {n_epochs} epochs")
    if n_epochs < before[0]:
        problems.append("an earlier fit is lost")
    if torch.get_num_threads() != 2:
        problems.append(f"{torch.get_num_threads()} threads of torch")
        torch.set_num_threads(2)
    if not torch.is_grad_enabled() or torch.is_inference_mode_enabled():
        problems.append("no gradients in this thread")
        torch.inference_mode(False).__enter__()
    if not torch.equal(numbers, torch.get_rng_state()):
        problems.append("random numbers")
    if _TURNS or COMPUTING.readers or COMPUTING.writers:
        problems.append("a turn that is not over")
        for held in (_TURNS, COMPUTING.readers, COMPUTING.writers):
            held.clear()
    if n_epochs:
        if not all(p.requires_grad for p in model.net_.module_.parameters()):
            problems.append("frozen layers")
        other = threading.Thread(target=model.predict_proba, args=(X,), daemon=True)
        other.start()
        other.join(PATIENCE)
        if other.is_alive():
            problems.append("predictions hang")
        elif model.partial_fit(X, Y).n_iter_ != n_epochs + 1:
            problems.append("a training that does not go on")
    return problems

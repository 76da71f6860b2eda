"""Callers of one estimator: each counts answers that are not those of a single one."""

import multiprocessing
import os
import signal
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import joblib
import numpy as np
import torch
from sklearn.base import clone

from sklcnn import CNNClassifier
from tests.reliability._jobs import X, Y, make_model

METHODS = ("predict_proba", "transform", "predict")
LIMIT = 30
"""Seconds after which a forked child counts as one that hangs."""


def fit_with_threads(n_jobs=None):
    """Fit where torch has two threads, as it does by default, and has started them."""
    torch.set_num_threads(2)
    torch.ones(10**6).sum()
    model = CNNClassifier(
        conv_channels=(8,), dropout=0.3, max_epochs=2, n_jobs=n_jobs, random_state=0
    )
    return model.fit(X, Y)


def answers_of(model):
    """Give what each method says of all images."""
    return {name: getattr(model, name)(X) for name in METHODS}


def count_wrong(model, expected):
    """Count methods whose answers are not those expected."""
    answers = answers_of(model)
    return sum(not np.array_equal(answers[name], expected[name]) for name in METHODS)


def ask_in_threads(n_calls):
    """Ask from 8 threads while two others train; count wrong answers and trainings."""
    model = fit_with_threads()
    expected, is_over = answers_of(model), Event()

    def train(make):
        n_wrong = n_trained = 0
        while not is_over.is_set() or not n_trained:
            n_wrong += count_wrong(make().fit(X, Y), trained[make])
            n_trained += 1
        return n_wrong, n_trained

    makers = (lambda: clone(model), lambda: make_model(max_epochs=3))
    trained = {make: answers_of(make().fit(X, Y)) for make in makers}

    def ask(number):
        name = METHODS[number % len(METHODS)]
        return not np.array_equal(getattr(model, name)(X), expected[name])

    with ThreadPoolExecutor(2) as trainers, ThreadPoolExecutor(8) as callers:
        trainings = [trainers.submit(train, make) for make in makers]
        n_wrong = sum(callers.map(ask, range(n_calls)))
        is_over.set()
        results = [training.result() for training in trainings]
    return n_wrong + sum(wrong for wrong, _ in results), sum(n for _, n in results)


def serve(n_jobs):
    """Fork 4 workers that predict in 4 threads each, as gunicorn with --preload."""
    model = fit_with_threads(n_jobs)
    # a forked process has one thread, whose sums may be rounded otherwise
    expected = answers_of(model)

    def ask(number):
        name = METHODS[number % len(METHODS)]
        answer = getattr(model, name)(X)
        return np.allclose(answer, expected[name], atol=1e-6 if n_jobs else 0)

    def work():
        warnings.simplefilter("ignore")
        with ThreadPoolExecutor(4) as pool:
            return all(pool.map(ask, range(24)))

    return [wait_for(child) for child in [fork(work) for _ in range(4)]]


def fork(work):
    """Fork a child that ends with 0 where its work gives True."""
    child = os.fork()
    if child:
        return child
    try:
        os._exit(0 if work() else 1)
    except BaseException:
        os._exit(2)


def wait_for(child):
    """Wait for a child; kill one that hangs."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        process, status = os.waitpid(child, os.WNOHANG)
        if process:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def ask_backend(backend, n_rounds):
    """Predict and train in the workers of a backend of joblib."""
    model = fit_with_threads()
    expected = answers_of(model)
    n_wrong = 0
    for _ in range(n_rounds):
        with joblib.parallel_config(backend, n_jobs=2):
            tasks = [joblib.delayed(_ask_and_train)(model, expected)] * 4
            n_wrong += sum(joblib.Parallel()(tasks))
    return n_wrong


def ask_pool(method, n_rounds):
    """Predict and train in the processes of a pool."""
    model = fit_with_threads()
    expected = answers_of(model)
    with multiprocessing.get_context(method).Pool(2) as pool:
        arguments = [(model, expected)] * 4 * n_rounds
        return sum(pool.starmap_async(_ask_and_train, arguments).get(240))


def _ask_and_train(model, expected):
    return count_wrong(model, expected) + count_wrong(clone(model).fit(X, Y), expected)


def fork_beside_training(n_forks):
    """Fork at random moments beside a thread that trains; list how children ended.

    A child predicts with the network of the last whole epoch.
    """
    model, is_over = fit_with_threads(), Event()

    def train():
        while not is_over.is_set():
            model.partial_fit(X, Y)

    def work():
        warnings.simplefilter("ignore")
        return model.predict_proba(X).shape == (len(X), 10)

    rng = np.random.default_rng(0)
    with ThreadPoolExecutor(1) as trainer:
        training = trainer.submit(train)
        codes = []
        for pause in rng.uniform(0, 0.05, n_forks):
            time.sleep(pause)
            codes.append(wait_for(fork(work)))
        is_over.set()
        training.result()
    return codes

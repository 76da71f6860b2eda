"""Threads and processes: every caller gets what it would get alone."""

import contextlib
import copy
import multiprocessing
import os
import pickle
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import joblib
import numpy as np
import pytest
import sklearn
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.utils.fixes import parse_version
from skorch.callbacks import Callback

import sklcnn
from sklcnn import CNNClassifier
from sklcnn._feature_cache import _WRITING, FeatureCache
from sklcnn.images._cache import CACHE, HEADERS, FactCache
from sklcnn.network import one_at_a_time

HAS_CALLBACKS = parse_version(sklearn.__version__) >= parse_version("1.9")


@pytest.fixture
def two_threads():
    """Let torch use two threads, as it does by default."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_callers_in_threads_get_what_one_gets(digits):
    """8 threads predict, embed and train at a time, beside two that were fitted."""
    X, y = digits
    model = CNNClassifier(max_epochs=2, dropout=0.3, random_state=0)
    fitted = clone(model).fit(X, y)
    expected = {
        name: getattr(fitted, name)(X)
        for name in ("predict_proba", "transform", "predict")
    }
    weights = clone(model).fit(X, y).predict_proba(X)

    def ask(number):
        name = ["predict_proba", "transform", "predict", "fit"][number % 4]
        if name == "fit":
            return name, clone(model).fit(X, y).predict_proba(X)
        return name, getattr(fitted, name)(X)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(48)))

    for name, answer in answers:
        assert_array_equal(answer, weights if name == "fit" else expected[name])
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_predictions_beside_partial_fit_are_of_whole_epochs(digits):
    """They neither change the training nor see it half done."""
    X, y = digits
    model = CNNClassifier(
        dropout=0.3, conv_channels=(8,), batch_size=16, random_state=0
    )
    trained = clone(model).partial_fit(X, y, classes=range(10))
    states = [trained.predict_proba(X)]
    for _ in range(6):
        states.append(trained.partial_fit(X, y).predict_proba(X))
    model.partial_fit(X, y, classes=range(10))

    with ThreadPoolExecutor(5) as pool:
        training = pool.submit(lambda: [model.partial_fit(X, y) for _ in range(6)])
        seen = [pool.submit(model.predict_proba, X) for _ in range(40)]
        training.result()
        answers = [future.result() for future in seen]

    assert_array_equal(model.predict_proba(X), states[-1])
    for answer in answers:
        assert any(np.array_equal(answer, state) for state in states)


@pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn before 1.9")
@pytest.mark.usefixtures("two_threads")
def test_scoring_within_fit_changes_nothing(digits):
    """scikit-learn's monitor predicts after each epoch."""
    from sklearn.callback import ScoringMonitor

    X, y = digits
    model = CNNClassifier(max_epochs=3, dropout=0.2, random_state=0)
    expected = clone(model).fit(X, y)

    watched = clone(model).set_callbacks(ScoringMonitor(scoring="accuracy")).fit(X, y)

    assert_array_equal(watched.predict_proba(X), expected.predict_proba(X))
    assert len(watched.history_) == 3


def _fit_and_predict(model, X, y, n_jobs):
    torch.set_num_threads(2)
    probabilities = model.predict_proba(X)
    model = clone(model).set_params(n_jobs=n_jobs)
    return probabilities, model.fit(X, y).predict_proba(X)


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_do_not_hang(digits, method):
    """A forked one has lost the threads of torch, and does with one."""
    X, y = digits
    model = CNNClassifier(max_epochs=1, random_state=0).fit(X, y)
    torch.ones(10**6).sum()  # starts threads

    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        arguments = [(model, X, y, None)] * 2
        results = [
            pool.apply_async(_fit_and_predict, each).get(120) for each in arguments
        ]

    for predicted, trained in results:
        assert_array_equal(predicted, model.predict_proba(X))
        assert_array_equal(trained, model.predict_proba(X))


def _warnings_of(model, X, y):
    import warnings

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _fit_and_predict(model, X, y, 2)
    return [str(warning.message) for warning in caught]


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
@pytest.mark.usefixtures("two_threads")
def test_more_threads_in_a_forked_process_are_one(digits):
    """And a warning says so."""
    X, y = digits
    model = CNNClassifier(max_epochs=1, n_jobs=2, random_state=0).fit(X, y)

    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, context) as pool:
        messages = pool.submit(_warnings_of, model, X, y).result(120)

    assert any("n_jobs=2 is one thread in a forked process" in m for m in messages)


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
@pytest.mark.usefixtures("two_threads")
def test_multiprocessing_of_joblib_does_not_hang(digits):
    """After a fit in the parent."""
    X, y = digits
    model = CNNClassifier(max_epochs=1, random_state=0).fit(X, y)

    with joblib.parallel_config("multiprocessing", n_jobs=2):
        results = joblib.Parallel()(
            joblib.delayed(_fit_and_predict)(model, X, y, None) for _ in range(2)
        )

    for _, trained in results:
        assert_array_equal(trained, model.predict_proba(X))


def test_pickles_beside_training_are_whole(digits):
    """They are of the end of an epoch, and not damaged."""
    X, y = digits
    model = CNNClassifier(conv_channels=(8,), random_state=0)
    model.partial_fit(X, y, classes=range(10))

    with ThreadPoolExecutor(2) as pool:
        training = pool.submit(lambda: [model.partial_fit(X, y) for _ in range(4)])
        blobs = [pickle.dumps(model) for _ in range(40)]
        training.result()

    for blob in blobs:
        assert pickle.loads(blob).predict(X[:2]).shape == (2,)


@pytest.mark.parametrize("method", ["partial_fit", "warm", "net"])
def test_trainings_of_one_classifier_take_turns(noise, method):
    """Four threads train as one after the other would, from the first call on."""
    X, y = noise
    model = CNNClassifier(
        conv_channels=(4,), hidden_units=(), max_epochs=1, batch_size=4, random_state=0
    )
    if method != "partial_fit":
        model.set_params(warm_start=True, lr_schedule="constant").fit(X, y)
    expected = clone(model)
    if method != "partial_fit":
        expected.fit(X, y)

    def train(model):
        if method == "warm":
            model.fit(X, y)
        elif method == "net":
            model.net_.partial_fit(X, y)
        else:
            model.partial_fit(X, y, classes=[0, 1, 2])

    for _ in range(8):
        train(expected)
    _ = model.net_ if method == "net" else None
    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(train, model) for _ in range(8)]:
            future.result()

    assert model.n_iter_ == expected.n_iter_
    assert_array_equal(model.predict_proba(X), expected.predict_proba(X))


def test_warm_starts_plan_and_calibrate_in_their_turn(noise, monkeypatch):
    """No thread trains the network between the plan, the training and the end."""
    X, y = noise
    model = CNNClassifier(conv_channels=(4,), max_epochs=1, warm_start=True).fit(X, y)
    network, is_taken = model.net_.network, []

    def note(function):
        def noted(*args, **kwargs):
            is_taken.append(one_at_a_time(network).is_taken())
            return function(*args, **kwargs)

        return noted

    for name in ("plan_training", "calibrate_before", "calibrate_after"):
        function = getattr(sklcnn._classifier, name)
        monkeypatch.setattr(sklcnn._classifier, name, note(function))
    model.fit(X, y)

    assert is_taken == [True] * 3


class Forks(Callback):
    """Fork in the middle of an epoch, from another thread than that which trains."""

    def __init__(self, function):
        self.function = function

    def on_batch_end(self, net, training=None, **kwargs):
        """Wait for the thread that forks."""
        is_amid = training and len(net.history[-1, "batches"]) == 3
        if self.function is not None and is_amid:
            thread = threading.Thread(target=self.function)
            self.function = None  # also in the child, which trains as well
            thread.start()
            thread.join()


def run_in_fork(function):
    """Run a function in a forked process; give what it returned, or its error."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            answer = function()
        except BaseException as error:
            answer = error
        with os.fdopen(writer, "wb") as file:
            file.write(pickle.dumps(answer))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        answer = file.read()
    os.waitpid(child, 0)
    return pickle.loads(answer)


forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system can't fork")


def finish_in_time(function):
    """Call a function in a thread; tell whether it ends within seconds."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    thread.join(5)
    return not thread.is_alive()


@forking
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_process_forked_beside_reading_has_caches(tmp_path):
    """Locks that other threads held at that moment would be waited for for ever."""
    features = np.zeros((1, 3), np.float32)
    cache = FeatureCache(tmp_path, "address", 3, features.dtype)
    own = FactCache(n_kept=2)

    def use():
        CACHE.put("group", "path", (1,), np.zeros(3))
        for facts in (HEADERS, own):
            facts.find(__file__, "key", lambda: 1)
        cache.write([bytes(16)], features)

    locks = CACHE._lock, HEADERS._lock, own._lock, _WRITING
    with contextlib.ExitStack() as held:
        for lock in locks:
            held.enter_context(lock.held())
        assert run_in_fork(lambda: finish_in_time(use))

    assert cache.refresh()


@forking
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
@pytest.mark.usefixtures("two_threads")
def test_a_process_forked_beside_training_has_the_last_epoch(digits):
    """Its network, optimizer and history are those of before the epoch at work."""
    X, y = digits
    answers = []
    model = CNNClassifier(batch_size=16, random_state=0)
    model.partial_fit(X, y, classes=range(10)).partial_fit(X, y)
    expected = model.predict_proba(X), model.n_iter_
    following = copy.deepcopy(model).predict_proba(X)

    def ask():
        answer = model.predict_proba(X), model.n_iter_
        trained = model.partial_fit(X, y).predict_proba(X)
        return *answer, trained

    forks = Forks(lambda: answers.append(run_in_fork(ask)))
    model.net_.set_params(callbacks=[forks])

    model.partial_fit(X, y)

    (answer,) = answers
    assert not isinstance(answer, BaseException), answer
    assert_array_equal(answer[0], expected[0])
    assert answer[1] == expected[1]
    assert_array_equal(answer[2], model.predict_proba(X))
    assert not np.array_equal(model.predict_proba(X), following)


@forking
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_process_forked_amid_a_change_says_so(tiny, noise):
    """What can't be undone is an error, at each use."""
    network = tiny.fit(*noise)._network
    answers = []

    with network.lock.writing():
        thread = threading.Thread(
            target=lambda: answers.append(run_in_fork(lambda: network.logits(noise[0])))
        )
        thread.start()
        thread.join()

    assert isinstance(answers[0], RuntimeError)
    assert "forked while another thread changed the network" in str(answers[0])


@forking
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_callback_may_fork(tiny, noise):
    """A child of the thread that trains sees the network as it is then."""
    X, y = noise
    answers = []

    class ForksItself(Callback):
        def on_batch_end(self, net, **kwargs):
            now = net.network.logits(X)
            answers.append((now, run_in_fork(lambda: net.network.logits(X))))

    tiny.set_params(callbacks=[ForksItself()], max_epochs=1, batch_size=10).fit(X, y)

    for here, there in answers:
        assert_array_equal(here, there)


def test_half_an_epoch_is_never_seen(digits):
    """Where an epoch fails, it is undone before others predict."""
    X, y = digits
    model = CNNClassifier(conv_channels=(8,), batch_size=16, random_state=0)
    model.partial_fit(X, y, classes=range(10))
    expected = model.predict_proba(X)
    is_trained, answers = threading.Event(), []

    class Fails(Callback):
        def on_batch_end(self, net, **kwargs):
            if len(net.history[-1, "batches"]) == 4:
                is_trained.set()
                time.sleep(0.2)
                raise ArithmeticError("once")

    model.net_.set_params(callbacks=[Fails()])

    def ask():
        is_trained.wait()
        answers.append(model.predict_proba(X))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    with pytest.raises(ArithmeticError):
        model.partial_fit(X, y)
    for thread in threads:
        thread.join()

    for answer in answers:
        assert_array_equal(answer, expected)

"""Threads and processes: every caller gets what it would get alone."""

import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import joblib
import numpy as np
import pytest
import sklearn
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.utils.fixes import parse_version

from sklcnn import CNNClassifier

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

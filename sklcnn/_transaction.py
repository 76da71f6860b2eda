"""Trainings of an estimator as transactions: one at a time, undone where they fail."""

import contextlib

from sklcnn.network import one_at_a_time, torch_threads


@contextlib.contextmanager
def transaction(estimator):
    """Train an estimator in this thread alone, within its limit of CPU threads.

    Where something fails before an epoch has ended, all that was fitted is restored:
    attributes, range of pixels, number formats, the net. Other threads that train the
    same estimator wait.

    Parameters
    ----------
    estimator : CNNClassifier
        The estimator, fitted or not.
    """
    with one_at_a_time(estimator), torch_threads(estimator.n_jobs):
        before = dict(vars(estimator))
        n_epochs = _count_epochs(estimator)
        parts = [before[name] for name in ("_network", "_net") if name in before]
        restorers = [part.snapshot() for part in parts]
        try:
            yield
        except BaseException:
            is_same = vars(estimator).get("_network") is before.get("_network")
            if is_same and _count_epochs(estimator) == n_epochs:
                for restore in restorers:
                    restore()
                vars(estimator).clear()
                vars(estimator).update(before)
            raise


def _count_epochs(estimator):
    return estimator.n_iter_ if estimator.__sklearn_is_fitted__() else None

"""Trainings of an estimator as transactions: one at a time, undone where they fail."""

from sklcnn.network import Holding, one_at_a_time, torch_threads


class transaction(Holding):  # noqa: N801
    """Train an estimator in this thread alone, within its limit of CPU threads.

    Where something fails before an epoch has ended, all that was fitted is restored:
    attributes, range of pixels, number formats, the net. Other threads that train the
    same estimator wait.

    Parameters
    ----------
    estimator : CNNClassifier
        The estimator, fitted or not.
    """

    def __init__(self, estimator):
        self._estimator = estimator
        self._turn = one_at_a_time(estimator)
        self._threads = torch_threads(estimator.n_jobs)
        self._restorers = None

    def take(self):
        """Wait for other threads, and remember all that was fitted."""
        self._turn.take()
        self._threads.take()
        if self._restorers is None:
            self._before = dict(vars(self._estimator))
            self._n_epochs = _count_epochs(self._estimator)
            names = [name for name in ("_network", "_net") if name in self._before]
            self._restorers = [self._before[name].snapshot() for name in names]

    def __exit__(self, kind, *error):
        if kind is not None and self._turn.is_taken():
            self._undo()
        self.give_back()

    def _undo(self):
        """Restore all that was fitted, unless an epoch has ended."""
        now = vars(self._estimator)
        is_same = now.get("_network") is self._before.get("_network")
        if not is_same or _count_epochs(self._estimator) != self._n_epochs:
            return
        for restore in self._restorers:
            restore()
        now.update(self._before)
        for name in now.keys() - self._before.keys():
            del now[name]

    def give_back(self):
        """Let other threads train."""
        self._threads.give_back()
        self._turn.give_back()


def _count_epochs(estimator):
    return estimator.n_iter_ if estimator.__sklearn_is_fitted__() else None

"""Trainings of an estimator as transactions: one at a time, undone where they fail."""

from sklcnn.network import (
    Holding,
    gradients,
    one_at_a_time,
    resolve_parameters,
    torch_threads,
)


class transaction(Holding):  # noqa: N801
    """Train an estimator in this thread alone, within its limit of CPU threads.

    Where something fails, the estimator keeps what was trained until the end of the
    last epoch. If there was none, all that was fitted before is restored: attributes,
    range of pixels, number formats, the net. Other threads that train the same
    estimator wait.

    Parameters
    ----------
    estimator : CNNClassifier
        The estimator, fitted or not.
    """

    def __init__(self, estimator):
        self._estimator = estimator
        self._turn = one_at_a_time(estimator)
        self._threads = torch_threads(estimator.n_jobs)
        self._gradients = gradients(True)
        self._restorers = None
        self._training, self._fitted = None, {}

    def take(self):
        """Wait for other threads, and remember all that was fitted."""
        self._turn.take()
        self._threads.take()
        self._gradients.take()
        if self._restorers is None:
            self._before = dict(vars(self._estimator))
            names = [name for name in ("_network", "_net") if name in self._before]
            self._restorers = [self._before[name].snapshot() for name in names]

    def __exit__(self, kind, *error):
        if kind is not None and self._turn.is_taken() and not self.keep():
            self._undo()
        self.give_back()

    def begin(self, training, fitted):
        """Tell what is trained, and the attributes that the estimator gets by it.

        Parameters
        ----------
        training : Training
            The training.
        fitted : dict
            Attributes of the fitted estimator, but for those that follow from others.
        """
        self._fitted, self._training = fitted, training

    def keep(self):
        """Make the estimator a fitted one if an epoch has ended; give whether it is.

        Returns
        -------
        is_kept : bool
        """
        if self._training is None or not self._training.n_done:
            return False
        parameters = self._estimator.get_params(deep=False)
        resolved = resolve_parameters(self._training, parameters)
        vars(self._estimator).update(self._fitted, resolved_params_=resolved)
        return True

    def _undo(self):
        """Restore all that was fitted."""
        for restore in self._restorers:
            restore()
        now = vars(self._estimator)
        now.update(self._before)
        for name in now.keys() - self._before.keys():
            del now[name]

    def give_back(self):
        """Let other threads train."""
        self._gradients.give_back()
        self._threads.give_back()
        self._turn.give_back()

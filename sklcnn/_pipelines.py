"""Steps of pipelines, also within pipelines, searches and frozen estimators."""

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline


def unwrap(estimator, wrappers=()):
    """Find the estimator within fitted searches and frozen estimators.

    Parameters
    ----------
    estimator : estimator
        Any estimator.
    wrappers : tuple of types, default=()
        Meta-estimators whose `estimator_` is looked into as well.

    Returns
    -------
    estimator : estimator
        A Pipeline stays one.
    """
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        elif isinstance(estimator, wrappers) and hasattr(estimator, "estimator_"):
            estimator = estimator.estimator_
        else:
            return estimator


def flat_steps(estimator, wrappers=()):
    """List the steps that `X` goes through, the last one of which predicts.

    Parameters
    ----------
    estimator : estimator
        Any estimator; one that is no pipeline is the only step.
    wrappers : tuple of types, default=()
        As in `unwrap`.

    Returns
    -------
    steps : list of (str, estimator)
        Names within their own pipeline, and steps. Those that pass `X` on are left out.
    """
    return list(_iterate("", estimator, wrappers))


def _iterate(name, estimator, wrappers):
    estimator = unwrap(estimator, wrappers)
    if not isinstance(estimator, Pipeline):
        yield name, estimator
        return
    for inner, step in estimator.steps:
        if step is not None and step != "passthrough":
            yield from _iterate(inner, step, wrappers)

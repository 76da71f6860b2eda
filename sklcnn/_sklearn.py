"""The only door to scikit-learn's private helpers, whatever its version."""

import functools
from numbers import Integral

from sklearn.base import _fit_context as fit_context
from sklearn.model_selection import _search
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import (
    Interval,
    Options,
    StrOptions,
    validate_params,
)
from sklearn.utils._set_output import _get_container_adapter
from sklearn.utils.multiclass import _check_partial_fit_first_call
from sklearn.utils.validation import (
    _check_feature_names,
    _check_feature_names_in,
    _check_sample_weight,
    _num_samples,
)

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn before 1.9 has no callbacks

    class CallbackSupportMixin:
        """Stand-in where scikit-learn has no callbacks."""


N_JOBS = [
    Interval(Integral, None, -1, closed="right"),
    Interval(Integral, 1, None, closed="left"),
    None,
]
"""What a number of threads or processes may be, in words that scikit-learn checks."""

check_partial_fit_first_call = _check_partial_fit_first_call
check_feature_names = _check_feature_names
check_feature_names_in = _check_feature_names_in
check_sample_weight = _check_sample_weight
get_container_adapter = _get_container_adapter
num_samples = _num_samples
safe_indexing = _safe_indexing
BaseSearchCV = _search.BaseSearchCV


def begin_fit(estimator, n_epochs, **known):
    """Tell an estimator's callbacks that its fit begins.

    Returns
    -------
    task : CallbackContext or None
        None where scikit-learn has no callbacks.
    """
    if not hasattr(estimator, "_init_callback_context"):
        return None
    task = estimator._init_callback_context(max_subtasks=n_epochs)
    return task.call_on_fit_task_begin(estimator=estimator, **known)


def begin_epoch(fit_task, estimator, **known):
    """Tell an estimator's callbacks that an epoch of its fit begins."""
    if fit_task is None:
        return None
    task = fit_task.subcontext(task_name="epoch")
    return task.call_on_fit_task_begin(estimator=estimator, **known)


def end_task(task, estimator, fitted, **known):
    """Tell an estimator's callbacks that a task ends.

    Parameters
    ----------
    task : CallbackContext or None
        The task.
    estimator : estimator
        The estimator.
    fitted : dict
        Attributes that make a copy of the estimator a fitted one.
    **known : dict
        What callbacks may ask for.

    Returns
    -------
    stops : bool
        Whether a callback asks to stop.
    """
    return task is not None and task.call_on_fit_task_end(
        estimator=estimator, reconstruction_attributes=fitted, **known
    )


def fit_with_callbacks(method):
    """Decorate the `fit` of a step: parameters are checked, and callbacks told.

    The callbacks are those of scikit-learn, which a Pipeline hands on to its steps.
    """

    @fit_context(prefer_skip_nested_validation=True)
    @functools.wraps(method)
    def fit(estimator, X, y=None):
        task = begin_fit(estimator, 0, X=X, y=y)
        result = method(estimator, X, y)
        end_task(task, estimator, {}, X=X, y=y)
        return result

    return fit


def without_callbacks(step):
    """Take from a copy of a step what scikit-learn keeps of callbacks and containers.

    It changes no pixel, and is not to be pickled with the images.
    """
    for name in OF_CALLBACKS:
        vars(step).pop(name, None)
    return step


OF_CALLBACKS = (
    "_callback_fit_ctx",
    "_parent_callback_ctx",
    "_skl_callbacks",
    "_skl_callbacks_to_teardown",
    "_sklearn_output_config",
)
"""Attributes in which scikit-learn keeps them."""


__all__ = [
    "N_JOBS",
    "CallbackSupportMixin",
    "Interval",
    "Options",
    "StrOptions",
    "begin_epoch",
    "begin_fit",
    "check_feature_names",
    "check_feature_names_in",
    "check_partial_fit_first_call",
    "check_sample_weight",
    "end_task",
    "fit_context",
    "fit_with_callbacks",
    "get_container_adapter",
    "num_samples",
    "safe_indexing",
    "validate_params",
    "without_callbacks",
]

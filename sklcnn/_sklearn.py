"""The only door to scikit-learn's private helpers, whatever its version."""

from sklearn.base import _fit_context as fit_context
from sklearn.utils._param_validation import (
    Interval,
    Options,
    StrOptions,
    validate_params,
)
from sklearn.utils.multiclass import _check_partial_fit_first_call
from sklearn.utils.validation import _check_feature_names, _check_sample_weight

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn before 1.9 has no callbacks

    class CallbackSupportMixin:
        """Stand-in where scikit-learn has no callbacks."""


check_partial_fit_first_call = _check_partial_fit_first_call
check_feature_names = _check_feature_names
check_sample_weight = _check_sample_weight

__all__ = [
    "CallbackSupportMixin",
    "Interval",
    "Options",
    "StrOptions",
    "check_feature_names",
    "check_partial_fit_first_call",
    "check_sample_weight",
    "fit_context",
    "validate_params",
]

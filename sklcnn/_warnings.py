"""Warnings that name the line of the user."""

import sys
import warnings

PACKAGES = ("sklcnn", "sklearn", "skorch", "contextlib")
"""Packages whose lines are not the user's."""


def warn_user(message):
    """Warn at the innermost line that is of no package of this one's kind.

    Parameters
    ----------
    message : str
        What is wrong, and how to mend it.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and _is_of_package(frame.f_globals):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, UserWarning, stacklevel=level)


def _is_of_package(names):
    return str(names.get("__name__")).partition(".")[0] in PACKAGES

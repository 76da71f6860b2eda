"""Errors of folders in which estimators keep what they have computed."""

import errno

from sklcnn._warnings import warn_user

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Errors of a full disk, which must not end a search that is half done."""


def raise_or_warn(error, parameter, folder, *, consequence, must=True, warns=True):
    """Raise an error that names a folder that can't be written to, or warn of it.

    Parameters
    ----------
    error : OSError
        The error of the system.
    parameter : str
        The parameter of the estimator that names the folder.
    folder : Path
        The folder.
    consequence : str
        What becomes of the computation, for the warning.
    must : bool, default=True
        Whether the error is raised, unless the disk is full.
    warns : bool, default=True
        Whether there is a warning otherwise.

    Raises
    ------
    OSError
        Of the same `errno`, and so of the same type.
    """
    message = (
        f"{parameter}={str(folder)!r} can't be written to: {_without_number(error)}."
    )
    if must and error.errno not in FULL:
        mend = f"Use another folder, or {parameter}=None."
        raise OSError(error.errno, f"{message} {mend}") from error
    if warns:
        warn_user(f"{message} {consequence}")


def warn_of_listing(error, parameter, folder, *, contents):
    """Warn of a folder that can't be listed.

    Parameters
    ----------
    error : OSError
        The error of the system.
    parameter : str
        The parameter of the estimator that names the folder.
    folder : Path
        The folder.
    contents : str
        What is in it, as a plural noun.
    """
    warn_user(
        f"{parameter}={str(folder)!r} can't be listed: {_without_number(error)}. "
        f"{contents} in it are not found."
    )


def _without_number(error):
    """Give the text of an error without its number, which an error made of it has."""
    return str(error).removeprefix(f"[Errno {error.errno}] ")

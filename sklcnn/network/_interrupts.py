"""Interrupts by a signal, told from those that a callback raises to stop a training."""

import dis

RAISE = dis.opmap["RAISE_VARARGS"]
"""What a `raise` statement is compiled to."""


def is_raised_on_purpose(interrupt, *, outer=None):
    """Tell whether a KeyboardInterrupt comes from a `raise` statement of its own.

    A signal ends a function at any other instruction, or within the handler of the
    signal. What is raised again, or in place of what a signal raised, is a signal's.
    Where only compiled code can have raised it, it counts as a signal's, too.

    Parameters
    ----------
    interrupt : KeyboardInterrupt
        The caught exception.
    outer : BaseException or None
        The exception that was being handled before: it has no part in this one.

    Returns
    -------
    is_raised_on_purpose : bool
    """
    seen, errors = [outer, None], [interrupt]
    while errors:
        error = errors.pop()
        if any(error is other for other in seen):
            continue
        if isinstance(error, KeyboardInterrupt) and _is_by_signal(error):
            return False
        seen.append(error)
        errors += [error.__cause__, error.__context__]
    return True


def _is_by_signal(interrupt):
    """Look where an exception was raised, and who called the function that did."""
    traceback, before = interrupt.__traceback__, None
    while traceback is not None:
        if before is not None and _is_handler(traceback.tb_frame, before.tb_frame):
            return True
        traceback, before = traceback.tb_next, traceback
    if before is None or before.tb_lasti < 0:
        return True
    return before.tb_frame.f_code.co_code[before.tb_lasti] != RAISE


def _is_handler(frame, interrupted):
    """Tell whether a function was called as handlers are: with the frame it is in."""
    code = frame.f_code
    arguments = frame.f_locals
    names = code.co_varnames[: code.co_argcount]
    given = [arguments.get(name) for name in names]
    if code.co_flags & 0x04:  # *args
        position = code.co_argcount + code.co_kwonlyargcount
        given += arguments.get(code.co_varnames[position]) or ()
    return any(value is interrupted for value in given)

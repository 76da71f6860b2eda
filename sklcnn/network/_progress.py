"""The progress bar over the epochs."""

import multiprocessing
import sys

from tqdm.auto import tqdm

DELAY = 3.0
"""Seconds after which a bar appears that was not asked for."""


def progress_bar(progress, **options):
    """Make a progress bar, with the time that remains.

    Parameters
    ----------
    progress : bool or "auto"
        Whether it is shown, if there is anywhere to show it. "auto" shows it where
        somebody looks, and takes it away at the end, for trainings of over 3 seconds.
    **options : dict
        As in `tqdm`.

    Returns
    -------
    bar : tqdm
    """
    if progress == "auto":
        shown = is_looked_at()
        return tqdm(
            disable=not shown, delay=DELAY, leave=False, unit="epoch", **options
        )
    nowhere = sys.stderr is None and "ipykernel" not in sys.modules
    return tqdm(disable=not progress or nowhere, unit="epoch", **options)


def is_looked_at():
    """Whether this is the main process of a terminal or a notebook."""
    if multiprocessing.current_process().name != "MainProcess":  # workers share it
        return False
    if "ipykernel" in sys.modules:
        return True
    return bool(sys.stderr is not None and sys.stderr.isatty())

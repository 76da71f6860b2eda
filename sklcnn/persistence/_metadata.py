"""Facts beside a saved estimator: date, versions, and what its author notes down."""

import datetime
import importlib.metadata
import json
import platform
import sys

PACKAGES = ("scikit-learn", "skorch", "torch", "numpy")
MAX_SIZE = 2**20
"""Largest number of bytes of facts in a file."""


def make_facts(metadata, *, name):
    """Gather date, versions and metadata.

    Parameters
    ----------
    metadata : dict or None
        What the user notes down, of plain values.
    name : str
        Name of the function, for messages.

    Returns
    -------
    facts : dict
        `created`, `versions` and `metadata`.

    Raises
    ------
    ValueError
        If the metadata would not come back from JSON as they are.
    """
    metadata = {} if metadata is None else metadata
    try:
        text = json.dumps(metadata, allow_nan=False)
        is_same = isinstance(metadata, dict) and json.loads(text) == metadata
    except (TypeError, ValueError) as error:
        is_same, metadata = False, f"{metadata!r} ({error})"
    if not is_same:
        raise ValueError(
            f"{name} expects metadata to be a dict of what JSON holds: strings as "
            f"keys, and strings, numbers, lists and dicts as values. Got {metadata}. "
            "Convert others, for example by `float(score)` and `array.tolist()`."
        )
    if len(text) > MAX_SIZE // 2:
        raise ValueError(
            f"{name} expects metadata of at most {MAX_SIZE // 2} characters. Got "
            f"{len(text)}."
        )
    now = datetime.datetime.now(datetime.UTC)
    return {
        "created": now.isoformat(timespec="seconds"),
        "versions": _versions(),
        "metadata": metadata,
    }


def _versions():
    """Look up the versions of Python and of what a file depends on."""
    own = sys.modules["sklcnn"].__version__
    others = {package: importlib.metadata.version(package) for package in PACKAGES}
    return {"python": platform.python_version(), "sklcnn": own, **others}

"""Estimators to files and back: `dump` and `load`."""

import hashlib
import io
import json
import os
import uuid
import warnings
import zipfile
from pathlib import Path

from sklearn.base import BaseEstimator

from sklcnn._atomic_write import write_atomically
from sklcnn.persistence._content import FACTS
from sklcnn.persistence._metadata import make_facts
from sklcnn.persistence._trusted import find_untrusted, names_of

MARK = b"sklcnn 1 sha256="
"""Before the digest, in the comment that ends a file; it names the format."""

OUTSIDE = (
    "trees, forests and boosting, nearest neighbors (but with algorithm='brute'), "
    "Gaussian processes, and distributions of scipy in a RandomizedSearchCV"
)
"""Parts of scikit-learn that files don't hold: they are compiled, or may run code."""

LENGTH_OF_END = 2 + len(MARK) + 64


def dump(estimator, path, *, trusted=(), metadata=None):
    """Save an estimator to a file that holds data, and no code.

    Classifiers, pipelines of scikit-learn's steps and of ours, and fitted searches
    around them can be saved. Outside are parts of scikit-learn that are compiled or may
    run code: trees, forests and boosting, nearest neighbors (but with
    ``algorithm="brute"``), Gaussian processes, and distributions of scipy in a
    RandomizedSearchCV. The file is one of :mod:`skops.io`, with a digest of its
    content at the end. It is written beside the old file, if there is one, and then
    takes its place: no moment leaves half a file.

    Parameters
    ----------
    estimator : estimator
        What to save, fitted or not.
    path : str, bytes or path-like
        The file, by convention named ``*.skops``. One that is replaced keeps its
        permissions.
    trusted : list of type, callable or str, default=()
        Classes and functions of your own that the estimator may hold, or their names
        with their modules, such as ``"steps.RandomDots"``. Whoever loads the file has
        to name them, too.
    metadata : dict, default=None
        What else the file is to tell, such as the data, metrics, license and author: of
        strings, numbers, lists and dicts. `describe` shows it.

    Raises
    ------
    TypeError
        If `path` is no name of a file, such as an open file.
    ValueError
        If the estimator holds anything that `load` would refuse, such as a function or
        an estimator of your own, or that would not come back as it is. Functions of
        `ImageFunction` have to be public ones of scikit-image.

    See Also
    --------
    load : Load the file.
    describe : Describe what the file holds.
    to_onnx : Export an estimator for programs without this package.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklcnn import CNNClassifier
    >>> from sklcnn.persistence import dump, load
    >>> path = Path(tempfile.mkdtemp()) / "model.skops"
    >>> dump(CNNClassifier(dropout=0.5), path)
    >>> load(path)
    CNNClassifier(dropout=0.5)
    """
    path = check_target(path, name="dump")
    if not isinstance(estimator, BaseEstimator):
        raise ValueError(
            f"dump expects an estimator. Got {estimator!r}, which is of type "
            f"{type(estimator).__name__}, instead."
        )
    facts = make_facts(metadata, name="dump")
    own = names_of(trusted, name="dump")
    replace_file(path, _seal(_with_facts(_serialize(estimator, own), facts)))


def load(path, *, trusted=()):
    """Load an estimator from a file that `dump` wrote.

    Nothing is unpickled. The types and functions that a file names are looked up in a
    fixed list: the estimators of this package and of scikit-learn, except trees,
    forests and boosting, nearest neighbors by other algorithms than ``"brute"`` and
    Gaussian processes; what searches consist of, except distributions of scipy; and
    public functions of scikit-image that take images. A damaged file is refused,
    whatever the damage.

    Parameters
    ----------
    path : str, bytes or path-like
        The file.
    trusted : list of type, callable or str, default=()
        Classes and functions beyond that list to import and use, or their names with
        their modules. What they do with the content of the file is up to them: name
        only those whose code may see anything.

    Returns
    -------
    estimator : estimator
        As it was saved: it predicts the same, and can be cloned and trained on.

    Raises
    ------
    TypeError
        If `path` is no name of a file, such as an open file.
    OSError
        If the file can't be read, such as a FileNotFoundError.
    ValueError
        If it is damaged or not one of `dump`, would take more memory than it is long,
        or holds anything that is not in the list.

    See Also
    --------
    dump : Save the file.

    Notes
    -----
    The digest tells damage, not forgery: a file of a stranger may hold any data, such
    as weights of a network that is far too large, or that predicts as they like.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_digits
    >>> from sklcnn import CNNClassifier
    >>> from sklcnn.persistence import dump, load
    >>> X, y = load_digits().images[:50], load_digits().target[:50]
    >>> model = CNNClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> path = Path(tempfile.mkdtemp()) / "model.skops"
    >>> dump(model, path)
    >>> load(path).score(X, y) == model.score(X, y)
    True
    """
    path = as_path(path, name="load")
    own = names_of(trusted, name="load")
    sealed = read_file(path, name="load")
    try:
        data = unseal(sealed)
        known, untrusted = find_untrusted(data, own)
        if not untrusted:
            estimator = _deserialize(data, known)
    except Exception as error:
        raise ValueError(
            f"load can't use the file {str(path)!r}: {explain(error)}. Restore the "
            "file from a copy, or dump the estimator again."
        ) from error
    if untrusted:
        raise ValueError(
            f"load refuses the file {str(path)!r}: it holds {_name_all(untrusted)}, "
            "which is not among the types and functions that it trusts. If they come "
            "from the versions of sklcnn, scikit-learn or scikit-image that wrote the "
            "file, load it with those; if they are your own, name them in `trusted`; "
            "else don't trust the file."
        )
    return estimator


def read_file(path, *, name):
    """Read the bytes of a file; errors tell what it should be."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise type(error)(
            error.errno,
            f"{name} can't read the file: {error.strerror}. Give the path of a file "
            "that `sklcnn.persistence.dump` wrote",
            str(path),
        ) from error


def check_target(path, *, name):
    """Check the path of a file that is to be written, and make a Path of it."""
    path = as_path(path, name=name)
    if path.is_dir() or not path.parent.is_dir():
        problem = "is a folder" if path.is_dir() else "is in a folder that is not there"
        raise ValueError(
            f"{name} expects the name of a file, in a folder that exists. "
            f"{str(path)!r} {problem}."
        )
    return path


def as_path(path, *, name):
    """Make a Path of the name of a file."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise TypeError(
            f"{name} expects the name of a file, as a string, bytes or a path. Got an "
            f"object of type {type(path).__name__} instead."
        )
    return Path(os.fsdecode(path))


def _serialize(estimator, own):
    """Make bytes of an estimator, and see to it that they are loaded as it is."""
    import skops.io

    name = type(estimator).__name__
    try:
        data = _compress(skops.io.dumps(estimator))
        trusted, untrusted = find_untrusted(data, own)
    except Exception as error:
        raise ValueError(
            f"dump can't save this {name}: {explain(error)}. Take what can't be saved "
            "out of it, or save it with `joblib.dump`."
        ) from error
    if untrusted:
        raise ValueError(
            f"dump can't save this {name}: it holds {_name_all(untrusted)}, which "
            "`load` would not trust: it loads estimators of sklcnn and scikit-learn, "
            "plain values, and public functions of scikit-image. Outside are functions "
            f"and classes of your own, {OUTSIDE}. Take it out (of a search, dump "
            "`best_estimator_`), name what is your own in `trusted`, or save it with "
            "`joblib.dump` for those who trust the file."
        )
    _check_survives(data, trusted, name=name)
    return data


def _check_survives(data, trusted, *, name):
    """Load what was serialized, and compare what is serialized of that."""
    import skops.io

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            again = skops.io.dumps(_deserialize(data, trusted))
    except Exception as error:
        raise ValueError(
            f"dump can't save this {name}: it could not be loaded again: "
            f"{explain(error)}."
        ) from error
    before, after = _describe(data), _describe(again)
    if before != after:
        raise ValueError(
            f"dump can't save this {name}: {_first_difference(before, after)} would "
            "not come back as it is. In dictionaries, use only strings or only numbers "
            "as keys, and no bool."
        )


def _deserialize(data, trusted):
    import skops.io

    estimator = skops.io.loads(data, trusted=trusted)
    if not isinstance(estimator, BaseEstimator):
        raise ValueError(f"it holds a {type(estimator).__name__}, not an estimator")
    return estimator


def _describe(data):
    """Describe what skops wrote, alike for estimators that are alike."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        digests = {
            member.filename: (member.CRC, member.file_size)
            for member in archive.infolist()
        }
        schema = json.loads(archive.read("schema.json"))

    def describe(value):
        if isinstance(value, list):
            return [describe(item) for item in value]
        if not isinstance(value, dict):
            return value
        described = {k: describe(v) for k, v in value.items() if k != "__id__"}
        if isinstance(value.get("file"), str):
            described["file"] = digests[value["file"]]
        if value.get("__loader__") == "SetNode":
            described["content"].sort(key=repr)
        return described

    return describe(schema)


def _first_difference(before, after, place=""):
    """Name the first place where two descriptions differ, down to a whole value."""
    if isinstance(before, dict) and before.keys() == after.keys():
        for key in before:
            if before[key] != after[key] and key not in ("key_types", "file"):
                step = "" if key == "content" else f".{key}"
                return _first_difference(before[key], after[key], f"{place}{step}")
    elif isinstance(before, list) and len(before) == len(after):
        for i, (item, other) in enumerate(zip(before, after, strict=True)):
            if item != other:
                return _first_difference(item, other, f"{place}[{i}]")
    return place.lstrip(".") or "it"


def _compress(data):
    """Compress the description, which is long-winded, and leave the arrays alone."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as source,
        zipfile.ZipFile(buffer, "w") as target,
    ):
        for name in dict.fromkeys(source.namelist()):
            method = zipfile.ZIP_STORED
            if name == "schema.json":
                method = zipfile.ZIP_DEFLATED
            target.writestr(name, source.read(name), compress_type=method)
    return buffer.getvalue()


def _with_facts(data, facts):
    """Add facts to a zip file, beside what skops wrote."""
    buffer = io.BytesIO(data)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(FACTS, json.dumps(facts))
    return buffer.getvalue()


def _seal(data):
    """Add a digest of a zip file, as its comment."""
    body = memoryview(data)[:-2]  # the last are the length of the comment: none so far
    return b"".join([body, _end(body)])


def unseal(sealed):
    """Check the digest, and give the zip file."""
    body, end = memoryview(sealed)[:-LENGTH_OF_END], sealed[-LENGTH_OF_END:]
    if end == _end(body):
        return sealed
    if not sealed:
        raise ValueError("it is empty")
    if MARK in end or sealed.startswith(b"PK\3\4"):
        raise ValueError(
            "it is damaged or incomplete, or was not written by "
            "`sklcnn.persistence.dump`"
        )
    raise ValueError("it was not written by `sklcnn.persistence.dump`")


def _end(body):
    """Make the length and the text of the comment with the digest."""
    comment = MARK + hashlib.sha256(body).hexdigest().encode()
    return len(comment).to_bytes(2, "little") + comment


def replace_file(path, data):
    """Write a file in one step: it is there in full, or as it was before."""
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    write_atomically(target, [data], temporary)


def explain(error):
    if isinstance(error, RecursionError):
        return "it refers to itself, or is nested too deeply"
    text = str(error).strip().rstrip(".")
    known = isinstance(error, ValueError) and text
    return text if known else f"{type(error).__name__}: {text}"


def _name_all(untrusted):
    """Name types, and where they are."""
    return ", ".join(f"{name} (in {place})" for name, place in untrusted.items())

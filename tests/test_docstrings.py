"""Every public name is described in full."""

import importlib
import inspect
import pkgutil
import types

import pytest
from numpydoc.validate import validate

import sklcnn

IGNORED = {
    "GL01",  # a summary in the first line, to which numpydoc before 1.11 objects
    "ES01",  # one line is often all there is to say
    "RT02",  # a return value has a name where that says more than its type
}

OF_CLASS = {
    "EX01",  # methods are shown in the example of their class
    "SA01",  # likewise their relatives
}


INTERNAL = {"checkpoints", "network"}
"""Rooms whose names are for other rooms."""


def public_rooms():
    """List the package and its rooms that have public names."""
    yield sklcnn
    for info in pkgutil.iter_modules(sklcnn.__path__):
        if not info.name.startswith("_") and info.name not in INTERNAL:
            yield importlib.import_module(f"sklcnn.{info.name}")


def public_objects():
    """List public names and members by dotted path, with what they need not have."""
    for room in public_rooms():
        for name in room.__all__:
            thing = getattr(room, name)
            if isinstance(thing, str):
                continue
            path = f"{room.__name__}.{name}"
            yield path, IGNORED
            if inspect.isclass(thing):
                for member, value in vars(thing).items():
                    if isinstance(value, MEMBERS) and not member.startswith("_"):
                        yield f"{path}.{member}", IGNORED | OF_CLASS


MEMBERS = types.FunctionType, classmethod, staticmethod, property


@pytest.mark.parametrize(
    ("path", "ignored"), [pytest.param(*pair, id=pair[0]) for pair in public_objects()]
)
def test_public_name_is_documented(path, ignored):
    """Nothing is left for numpydoc to object to; names have See Also and Examples."""
    errors = [
        (code, message)
        for code, message in validate(path)["errors"]
        if code not in ignored
    ]

    assert not errors


def test_public_class_has_an_example():
    """The docstring of every public class and function has a doctest."""
    silent = [
        f"{room.__name__}.{name}"
        for room in public_rooms()
        for name in room.__all__
        if callable(getattr(room, name)) and ">>>" not in getattr(room, name).__doc__
    ]

    assert not silent


def test_public_name_has_one_import_path():
    """No name is public in two rooms."""
    names = [name for room in public_rooms() for name in room.__all__]

    assert len(names) == len(set(names))

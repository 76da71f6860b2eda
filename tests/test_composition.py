"""No class calls a method that only its heirs define."""

import ast
import importlib
import inspect
import pkgutil
import textwrap

import pytest

import sklcnn


def classes_of_the_package():
    """List the classes that are defined in the package."""
    found = {}
    for info in pkgutil.walk_packages(sklcnn.__path__, "sklcnn."):
        module = importlib.import_module(info.name)
        for thing in vars(module).values():
            if inspect.isclass(thing) and thing.__module__.startswith("sklcnn."):
                found[f"{thing.__module__}.{thing.__qualname__}"] = thing
    return found


CLASSES = classes_of_the_package()


def names_of_self(kind):
    """List the names that the methods of a class look up at, and set on, `self`.

    Returns
    -------
    used, kept : set of str
    """
    used, kept = set(), set()
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    for node in ast.walk(tree):
        is_self = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if is_self and node.value.id == "self":
            (used if isinstance(node.ctx, ast.Load) else kept).add(node.attr)
    return used, kept


def own_bases(kind):
    """List a class and those of its bases that are of this package."""
    return [base for base in kind.__mro__ if base in CLASSES.values()]


def upward_calls(kind):
    """List the names that a class uses and only classes under it define."""
    used, _ = names_of_self(kind)
    known = set().union(*(names_of_self(base)[1] for base in own_bases(kind)))
    missing = {name for name in used - known if not hasattr(kind, name)}
    heirs = [other for other in CLASSES.values() if kind in other.__mro__[1:]]
    below = {name for heir in heirs for name in vars(heir)}
    return missing & below


@pytest.mark.parametrize("kind", CLASSES.values(), ids=CLASSES)
def test_no_class_calls_upward(kind):
    """What a class needs, it has, is given, or declares abstract."""
    assert not upward_calls(kind)


def test_the_classifier_is_one_class():
    """Of this package's classes, it inherits from none but stand-ins."""
    bases = own_bases(sklcnn.CNNClassifier)

    assert {base.__module__ for base in bases[1:]} <= {"sklcnn._sklearn"}


if __name__ == "__main__":
    for name, kind in CLASSES.items():
        print(name, "calls", *(sorted(upward_calls(kind)) or ["nothing upward"]))

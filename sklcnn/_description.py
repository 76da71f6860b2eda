"""Values in words that are the same in every process, and differ where values do."""

import functools
import hashlib
import os
import sys
import types

import numpy as np
import torch

PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis))

BLOCK = 2**24
"""How many bytes of an array are hashed at a time."""

SKIPPED = {"__annotations__", "__doc__", "__firstlineno__", "__static_attributes__"}
"""What of a class changes nothing that it does."""


def describe(value, within=()):
    """Describe a value by what it holds, and code by what it does.

    Functions and classes of installed packages are told by name and version. All others
    are told by their compiled code, not their source, which may have been edited since;
    and by what they refer to: closures, defaults, and functions, classes and
    plain values of their module.

    Parameters
    ----------
    value : object
        Plain values, containers, arrays, tensors, functions, classes, and objects made
        of these.
    within : tuple of int
        The values in whose description this one stands.

    Returns
    -------
    description : tuple or plain value
        Of plain values only: its `repr` is the same in any process.

    Raises
    ------
    TypeError
        If the value, or something in it, does not tell what it holds.
    """
    if isinstance(value, np.generic):  # of which float64 is also a float
        value = value.item()
    if isinstance(value, PLAIN):
        return value
    if id(value) in within:  # by how far out, which is alike in every process
        return "again", len(within) - within.index(id(value))
    again = functools.partial(describe, within=(*within, id(value)))
    for kind, function in KINDS.items():
        if isinstance(value, kind):
            return function(value, again)
    if hasattr(value, "detach"):
        tensor = value.detach().cpu().contiguous()
        values = tensor.reshape(-1).view(torch.uint8).numpy()
        return "tensor", str(tensor.dtype), tuple(tensor.shape), hash_array(values)
    if isinstance(value, os.PathLike):
        return "path", os.fspath(value)
    if type(value).__module__ == "torch":
        return str(value)
    return _describe_object(value, again)


def hash_array(array):
    """Hash the values of an array, a block at a time."""
    sha = hashlib.sha256(f"{array.dtype.str} {array.shape}".encode())
    if array.ndim == 0:
        array = array[np.newaxis]
    n_rows = max(1, BLOCK // max(1, array.nbytes // max(1, len(array))))
    for start in range(0, len(array), n_rows):
        block = np.ascontiguousarray(array[start : start + n_rows])
        sha.update(block.reshape(-1).view(np.uint8).data)
    return sha.hexdigest()


def version_of(module):
    """Tell the version of the installed package that a module is of, if it is of one.

    Returns
    -------
    version : str or None
        None for modules that are nobody's release, such as scripts and notebooks.
    """
    top = str(module).partition(".")[0]
    if top in sys.stdlib_module_names:
        return sys.version.partition(" ")[0] if top != "__main__" else None
    package = sys.modules.get(top)
    path = str(getattr(package, "__file__", None))
    if top == "sklcnn" or "site-packages" in path or "dist-packages" in path:
        return str(getattr(package, "__version__", "unknown"))
    return None


def _describe_array(array, again):
    if array.dtype == object:
        return "array", array.shape, again(array.tolist())
    return "array", hash_array(array)


def _describe_dict(items, again):
    pairs = [(again(key), again(item)) for key, item in items.items()]
    return ("dict", *sorted(pairs, key=repr))


def _describe_class(kind, again):
    version = version_of(kind.__module__)
    if version is not None:
        return "class", _name(kind), version
    parts = {
        name: again(_function_in(part))
        for name, part in sorted(vars(kind).items())
        if isinstance(
            _function_in(part), (*PLAIN, types.FunctionType, tuple, list, dict)
        )
        and name not in SKIPPED
    }
    bases = tuple(again(base) for base in kind.__bases__ if base is not object)
    return "class", _name(kind), bases, tuple(parts.items())


def _function_in(part):
    """Unwrap methods and properties."""
    return getattr(part, "__func__", getattr(part, "fget", None)) or part


def _describe_function(function, again):
    version = version_of(function.__module__)
    if version is not None:
        return "function", _name(function), version
    try:
        cells = [cell.cell_contents for cell in function.__closure__ or ()]
    except ValueError as error:  # a function within itself, not yet bound
        raise TypeError(f"{_name(function)} is not complete") from error
    around = function.__globals__
    used = {
        name: again(around[name])
        for name in sorted(_names_in(function.__code__))
        if name in around and isinstance(around[name], FOLLOWED)
    }
    return (
        "function",
        _name(function),
        _describe_code(function.__code__),
        again(function.__defaults__),
        again(function.__kwdefaults__),
        again(cells),
        tuple(used.items()),
    )


def _describe_code(code):
    constants = tuple(
        _describe_code(constant)
        if isinstance(constant, types.CodeType)
        else describe(constant)
        for constant in code.co_consts
    )
    return code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars


def _names_in(code):
    """List the names of globals and attributes in a function and those within it."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names_in(constant)
    return names


def _describe_object(value, again):
    """Describe an object by all that it holds, learnt attributes included."""
    if not hasattr(value, "__dict__"):
        raise TypeError(f"{type(value).__name__} does not tell what it holds")
    return "object", again(type(value)), again(vars(value))


def _name(thing):
    return f"{thing.__module__}.{thing.__qualname__}"


KINDS = {
    np.ndarray: _describe_array,
    (list, tuple): lambda items, again: ("list", *map(again, items)),
    (set, frozenset): lambda items, again: (
        "set",
        *sorted(map(again, items), key=repr),
    ),
    dict: _describe_dict,
    type: _describe_class,
    types.FunctionType: _describe_function,
    types.MethodType: lambda method, again: (
        "method",
        again(method.__func__),
        again(method.__self__),
    ),
    types.ModuleType: lambda module, again: (
        "module",
        module.__name__,
        version_of(module.__name__),
    ),
    types.BuiltinFunctionType: lambda function, again: (
        "function",
        function.__qualname__,
        again(function.__self__),
    ),
    np.ufunc: lambda function, again: ("function", function.__name__),
    functools.partial: lambda partial, again: (
        "partial",
        again(partial.func),
        again(partial.args),
        again(partial.keywords),
    ),
}
"""How values of a type, or of one of several types, are described."""

FOLLOWED = (*PLAIN, *(list, tuple, dict, np.ndarray), type, types.FunctionType)
FOLLOWED += (types.ModuleType, functools.partial)
"""Which globals of a function are described along with it."""

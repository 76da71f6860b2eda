"""Process-independent fingerprints of Python values."""

import functools
import hashlib
import importlib.metadata
import importlib.util
import inspect
import linecache
import pathlib
import sys
import types

import numpy as np
import torch
from scipy import special

PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis))

NAMED_BY_TORCH = (torch.dtype, torch.device, torch.layout, torch.memory_format)

BLOCK = 2**24
"""Number of bytes of an array that are hashed at a time."""

SKIPPED = {
    "__abstractmethods__",
    "__annotate__",
    "__annotate_func__",
    "__annotations__",
    "__annotations_cache__",
    "__dataclass_fields__",
    "__dataclass_params__",
    "__dict__",
    "__doc__",
    "__firstlineno__",
    "__module__",
    "__slotnames__",
    "__static_attributes__",
    "__weakref__",
    "_abc_impl",
}
"""Attributes of a class that do not change what it does, or repeat its methods."""


def fingerprint(value):
    """Compute a fingerprint: equal for equal values, in any process.

    Functions and classes of installed packages are told by name and version. All others
    are told by their code and by the source of the file they are in. What such code
    reads elsewhere, in other files or in the environment, does not show.

    Parameters
    ----------
    value : object
        Plain values, containers, arrays, tensors, functions, classes, and objects made
        of these.

    Returns
    -------
    fingerprint : tuple or plain value
        Of plain values only: its `repr` is the same in any process.

    Raises
    ------
    TypeError
        If the value, or something in it, does not tell what it holds, or if code has
        no source.
    """
    try:
        return _Fingerprint().of(value)
    except (RuntimeError, ValueError) as error:  # too deep, or not as it should be
        raise TypeError(
            f"{type(value).__name__} has no fingerprint: {error}"
        ) from error


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
    """Version of the installed package that a module belongs to.

    Returns
    -------
    version : str or None
        None for modules that are nobody's release, such as scripts and notebooks.
    """
    top = str(module).partition(".")[0]
    if top in ("__main__", "__mp_main__"):
        return None
    if top in sys.stdlib_module_names:
        return sys.version.partition(" ")[0]
    if top in sys.modules:
        path = str(getattr(sys.modules[top], "__file__", None))
    else:  # not imported yet, which is not to make a difference
        spec = importlib.util.find_spec(top) if top else None
        path = str(spec and spec.origin)
    if top == "sklcnn" or "site-packages" in path or "dist-packages" in path:
        return _installed_version(top)
    return None


@functools.cache
def _installed_version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # its distribution is named else
        module = importlib.import_module(package)
        return str(getattr(module, "__version__", "unknown"))


class _Fingerprint:
    """Walk through a value, which may meet some things more than once."""

    def __init__(self):
        self.within = []
        self.numbers = {}
        self.met = []  # kept alive, so that no other thing gets the same id

    def of(self, value):
        """Compute the fingerprint of a value, wherever it stands."""
        if isinstance(value, np.generic):  # other sums than with a plain number
            return "scalar", self.of(np.array(value))
        if type(value) in PLAIN:
            return value
        if isinstance(value, NAMED_BY_TORCH):
            return str(value)
        if isinstance(value, CODE):
            if id(value) in self.numbers:
                return "seen", self.numbers[id(value)]
            self.numbers[id(value)] = len(self.numbers)
            self.met.append(value)
        if id(value) in self.within:  # by how far out, which is alike in every process
            return "again", len(self.within) - self.within.index(id(value))
        self.within.append(id(value))
        try:
            return KINDS.get(type(value), _kind_of_others(value))(value, self.of)
        finally:
            self.within.pop()


def _describe_array(array, of):
    if array.dtype == object:
        return "array", array.shape, of(array.tolist())
    if array.dtype.hasobject:
        raise TypeError(f"an array of {array.dtype} does not tell what it holds")
    return "array", str(array.dtype.descr), hash_array(array)


def _describe_tensor(tensor, of):
    if tensor.layout != torch.strided or tensor.is_meta:
        raise TypeError(f"a tensor of {tensor.layout} does not tell what it holds")
    values = tensor.detach().resolve_conj().resolve_neg().cpu().contiguous()
    values = hash_array(values.reshape(-1).view(torch.uint8).numpy())
    kind = type(tensor).__name__, str(tensor.dtype), tensor.requires_grad
    return "tensor", *kind, tuple(tensor.shape), values


def _describe_set(items, of):
    # in an order that what was met before has no part in
    return ("set", *map(of, sorted(items, key=lambda item: repr(fingerprint(item)))))


def _describe_dict(items, of):
    return ("dict", *((of(key), of(item)) for key, item in items.items()))


def _describe_by_name(kind, of):
    return "named", _name(kind), version_of(kind.__module__)


def _describe_class(kind, of):
    if _is_installed(kind, kind.__module__):
        return _describe_by_name(kind, of)
    parts = [
        (name, of(part))
        for name, part in sorted(vars(kind).items())
        if name not in SKIPPED
        and not isinstance(part, SLOTS)
        and not _is_generated(part, kind)
    ]
    bases = [of(base) for base in (type(kind), *kind.__bases__)]
    return "class", _name(kind), *bases, *parts


def _is_generated(part, kind):
    """Whether a method was made from the fields of a class, and has no source."""
    has_fields = hasattr(kind, "__dataclass_fields__") or hasattr(kind, "_fields")
    code = getattr(inspect.unwrap(part), "__code__", None) if has_fields else None
    return code is not None and code.co_filename.startswith("<string")


def _describe_function(function, of):
    if _is_installed(function, function.__globals__.get("__name__")):
        return _describe_by_name(function, of)
    try:
        cells = [cell.cell_contents for cell in function.__closure__ or ()]
    except ValueError as error:  # a function within itself, not yet bound
        raise TypeError(f"{_name(function)} is not complete") from error
    kept = (function.__defaults__, function.__kwdefaults__, vars(function), cells)
    code = function.__code__
    return "function", _name(function), _describe_code(code, of), *map(of, kept)


def _is_installed(thing, module):
    """Tell whether a function or class is that of its name in a package."""
    if version_of(module) is None or version_of(thing.__module__) is None:
        return False
    found = sys.modules.get(thing.__module__)
    for name in thing.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is thing


def _describe_code(code, of):
    constants = tuple(
        _describe_code(constant, of)
        if isinstance(constant, types.CodeType)
        else of(constant)
        for constant in code.co_consts
    )
    names = code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
    arguments = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount
    source = _hash_source(code.co_filename, code.co_name)
    return code.co_code, constants, *names, *arguments, code.co_flags, source


def _hash_source(path, name):
    """Hash the source of the file, or of the cell of a notebook, that code is in."""
    lines = linecache.getlines(path)
    if not lines:
        raise TypeError(f"the source of {name} is not there")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _describe_module(module, of):
    version = version_of(module.__name__)
    if version is not None:
        return "module", module.__name__, version
    return "module", _hash_source(str(module.__file__), module.__name__)


def _describe_object(value, of):
    """Describe an object by what its pickle would hold."""
    message = f"{type(value).__name__} does not tell what it holds"
    if isinstance(value, (set, frozenset)):  # in an order that changes
        raise TypeError(message)
    try:
        reduced = value.__reduce_ex__(2)
    except Exception as error:
        raise TypeError(message) from error
    if isinstance(reduced, str):
        return "named", reduced, of(type(value))
    made_by, arguments, held, items, pairs, setter = (*reduced, *[None] * 4)[:6]
    if isinstance(held, dict):  # attributes, whose order says nothing
        held = sorted(held.items())
    contents = [setter, *(list(part or ()) for part in (items, pairs))]
    return "object", of(type(value)), of(made_by), of(arguments), of(held), of(contents)


def _describe_ufunc(function, of):
    if function not in (
        getattr(np, function.__name__, None),
        vars(special).get(function.__name__),
    ):
        raise TypeError(f"{function.__name__} does not tell what it holds")
    return "ufunc", function.__name__


def _name(thing):
    module = str(thing.__module__).replace("__mp_main__", "__main__")
    return f"{module}.{thing.__qualname__}"


def _by(kind, *names):
    """Describe things of a kind by some of their attributes."""
    return lambda value, of: (kind, *(of(getattr(value, name)) for name in names))


CODE = (type, types.FunctionType)
"""Kinds of values that are described once, where they are met first."""

SLOTS = (types.MemberDescriptorType, types.GetSetDescriptorType)

CACHED = type(functools.cache(len))

KINDS = {
    np.ndarray: _describe_array,
    np.memmap: _describe_array,
    torch.Tensor: _describe_tensor,
    torch.nn.Parameter: _describe_tensor,
    list: lambda items, of: ("list", *map(of, items)),
    tuple: lambda items, of: ("tuple", *map(of, items)),
    set: _describe_set,
    frozenset: _describe_set,
    dict: _describe_dict,
    types.MappingProxyType: _describe_dict,
    types.FunctionType: _describe_function,
    types.ModuleType: _describe_module,
    types.MethodType: _by("method", "__func__", "__self__"),
    types.BuiltinFunctionType: _by("function", "__qualname__", "__self__"),
    types.MethodDescriptorType: _by("function", "__qualname__"),
    types.WrapperDescriptorType: _by("function", "__qualname__"),
    types.ClassMethodDescriptorType: _by("function", "__qualname__"),
    np.ufunc: _describe_ufunc,
    functools.partial: _by("partial", "func", "args", "keywords"),
    functools.cached_property: _by("property", "func"),
    CACHED: _by("cached", "__wrapped__"),
    classmethod: _by("classmethod", "__func__"),
    staticmethod: _by("staticmethod", "__func__"),
    property: _by("property", "fget", "fset", "fdel"),
}
"""From exact types to what describes their values."""


def _kind_of_others(value):
    """Find what describes a value of a type that is not in `KINDS`."""
    if isinstance(value, type):
        return _describe_class
    if isinstance(value, pathlib.PurePath):
        return lambda path, of: ("path", str(path))
    return _describe_object

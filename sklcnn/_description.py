"""Values in words that are the same in every process, and differ where values do."""

import builtins
import dis
import functools
import hashlib
import importlib.metadata
import importlib.util
import pathlib
import sys
import types

import numpy as np
import torch
from scipy import special

PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis))

NAMED_BY_TORCH = (torch.dtype, torch.device, torch.layout, torch.memory_format)

BLOCK = 2**24
"""How many bytes of an array are hashed at a time."""

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
"""What of a class changes nothing that it does, or stands in its methods, too."""


def describe(value):
    """Describe a value by what it holds, and code by what it does.

    Functions and classes of installed packages are told by name and version. All others
    are told by their compiled code, not their source, which may have been edited since;
    and by all that they refer to: closures, defaults, globals, attributes of modules.
    Nothing is left out: what can't be described is an error.

    Parameters
    ----------
    value : object
        Plain values, containers, arrays, tensors, functions, classes, and objects made
        of these.

    Returns
    -------
    description : tuple or plain value
        Of plain values only: its `repr` is the same in any process.

    Raises
    ------
    TypeError
        If the value, or something in it, does not tell what it holds.
    """
    try:
        return _Description().of(value)
    except (RuntimeError, ValueError) as error:  # too deep, or not as it should be
        raise TypeError(
            f"{type(value).__name__} can't be described: {error}"
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
    """Tell the version of the installed package that a module is of, if it is of one.

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


class _Description:
    """The way through a value, which meets some things more than once."""

    def __init__(self):
        self.within = []
        self.numbers = {}
        self.met = []  # kept alive, so that no other thing gets the same id

    def of(self, value):
        """Describe a value, in whatever it stands."""
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
    return ("set", *map(of, sorted(items, key=lambda item: repr(describe(item)))))


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
        if name not in SKIPPED and not isinstance(part, SLOTS)
    ]
    bases = [of(base) for base in (type(kind), *kind.__bases__)]
    return "class", _name(kind), *bases, *parts


def _describe_function(function, of):
    if _is_installed(function, function.__globals__.get("__name__")):
        return _describe_by_name(function, of)
    try:
        cells = [cell.cell_contents for cell in function.__closure__ or ()]
    except ValueError as error:  # a function within itself, not yet bound
        raise TypeError(f"{_name(function)} is not complete") from error
    attributes, names, bare = _names_in(function.__code__)
    around = function.__globals__
    used = [(name, around[name]) for name in names if name in around]
    used += zip(function.__code__.co_freevars, cells, strict=True)
    held = [
        (name, _describe_part_of_module(part, attributes, of))
        if isinstance(part, types.ModuleType) and name not in bare
        else (name, of(part))
        for name, part in used
    ]
    kept = (function.__defaults__, function.__kwdefaults__, vars(function))
    unknown = [n for n in names if n not in around and not hasattr(builtins, n)]
    code = _describe_code(function.__code__, of)
    return "function", _name(function), code, *map(of, kept), *held, *unknown


def _is_installed(thing, module):
    """Tell whether a function or class is that of its name in a package."""
    if version_of(module) is None or version_of(thing.__module__) is None:
        return False
    found = sys.modules.get(thing.__module__)
    for name in thing.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is thing


def _describe_part_of_module(module, names, of, within=()):
    """Describe what code can mean by a module: what has a name that stands in it."""
    version = version_of(module.__name__)
    if version is not None or module in within:
        return "module", module.__name__, version
    within = (*within, module)
    parts = [
        (name, _describe_part_of_module(part, names, of, within))
        if isinstance(part, types.ModuleType)
        else (name, of(part))
        for name, part in sorted(vars(module).items())
        if name in names
    ]
    return "module", module.__name__, *parts


def _describe_code(code, of):
    constants = tuple(
        _describe_code(constant, of)
        if isinstance(constant, types.CodeType)
        else of(constant)
        for constant in code.co_consts
    )
    names = code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
    arguments = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount
    flags = code.co_flags, getattr(code, "co_exceptiontable", None)
    return code.co_code, constants, *names, *arguments, *flags


def _names_in(code):
    """List the names in a function and those within it.

    Returns
    -------
    attributes : set of str
        All names.
    names : list of str
        Those of globals.
    bare : set of str
        Those that stand for more than one of their attributes.
    """
    attributes, names, bare = set(code.co_names), set(), set()
    instructions = list(dis.get_instructions(code))
    for number, instruction in enumerate(instructions):
        if "GLOBAL" in instruction.opname or instruction.opname == "LOAD_NAME":
            names.add(instruction.argval)
        if instruction.opname in LOADS:
            following = instructions[number + 1].opname
            if following not in ("LOAD_ATTR", "LOAD_METHOD"):
                bare.add(instruction.argval)
        if instruction.argval in HIDING and instruction.opname.startswith("LOAD_"):
            raise TypeError(f"{code.co_name} uses {instruction.argval}")
        if instruction.opname == "IMPORT_NAME":
            is_relative = instructions[number - 2].argval != 0
            if is_relative or version_of(instruction.argval) is None:
                raise TypeError(
                    f"{code.co_name} imports {instruction.argval!r} when it is called"
                )
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            inner = _names_in(constant)
            attributes, bare = attributes | inner[0], bare | inner[2]
            names = names.union(inner[1])
    return attributes, sorted(names), bare


def _describe_module(module, of):
    if version_of(module.__name__) is None:
        raise TypeError(f"module {module.__name__} does not tell what is used of it")
    return _describe_part_of_module(module, (), of)


def _describe_object(value, of):
    """Describe an object as it is pickled: by all that it holds, learnt or given."""
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
"""What is the same thing wherever it stands, and described where it is met first."""

SLOTS = (types.MemberDescriptorType, types.GetSetDescriptorType)

LOADS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLASSDEREF")
"""Instructions that are followed by others if an attribute is all that is wanted."""

HIDING = {"__import__", "eval", "exec", "globals", "import_module"}
"""Names of what gives code things that its names don't tell."""

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
"""How values of a type are described; of subclasses, nothing is known."""


def _kind_of_others(value):
    """Tell how a value is described whose type stands in no list."""
    if isinstance(value, type):
        return _describe_class
    if isinstance(value, pathlib.PurePath):
        return lambda path, of: ("path", str(path))
    return _describe_object

"""What a file asks for in memory, checked before any of it is built."""

import io
import json
import math
import zipfile

import numpy as np

SCHEMA = "schema.json"
"""The member that describes the content; but for `FACTS`, others are its arrays."""

FACTS = "facts.json"
"""The member that tells date, versions and metadata; nothing is built of it."""

MAX_EXPANSION = 100
"""How many times its size a schema may unpack to; some 30 times are seen."""

MAX_SCHEMA_SIZE = 10**8
MAX_DEPTH = 100
LARGEST_SIDE = 2**40

HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
"""Of versions of .npy files; the third is for field names, which no array here has."""


def read_schema(data):
    """Read the description of its content from what skops wrote.

    Parameters
    ----------
    data : bytes
        A zip file.

    Returns
    -------
    schema : dict

    Raises
    ------
    ValueError
        If the zip file, or what it describes, would take more memory than it is long.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = _check_members(archive, len(data))
        schema = json.loads(archive.read(SCHEMA))
        if not isinstance(schema, dict) or "__loader__" not in schema:
            raise ValueError("its description is none of an object")
        _Checker(archive, members).check(schema)
    return schema


def contents(schema):
    """List every content that a schema describes, and its place in the estimator."""
    found, waiting = [], [(schema, "", 0)]
    while waiting:
        value, place, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise ValueError("it refers to itself, or is nested too deeply")
        if isinstance(value, dict):
            if "__loader__" in value:
                found.append((value, place))
            children = [
                (child, place if key == "content" else f"{place}.{key}", depth + 1)
                for key, child in value.items()
            ]
        elif isinstance(value, list):
            children = [
                (child, f"{place}[{i}]", depth + 1) for i, child in enumerate(value)
            ]
        else:
            continue
        waiting.extend(reversed(children))
    return found


def _check_members(archive, size):
    """Check names and sizes of the members of a zip file of some size."""
    members = {member.filename: member for member in archive.infolist()}
    if len(members) < len(archive.infolist()):
        raise ValueError("it holds two members of one name")
    if SCHEMA not in members:
        raise ValueError(f"it holds no {SCHEMA}")
    arrays = [member for name, member in members.items() if name != SCHEMA]
    if any(member.compress_type != zipfile.ZIP_STORED for member in arrays):
        raise ValueError("it holds compressed arrays")
    if any(member.file_size != member.compress_size for member in arrays):
        raise ValueError("it holds members of another size than they say")
    n_bytes = sum(member.file_size for member in arrays)
    if n_bytes > size:
        raise ValueError(f"its {size} bytes unpack to {n_bytes} bytes of arrays")
    schema = members[SCHEMA]
    if schema.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"its {SCHEMA} is compressed in another way than by deflate")
    if schema.file_size > min(MAX_EXPANSION * size, MAX_SCHEMA_SIZE):
        raise ValueError(f"its {size} bytes unpack to {schema.file_size}")
    return members


class _Checker:
    """Checks what the nodes of a schema ask for.

    skops builds an object once for every ``__id__``, whatever stands where it comes
    again. So what comes again has to be the same, and nothing is larger when it is
    built than when it is described.

    Parameters
    ----------
    archive : ZipFile
        The zip file.
    members : dict of {str: ZipInfo}
        Its members.
    """

    def __init__(self, archive, members):
        self.archive = archive
        self.members = members
        self.owners = {}  # of a member: the object that it belongs to
        self.objects = {}  # of an __id__: the number of what it stands for
        self.numbers = {}  # of values: equal ones have one
        self.known = {}  # of values at hand, by their id

    def check(self, schema):
        """Check all nodes, and that they name all members."""
        for node, _ in contents(schema):
            self._check_node(node)
        unused = self.members.keys() - self.owners.keys() - {SCHEMA, FACTS}
        if unused:
            raise ValueError(f"it holds {len(unused)} members that nothing names")

    def _check_node(self, node):
        for key in ("__class__", "__module__", "__loader__"):
            if not isinstance(node.get(key), str):
                raise ValueError(f"its description has {key}={node.get(key)!r}")
        loader, is_numbers = node["__loader__"], node.get("type") == "numpy"
        if loader == "BytesNode" or (loader == "NdArrayNode" and is_numbers):
            self._check_owner(node)
        if loader == "NdArrayNode":
            self._check_numbers(node) if is_numbers else _check_objects(node)
        if loader == "JsonNode" and not isinstance(node.get("content"), str):
            raise ValueError("it holds a plain value that is not written as JSON")
        identity, number = node.get("__id__"), self._number(node)
        if identity is not None and self.objects.setdefault(identity, number) != number:
            raise ValueError("it describes one object in two ways")

    def _check_owner(self, node):
        """Check that a member is there, and belongs to one object."""
        name = node.get("file")
        if (
            not isinstance(name, str)
            or name not in self.members
            or name in (SCHEMA, FACTS)
        ):
            raise ValueError(f"it lacks a member named {name!r}")
        owner = node.get("__id__", id(node))
        if self.owners.setdefault(name, owner) != owner:
            raise ValueError(f"it gives the member {name!r} to several objects")

    def _check_numbers(self, node):
        """Check that an array takes as many bytes as are there."""
        member = self.members[node["file"]]
        with self.archive.open(member) as file:
            version = np.lib.format.read_magic(file)
            if version not in HEADER_READERS:
                raise ValueError(f"it holds an array in version {version} of .npy")
            shape, _, dtype = HEADER_READERS[version](file)
            n_bytes = member.file_size - file.tell()
        is_empty = 0 in shape
        if (
            dtype.hasobject
            or math.prod(shape) * dtype.itemsize != n_bytes
            or not (dtype.itemsize or is_empty)
            or not all(0 <= side <= LARGEST_SIDE for side in shape)
        ):
            raise ValueError(
                f"it holds an array of shape {shape} and dtype {dtype.str!r} in "
                f"{n_bytes} bytes"
            )

    def _number(self, value):
        """Give equal values, but for their `__id__`, the same number."""
        if id(value) in self.known:
            return self.known[id(value)]
        if isinstance(value, dict):
            file = value.get("file")
            member = self.members.get(file) if isinstance(file, str) else None
            facts = [
                (key, self._number(item))
                for key, item in value.items()
                if key != "__id__" and (key != "file" or member is None)
            ]
            key = "dict", tuple(facts), member and (member.CRC, member.file_size)
        elif isinstance(value, list):
            key = "list", tuple(map(self._number, value))
        else:
            key = type(value).__name__, value
        number = self.numbers.setdefault(key, len(self.numbers))
        if isinstance(value, (dict, list)):
            self.known[id(value)] = number
        return number


def _check_objects(node):
    """Check that an array of objects holds as many as are described."""
    content, shape = node.get("content"), node.get("shape")
    if (
        node.get("type") != "json"
        or not isinstance(content, list)
        or not isinstance(shape, dict)
        or not isinstance(shape.get("content"), list)
    ):
        raise ValueError("it holds an array without its content or shape")
    plain = ("JsonNode", "ListNode")
    if len(shape["content"]) != 1 and any(
        item["__loader__"] not in plain for item, _ in contents(content)
    ):
        raise ValueError("it holds an array of objects that may be arrays themselves")

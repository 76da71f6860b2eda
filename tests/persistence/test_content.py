"""Files that ask for more memory or time than they are long, and calls out of place."""

import io
import json
import subprocess
import sys
import zipfile

import pytest
import sklearn
from sklearn.linear_model import LogisticRegression

from sklcnn.persistence import load
from sklcnn.persistence._files import _seal


def node(loader, content=None, name="builtins.list", **more):
    """Describe something."""
    module, _, kind = name.rpartition(".")
    described = {"__class__": kind, "__module__": module, "__loader__": loader}
    return {**described, "content": content, **more}


def plain(value):
    """Describe a plain value."""
    return node("JsonNode", json.dumps(value), "builtins.str")


def listed(*content, **more):
    """Describe a list."""
    return node("ListNode", list(content), **more)


def mapped(content):
    """Describe a dictionary with names as keys."""
    types = [node("TypeNode", name="builtins.str") for _ in content]
    return node("DictNode", content, "builtins.dict", key_types=listed(*types))


def array_file(shape, dtype="|u1", n_bytes=0):
    """Make a .npy file by what its header says, and some bytes."""
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}"
    header = header.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00v\x00" + header.encode() + bytes(n_bytes)


def array(file="a.npy", name="numpy.ndarray", **more):
    """Describe an array that is in a member."""
    return node("NdArrayNode", name=name, type="numpy", file=file, **more)


def objects(content, shape):
    """Describe an array of objects."""
    shape = node("TupleNode", [plain(n) for n in shape], "builtins.tuple")
    return node(
        "NdArrayNode", content, "numpy.ndarray", type="json", shape=shape, __id__=99
    )


def write(path, attributes, members=(), *, compress=()):
    """Write a file of a logistic regression with attributes of one's own."""
    schema = node(
        "ObjectNode",
        mapped({**attributes, "_sklearn_version": plain(sklearn.__version__)}),
        "sklearn.linear_model._logistic.LogisticRegression",
        protocol=2,
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in dict(members).items():
            method = zipfile.ZIP_DEFLATED if name in compress else zipfile.ZIP_STORED
            archive.writestr(name, data, compress_type=method)
        archive.writestr(
            "schema.json", json.dumps(schema), compress_type=zipfile.ZIP_DEFLATED
        )
    path.write_bytes(_seal(buffer.getvalue()))


def shared_lists(depth, width):
    """Describe lists of lists; each list after the first has only its `__id__`."""
    described = plain(0)
    for level in range(depth):
        stub = node("ListNode", [], __id__=level + 1)
        first = {**listed(described), "__id__": level + 1}
        described = listed(first, *[stub] * (width - 1))
    return described


def deep_list(depth):
    """Describe lists in lists."""
    described = plain(0)
    for _ in range(depth):
        described = listed(described)
    return described


def lie_about_size(path):
    """Write a member of 10 bytes that says it has 4,000,000,000."""
    write(path, {"a": array()}, {"a.npy": array_file("(10,)", n_bytes=10)})
    data = bytearray(path.read_bytes())
    start = data.index(b"PK\x01\x02")
    data[start + 20 : start + 28] = (4 * 10**9).to_bytes(4, "little") * 2
    n_end = 2 + len(b"sklcnn 1 sha256=") + 64
    path.write_bytes(_seal(bytes(data[:-n_end]) + b"\0\0"))


def overlapping_members(path):
    """Write 200 members that are all the same million of bytes."""
    write(
        path,
        {f"a{i}": array(f"{i:03}.npy", __id__=i + 1) for i in range(2)},
        {f"{i:03}.npy": array_file("(1000000,)", n_bytes=10**6) for i in range(2)},
    )
    data = path.read_bytes()
    first, second = (
        data.index(b"PK\x01\x02"),
        data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4),
    )
    entry, end = data[first:second], data[second:]
    n_entries = 200
    entries = b"".join(
        entry.replace(b"000.npy", f"{i:03}.npy".encode()) for i in range(2, n_entries)
    )
    n_end = 2 + len(b"sklcnn 1 sha256=") + 64
    tail = bytearray((entries + end)[:-n_end] + b"\0\0")
    at = tail.index(b"PK\x05\x06")
    total = int.from_bytes(tail[at + 10 : at + 12], "little") + n_entries - 2
    size = int.from_bytes(tail[at + 12 : at + 16], "little") + len(entries)
    tail[at + 8 : at + 12] = total.to_bytes(2, "little") * 2
    tail[at + 12 : at + 16] = size.to_bytes(4, "little")
    path.write_bytes(_seal(data[:second] + bytes(tail)))


def flood_of_members(path):
    """Write 20,000 members that nothing names."""
    write(path, {}, {f"{i}.npy": b"" for i in range(20_000)})


def flood_of_schema(path):
    """Write ten million spaces for a description."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", " " * 10_000_000)
    path.write_bytes(_seal(buffer.getvalue()))


def same_name_twice(path):
    """Write two members of one name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("schema.json", "{}")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("schema.json", "{}")
    path.write_bytes(_seal(buffer.getvalue()))


def attributes(members=(), **described):
    """Make a function that writes attributes."""
    return lambda path: write(path, described, members)


def function(name):
    """Describe a trusted metric."""
    return node("FunctionNode", name=f"sklearn.metrics.{name}")


MSE = "sklearn.metrics._regression.mean_squared_error"
TYPE_OF_MSE = node("TypeNode", name=MSE)

HOSTILE = {
    "void": (
        attributes({"a.npy": array_file("(400000000,)", "|V0")}, a=array()),
        r"shape \(400000000,\) and dtype '\|V0' in 0 bytes",
    ),
    "text of no length": (
        attributes({"a.npy": array_file("(400000000,)", "<U0")}, a=array()),
        r"shape \(400000000,\) and dtype '<U0' in 0 bytes",
    ),
    "array larger than its bytes": (
        attributes({"a.npy": array_file("(100000, 100000)", "<f8")}, a=array()),
        r"shape \(100000, 100000\) and dtype '<f8' in 0 bytes",
    ),
    "negative sides": (
        attributes({"a.npy": array_file("(-4, -2)", n_bytes=8)}, a=array()),
        r"shape \(-4, -2\)",
    ),
    "empty with huge sides": (
        attributes(
            {"a.npy": array_file(f"(0, {10**18})")},
            a=array(),
        ),
        r"shape \(0, 1000000000000000000\)",
    ),
    "pickled objects": (
        attributes({"a.npy": array_file("(1,)", "|O", 8)}, a=array()),
        r"dtype '\|O'",
    ),
    "compressed array": (
        lambda path: write(
            path,
            {"a": array()},
            {"a.npy": array_file("(10000000,)", n_bytes=10**7)},
            compress=["a.npy"],
        ),
        r"compressed arrays",
    ),
    "one array as many": (
        attributes(
            {"a.npy": array_file("(1000000,)", n_bytes=10**6)},
            a=listed(*[array()] * 1000),
        ),
        r"gives the member 'a.npy' to several objects",
    ),
    "arrays in an array of objects": (
        attributes(
            {"a.npy": array_file("(1000000,)", n_bytes=10**6)},
            a=objects([array(__id__=7)] * 1000, (1000, 10**6)),
        ),
        r"array of objects that may be arrays",
    ),
    "shared lists": (attributes(a=shared_lists(11, 10)), r"one object in two ways"),
    "lists that hold themselves": (
        attributes(a={**listed(listed(__id__=1)), "__id__": 1}),
        r"one object in two ways",
    ),
    "deep lists": (attributes(a=deep_list(150)), r"nested too deeply"),
    "deep plain value": (
        attributes(a=node("JsonNode", "[" * 40_000, "builtins.str")),
        r"nested too deeply",
    ),
    "plain value that is a list": (
        attributes(a=node("JsonNode", [1], "builtins.str")),
        r"not written as JSON",
    ),
    "member that is missing": (
        attributes(a=array("b.npy")),
        r"lacks a member named 'b",
    ),
    "description as an array": (attributes(a=array("schema.json")), r"lacks a member"),
    "member that lies": (lie_about_size, r"another size|unpack to|damaged|lacks"),
    "members that overlap": (
        overlapping_members,
        r"unpack to 200025600 bytes|unpack to",
    ),
    "flood of members": (flood_of_members, r"20000 members that nothing names"),
    "flood of description": (flood_of_schema, r"bytes unpack to 10000000"),
    "two members of one name": (same_name_twice, r"two members of one name"),
    "array made by a metric": (
        attributes({"a.npy": array_file("(1,)", n_bytes=1)}, a=array(name=MSE)),
        r"mean_squared_error \(in a\)",
    ),
    "array of no type": (
        attributes(
            {"a.npy": array_file("(1,)", n_bytes=1)}, a=array(name="numpy.void")
        ),
        r"numpy.void \(in a\)",
    ),
    "list made by a metric": (
        attributes(a=node("ListNode", [plain(1)], MSE)),
        r"mean_squared_error \(in a\)",
    ),
    "tuple made by a metric": (
        attributes(a=node("TupleNode", [plain(1)], MSE)),
        r"mean_squared_error \(in a\)",
    ),
    "set made by a metric": (
        attributes(a=node("SetNode", [plain(1)], MSE)),
        r"mean_squared_error \(in a\)",
    ),
    "object of a metric": (
        attributes(a=node("ObjectNode", mapped({}), MSE)),
        r"mean_squared_error \(in a\)",
    ),
    "type that is a metric": (
        attributes(a=TYPE_OF_MSE),
        r"mean_squared_error \(in a\)",
    ),
    "function that is a step": (
        attributes(a=node("FunctionNode", name="sklcnn._classifier.CNNClassifier")),
        r"CNNClassifier \(in a\)",
    ),
    "keys made by a metric": (
        attributes(
            a=node(
                "DictNode",
                {"1": plain(1)},
                "builtins.dict",
                key_types=listed(TYPE_OF_MSE),
            )
        ),
        r"builtins.dict \(in a\)",
    ),
    "random state that is a metric": (
        attributes(a=node("RandomStateNode", mapped({}), MSE)),
        r"mean_squared_error \(in a\)",
    ),
}

LIMITED = """
import resource, sys, time
from sklcnn.persistence import load
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 300 * 2**20,) * 2)
for path in sys.argv[1:]:
    start = time.process_time()
    try:
        load(path)
        print("loaded")
    except Exception as error:
        print(type(error).__name__, time.process_time() - start, error)
"""


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_file_is_refused(kind, tmp_path):
    """What a file asks for is seen before it is built, and named."""
    make, message = HOSTILE[kind]
    make(tmp_path / "hostile.skops")

    with pytest.raises(ValueError, match=rf"hostile.skops'.*({message})"):
        load(tmp_path / "hostile.skops")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_hostile_files_take_little_memory_and_time(tmp_path):
    """With 300 MB to spare, all are refused within seconds."""
    paths = [tmp_path / f"{i}.skops" for i in range(len(HOSTILE))]
    for path, (make, _) in zip(paths, HOSTILE.values(), strict=True):
        make(path)

    output = subprocess.run(
        [sys.executable, "-c", LIMITED, *paths],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()

    assert len(output) == len(HOSTILE)
    for line in output:
        kind, seconds, *_ = line.split()
        assert kind == "ValueError", line
        assert float(seconds) < 5, line


def test_what_is_built_by_hand_is_loaded(tmp_path):
    """The files above are refused for what is wrong with them, and not for the rest."""
    path, twice = tmp_path / "model.skops", listed(plain(1), __id__=5)
    write(
        path,
        {
            "a": listed(array(__id__=1), array(__id__=1)),
            "b": listed(twice, twice),
            "c": objects([plain("x"), plain(None)], (2,)),
            "d": node("FunctionNode", name=MSE),
        },
        {"a.npy": array_file("(3, 2)", n_bytes=6)},
    )

    loaded = load(path)

    assert isinstance(loaded, LogisticRegression)
    assert loaded.a[0] is loaded.a[1]
    assert loaded.a[0].shape == (3, 2)
    assert loaded.b == [[1], [1]]
    assert loaded.c.tolist() == ["x", None]
    assert loaded.d.__name__ == "mean_squared_error"

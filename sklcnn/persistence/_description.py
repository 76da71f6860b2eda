"""What a saved file holds, without loading it: `describe`."""

import io
import json
import zipfile

import numpy as np

from sklcnn.persistence._content import FACTS, contents, read_schema
from sklcnn.persistence._files import as_path, explain, read_file, unseal
from sklcnn.persistence._metadata import MAX_SIZE
from sklcnn.persistence._trusted import find_untrusted

MOST_NUMBERS = 10_000
"""Largest number of elements of an array that is shown."""

SEQUENCES = {"ListNode": list, "SetNode": list, "TupleNode": tuple}


def describe(path):
    """Describe the contents of a saved file, without loading it.

    Nothing is built and nothing is imported by name: files of strangers can be looked
    at. Those of `dump` and of `to_onnx` (with the extra ``onnx``) can be described.

    Parameters
    ----------
    path : str, bytes or path-like
        The file.

    Returns
    -------
    description : dict
        Plain values:

        - `format`: "skops" or "onnx";
        - `n_bytes`: size of the file;
        - `classes`: class labels, or None if nothing is fitted;
        - `image_shape`: height, width and number of channels, or None;
        - `created`, `versions`: date and versions of packages, as the file says;
        - `metadata`: what its author noted down;
        - of `dump`: `estimator`, the name of its class, `parameters`, and `untrusted`,
          names that `load` would refuse, each with its place;
        - of `to_onnx`: `dtype`, `color_mode`, `reading`, `pixel_range`, `quantize`,
          `max_difference` and `same_labels`.

    Raises
    ------
    OSError
        If the file can't be read, such as a FileNotFoundError.
    ValueError
        If it is damaged, of neither format, or would take more memory than it is long.
    ImportError
        If it is an ONNX file, and onnx is not installed.

    See Also
    --------
    dump : Save an estimator.
    to_onnx : Export an estimator.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklcnn import CNNClassifier
    >>> from sklcnn.persistence import describe, dump
    >>> path = Path(tempfile.mkdtemp()) / "model.skops"
    >>> dump(CNNClassifier(dropout=0.5), path, metadata={"license": "CC0-1.0"})
    >>> description = describe(path)
    >>> description["metadata"], description["parameters"]["dropout"]
    ({'license': 'CC0-1.0'}, 0.5)
    """
    path = as_path(path, name="describe")
    data = read_file(path, name="describe")
    is_onnx = path.suffix.lower() == ".onnx" and not data.startswith(b"PK\3\4")
    tell = _describe_onnx if is_onnx else _describe_skops
    try:
        return {**tell(data), "n_bytes": len(data)}
    except ImportError:
        raise
    except Exception as error:
        raise ValueError(
            f"describe can't use the file {str(path)!r}: {explain(error)}. Restore the "
            "file from a copy, or save the estimator again."
        ) from error


def read_onnx_facts(data):
    """Read the metadata of an ONNX file of `to_onnx`.

    Raises
    ------
    ImportError
        If onnx is not installed.
    ValueError
        If it is no such file.
    """
    try:
        import onnx
    except ImportError as error:
        raise ImportError(
            f"ONNX files are described by onnx ({error}). Install it by the extra: "
            "`pip install sklcnn[onnx]`."
        ) from error
    model = onnx.load_model_from_string(data)
    entries = {entry.key: entry.value for entry in model.metadata_props}
    if not entries.get("format", "").startswith('"sklcnn '):
        raise ValueError("it was not written by `sklcnn.persistence.to_onnx`")
    return {key: json.loads(value) for key, value in entries.items()}


def _describe_onnx(data):
    facts = read_onnx_facts(data)
    return {**facts, "format": "onnx"}


def _describe_skops(data):
    data = unseal(data)
    _, untrusted = find_untrusted(data)
    schema = read_schema(data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        told = _Teller(archive)
        fitted = _find_fitted(schema)
        return {
            "format": "skops",
            "estimator": schema["__class__"],
            "parameters": told.parameters(schema),
            "classes": fitted and told.value(fitted["classes_"]),
            "image_shape": fitted and _image_shape(told.value(fitted["_fitted"])),
            "untrusted": untrusted,
            **_read_facts(archive),
        }


def _read_facts(archive):
    """Read date, versions and metadata, which older files lack."""
    facts = {}
    if FACTS in archive.namelist():
        if archive.getinfo(FACTS).file_size > MAX_SIZE:
            raise ValueError("its metadata are too long")
        facts = json.loads(archive.read(FACTS))
    if not isinstance(facts, dict):
        raise ValueError("its metadata are no dict")
    defaults = {"created": None, "versions": {}, "metadata": {}}
    return {name: facts.get(name, value) for name, value in defaults.items()}


def _find_fitted(schema):
    """Find the saved state of a fitted classifier: that of a search comes first."""
    found = {}
    for node, place in contents(schema):
        state = _attributes(node)
        if isinstance(state.get("_fitted"), dict) and "classes_" in state:
            found[place] = state
    best = [state for place, state in found.items() if "best_estimator_" in place]
    return next(iter([*best, *found.values()]), None)


def _image_shape(state):
    """Take the shape of an image out of the saved state of a network."""
    spec = state.get("spec") if isinstance(state, dict) else None
    return spec.get("image_shape") if isinstance(spec, dict) else None


def _attributes(node):
    """Give the attributes of a described object, themselves described."""
    content = node.get("content") if node["__loader__"] == "ObjectNode" else None
    content = content.get("content") if isinstance(content, dict) else None
    return content if isinstance(content, dict) else {}


class _Teller:
    """Tells described objects as plain values.

    Parameters
    ----------
    archive : ZipFile
        The file that they are in.
    """

    def __init__(self, archive):
        self.archive = archive

    def parameters(self, node):
        """Give the parameters of an estimator: attributes without underscores."""
        attributes = _attributes(node)
        told = {
            name: self.value(value)
            for name, value in attributes.items()
            if not name.startswith("_") and not name.endswith("_")
        }
        keywords = attributes.get("_keywords")  # of an ImageFunction
        return told | (self.value(keywords) if isinstance(keywords, dict) else {})

    def value(self, node):
        """Give a plain value, and the name of what is none."""
        loader, content = node["__loader__"], node.get("content")
        if loader == "JsonNode":
            return json.loads(content)
        if loader in SEQUENCES and isinstance(content, list):
            return SEQUENCES[loader](map(self.value, content))
        if loader == "DictNode" and isinstance(content, dict):
            return {key: self.value(item) for key, item in content.items()}
        if loader == "ObjectNode":
            return {"class": node["__class__"], **self.parameters(node)}
        if loader == "NdArrayNode":
            return self._array(node)
        return f"{node['__module__']}.{node['__class__']}"

    def _array(self, node):
        """Give a short array as a list, and of a long one shape and dtype."""
        if node.get("type") != "numpy":
            return [self.value(item) for item in node["content"]]
        with self.archive.open(node["file"]) as file:
            array = np.lib.format.read_array(file, allow_pickle=False)
        if array.size > MOST_NUMBERS:
            return f"array of shape {array.shape} and dtype {array.dtype}"
        return array.tolist()

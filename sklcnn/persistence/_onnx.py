"""Export of fitted pipelines to ONNX: `to_onnx`."""

import contextlib
import io
import json
import re
import time
import warnings
from dataclasses import dataclass

import numpy as np
import torch

from sklcnn._rows import evenly_spaced
from sklcnn.images import AugmentedImages
from sklcnn.persistence._files import check_target, replace_file
from sklcnn.persistence._graph import (
    PixelsToProbabilities,
    as_float32,
    draw_pixels,
    take_apart,
)
from sklcnn.persistence._metadata import make_facts
from sklcnn.persistence._small import MOST_IMAGES, to_int8, with_float16_weights

DTYPES = ("uint8", "uint16", "float32")
QUANTIZED = (None, "float16", "int8")
TOLERANCE = 1e-3
"""Largest difference of probabilities, but for those of smaller models."""

READING = ("aspect", "background", "pad_value", "pages")
"""Parameters of `ReadImages` that tell how files become pixels."""

COLOR_MODES = {1: "gray", 3: "rgb", 4: "rgba"}
"""How files are read, by the number of channels."""

OLDEST_TORCH = (2, 9)
"""Oldest version of torch whose exporter was tried; that of 2.6 fails."""

N_RANDOM = 8
SIZES_TIMED = (1, 128)
SECONDS_TIMED = 1.0


def to_onnx(estimator, path, X=None, *, dtype="auto", quantize=None, metadata=None):
    """Export a fitted classifier, with the steps before it, to an ONNX file.

    The graph takes raw pixels, a tensor "images" of shape (n, height, width,
    n_channels) with any n, and gives "label", the class labels, and "probabilities", of
    shape (n, n_classes). Steps become part of the graph: `Resize`, `ResizeByFactor`,
    `CenterCrop`, `Flip`, `Grayscale` and `Rotate` by quarter turns. Random steps, which
    leave images as they are in `predict`, take no room. Files are read outside, in the
    way that the metadata of the file tell: see :doc:`the guide </user_guide/saving>`.

    The new file is run by onnxruntime, and its probabilities are compared to those of
    the estimator. Needs the extra ``onnx``.

    Parameters
    ----------
    estimator : estimator
        A fitted `CNNClassifier`, a Pipeline that ends in one, or a search around them.
    path : str, bytes or path-like
        The file, by convention named ``*.onnx``.
    X : array-like, default=None
        Images as for ``estimator.predict``, to compare probabilities on and, of
        smaller models, to calibrate on. None compares on random pixels.
    dtype : {"auto", "uint8", "uint16", "float32"}, default="auto"
        Dtype of the pixels. "auto" is that of the pixels in `fit`, and float32 where it
        is any other. As in `predict`, 255 in uint8 is 65535 in uint16 and 1 in float32.
    quantize : {"float16", "int8"} or None, default=None
        Smaller models: "float16" stores weights in half the bytes, and computes in
        float32. "int8" computes in integers, with ranges learnt from `X`: at most 256
        of its images, evenly spaced. None keeps float32.
    metadata : dict, default=None
        What else the file is to tell, such as the data, metrics, license and author: of
        strings, numbers, lists and dicts.

    Returns
    -------
    report : dict
        What came out:

        - `n_bytes`: size of the file;
        - `max_difference`: greatest difference of a probability;
        - `same_labels`: share of images, between 0 and 1, with the same label;
        - `milliseconds_per_image`: time on one CPU thread for batches of 1 and 128
          images, a dict.

    Raises
    ------
    ImportError
        If onnx, onnxscript or onnxruntime is not installed, or torch is older than 2.9.
    ValueError
        If a step can't be expressed, if probabilities in float32 differ by more than
        0.001, or if int8 is asked for without images to calibrate on.

    See Also
    --------
    dump : Save an estimator to load it again.
    describe : Describe the contents of a file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_digits
    >>> from sklcnn import CNNClassifier
    >>> from sklcnn.persistence import to_onnx
    >>> X, y = load_digits().images[:50], load_digits().target[:50]
    >>> model = CNNClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> path = Path(tempfile.mkdtemp()) / "model.onnx"
    >>> to_onnx(model, path, X)["same_labels"]  # doctest: +SKIP
    1.0
    """
    path = check_target(path, name="to_onnx")
    _check_choices(dtype, quantize, X)
    import_onnx(name="to_onnx")
    _check_torch(torch.__version__)
    parts = take_apart(estimator, name="to_onnx")
    facts = make_facts(metadata, name="to_onnx")
    pixels = _resolve_pixels(parts, X, dtype)
    model, report = _make_model(parts, pixels, quantize)
    _name_labels(model, parts.classifier.classes_)
    facts = {**_describe(parts, pixels), "quantize": quantize, **report, **facts}
    _add_facts(model, facts)
    data = model.SerializeToString()
    speed = _time(data, pixels.images)
    replace_file(path, data)
    return {"n_bytes": len(data), **report, "milliseconds_per_image": speed}


@dataclass(frozen=True)
class Pixels:
    """What goes into a graph.

    Parameters
    ----------
    shape : tuple of three ints
        Height, width and number of channels.
    dtype : numpy dtype
        Dtype by whose rules pixels are rounded and scaled.
    images : ndarray of shape (n, height, width, n_channels)
        Images to compare on and to calibrate on, in the dtype of the graph.
    """

    shape: tuple
    dtype: np.dtype
    images: np.ndarray


def import_onnx(*, name):
    """Import what the extra `onnx` installs, or say so."""
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{name} needs onnx, onnxscript and onnxruntime ({error}). Install them "
            "by the extra: `pip install sklcnn[onnx]`."
        ) from error
    return onnx, onnxruntime


def _check_torch(version):
    """Refuse a torch whose exporter lacks what graphs of any number of images need."""
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST_TORCH:
        oldest = ".".join(map(str, OLDEST_TORCH))
        raise ImportError(
            f"to_onnx needs torch {oldest} or newer. This is torch {version}: `pip "
            f"install 'torch>={oldest}' torchvision`."
        )


def _check_choices(dtype, quantize, X):
    for name, value, choices in (
        ("dtype", dtype, ("auto", *DTYPES)),
        ("quantize", quantize, QUANTIZED),
    ):
        if not (value is None or isinstance(value, str)) or value not in choices:
            raise ValueError(
                f"to_onnx expects {name} to be one of {', '.join(map(repr, choices))}. "
                f"Got {name}={value!r}."
            )
    if quantize == "int8" and X is None:
        raise ValueError(
            "to_onnx needs images to learn the ranges of int8 from. Give some 256 "
            "images of the training data: `to_onnx(estimator, path, X[:256], "
            "quantize='int8')`."
        )


def _read(parts, X):
    """Make an array of images as they go into the graph."""
    if isinstance(X, AugmentedImages):
        X = X.images
    if parts.reader is not None:
        X = parts.reader.transform(X)
    images = np.asarray(X[:] if hasattr(X, "shape") else X)
    if images.dtype.kind not in "biuf" or images.ndim < 2 or not len(images):
        raise ValueError(
            "to_onnx expects X to be images of one size, such as an array of shape "
            f"(n_samples, height, width, n_channels). Got an array of shape "
            f"{images.shape} and dtype {images.dtype}."
        )
    return images


def _resolve_pixels(parts, X, dtype):
    """Resolve shape and dtype of the pixels, and draw random ones if none are given."""
    images = None if X is None else _read(parts, X)
    dtype = _resolve_dtype(dtype, parts, images)
    shape = _resolve_shape(parts, images)
    if images is None:
        images = draw_pixels(N_RANDOM, shape, dtype, parts.network.pixel_range)
    given = dtype.name if dtype.name in DTYPES else "float32"
    return Pixels(shape, dtype, images.reshape(len(images), *shape).astype(given))


def _resolve_dtype(dtype, parts, images):
    """Resolve the dtype of pixels, and compare that of images with it."""
    name = dtype
    if dtype == "auto":
        name = parts.pixel_dtype() or (images is not None and images.dtype.name)
    if not name:
        raise ValueError(
            "to_onnx can't tell the dtype of the training images: this model was saved "
            "by an older version. Give dtype='uint8', say."
        )
    dtype = np.dtype(name).newbyteorder("=")
    if dtype.kind == "f":
        dtype = np.dtype("float32")
    given = dtype if images is None else images.dtype.newbyteorder("=")
    if given != dtype and {given.kind, dtype.kind} != {"f"}:
        raise ValueError(
            f"to_onnx makes a graph for pixels of dtype {dtype}. Got X of dtype "
            f"{given}. Give X in that dtype, or another `dtype`."
        )
    return dtype


def _resolve_shape(parts, images):
    """Find the shape of an image: that of `fit`, and of images where sizes differed."""
    shape = parts.image_shape()
    if images is not None:
        given = (*images.shape[1:], 1)[:3] if images.ndim > 2 else shape
        is_like = all(a in (None, b) for a, b in zip(shape, given, strict=True))
        if not is_like:
            raise ValueError(
                f"to_onnx expects X to hold images of shape {shape}, as in fit. Got "
                f"images of shape {given}."
            )
        shape = given
    if None in shape:
        raise ValueError(
            "to_onnx makes graphs for images of one size, and this pipeline was fitted "
            "to images of several. Give X: an array of images of the size in question."
        )
    return tuple(map(int, shape))


@contextlib.contextmanager
def _quietly():
    """Context without the messages and warnings of the exporter."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def _make_model(parts, pixels, quantize):
    """Make a graph, and compare it with the estimator."""
    network, images = as_float32(parts.network), pixels.images
    expected = parts.predict_proba(network, images.astype(pixels.dtype))
    steps = parts.modules(pixels.shape, pixels.dtype)
    dtype = getattr(torch, images.dtype.name)
    module = PixelsToProbabilities(steps, as_float32(network).module, dtype)
    model = _export(module.eval(), pixels.shape, dtype)
    report = _compare(model, images, expected, tolerance=TOLERANCE)
    if quantize is None:
        return model, report
    if quantize == "int8":
        model = to_int8(model, evenly_spaced(images, MOST_IMAGES))
    else:
        model = with_float16_weights(model)
    return model, _compare(model, images, expected)


def _export(module, shape, dtype):
    """Make an ONNX graph of a module."""
    example = torch.zeros(2, *shape, dtype=dtype)
    with _quietly():
        program = torch.onnx.export(
            module.to(memory_format=torch.contiguous_format),
            (example,),
            dynamo=True,
            input_names=["images"],
            output_names=["number", "probabilities"],
            dynamic_shapes={"images": {0: torch.export.Dim("n")}},
            verbose=False,
        )
    return _without_traces(program.model_proto)


def _without_traces(model):
    """Leave out what tells of the exporting machine: paths and stack traces."""
    model.producer_name = "sklcnn"
    for node in model.graph.node:
        del node.metadata_props[:]
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        del value.metadata_props[:]
    for tensor in model.graph.initializer:
        del tensor.metadata_props[:]
    del model.graph.metadata_props[:]
    return model


def make_session(data, n_threads=1):
    """Open an ONNX model on the CPU.

    Parameters
    ----------
    data : bytes
        The model.
    n_threads : int, default=1
        Number of threads.

    Returns
    -------
    session : onnxruntime.InferenceSession
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        data, options, providers=["CPUExecutionProvider"]
    )


def _compare(model, images, expected, tolerance=None):
    """Compare the probabilities of a graph, one image at a time and in a batch."""
    session = make_session(model.SerializeToString())
    first = session.run(["probabilities"], {"images": images[:1]})[0]
    actual = session.run(["probabilities"], {"images": images})[0]
    difference = float(np.abs(actual - expected).max())
    difference = max(difference, float(np.abs(first - expected[:1]).max()))
    if tolerance is not None and not difference <= tolerance:
        raise ValueError(
            f"to_onnx made a graph whose probabilities differ by {difference:.2g} from "
            f"those of the estimator, more than {tolerance}. Nothing was written. Some "
            "layer or step means something else in ONNX: save the estimator by `dump`."
        )
    same = actual.argmax(1) == expected.argmax(1)
    return {"max_difference": difference, "same_labels": float(same.mean())}


def _name_labels(model, classes):
    """Replace the number of the likeliest class by its label."""
    from onnx import TensorProto, helper, numpy_helper

    kinds = {"i": (np.int64, TensorProto.INT64), "u": (np.int64, TensorProto.INT64)}
    kinds |= {"b": (bool, TensorProto.BOOL), "f": (np.float64, TensorProto.DOUBLE)}
    dtype, kind = kinds.get(classes.dtype.kind, (object, TensorProto.STRING))
    if kind == TensorProto.STRING:
        texts = [label.encode() for label in classes.tolist()]
        tensor = helper.make_tensor("classes", kind, [len(texts)], texts)
    else:
        tensor = numpy_helper.from_array(classes.astype(dtype), "classes")
    model.graph.initializer.append(tensor)
    node = helper.make_node("Gather", ["classes", "number"], ["label"], name="label")
    model.graph.node.append(node)
    output = helper.make_tensor_value_info("label", kind, ["n"])
    model.graph.output[0].CopyFrom(output)


def _describe(parts, pixels):
    """Tell what goes into the graph and comes out, and how files are read."""
    reader, reading = parts.reader, None
    if reader is not None and reader.reader is None:
        reading = {name: getattr(reader, name) for name in READING}
    return {
        "format": "sklcnn 1",
        "classes": parts.classifier.classes_.tolist(),
        "image_shape": list(pixels.shape),
        "dtype": pixels.images.dtype.name,
        "pixel_range": [float(end) for end in parts.network.pixel_range],
        "color_mode": COLOR_MODES.get(pixels.shape[2], "all"),
        "reading": reading,
    }


def _add_facts(model, facts):
    """Write facts into the metadata of a model, each as JSON."""
    for key, value in facts.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, json.dumps(value)


def _time(data, images):
    """Measure the milliseconds of CPU per image, in batches of several sizes."""
    session, speed = make_session(data), {}
    for size in SIZES_TIMED:
        batch = {"images": np.resize(images, (size, *images.shape[1:]))}
        session.run(None, batch)
        best, start = np.inf, time.perf_counter()
        while time.perf_counter() < start + SECONDS_TIMED / len(SIZES_TIMED):
            before = time.thread_time()
            session.run(None, batch)
            best = min(best, time.thread_time() - before)
        speed[size] = 1000 * best / size
    return speed

"""Smaller and faster ONNX graphs: int8, and weights in float16."""

import tempfile
from pathlib import Path

import numpy as np

MOST_IMAGES = 256
"""Number of images that are enough to calibrate on."""

QUANTIZED = (
    "Add",
    "Clip",
    "Conv",
    "Gemm",
    "GlobalAveragePool",
    "MatMul",
    "MaxPool",
    "ReduceMean",
)
WEIGHTED = ("Conv", "Gemm", "MatMul")


def to_int8(model, images):
    """Quantize a graph to int8, statically: weights per channel, activations by range.

    Parameters
    ----------
    model : onnx.ModelProto
        The graph, with the input "images".
    images : ndarray of shape (n, height, width, n_channels)
        Images to learn the ranges of the activations from.

    Returns
    -------
    model : onnx.ModelProto
    """
    import onnx
    from onnxruntime import quantization

    class Images(quantization.CalibrationDataReader):
        """Gives images one by one, as tools of onnxruntime ask for them."""

        def __init__(self):
            self.images = iter(images)

        def get_next(self):
            image = next(self.images, None)
            return None if image is None else {"images": image[np.newaxis]}

    with tempfile.TemporaryDirectory() as folder:
        names = ("given.onnx", "before.onnx", "after.onnx")
        given, before, after = (str(Path(folder, name)) for name in names)
        onnx.save(model, given)
        quantization.quant_pre_process(given, before, skip_symbolic_shape=True)
        quantization.quantize_static(
            before,
            after,
            Images(),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            op_types_to_quantize=list(QUANTIZED),
            nodes_to_exclude=_nodes_on_pixels(onnx.load(before)),
        )
        return onnx.load(after)


def _nodes_on_pixels(model):
    """Name the nodes before the first layer with weights: those of the steps."""
    names = []
    for node in model.graph.node:
        if node.op_type in WEIGHTED:
            break
        names.append(node.name)
    return names


def with_float16_weights(model):
    """Store the weights of a graph as float16; it still computes in float32.

    Parameters
    ----------
    model : onnx.ModelProto
        The graph.

    Returns
    -------
    model : onnx.ModelProto
    """
    import onnx
    from onnx import helper, numpy_helper

    largest = np.finfo(np.float16).max
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        weights, name = numpy_helper.to_array(tensor), tensor.name
        if weights.ndim < 2 or np.abs(weights).max() > largest:
            continue
        short = f"{name}_float16"
        tensor.CopyFrom(numpy_helper.from_array(weights.astype(np.float16), short))
        kind = onnx.TensorProto.FLOAT
        casts.append(
            helper.make_node("Cast", [short], [name], to=kind, name=f"{name}_cast")
        )
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model

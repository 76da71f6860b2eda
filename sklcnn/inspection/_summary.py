"""Layers of a network, with what they give and what they cost."""

import html
from typing import NamedTuple

import numpy as np
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from sklcnn.inspection._parts import network_of
from sklcnn.network import watch

COLUMNS = ("layer", "kind", "output", "parameters", "multiply-adds")
"""Heads of the columns of a summary."""

OTHER = "(outside of layers)"
"""Name of what belongs to no layer."""


class LayerSummary(NamedTuple):
    """One layer of a network.

    Parameters
    ----------
    name : str
        Its path, by which `SaliencyDisplay` knows it.
    kind : str
        Its class.
    output_shape : tuple of int or None
        Shape of its output for one image, such as (n_channels, height, width); None
        where it is not called.
    n_parameters : int
        Number of its parameters.
    n_multiply_adds : int
        Number of multiply-adds for one image.
    """

    name: str
    kind: str
    output_shape: tuple | None
    n_parameters: int
    n_multiply_adds: int


class NetworkSummary:
    """Table of the layers of a network, as text and in notebooks as HTML.

    Parameters
    ----------
    layers : list of LayerSummary
        The layers, in the order of the network.
    image_shape : tuple of three ints
        Height, width and number of channels of the images.
    n_bytes : int
        Number of bytes of parameters and buffers.

    Attributes
    ----------
    n_parameters : int
        Number of parameters.
    n_multiply_adds : int
        Number of multiply-adds for one image, in convolutions and matrix products.

    See Also
    --------
    summary : Make the table of a fitted estimator.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklcnn import CNNClassifier
    >>> from sklcnn.inspection import summary
    >>> X, y = load_digits(return_X_y=True)
    >>> model = CNNClassifier(conv_channels=(8,), hidden_units=(), max_epochs=1)
    >>> table = summary(model.fit(X[:50], y[:50]))
    >>> table.n_parameters
    1378
    """

    def __init__(self, layers, *, image_shape, n_bytes):
        self.layers = layers
        self.image_shape = image_shape
        self.n_bytes = n_bytes

    @property
    def n_parameters(self):
        """Number of parameters."""
        return sum(layer.n_parameters for layer in self.layers)

    @property
    def n_multiply_adds(self):
        """Number of multiply-adds for one image."""
        return sum(layer.n_multiply_adds for layer in self.layers)

    def __repr__(self):
        rows = [COLUMNS, *map(_as_texts, self.layers), self._totals()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [_as_line(row, widths) for row in rows]
        rule = "-" * max(map(len, lines))
        body = [lines[0], rule, *lines[1:-1], rule, lines[-1]]
        return "\n".join([*body, self._footer()])

    def _repr_html_(self):
        def as_row(cells, tag):
            aligned = [
                f'<{tag} style="text-align: {"left" if number < 3 else "right"}">'
                f"{html.escape(cell)}</{tag}>"
                for number, cell in enumerate(cells)
            ]
            return f"<tr>{''.join(aligned)}</tr>"

        rows = "\n".join(as_row(_as_texts(layer), "td") for layer in self.layers)
        return (
            f"<table>\n<thead>{as_row(COLUMNS, 'th')}</thead>\n<tbody>\n{rows}\n"
            f"</tbody>\n<tfoot>{as_row(self._totals(), 'th')}</tfoot>\n</table>\n"
            f"<p>{html.escape(self._footer())}</p>"
        )

    def _totals(self):
        return (
            "total",
            "",
            "",
            f"{self.n_parameters:,}",
            f"{self.n_multiply_adds:,}",
        )

    def _footer(self):
        height, width, n_channels = self.image_shape
        return (
            f"For one image of {height} x {width} pixels and {n_channels} channel"
            f"{'s' if n_channels > 1 else ''}. Weights take {_as_size(self.n_bytes)}."
        )


def summary(estimator):
    """Tabulate the layers of a fitted network.

    Multiply-adds are those of convolutions and matrix products, counted by torch's
    `FlopCounterMode`, which takes them for two operations each.

    Parameters
    ----------
    estimator : estimator
        Fitted `CNNClassifier` or `CNNFeatures`, pipeline that ends in one, or search of
        these.

    Returns
    -------
    table : NetworkSummary
        Prints as a table, and shows as one in notebooks.

    Raises
    ------
    ValueError
        If the estimator is not fitted, or has no network.

    See Also
    --------
    NetworkSummary : The table.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklcnn import CNNClassifier
    >>> from sklcnn.inspection import summary
    >>> X, y = load_digits(return_X_y=True)
    >>> model = CNNClassifier(conv_channels=(8,), hidden_units=(), max_epochs=1)
    >>> summary(model.fit(X[:50], y[:50]))
    layer  kind       output     parameters  multiply-adds
    ------------------------------------------------------
    0      Conv2d     (8, 8, 8)          72          4,608
    1      MaxPool2d  (8, 4, 4)           0              0
    2      BatchNorm  (8, 4, 4)          16              0
    3      ReLU       (8, 4, 4)           0              0
    4      Flatten    (128,)              0              0
    5      Linear     (10,)           1,290          1,280
    ------------------------------------------------------
    total                             1,378          5,888
    For one image of 8 x 8 pixels and 1 channel. Weights take 5.6 kB.
    """
    network = network_of(estimator, name="summary")
    module = network.module
    paths = list(_layers(module.body))
    outputs, counts, total = _measure(network, paths)
    layers, counted = [], set()
    for path in paths:
        layer = module.body.get_submodule(path)
        own = {id(p): p.numel() for p in layer.parameters() if id(p) not in counted}
        counted |= set(own)
        layers.append(
            LayerSummary(
                path or type(layer).__name__,
                type(layer).__name__,
                outputs.get(path),
                sum(own.values()),
                counts.get(path, 0),
            )
        )
    rest = sum(p.numel() for p in module.parameters() if id(p) not in counted)
    n_other = total - sum(counts.values())
    if rest or n_other:
        layers.append(LayerSummary(OTHER, "", None, rest, n_other))
    tensors = [*module.parameters(), *module.buffers()]
    n_bytes = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    shape = network.spec.image_shape
    return NetworkSummary(layers, image_shape=shape, n_bytes=n_bytes)


WHOLE = (nn.MultiheadAttention,)
"""Layers that use the weights of those within, and do not call these."""


def _layers(module, path=""):
    """List the paths of the layers that have no layers within."""
    children = list(module.named_children())
    if not children or isinstance(module, WHOLE):
        yield path
        return
    for name, child in children:
        yield from _layers(child, f"{path}.{name}".lstrip("."))


def _measure(network, paths):
    """Run one blank image, and note down shapes and multiply-adds.

    Returns
    -------
    outputs : dict of str to tuple
    counts : dict of str to int
    total : int
    """
    outputs, counts, total = {}, dict.fromkeys(paths, 0), 0

    def compute(path, layer, *args, **kwargs):
        path = path.removeprefix("body").lstrip(".")
        with FlopCounterMode(display=False) as counter:
            output = layer(*args, **kwargs)
        counts[path] += counter.get_total_flops() // 2
        first = output[0] if isinstance(output, tuple) else output
        outputs[path] = tuple(first.shape[1:])
        return output

    def compute_all(module, batch):
        nonlocal total
        watched = [f"body.{path}".rstrip(".") for path in paths]
        with FlopCounterMode(display=False) as counter:
            logits = watch(module, watched, compute)(batch)
        total = counter.get_total_flops() // 2
        return logits

    blank = np.zeros((1, *network.spec.image_shape), dtype=np.float32)
    network.run(blank, compute_all, batch_size=1, pixel_range=None)
    return outputs, counts, total


def _as_texts(layer):
    shape = "not called" if layer.output_shape is None else str(layer.output_shape)
    return (
        layer.name,
        layer.kind,
        "" if layer.name == OTHER else shape,
        f"{layer.n_parameters:,}",
        f"{layer.n_multiply_adds:,}",
    )


def _as_line(cells, widths):
    texts = [
        cell.ljust(width) if number < 3 else cell.rjust(width)
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(texts).rstrip()


def _as_size(n_bytes):
    for unit in ("bytes", "kB", "MB"):
        if n_bytes < 1000:
            return f"{n_bytes:.1f} {unit}" if unit != "bytes" else f"{n_bytes} bytes"
        n_bytes /= 1000
    return f"{n_bytes:.1f} GB"

"""The built-in network: blocks of convolution, then fully-connected layers."""

from torch import nn

from sklcnn.network._modules import BatchNorm


def resolve_layout(
    image_shape,
    *,
    conv_channels,
    kernel_size,
    pool_size,
    hidden_units,
    dropout,
    batch_norm,
):
    """Resolve parameters to the layout of the network for images of one shape.

    A side is no longer pooled where it would fall under 2 pixels; the part of a kernel
    that only ever lies outside of the image is left out.

    Parameters
    ----------
    image_shape : tuple of int
        Height, width and number of channels.
    conv_channels, kernel_size, pool_size, hidden_units, dropout, batch_norm
        As in `CNNClassifier`.

    Returns
    -------
    layout : dict
        `blocks`, each with its number of `channels` and the sides of `kernel`,
        `stride` and `pool`; `hidden_units`, `dropout` and `batch_norm`.
    """
    sides, blocks = list(image_shape[:2]), []
    for n_channels in conv_channels:
        kernel = [min(kernel_size, 2 * side - 1) for side in sides]
        pool = [pool_size if side // pool_size >= 2 else 1 for side in sides]
        blocks.append(
            {
                "channels": int(n_channels),
                "kernel": [int(size) for size in kernel],
                "stride": [1, 1],
                "pool": [int(size) for size in pool],
            }
        )
        sides = [side // size for side, size in zip(sides, pool, strict=True)]
    return {
        "blocks": blocks,
        "hidden_units": [int(n_units) for n_units in hidden_units],
        "dropout": float(dropout),
        "batch_norm": bool(batch_norm),
    }


def build_convnet(image_shape, n_outputs, layout):
    """Build the network of a layout.

    Pooling comes before normalization and activation: the result of max pooling and
    ReLU is the same in either order, and three quarters of the work are saved.

    Parameters
    ----------
    image_shape : tuple of int
        Height, width and number of channels.
    n_outputs : int
        Number of logits.
    layout : dict
        As from `resolve_layout`.

    Returns
    -------
    network : nn.Sequential
        From images of shape (n, n_channels, height, width) to logits. The last layer is
        the head.
    """
    *sides, n_inputs = image_shape
    layers, batch_norm = [], layout["batch_norm"]
    for block in layout["blocks"]:
        kernel, stride = block["kernel"], block["stride"]
        around = tuple((size - 1) // 2 for size in kernel)
        if any(size % 2 == 0 for size in kernel):
            extra = [(size + 1) % 2 for size in kernel]  # an even kernel's, at the end
            layers.append(nn.ZeroPad2d((0, extra[1], 0, extra[0])))
        layers.append(
            nn.Conv2d(
                n_inputs,
                block["channels"],
                tuple(kernel),
                stride=tuple(stride),
                padding=around,
                bias=not batch_norm,
            )
        )
        pool = tuple(block["pool"])
        if pool != (1, 1):
            layers.append(nn.MaxPool2d(pool))
        sides = [
            -(-side // step) // size
            for side, step, size in zip(sides, stride, pool, strict=True)
        ]
        if batch_norm:
            layers.append(BatchNorm(block["channels"]))
        layers.append(nn.ReLU())
        n_inputs = block["channels"]
    layers.append(nn.Flatten())
    n_inputs *= sides[0] * sides[1]
    for n_units in layout["hidden_units"]:
        layers += [nn.Linear(n_inputs, n_units), nn.ReLU()]
        if layout["dropout"] > 0:
            layers.append(nn.Dropout(layout["dropout"]))
        n_inputs = n_units
    layers.append(nn.Linear(n_inputs, n_outputs))
    return nn.Sequential(*layers)

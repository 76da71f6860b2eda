"""The built-in network: blocks of convolution, then fully-connected layers."""

from torch import nn

from sklcnn.network._modules import BatchNorm

AUTO_CHANNELS = (16, 32, 64, 128)
"""Number of channels of the blocks for sides up to 39 pixels after the first layer."""

LAST_SIDE = 4
"""Largest side in pixels that the last block leaves, where blocks are "auto"."""

SIDES_OF_STRIDES = ((96, 4), (48, 2))
"""Smallest sides in pixels, and strides of the first convolution from there on."""


def resolve_layout(
    image_shape,
    *,
    conv_channels,
    kernel_size,
    pool_size,
    hidden_units,
    dropout,
    batch_norm,
    stride,
):
    """Resolve parameters to the layout of the network for images of one shape.

    The last blocks pool, as many of them as leave a side of at least 2 pixels. The
    first one does only where they are too few to bring the side down to 4 pixels:
    detail of small images is kept until there are channels for it. The part of a kernel
    that only ever lies outside of the image is left out.

    Parameters
    ----------
    image_shape : tuple of int
        Height, width and number of channels.
    conv_channels, kernel_size, pool_size, hidden_units, dropout, batch_norm, stride
        As in `CNNClassifier`.

    Returns
    -------
    layout : dict
        `blocks`, each with its number of `channels` and the sides of `kernel`,
        `stride` and `pool`; `hidden_units`, `dropout` and `batch_norm`.
    """
    strides = [_resolve_stride(stride, side) for side in image_shape[:2]]
    steps = zip(image_shape[:2], strides, strict=True)
    sides = [-(-side // step) for side, step in steps]
    if isinstance(conv_channels, str):
        conv_channels = _resolve_channels(max(sides), pool_size)
    pools = [_place_pools(side, pool_size, len(conv_channels)) for side in sides]
    sides, blocks = list(image_shape[:2]), []
    for number, n_channels in enumerate(conv_channels):
        steps = [1, 1] if number else strides
        pool = [places[number] for places in pools]
        kernel = [
            min(kernel_size if step == 1 else 2 * step, 2 * side - 1)
            for side, step in zip(sides, steps, strict=True)
        ]
        blocks.append(
            {
                "channels": int(n_channels),
                "kernel": [int(size) for size in kernel],
                "stride": [int(step) for step in steps],
                "pool": [int(size) for size in pool],
            }
        )
        sides = [
            -(-side // step) // size
            for side, step, size in zip(sides, steps, pool, strict=True)
        ]
    return {
        "blocks": blocks,
        "hidden_units": [int(n_units) for n_units in hidden_units],
        "dropout": float(dropout),
        "batch_norm": bool(batch_norm),
    }


def _resolve_stride(stride, side):
    """Resolve "auto" to the stride for a side, and trim others to the side."""
    if stride == "auto":
        return next((step for least, step in SIDES_OF_STRIDES if side >= least), 1)
    return min(stride, side)


def _resolve_channels(side, pool_size):
    """Resolve "auto": blocks are added until the last one leaves a small side."""
    n_blocks = len(AUTO_CHANNELS)
    while pool_size > 1 and side // pool_size ** (n_blocks - 1) > LAST_SIDE:
        n_blocks += 1
    return (*AUTO_CHANNELS, *AUTO_CHANNELS[-1:] * (n_blocks - len(AUTO_CHANNELS)))


def _place_pools(side, pool_size, n_blocks):
    """List the sides of the windows that blocks pool a side of the image with."""
    if pool_size == 1:
        return [1] * n_blocks
    n_pools, rest = 0, side
    while rest // pool_size >= 2 and n_pools < n_blocks:
        if n_pools == n_blocks - 1 and rest <= LAST_SIDE:
            break
        rest //= pool_size
        n_pools += 1
    return [1] * (n_blocks - n_pools) + [pool_size] * n_pools


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
        if min(sides) < 1:
            raise ValueError(f"its layout pools images of {image_shape} to nothing")
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

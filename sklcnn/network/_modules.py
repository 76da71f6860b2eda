"""The layers: pixels in as they are, logits out."""

import torch
from torch import nn

from sklcnn._pixels import pixel_scale


class Standardize(nn.Module):
    """Take pixels of any dtype, channels last, to standardized channels-first floats.

    Parameters
    ----------
    mean, std : array-like of shape (n_channels,)
        Of the training pixels, in the range to which `pixel_scale` takes them.
    """

    def __init__(self, mean, std):
        super().__init__()
        self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float64))
        self.register_buffer("std", torch.as_tensor(std, dtype=torch.float64))

    def forward(self, images):
        """Standardize images of shape (n, height, width, n_channels)."""
        pixels = images.to(self.mean.dtype)
        factor = pixel_scale(images.dtype) / self.std
        return torch.addcmul(-self.mean / self.std, pixels, factor).permute(0, 3, 1, 2)


class ImageNetwork(nn.Module):
    """A network with its preprocessing: takes pixels, gives logits.

    Parameters
    ----------
    standardize : Standardize
        The first layer.
    body : nn.Module
        The network proper, from images of shape (n, n_channels, height, width) to
        logits of shape (n, n_classes).
    """

    def __init__(self, standardize, body):
        super().__init__()
        self.standardize = standardize
        self.body = body

    def forward(self, images):
        """Compute logits for images of shape (n, height, width, n_channels)."""
        return self.body(self.standardize(images))

    @property
    def last_layer(self):
        """The last linear layer: what enters it is the embedding of an image."""
        linear = [layer for layer in self.modules() if isinstance(layer, nn.Linear)]
        if not linear:
            raise ValueError("The network has no linear layer, hence no embeddings.")
        return linear[-1]

    def embed(self, images):
        """Compute what enters the last layer, of shape (n, n_features_out)."""
        inputs = []
        handle = self.last_layer.register_forward_pre_hook(
            lambda layer, arguments: inputs.append(arguments[0])
        )
        try:
            self(images)
        finally:
            handle.remove()
        return inputs[0].flatten(1)


class BatchNorm(nn.BatchNorm2d):
    """Batch normalization that also takes a batch of one single value a channel.

    Such a batch has no variance; it is normalized with the running statistics.
    """

    def forward(self, images):
        """Normalize images of shape (n, n_channels, height, width)."""
        if images.numel() > images.shape[1]:
            return super().forward(images)
        return nn.functional.batch_norm(
            images, self.running_mean, self.running_var, self.weight, self.bias
        )


def build_convnet(
    *,
    image_shape,
    n_classes,
    conv_channels,
    kernel_size,
    pool_size,
    hidden_units,
    dropout,
    batch_norm,
):
    """Build blocks of convolution, pooling, normalization and activation, then layers.

    Pooling comes before normalization and activation: the result of max pooling and
    ReLU is the same in either order, and three quarters of the work are saved. A side
    is no longer pooled where it would fall under 2 pixels.

    Parameters
    ----------
    image_shape : tuple of int
        Height, width and number of channels.
    n_classes : int
        Number of logits.
    conv_channels, kernel_size, pool_size, hidden_units, dropout, batch_norm
        As in `CNNClassifier`.

    Returns
    -------
    network : nn.Sequential
        From images of shape (n, n_channels, height, width) to logits.
    """
    *sides, n_inputs = image_shape
    layers = []
    for n_outputs in conv_channels:
        # what of a kernel only ever lies outside of the image is left out
        kernel = tuple(min(kernel_size, 2 * side - 1) for side in sides)
        around = tuple((size - 1) // 2 for size in kernel)
        if any(size % 2 == 0 for size in kernel):
            extra = [(size + 1) % 2 for size in kernel]  # an even kernel's, at the end
            layers.append(nn.ZeroPad2d((0, extra[1], 0, extra[0])))
        layers.append(
            nn.Conv2d(n_inputs, n_outputs, kernel, padding=around, bias=not batch_norm)
        )
        window = tuple(pool_size if side // pool_size >= 2 else 1 for side in sides)
        sides = [side // size for side, size in zip(sides, window, strict=True)]
        if window != (1, 1):
            layers.append(nn.MaxPool2d(window))
        if batch_norm:
            layers.append(BatchNorm(n_outputs))
        layers.append(nn.ReLU())
        n_inputs = n_outputs
    layers.append(nn.Flatten())
    n_inputs *= sides[0] * sides[1]
    for n_units in hidden_units:
        layers += [nn.Linear(n_inputs, n_units), nn.ReLU()]
        if dropout > 0:
            layers.append(nn.Dropout(dropout))
        n_inputs = n_units
    layers.append(nn.Linear(n_inputs, n_classes))
    return nn.Sequential(*layers)


def build_network(config, mean, std):
    """Build a network from its configuration.

    Parameters
    ----------
    config : dict
        `image_shape`, `n_classes`, `network` and the parameters of `build_convnet`.
    mean, std : array-like of shape (n_channels,)
        Of the training pixels.

    Returns
    -------
    network : ImageNetwork
    """
    parameters = dict(config)
    network = parameters.pop("network")
    if network == "convnet":
        body = build_convnet(**parameters)
    else:
        body = network(parameters["image_shape"][2], parameters["n_classes"])
    return ImageNetwork(Standardize(mean, std), body)

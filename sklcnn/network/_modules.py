"""Layers from pixels to logits."""

import contextlib

import torch
from torch import nn

from sklcnn._pixels import pixel_scale
from sklcnn.network._watched import watch


class Standardize(nn.Module):
    """Standardize pixels of any dtype, channels last, to channels-first floats.

    Parameters
    ----------
    mean, std : array-like of shape (n_channels,)
        Of the training pixels, after `pixel_scale`.
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
    """Network from pixels to logits.

    Parameters
    ----------
    standardize : Standardize
        The first layer.
    body : nn.Module
        From images of shape (n, n_channels, height, width) to logits of shape
        (n, n_outputs).
    heads : sequence of str
        Paths within `body` of the layers that make the logits. What enters them is the
        embedding of an image.
    image_size : tuple of two ints, default=None
        Height and width that images are resized to before the body, without parts
        being cut off; None leaves them as they are.
    interpolation : {"bilinear", "bicubic"}, default="bilinear"
        Interpolation of resized images, with antialiasing where a side shrinks.

    Attributes
    ----------
    temperature : float
        What logits are divided by, but for training; 1 leaves them as they are.
    frozen : {"nothing", "normalization", "body"}
        What stays in evaluation mode while the network trains: nothing, layers of batch
        normalization, or all layers but the heads.
    """

    def __init__(
        self, standardize, body, heads, image_size=None, interpolation="bilinear"
    ):
        super().__init__()
        self.standardize = standardize
        self.body = body
        self.heads = tuple(heads)
        self.image_size = image_size
        self.interpolation = interpolation
        self.temperature = 1.0
        self.frozen = "nothing"

    def forward(self, images):
        """Compute logits for images of shape (n, height, width, n_channels)."""
        logits = self.body(self.resize(self.standardize(images)))
        if self.training or self.temperature == 1:
            return logits
        return logits / self.temperature

    def resize(self, images):
        """Resize images of shape (n, n_channels, height, width)."""
        size = images.shape[2:]
        if self.image_size is None or tuple(size) == self.image_size:
            return images
        shrinks = any(a > b for a, b in zip(size, self.image_size, strict=True))
        return nn.functional.interpolate(
            images, self.image_size, mode=self.interpolation, antialias=shrinks
        )

    def train(self, mode=True):
        """Set the mode of all layers, but for those that are frozen."""
        super().train(mode)
        if mode and self.frozen != "nothing":
            for layer in self.frozen_layers():
                layer.training = False
        return self

    def frozen_layers(self):
        """List the layers that stay in evaluation mode."""
        if self.frozen == "nothing":
            return []
        if self.frozen == "normalization":
            kind = nn.modules.batchnorm._BatchNorm
            return [layer for layer in self.body.modules() if isinstance(layer, kind)]
        return [
            layer
            for path, layer in self.body.named_modules()
            if not self.is_in_head(path)
        ]

    def is_in_head(self, path):
        """Whether a layer or a parameter of the body belongs to the heads."""
        return any(
            not head or path == head or path.startswith(f"{head}.")
            for head in self.heads
        )

    def embed(self, images):
        """Compute what enters the heads, of shape (n, n_features).

        Of several heads that take different inputs, one input follows the other. Maps
        that enter a convolution are averaged over their pixels.

        Raises
        ------
        ValueError
            If it is not known which layer makes the logits.
        """
        if not self.heads:
            raise ValueError(
                "The network has no embeddings: no layer was found that makes its "
                "logits. Let the network's last operation be a layer with weights, "
                "such as torch.nn.Linear."
            )
        entered = []

        def note(path, layer, inputs, *args, **kwargs):
            entered.append(inputs)
            return layer(inputs, *args, **kwargs)

        watch(self.body, self.heads, note)(self.resize(self.standardize(images)))
        inputs = list({id(tensor): _as_rows(tensor) for tensor in entered}.values())
        if not inputs:
            raise ValueError(
                f"The network has no embeddings: its head {self.heads[0]!r} was not "
                "called. Call layers as attributes of the module they are part of."
            )
        return inputs[0] if len(inputs) == 1 else torch.cat(inputs, dim=1)


def _as_rows(tensor):
    return tensor.mean((2, 3)) if tensor.ndim == 4 else tensor.flatten(1)


@contextlib.contextmanager
def evaluating(module):
    """Set a module to evaluation, and restore the layers that were in training."""
    in_training = [layer for layer in module.modules() if layer.training]
    for layer in in_training:
        layer.training = False
    try:
        yield
    finally:
        for layer in in_training:
            layer.training = True


def load_tensors(module, tensors):
    """Load weights into layers of the same version that gave them.

    Some layers, as those of torchvision's mnasnets, refuse a state without the version
    that `state_dict` notes down in it, which no plain dictionary has.

    Parameters
    ----------
    module : nn.Module
        The layers. Those without a tensor keep theirs.
    tensors : dict of {str: tensor}
        Weights by their names.
    """
    state = module.state_dict()
    state.update(tensors)
    module.load_state_dict(state)


class BatchNorm(nn.BatchNorm2d):
    """Batch normalization that also takes a batch of a single value per channel.

    Such a batch has no variance; it is normalized with the running statistics.
    """

    def forward(self, images):
        """Normalize images of shape (n, n_channels, height, width)."""
        if not self.training or images.numel() > images.shape[1]:
            return super().forward(images)
        return nn.functional.batch_norm(
            images, self.running_mean, self.running_var, self.weight, self.bias
        )


DRAWS_NOTHING = {
    BatchNorm,
    ImageNetwork,
    Standardize,
    nn.BatchNorm2d,
    nn.Conv2d,
    nn.CrossEntropyLoss,
    nn.Flatten,
    nn.Linear,
    nn.MaxPool2d,
    nn.ReLU,
    nn.Sequential,
    nn.ZeroPad2d,
}
"""Layers that draw no random numbers once they are built."""

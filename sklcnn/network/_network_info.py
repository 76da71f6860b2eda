"""What is known of a named network before it is built."""

from dataclasses import dataclass
from typing import NamedTuple


class NetworkInfo(NamedTuple):
    """Entry of the list of named networks.

    Parameters
    ----------
    name : str
        Name for the parameter `network` of an estimator.
    image_size : tuple of two ints or None
        Height and width, in pixels, of the images that its weights were trained on;
        None where there are no weights.
    weights : tuple of str
        Names for the parameter `weights`; the default comes first. Empty where there
        are none to download.
    license : str or None
        License of the default weights, where the source names it.
    """

    name: str
    image_size: tuple | None
    weights: tuple
    license: str | None


@dataclass(frozen=True)
class InputFormat:
    """Form of the images that the weights of a named network were trained on.

    Parameters
    ----------
    image_size : tuple of two ints
        Height and width in pixels.
    interpolation : {"bilinear", "bicubic"}
        Interpolation of images that were resized.
    mean, std : tuple of floats
        Statistics of the pixels, in 0 to 1, by which they were standardized: one value
        per color.
    """

    image_size: tuple = (224, 224)
    interpolation: str = "bilinear"
    mean: tuple = (0.485, 0.456, 0.406)
    std: tuple = (0.229, 0.224, 0.225)

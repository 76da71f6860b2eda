"""Changes of pixel values that depend on the image: histograms, levels, sharpness.

Functions take tensors of shape (n, height, width, n_channels) and the range of the
training pixels. What they do to an image does not depend on the others.
"""

import torch
from torch.nn.functional import conv2d

N_LEVELS = 256


def auto_contrast(batch, pixel_range):
    """Stretch each channel of each image to the range of the training pixels."""
    low, high = batch.amin((1, 2), keepdim=True), batch.amax((1, 2), keepdim=True)
    least, most = pixel_range
    width = high - low
    stretched = (batch - low) / width.where(width > 0, 1) * (most - least) + least
    return stretched.where(width > 0, batch)


def equalize(batch, pixel_range):
    """Equalize the histogram of 256 levels of each channel of each image.

    A pixel becomes the number of pixels below it, as a share of those that are not the
    brightest ones.
    """
    least, most = pixel_range
    n_images, height, width, n_channels = batch.shape
    levels = _levels(batch, pixel_range).long().permute(0, 3, 1, 2)
    planes = levels.reshape(n_images * n_channels, -1)
    starts = torch.arange(len(planes), device=batch.device)[:, None] * N_LEVELS
    n_bins = len(planes) * N_LEVELS
    counts = torch.bincount((planes + starts).flatten(), minlength=n_bins)
    counts = counts.view(-1, N_LEVELS)
    below = (counts.cumsum(1) - counts).to(batch.dtype)
    brightest = below.gather(1, planes.amax(1, keepdim=True))
    shares = below.gather(1, planes) / brightest.clamp(min=1)
    shares = shares.view(n_images, n_channels, height, width).permute(0, 2, 3, 1)
    has_one_level = (brightest == 0).view(n_images, 1, 1, n_channels)
    return batch.where(has_one_level, shares * (most - least) + least)


def solarize(batch, pixel_range, threshold):
    """Invert pixels from a threshold on, a fraction of the range; none if it is 1."""
    least, most = pixel_range
    inverted = (batch >= threshold * (most - least) + least) & (threshold < 1)
    return (least + most - batch).where(inverted, batch)


def posterize(batch, pixel_range, n_bits_lost):
    """Reduce 256 levels by a number of bits, rounded; 0 changes nothing."""
    least, most = pixel_range
    step = 2 ** n_bits_lost.round()
    levels = (_levels(batch, pixel_range) / step).floor() * step
    return (levels / (N_LEVELS - 1) * (most - least) + least).where(step > 1, batch)


def sharpen(batch, pixel_range, factor):
    """Move pixels away from the smoothed image, or towards it where the factor is < 1.

    Pixels at the border stay as they are.
    """
    if min(batch.shape[1:3]) < 3:
        return batch
    kernel = torch.ones(3, 3, dtype=batch.dtype, device=batch.device)
    kernel[1, 1] = 5
    n_channels = batch.shape[3]
    kernel = (kernel / kernel.sum()).expand(n_channels, 1, 3, 3)
    planes = batch.permute(0, 3, 1, 2)
    smooth = conv2d(planes, kernel, groups=n_channels).permute(0, 2, 3, 1)
    inner = batch[:, 1:-1, 1:-1]
    result = batch.clone()
    result[:, 1:-1, 1:-1] = (smooth + factor * (inner - smooth)).clamp(*pixel_range)
    return result


def _levels(batch, pixel_range):
    """Round pixels to 256 levels, from 0 to 255."""
    least, most = pixel_range
    width = most - least if most > least else 1.0
    return ((batch - least) / width * (N_LEVELS - 1)).round().clamp(0, N_LEVELS - 1)

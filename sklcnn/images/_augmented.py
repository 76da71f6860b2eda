"""Images with the random transforms that training redraws them by."""

import sys

import numpy as np
import torch

from sklcnn._arrays import is_lazy
from sklcnn._pixels import (
    FULL_RANGE,
    USED_SHARE,
    ImageFormat,
    pixel_scale,
    working_range,
)
from sklcnn._rows import evenly_spaced
from sklcnn._validation import resolve_image_shape
from sklcnn._warnings import warn_user
from sklcnn.images._lazy import LazyImages
from sklcnn.images._mapped import RowsOf, read_rows
from sklcnn.images._random import RowRandom, number_repeats

IMAGES_LOOKED_AT = 4096
"""Number of lazy images whose pixels tell the range of all."""


class AugmentedImages(LazyImages):
    """Images that `CNNClassifier` transforms at random in every epoch.

    The steps of `sklcnn.augmentation` return them from `fit_transform`. They are a
    value, the images and a tuple of random transforms, and hold no random state: a draw
    is a function of the seed, the epoch, the image and the transform. So subsets and
    other orders have the draws of their images. An image that is picked twice, as
    oversampling and the bootstrap do, is drawn twice, differently.

    Read as an array they are their images, unchanged. Where another estimator reads
    them, be it a scaler or a classifier of another package, one warning says that the
    transforms have no effect on it.

    Parameters
    ----------
    images : ndarray or LazyImages of shape (n_samples, height, width), \
            (n_samples, height, width, n_channels) or (n_samples, n_features)
        The images themselves. The transforms of augmented images come first.
    steps : tuple of transformers
        Random transforms of `sklcnn.augmentation`, in order.
    rows : ndarray of shape (n_samples,), default=None
        Whole numbers that tell the images apart, on which their draws depend. By
        default the positions. Subsets keep the numbers of their images; the second
        and further occurrences of one number are given new ones.
    index : pandas.Index of length n_samples, default=None
        That of the data frame that the images came from. By default that of `images`.

    See Also
    --------
    sklcnn.augmentation.RandomFlip : Mirror images at random.

    Examples
    --------
    >>> import numpy as np
    >>> from sklcnn.augmentation import RandomFlip
    >>> X = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    >>> augmented = RandomFlip(p=1.0).fit_transform(X)
    >>> augmented[1:].draw()
    array([[[ 8,  7,  6],
            [11, 10,  9]]], dtype=uint8)
    """

    def __init__(self, images, steps, rows=None, index=None):
        if index is None and isinstance(images, LazyImages):
            index = images.index
        if isinstance(images, AugmentedImages):  # the steps noted before come first
            images, steps, rows = (
                images.images,
                (*images.steps, *steps),
                images.rows if rows is None else rows,
            )
        _check_holds_images(images)
        self.images = images
        self.steps = tuple(steps)
        rows = np.arange(images.shape[0]) if rows is None else rows
        self.rows = number_repeats(rows)
        self.index = index
        self._told = []

    @property
    def shape(self):
        """Shape of the images."""
        return tuple(self.images.shape)

    @property
    def dtype(self):
        """The numpy dtype of the images."""
        return self.images.dtype

    @property
    def bad_rows(self):
        """Positions that are known to be unreadable, an array of int."""
        return getattr(self.images, "bad_rows", LazyImages.bad_rows)

    def read(self, rows):
        """Read the unchanged images of the given rows.

        Parameters
        ----------
        rows : ndarray of shape (n,), dtype intp
            Positions between 0 and ``len(self) - 1``.

        Returns
        -------
        images : ndarray of shape (n, height, width[, n_channels])
            The images without transforms.
        """
        if isinstance(self.images, np.ndarray):
            return self.images[rows]
        return read_rows(self.images, rows)

    def take(self, rows):
        """Keep only the given rows, and their transforms.

        Evenly spaced rows of an array are a view of it, as slices of numpy are.

        Parameters
        ----------
        rows : ndarray of shape (n,), dtype intp
            Positions between 0 and ``len(self) - 1``.

        Returns
        -------
        augmented : AugmentedImages
            These rows have the draws that they have among all. A row that is given
            twice is drawn twice, differently.
        """
        images = self.images
        if not isinstance(images, np.ndarray | LazyImages):
            images = RowsOf(images, np.arange(len(self), dtype=np.intp))
        index = None if self.index is None else self.index[rows]
        images = images[_as_slice(rows)]
        subset = AugmentedImages(images, self.steps, self.rows[rows], index)
        subset._told = self._told  # so that a warning comes once, not for every fold
        return subset

    def draws(self, epoch, seed, pixel_range=(0.0, 1.0), enlarged=None):
        """Prepare the draws of one epoch.

        Parameters
        ----------
        epoch : int
            Number of the epoch, from 0.
        seed : int
            Seed of the training, from 0.
        pixel_range : tuple of two floats, default=(0.0, 1.0)
            Range of the training pixels, as `working_range` gives it, on the scale of
            the network (uint8 and uint16 count as 0 to 1). The strengths of color
            steps and of noise are fractions of it, and it bounds what they give.
        enlarged : tuple, default=None
            Size that images will be enlarged to, a tuple (height, width), and the
            interpolation, "bilinear" or "bicubic". Where the last step that moves
            pixels interpolates, and all after it change colors only, images are
            enlarged in that one interpolation: twice is less sharp, and slower.

        Returns
        -------
        draws : callable
            Called with a tensor of shape (n, height, width, n_channels), of floats on
            any device, and the positions of these images in `self`, an integer array of
            shape (n,), it returns a tensor alike of the augmented images. They are
            of their own size or of the `enlarged` one.
        """
        scale = pixel_scale(self.dtype)
        counters = seed, epoch
        return Draws(self.steps, self.rows, counters, pixel_range, scale, enlarged)

    def draw(self, rows=None, epoch=0, seed=0, pixel_range=None, image_shape=None):
        """Draw images as one epoch of training sees them.

        Parameters
        ----------
        rows : int, slice or array-like of shape (n,), default=None
            Which images. By default all.
        epoch : int, default=0
            Number of the epoch, from 0.
        seed : int, default=0
            Seed of the training, from 0.
        pixel_range : tuple of two floats, default=None
            Range of the training pixels on the scale of the network, see `draws`. By
            default that of a training on these images: 0 to 1 where the pixels, uint8
            and uint16 scaled, lie inside and span more than half of it, else from the
            least to the greatest. Of lazy images, 4,096 at most are read to find out.
        image_shape : tuple of int, default=None
            Height, width and number of channels of flat images. By default a square,
            if there is one, or a row of gray pixels.

        Returns
        -------
        images : ndarray of shape (n, height, width[, n_channels])
            Of the dtype and on the scale of the images; integers are rounded.
        """
        rows = np.arange(len(self))[slice(None) if rows is None else rows]
        if rows.ndim == 0:
            picked = rows[np.newaxis]
            return self.draw(picked, epoch, seed, pixel_range, image_shape)[0]
        if pixel_range is None:
            pixel_range = _training_range(self)
        shape = resolve_image_shape(self.shape, image_shape, name=type(self).__name__)
        pixels = self.read(rows)
        real = np.float64 if self.dtype == np.float64 else np.float32
        batch = pixels.reshape(-1, *shape).astype(real) * real(pixel_scale(self.dtype))
        drawn = self.draws(epoch, seed, pixel_range)(torch.from_numpy(batch), rows)
        return _with_dtype(drawn.numpy(), self.dtype).reshape(pixels.shape)

    def __array__(self, dtype=None, copy=None):
        self._tell_reader()
        return np.array(self.images, dtype=dtype, copy=copy)

    def __getstate__(self):
        return vars(self) | {"_told": []}

    def _tell_reader(self):
        """Warn where an estimator reads, as it gets images without transforms."""
        reader = _reading_estimator(sys._getframe(2))
        if reader is None or self._told:
            return
        self._told.append(type(reader).__name__)
        steps = ", ".join(type(step).__name__ for step in self.steps)
        warn_user(
            f"{type(reader).__name__} can't redraw images in every epoch, so it gets "
            f"the plain images and {steps} before it has no effect. Put augmentation "
            "right before a CNNClassifier, with no other step in between."
        )


class Draws:
    """The random transforms of one epoch.

    Parameters
    ----------
    steps : tuple of transformers
        Random transforms of `sklcnn.augmentation`.
    rows : ndarray of shape (n_samples,)
        Whole numbers that tell the images apart.
    counters : tuple of int
        Seed and epoch.
    pixel_range : tuple of two floats
        Range of the training pixels on the scale of the network.
    pixel_scale : float
        Factor from pixels of the images to the scale of the network.
    enlarged : tuple, default=None
        Size and interpolation by which images will be enlarged.
    """

    def __init__(self, steps, rows, counters, pixel_range, pixel_scale, enlarged=None):
        self.steps = steps
        self.rows = rows
        self.counters = counters
        self.pixel_range = pixel_range
        self.pixel_scale = pixel_scale
        self.enlarged = enlarged
        self._image_shape = None

    def __call__(self, batch, rows):
        image_shape = tuple(batch.shape[1:])
        if image_shape != self._image_shape:
            self._stages = self._draw_stages(image_shape)
            self._image_shape = image_shape
        with torch.no_grad(), torch.autocast(batch.device.type, enabled=False):
            for stage in self._stages:
                batch = stage(batch, rows)
        return batch

    def _draw_stages(self, image_shape):
        """Draw the numbers of all rows, and merge neighboring stages where possible."""
        image_format = ImageFormat(image_shape, self.pixel_range, self.pixel_scale)
        stages = []
        for number, step in enumerate(self.steps):
            step.check_shape(image_shape)
            random = RowRandom(self.rows, *self.counters, number)
            drawn = step.draw_stage(random, image_format)
            for stage in drawn if isinstance(drawn, list) else [drawn]:
                if not hasattr(stage, "enlarging"):
                    raise TypeError(
                        f"{type(step).__name__}.draw_stage must return a stage, such "
                        "as Pixelwise(function, *parameters) or Warp(matrices) of "
                        "sklcnn.augmentation, or a list of them. Got "
                        f"{drawn!r} instead."
                    )
                both = stages[-1].then(stage) if stages else None
                if both is not None:
                    stage = both
                    stages.pop()
                stages.append(stage)
        if self.enlarged is not None:
            _enlarge_within(stages, image_shape[:2], *self.enlarged)
        return stages


def _enlarge_within(stages, size, larger, interpolation):
    """Let the last stage that interpolates enlarge the images, if one can."""
    if size == larger or any(a > b for a, b in zip(size, larger, strict=True)):
        return
    for number in reversed(range(len(stages))):
        enlarging = stages[number].enlarging(larger, interpolation)
        if enlarging is not None:
            stages[number] = enlarging
            return
        if not stages[number].goes_with_any_size:
            return


def _reading_estimator(frame):
    """Find the estimator whose method reads the images, if one does.

    Users who convert by hand, and scikit-learn's own checks, need no warning.
    """
    while frame is not None:
        if frame.f_code.co_varnames[:1] == ("self",):
            reader = frame.f_locals.get("self")
            if hasattr(type(reader), "fit"):
                return reader
        frame = frame.f_back
    return None


def _check_holds_images(images):
    """Check the type and the number of dimensions."""
    is_array = isinstance(images, np.ndarray) and images.ndim in (2, 3, 4)
    if not is_array and not is_lazy(images):
        shape = f" of shape {tuple(images.shape)}" if hasattr(images, "shape") else ""
        raise TypeError(
            "AugmentedImages expects a numpy array or lazy images, of shape "
            "(n_samples, height, width), (n_samples, height, width, n_channels) or "
            f"(n_samples, n_features). Got {type(images).__name__}{shape}. Make it "
            "such an array first, for example with `np.stack(images)`."
        )


def _as_slice(rows):
    """Give evenly spaced, increasing positions as a slice, of which numpy has views."""
    if len(rows) < 2:
        return rows
    step = int(rows[1] - rows[0])
    if step < 1 or (np.diff(rows) != step).any():
        return rows
    return slice(int(rows[0]), int(rows[-1]) + 1, step)


def _training_range(augmented):
    """Find the range of pixels in which a training on these images draws.

    Pixels of uint8 and uint16 can't leave 0 to 1: a few images that span more than half
    of it are enough to know.
    """
    rows = np.setdiff1d(np.arange(len(augmented)), augmented.bad_rows)
    if not isinstance(augmented.images, np.ndarray):
        rows = evenly_spaced(rows, IMAGES_LOOKED_AT)
    scale = pixel_scale(augmented.dtype)
    low, high = np.inf, -np.inf
    for start in range(0, len(rows), 64):
        pixels = augmented.read(rows[start : start + 64])
        low = min(low, float(pixels.min()) * scale)
        high = max(high, float(pixels.max()) * scale)
        if scale < 1 and high - low > USED_SHARE:
            return FULL_RANGE
    return working_range(low, high)


def _with_dtype(pixels, dtype):
    """Bring pixels from the scale of the network back to the dtype of the images."""
    if dtype.kind == "b":
        return pixels >= 0.5
    if dtype.kind not in "iu":
        return pixels.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    pixels = np.rint(pixels / pixel_scale(dtype))
    return pixels.clip(limits.min, limits.max).astype(dtype)

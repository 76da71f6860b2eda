"""What holds for every preprocessing step."""

import pickle

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from skimage import data
from skimage.filters import gaussian
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklcnn.images._lazy import LazyImages
from sklcnn.preprocessing import (
    CenterCrop,
    Denoise,
    EqualizeHistogram,
    Flip,
    Grayscale,
    ImageFunction,
    Resize,
    ResizeByFactor,
    Rotate,
)

STEPS = [
    CenterCrop((5, 6)),
    Denoise(strength=0.2),
    EqualizeHistogram(),
    Flip(vertical=True),
    Grayscale(),
    ImageFunction(gaussian, sigma=0.7, preserve_range=True),
    ResizeByFactor(1.5),
    Resize((5, 9)),
    Rotate(20),
    Rotate(90, resize=True),
]
NAMES = [f"{type(step).__name__}{n}" for n, step in enumerate(STEPS)]
DTYPES = ["bool", "uint8", "uint16", "int64", "float16", "float32", "float64"]

every_step = pytest.mark.parametrize("step", STEPS, ids=NAMES)
every_step_of_ours = pytest.mark.parametrize(  # elsewhere the function decides
    "step", [step for step in STEPS if not isinstance(step, ImageFunction)], ids=repr
)


class Stored(LazyImages):
    """Lazy images that count how many were read."""

    def __init__(self, array):
        self.array = array
        self.shape_, self.n_read = array.shape, 0

    @property
    def shape(self):
        """Shape of all images."""
        return self.array.shape

    @property
    def dtype(self):
        """Dtype of the pixels."""
        return self.array.dtype

    def read(self, rows):
        """Count and read."""
        self.n_read += len(rows)
        return self.array[rows]

    def take(self, rows):
        """Keep some rows."""
        return Stored(self.array[rows])


class Redrawn(Stored):
    """Images with a note of how to redraw them."""

    @property
    def images(self):
        """The images themselves."""
        return self.array

    def draws(self, epoch, seed):
        """Draw nothing: it is enough to have this method."""


def cutouts(n, *, height=8, width=10, dtype="uint8", channels=True):
    """Cut images out of a picture, with pixels in the range of their dtype."""
    rng = np.random.default_rng(0)
    picture = data.astronaut()
    corners = rng.integers(0, 400, (n, 2))
    images = np.stack([picture[r : r + height, c : c + width] for r, c in corners])
    images = images if channels else images[..., 1]
    scale = {"b": 1 / 255, "f": 1 / 255}.get(np.dtype(dtype).kind, 1)
    return (images * scale).round(3 if scale < 1 else 0).astype(dtype)


@every_step
@pytest.mark.parametrize("channels", [True, False])
def test_lazy_images_stay_lazy_and_give_the_same_pixels(step, channels):
    """Arrays and lazy images go through the same step, the latter when read."""
    images = cutouts(12, channels=channels)
    lazy = Stored(images)

    mapped = clone(step).fit_transform(lazy)

    assert isinstance(mapped, LazyImages)
    assert lazy.n_read <= 2
    expected = clone(step).fit_transform(images)
    assert mapped.shape == expected.shape
    assert mapped.dtype == expected.dtype
    assert_array_equal(np.asarray(mapped), expected)
    assert_array_equal(np.asarray(mapped[[7, 3]]), expected[[7, 3]])


@every_step_of_ours
@pytest.mark.parametrize("dtype", DTYPES)
def test_pixels_keep_dtype_and_range(step, dtype):
    """No step scales the pixels to another range behind the user's back."""
    step = clone(step)
    if isinstance(step, EqualizeHistogram) and dtype == "int64":
        step.set_params(value_range=(0, 255))
    images = cutouts(6, dtype=dtype)

    changed = step.fit_transform(images)

    assert changed.dtype == images.dtype
    high = 65535 if dtype == "uint16" and "Equalize" in type(step).__name__ else None
    high = high or (1 if images.dtype.kind in "bf" else 255)
    assert changed.min() >= 0
    assert high / 2 < changed.max() <= high


@every_step_of_ours
def test_pixels_keep_their_byte_order(step):
    """Also those of the other byte order than this machine's."""
    images = cutouts(3).astype(np.dtype("u2").newbyteorder())
    given = [images[0], images[1][1:]] if step._takes_mixed_sizes else images

    assert clone(step).fit_transform(given).dtype == images.dtype


@every_step
def test_images_are_changed_one_by_one(step):
    """What comes out for an image does not depend on the others, nor is it changed."""
    images = cutouts(7)
    before = images.copy()
    step = clone(step).fit(images)

    changed = step.transform(images)

    assert_array_equal(images, before)
    assert_array_equal(step.transform(images[4:5]), changed[4:5])
    assert changed.flags.c_contiguous


@every_step
def test_single_channel_axis_changes_nothing_else(step):
    """Gray images with and without a channel axis have the same pixels."""
    images = cutouts(4, channels=False)

    plain = clone(step).fit_transform(images)
    with_axis = clone(step).fit_transform(images[..., np.newaxis])

    assert plain.ndim == 3
    assert_allclose(plain, with_axis.reshape(plain.shape), rtol=1e-12)


@every_step
def test_flat_images_are_square_gray_images(step):
    """Flat images give the pixels of the images they are."""
    images = cutouts(4, height=9, width=9, channels=False)

    changed = clone(step).fit_transform(images.reshape(4, 81))

    expected = clone(step).fit_transform(images)
    stays_flat = expected.shape[1] == expected.shape[2]
    assert changed.shape == ((4, expected[0].size) if stays_flat else expected.shape)
    assert_array_equal(changed.reshape(expected.shape), expected)


def test_row_of_pixels_stays_flat_unless_it_reads_as_a_square():
    """The next step sees the same images as this one gave."""
    rows = np.arange(24.0).reshape(2, 12)

    assert Flip().fit_transform(rows).shape == (2, 12)
    assert CenterCrop((1, 9)).fit_transform(rows).shape == (2, 1, 9)


def test_flat_images_may_follow_images_of_their_shape():
    """Flat images are taken for what was seen in fit, else for what they seem to be."""
    images = cutouts(3)

    flipped = Flip().fit(images).transform(images.reshape(3, -1))
    resized = Resize(4).fit(cutouts(3, channels=False)).transform(np.ones((3, 49)))

    assert_array_equal(flipped, images[:, :, ::-1])
    assert_array_equal(resized, np.ones((3, 16)))


def test_flat_images_of_no_known_shape_warn_once():
    """The mend is a reshape."""
    message = "CenterCrop got flat images of 65 features.* `X.reshape"

    with pytest.warns(UserWarning, match=message) as seen:
        CenterCrop((1, 3)).fit_transform(np.ones((2, 65)))

    assert len(seen) == 1


@every_step
def test_pickled_step_does_the_same(step):
    """Steps travel to other processes, and so do the lazy images they made."""
    images = cutouts(3)
    step = clone(step).fit(images)
    mapped = step.transform(Stored(images))

    expected = step.transform(images)

    assert_array_equal(pickle.loads(pickle.dumps(step)).transform(images), expected)
    assert_array_equal(np.asarray(pickle.loads(pickle.dumps(mapped))), expected)


@pytest.mark.parametrize(
    "step", [Denoise(), EqualizeHistogram(), ImageFunction(gaussian), Rotate(20)]
)
def test_workers_change_nothing(step):
    """Two workers give the same images in the same order."""
    images = cutouts(5)

    with parallel_config(backend="threading"):
        parallel = clone(step).set_params(n_jobs=2).fit_transform(images)

    assert_array_equal(parallel, clone(step).fit_transform(images))


def test_later_parameters_do_not_reach_lazy_images():
    """Lazy images keep the parameters of the moment they were made."""
    images = cutouts(3)
    step = Rotate(90, resize=True).fit(images)
    mapped = step.transform(Stored(images))

    step.set_params(degrees=180)

    assert_array_equal(np.asarray(mapped), np.rot90(images, axes=(1, 2)))


@every_step
def test_augmented_images_become_plain_with_one_warning(step):
    """Augmentation before a step that can't redraw is lost, and that is said once."""
    images = cutouts(3)
    name = type(step).__name__

    with pytest.warns(UserWarning, match=f"{name} can't redraw .* Put {name}") as seen:
        changed = clone(step).fit_transform(Redrawn(images))

    assert len(seen) == 1
    assert_array_equal(changed, clone(step).fit_transform(images))


def test_parameter_of_a_step_is_searched():
    """A parameter of a step is one of the pipeline."""
    X = np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8)
    X[::2, :4, :4] = X[::2, 4:, 4:] = 0
    X[1::2, :4, 4:] = X[1::2, 4:, :4] = 0
    flatten = FunctionTransformer(lambda images: images.reshape(len(images), -1) / 255)
    model = make_pipeline(Resize((4, 4)), flatten, LogisticRegression())

    search = GridSearchCV(model, {"resize__size": [1, 4]}, cv=2)
    search.fit(X, np.arange(20) % 2)

    assert search.best_params_ == {"resize__size": 4}
    assert search.best_score_ == 1


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (iter(np.ones((2, 4, 4))), r"an array or a list, and got .* `list\(X\)`"),
        (["a.jpg", "b.jpg"], "expects numeric pixels and got strings"),
        (np.full((2, 4, 4), np.nan), "contains NaN"),
        (np.ones((2, 3, 4, 5, 3)), "with 5 dimensions"),
        (np.ones((0, 4, 4)), "0 sample"),
        (np.ones((2, 3, 8, 8)), "looks channels-first"),
        (np.ones((2, 1, 8, 8)), "looks channels-first"),
        (np.ma.masked_equal(np.eye(4)[np.newaxis], 1), "Flip got a masked array"),
        ([np.ma.masked_equal(np.eye(4), 1)] * 2, "got a masked array"),
        ([np.ones((2, 2)), np.ones((3, 3))], "Flip expects images of one size"),
    ],
)
def test_what_is_no_images_is_refused(X, message):
    """Errors say what is expected and how to mend it."""
    with pytest.raises(ValueError, match=message):
        Flip().fit(X)


def test_images_are_those_of_fit():
    """Another size or number of channels than in fit is an error."""
    step = Flip().fit(np.ones((2, 6, 6, 3)))

    with pytest.raises(ValueError, match=r"shape \(6, 6, 3\), as in fit.* Resize"):
        step.transform(np.ones((2, 6, 7, 3)))
    with pytest.raises(ValueError, match=r"3 channel.* Got images with 1 channel"):
        step.transform(np.ones((2, 6, 6)))


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (Resize(0), "'size' parameter of Resize"),
        (Resize((3, 0)), "expects size to be a number of pixels"),
        (Resize((3, 4, 3)), "expects size to be a number of pixels"),
        (Resize(aspect="fill"), "'aspect' parameter of Resize"),
        (Resize((9, 9), cval=0.5), "'cval' parameter of Resize is on the scale"),
        (ResizeByFactor(0), "'factor' parameter of ResizeByFactor"),
        (ResizeByFactor((1, -1)), "expects factor to be a positive number"),
        (
            ResizeByFactor((1, "a")),
            r"ResizeByFactor expects factor .* Got factor=\(1, 'a'\)",
        ),
        (
            ResizeByFactor((1, np.inf)),
            r"ResizeByFactor expects factor .* Got factor=\(1, inf\)",
        ),
        (Resize(cval=np.nan), "'cval' parameter of Resize"),
        (Rotate(10, cval=np.nan), "'cval' parameter of Rotate"),
        (Rotate(10, n_jobs=0), "'n_jobs' parameter of Rotate"),
        (Denoise(n_jobs=0), "'n_jobs' parameter of Denoise"),
        (ImageFunction(gaussian, n_jobs=0), "'n_jobs' parameter of ImageFunction"),
        (Rotate("90"), "'degrees' parameter of Rotate"),
        (Rotate(10, cval=256), "'cval' parameter of Rotate is on the scale"),
        (Rotate(float("nan")), "'degrees' parameter of Rotate"),
        (Flip(horizontal="no"), "'horizontal' parameter of Flip"),
        (Denoise(method="best"), "'method' parameter of Denoise"),
        (Denoise(strength=0), "'strength' parameter of Denoise"),
        (EqualizeHistogram(clip_limit=2), "'clip_limit' parameter"),
        (EqualizeHistogram(value_range=(1, 0)), "low below high"),
        (EqualizeHistogram(value_range=("a", "b")), r"Got value_range=\('a', 'b'\)"),
        (EqualizeHistogram(value_range=(0, np.inf)), "two numbers"),
        (EqualizeHistogram(kernel_size=(0, 3)), r"Got kernel_size=\(0, 3\)"),
        (EqualizeHistogram(kernel_size=("a", 3)), "kernel_size to be a number of"),
        (EqualizeHistogram(kernel_size=(3,)), r"Got kernel_size=\(3,\)"),
        (EqualizeHistogram(kernel_size=(3, 3, 3)), "EqualizeHistogram expects kernel"),
        (EqualizeHistogram(n_jobs=0), "'n_jobs' parameter of EqualizeHistogram"),
        (ImageFunction("gaussian"), "'function' parameter of ImageFunction"),
    ],
)
def test_parameters_are_checked_in_fit(step, message):
    """Parameters that make no sense are refused by name."""
    with pytest.raises(ValueError, match=message):
        step.fit(cutouts(2))

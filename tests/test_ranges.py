"""The range of pixels: learnt in fit, and compared with in predict."""

import numpy as np
import pytest

from sklcnn import CNNClassifier
from sklcnn._pixels import working_range
from sklcnn.augmentation import (
    RandomBrightness,
    RandomContrast,
    RandomErasing,
    RandomGamma,
    RandomNoise,
)

X = np.random.default_rng(0).random((12, 8, 8))
Y = np.arange(12) % 2


class Stored:
    """Images that are read by indexing, and have no length, as those of zarr."""

    def __init__(self, images):
        self.images = images
        self.shape, self.dtype = images.shape, images.dtype

    def __getitem__(self, key):
        return self.images[key]


@pytest.mark.parametrize(
    ("fitted", "predicted", "message"),
    [
        (X, X * 255, "fitted on pixels from 0.* to .* and got pixels from 0.* to 25"),
        (X * 255, X, "to 25.* and got pixels from 0.* to"),
        ((X * 255).astype(np.uint8), X * 255, "to 0.99.* and got pixels"),
        ((X * 255).astype(int), (X * 255).astype(np.uint8), "got pixels from"),
    ],
)
def test_pixels_in_another_range_warn(tiny, fitted, predicted, message):
    """Predicting on pixels of another range warns and names both ranges."""
    tiny.fit(fitted, Y)

    with pytest.warns(UserWarning, match=message):
        tiny.predict(predicted)


@pytest.mark.filterwarnings("error")
def test_constant_images_do_not_warn(tiny):
    """A black image is no reason to doubt the range of its pixels."""
    tiny.fit((X * 255).astype(np.uint8), Y)

    tiny.predict(np.zeros((1, 8, 8), dtype=np.uint8))


def test_lazy_pixels_in_another_range_warn(tiny):
    """Of images that are read by batches, the first few are compared."""
    tiny.fit(Stored(X), Y)

    with pytest.warns(UserWarning, match="got pixels from 0.* to 25"):
        tiny.predict(Stored(X * 255))


@pytest.mark.parametrize("dtype", ["uint16", ">u2"])
def test_lazy_pixels_of_another_depth_warn(tiny, dtype):
    """In whatever order their bytes are."""
    short, long = (X * 255).astype(np.uint8), (X * 65535).astype(dtype)

    with pytest.warns(UserWarning, match="fitted on images of dtype uint16 and got"):
        tiny.fit(long, Y).predict(Stored(short))
    with pytest.warns(UserWarning, match="fitted on images of dtype uint8 and got"):
        tiny.fit(short, Y).predict(Stored(long))


def test_warnings_name_the_line_of_the_user(tiny):
    """Not one of the package."""
    tiny.fit(X, Y)

    with pytest.warns(UserWarning, match="got pixels") as warned:
        tiny.predict(X * 255)

    assert warned[0].filename == __file__


@pytest.mark.parametrize("call", ["partial_fit", "warm"])
@pytest.mark.filterwarnings("ignore:.*got pixels from")
def test_further_training_images_widen_the_range(spy, call):
    """Random transforms then leave the pixels of later calls as they are."""
    model = spy.classifier
    nothing = RandomBrightness(brightness=(0, 0))
    dim, bright = nothing.fit_transform(X * 2), nothing.fit_transform(X * 200)

    if call == "warm":
        model.set_params(warm_start=True, max_epochs=1).fit(dim, Y).fit(bright, Y)
    else:
        model.partial_fit(dim, Y, classes=[0, 1]).partial_fit(bright, Y)

    first, later = spy.trained[0], spy.trained[-1]
    assert np.ptp(later) == pytest.approx(100 * np.ptp(first), rel=1e-3)


LEVELS = np.round(X * 16) / 16  # 17 gray levels, as scikit-learn's digits have
STEPS = [
    RandomBrightness(),
    RandomContrast(),
    RandomGamma(),
    RandomNoise(),
    RandomErasing(mode="random", p=1.0),
]


@pytest.mark.parametrize(
    "pixels",
    [
        np.round(LEVELS * 4095).astype(np.uint16),
        np.round(LEVELS * 1023).astype(np.uint16),
        (LEVELS * 16).astype(np.uint8),
        (LEVELS * 255 - 1000).astype(int),
        np.float32(LEVELS * 1e-3),
        LEVELS * 255,
        LEVELS * 2 - 1,
    ],
    ids=["12 bits", "10 bits", "digits", "HU", "small", "float 8 bits", "centered"],
)
@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_strengths_refer_to_the_range_of_the_training_pixels(spy, step, pixels):
    """The network sees what it sees of the same images as floats from 0 to 1."""
    model = spy.classifier.set_params(max_epochs=1)

    for images in (LEVELS, pixels):
        model.fit(step.fit_transform(images), Y)

    expected, actual = spy.trained
    assert np.allclose(actual, expected, atol=0.02 * expected.std())


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        ((3 / 255, 250 / 255), (0, 1)),
        ((0, 0.51), (0, 1)),
        ((0, 0.5), (0, 0.5)),
        ((0.4, 0.6), (0.4, 0.6)),
        ((0, 4095 / 65535), (0, 4095 / 65535)),
        ((-0.1, 1), (-0.1, 1)),
        ((0, 255), (0, 255)),
        ((0.2, 0.2), (0, 1)),
        ((7, 7), (7, 7)),
    ],
)
def test_range_is_0_to_1_where_pixels_span_more_than_half_of_it(pixels, expected):
    """Otherwise it is that of the pixels; constant images tell nothing."""
    assert working_range(*pixels) == expected


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_draws_show_what_training_sees(spy, step, dtype):
    """Also where all training images are dark."""
    dark = (X * 60).astype(dtype)
    augmented = step.fit_transform(dark)

    model = spy.classifier.fit(augmented, Y)

    layer = model.net_.module_.standardize
    seen = np.stack(spy.trained[0]) * layer.std.numpy() + layer.mean.numpy()
    drawn = augmented.draw(seed=model._seed) / np.iinfo(dtype).max
    assert np.ptp(seen) == pytest.approx(np.ptp(drawn), rel=0.03)
    assert seen.mean() == pytest.approx(drawn.mean(), rel=0.03)


def test_constant_images_train_with_random_steps(tiny):
    """There is no range that strengths could refer to, and no warning."""
    for value in (0, 7.0, -1.0):
        augmented = np.full((12, 8, 8), value)
        for step in STEPS:
            augmented = step.fit_transform(augmented)

        probabilities = tiny.fit(augmented, Y).predict_proba(np.asarray(augmented))

        assert np.isfinite(probabilities).all()


class CountedImages(Stored):
    """Images that count how many of them were read."""

    n_read = 0

    def __getitem__(self, key):
        images = self.images[key]
        self.n_read += len(images)
        return images


def test_few_images_tell_the_range_of_photos():
    """Only pixels that span less than half of the range make `draw` read on."""
    photos = CountedImages(np.tile(np.arange(0, 256, 8, np.uint8), (5000, 1, 1)))
    dark = CountedImages(photos.images // 4)

    for images in (photos, dark):
        RandomBrightness().fit_transform(images).draw(0)

    assert photos.n_read < 100
    assert 4000 < dark.n_read < 5000


def test_pixels_that_float32_can_not_tell_apart_warn():
    """A warning names the mend; in float64 there is none to give."""
    far = X + 1e9
    model = CNNClassifier(max_epochs=1, random_state=0)

    with pytest.warns(UserWarning, match="float32 can't tell apart. Subtract the mean"):
        model.fit(far, Y)
    model.set_params(precision="float64").fit(far, Y)

"""The range of pixels: learnt in fit, and compared with in predict."""

import numpy as np
import pytest

from sklcnn import CNNClassifier
from sklcnn.augmentation import RandomBrightness

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


def test_dark_images_are_redrawn_in_the_range_of_their_dtype(spy):
    """Training sees what `draw` shows, also where no training image is bright."""
    dark = (X * 60).astype(np.uint8)
    augmented = RandomBrightness(brightness=(0.5, 0.5)).fit_transform(dark)

    model = spy.classifier.fit(augmented, Y)

    layer = model.net_.module_.standardize
    seen = np.stack(spy.trained[0]) * layer.std.numpy() + layer.mean.numpy()
    drawn = augmented.draw(seed=model._seed) / 255
    assert seen.max() == pytest.approx(drawn.max(), abs=0.01)


def test_pixels_that_float32_can_not_tell_apart_warn():
    """A warning names the mend; in float64 there is none to give."""
    far = X + 1e9
    model = CNNClassifier(max_epochs=1, random_state=0)

    with pytest.warns(UserWarning, match="float32 can't tell apart. Subtract the mean"):
        model.fit(far, Y)
    model.set_params(precision="float64").fit(far, Y)

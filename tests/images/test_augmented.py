"""`AugmentedImages` are a value: images, and how to redraw them."""

import copy
import io
import pickle
import tracemalloc
import warnings

import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from torch.nn.functional import interpolate

from sklcnn import augmentation
from sklcnn.augmentation import (
    RandomBlur,
    RandomBrightness,
    RandomContrast,
    RandomErasing,
    RandomFlip,
    RandomGamma,
    RandomNoise,
    RandomRotation,
    RandomScale,
)
from sklcnn.images import AugmentedImages
from sklcnn.images._lazy import LazyImages

EVERY_STEP = [
    augmentation.RandomFlip(vertical=True),
    augmentation.RandomCrop(padding=2),
    augmentation.RandomRotation(degrees=30),
    augmentation.RandomTranslation(),
    augmentation.RandomScale(),
    augmentation.RandomShear(),
    augmentation.RandomPerspective(),
    augmentation.RandomBrightness(),
    augmentation.RandomContrast(),
    augmentation.RandomSaturation(),
    augmentation.RandomGamma(),
    augmentation.RandomNoise(),
    augmentation.RandomBlur(),
    augmentation.RandomErasing(mode="random"),
]
NAMES = [type(step).__name__ for step in EVERY_STEP]


class OnlyIndexed:
    """An array as zarr has it: shape, dtype and indexing, and no length."""

    def __init__(self, images):
        self.images = images
        self.shape, self.dtype = images.shape, images.dtype

    def __getitem__(self, rows):
        return self.images[rows]


class StoredImages(LazyImages):
    """Lazy images that count how often they are read."""

    shape = (6, 8, 8)
    dtype = np.dtype(np.uint8)
    n_read = 0

    def __init__(self, rows):
        self.rows = rows
        self.shape = (len(rows), 8, 8)

    def read(self, rows):
        """Make images that tell their row."""
        StoredImages.n_read += 1
        return np.ones((len(rows), 8, 8), np.uint8) * self.rows[rows, None, None]

    def take(self, rows):
        """Keep rows."""
        return StoredImages(self.rows[rows])


def random_images(n=12, shape=(8, 9, 3), dtype=np.float32):
    """Make images for which every step does something."""
    return np.random.default_rng(0).random((n, *shape)).astype(dtype)


def augment(X, *steps):
    """Note down the steps as a Pipeline does."""
    for step in steps or (RandomFlip(), RandomRotation(degrees=30), RandomNoise()):
        X = clone(step).fit_transform(X)
    return X


def test_arrays_without_a_length_are_augmented():
    """A shape tells how many images there are."""
    images = np.arange(6 * 8 * 8, dtype=np.uint8).reshape(6, 8, 8)

    augmented = AugmentedImages(OnlyIndexed(images), (RandomFlip(p=1.0),))

    assert len(augmented) == 6
    assert_array_equal(augmented[[4, 1]].read(np.array([1, 0])), images[[1, 4]])
    assert_array_equal(augmented[3:].draw(), images[3:, :, ::-1])


@pytest.mark.parametrize("step", EVERY_STEP, ids=NAMES)
def test_epochs_and_seeds_draw_afresh_and_repeat(step):
    """Another epoch or seed gives other images, the same ones the same, bit for bit."""
    augmented = augment(random_images(), step)

    drawn = augmented.draw(epoch=3, seed=4)

    assert_array_equal(drawn, augmented.draw(epoch=3, seed=4))
    assert not np.array_equal(drawn, augmented.draw(epoch=4, seed=4))
    assert not np.array_equal(drawn, augmented.draw(epoch=3, seed=5))


@pytest.mark.parametrize("step", EVERY_STEP, ids=NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_draw_does_not_depend_on_its_batch(step, dtype):
    """Batch size, order and the other rows change nothing; the batch stays as it is."""
    X = torch.as_tensor(random_images(), dtype=dtype)
    draws = augment(X.numpy(), step, RandomScale()).draws(epoch=1, seed=2)
    rows = np.array([7, 2, 11, 2])
    before = X.clone()

    whole = draws(X, np.arange(12))
    picked = draws(X[rows], rows)
    single = draws(X[5:6], np.array([5]))

    assert whole.dtype == dtype
    assert whole.shape == X.shape
    assert_array_equal(X, before)
    assert_allclose(picked, whole[rows], atol=1e-6)
    assert_allclose(single, whole[5:6], atol=1e-6)


@pytest.mark.parametrize("step", EVERY_STEP, ids=NAMES)
def test_double_and_single_precision_draw_alike(step):
    """What a device computes in another way differs by rounding only."""
    X = random_images(dtype=np.float64)

    draws = augment(X, step).draws(epoch=1, seed=2)

    double = draws(torch.as_tensor(X), np.arange(12))
    single = draws(torch.as_tensor(X, dtype=torch.float32), np.arange(12))
    assert_allclose(single, double, atol=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("step", EVERY_STEP, ids=NAMES)
def test_devices_draw_alike(step):
    """A GPU makes the images that the CPU makes."""
    X = torch.as_tensor(random_images())
    draws = augment(X.numpy(), step).draws(epoch=1, seed=2)

    on_device = draws(X.cuda(), np.arange(12))

    assert on_device.device.type == "cuda"
    assert_allclose(on_device.cpu(), draws(X, np.arange(12)), atol=1e-4)


def test_steps_are_added_to_those_before():
    """Augmented images that are augmented again keep their first steps and rows."""
    images = np.random.default_rng(0).random((6, 8, 8))
    flip, rotate = RandomFlip(), RandomRotation()
    inner = AugmentedImages(images, (flip,), rows=np.arange(6) + 10)

    outer = AugmentedImages(inner, (rotate,))

    expected = AugmentedImages(images, (flip, rotate), rows=np.arange(6) + 10)
    assert_array_equal(outer.draw(), expected.draw())
    assert outer.images is images


@pytest.mark.parametrize(
    "key",
    [slice(5, 8), [5, 6, 7], np.arange(12) % 2 == 0, (np.array([3, 1]), Ellipsis)],
    ids=["slice", "list", "mask", "tuple"],
)
def test_subsets_are_drawn_as_among_all(key):
    """Rows keep what they are, also in subsets of subsets and after more steps."""
    augmented = augment(random_images())

    subset = augmented[key]

    assert isinstance(subset, AugmentedImages)
    assert_array_equal(subset.draw(epoch=2), augmented.draw(epoch=2)[key])
    assert_array_equal(subset[1:].draw(), augmented.draw()[key][1:])
    more = augment(subset, RandomScale())
    assert_array_equal(more.draw(), augment(augmented, RandomScale()).draw()[key])


def test_an_index_gives_the_image_itself():
    """So do conversion and iteration: only `draw` draws."""
    X = random_images()
    augmented = augment(X)

    assert_array_equal(augmented[4], X[4])
    assert_array_equal(np.asarray(augmented), X)
    assert_array_equal(np.stack(list(augmented)), X)
    assert augmented.draw(4).shape == X[4].shape
    assert_array_equal(augmented.draw(4), augmented.draw()[4])


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.int64, np.float64])
@pytest.mark.parametrize("shape", [(8, 8, 3), (8, 8), (64,)])
def test_drawn_images_look_like_the_images(dtype, shape):
    """The same dtype and shape, in the same range."""
    X = (random_images(shape=shape) * 250).astype(dtype)

    drawn = augment(X, RandomRotation(), augmentation.RandomBrightness()).draw()

    assert drawn.dtype == X.dtype
    assert drawn.shape == X.shape
    assert drawn.min() >= 0
    assert drawn.max() >= X.max() / 2


def test_flat_color_images_are_drawn_by_their_shape():
    """`image_shape` says what flat images are."""
    X = random_images(shape=(4, 5, 3))

    drawn = augment(X.reshape(12, -1)).draw(image_shape=(4, 5, 3))

    assert_array_equal(drawn.reshape(X.shape), augment(X).draw())


@pytest.mark.parametrize(
    "copied",
    [
        copy.deepcopy,
        lambda value: pickle.loads(pickle.dumps(value)),
        lambda value: joblib_round_trip(value),
    ],
    ids=["deepcopy", "pickle", "joblib"],
)
def test_copies_draw_the_same(copied):
    """They hold everything that a draw depends on."""
    augmented = augment(random_images())

    copied = copied(augmented)

    assert_array_equal(copied.draw(epoch=1), augmented.draw(epoch=1))


def joblib_round_trip(value):
    """Write to memory and read back."""
    file = io.BytesIO()
    joblib.dump(value, file)
    file.seek(0)
    return joblib.load(file)


def test_hash_is_that_of_the_value():
    """`memory=` finds the same images again, also after someone read them."""
    augmented, same = augment(random_images()), augment(random_images())
    with pytest.warns(UserWarning, match="has no effect"):
        FunctionTransformer(np.asarray).transform(augmented)

    assert joblib.hash(augmented) == joblib.hash(same)
    assert joblib.hash(augmented) != joblib.hash(augmented[1:])


def test_splitters_keep_augmentation():
    """scikit-learn's own indexing gives subsets that are still lazy."""
    augmented = augment(random_images())

    train, test, rows, _ = train_test_split(augmented, np.arange(12), random_state=0)

    assert isinstance(train, AugmentedImages)
    assert len(train) + len(test) == 12
    assert_array_equal(train.draw(), augmented.draw()[rows])


def test_lazy_images_stay_unread():
    """Noting down, indexing, splitting and pickling read nothing."""
    StoredImages.n_read = 0

    augmented = augment(StoredImages(np.arange(6)), RandomFlip(), RandomScale())
    pickle.dumps(augmented[[2, 3]][1:])

    assert StoredImages.n_read == 0
    assert_array_equal(augmented[[2, 3]][1], np.full((8, 8), 3))
    assert_array_equal(augmented[[2, 3]].draw(), augmented.draw([2, 3]))


class ForeignImages:
    """What only has `shape`, `dtype` and indexing, and counts how often it is read."""

    def __init__(self, images):
        self.images = images
        self.shape, self.dtype = images.shape, images.dtype
        self.n_read = 0

    def __len__(self):
        return len(self.images)

    def __getitem__(self, rows):
        self.n_read += 1
        return self.images[rows]


def test_foreign_lazy_images_stay_unread():
    """Subsets of what h5py and zarr hold are cut without reading it."""
    X = random_images()
    foreign = ForeignImages(X)

    augmented = augment(foreign, RandomFlip(), RandomScale())
    subset = augmented[[7, 3, 3]][1:]

    assert foreign.n_read == 0
    assert_array_equal(np.asarray(subset), X[[3, 3]])
    expected = augment(X, RandomFlip(), RandomScale())
    assert_array_equal(subset.draw(0), expected.draw(3))


@pytest.mark.parametrize(
    "images",
    [
        [np.zeros((8, 8))] * 2,
        torch.zeros((2, 8, 8)),
        np.zeros(8),
        np.zeros((2, 2, 2, 2, 2)),
        None,
    ],
    ids=["list", "tensor", "1d", "5d", "None"],
)
def test_what_holds_no_images_is_refused(images):
    """By hand, as steps have checked what they note down."""
    name = type(images).__name__

    with pytest.raises(TypeError, match=f"expects a numpy array .* Got {name}"):
        AugmentedImages(images, (RandomFlip(),))


@pytest.mark.parametrize(
    "reader", [StandardScaler(), LogisticRegression(), FunctionTransformer(np.asarray)]
)
def test_who_can_not_redraw_is_told_once(reader):
    """The warning names the estimator, what has no effect, and the mend."""
    X, y = random_images(shape=(64,)), np.arange(12) % 2
    pipeline = make_pipeline(RandomFlip(), RandomScale(), reader, "passthrough")
    if isinstance(reader, LogisticRegression):
        pipeline = pipeline[:-1]

    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        pipeline.fit(X, y)
        pipeline[:-1].transform(X) if len(pipeline) > 3 else pipeline.predict(X)

    (warning,) = record
    message = str(warning.message)
    assert message.startswith(type(reader).__name__)
    assert "RandomFlip, RandomScale" in message
    assert "right before a CNNClassifier" in message


def test_foreign_classifiers_train_on_plain_images():
    """With one warning for each fit, and the scores of the classifier alone."""
    X = np.random.default_rng(0).random((60, 64))
    y = (X[:, 0] > 0.5).astype(int)
    pipeline = make_pipeline(RandomFlip(), LogisticRegression())

    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        scores = cross_val_score(pipeline, X, y)

    assert_array_equal(scores, cross_val_score(LogisticRegression(), X, y))
    assert len(record) == 5
    assert "LogisticRegression can't redraw" in str(record[0].message)


def test_folds_are_told_of_once():
    """Subsets share what was said; copies, which travel to workers, say it again."""
    augmented = augment(np.random.default_rng(0).random((60, 64)), RandomFlip())
    y = np.arange(60) % 2

    with pytest.warns(UserWarning, match="LogisticRegression can't redraw") as seen:
        cross_val_score(LogisticRegression(), augmented, y)

    assert len(seen) == 1
    with pytest.warns(UserWarning, match="LogisticRegression can't redraw"):
        LogisticRegression().fit(copy.deepcopy(augmented), y)


def test_reading_by_hand_is_silent():
    """Who writes `np.asarray` knows what that gives."""
    augmented = augment(random_images())

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.asarray(augmented, dtype=np.float64).dtype == np.float64
        assert np.array(augmented, copy=True) is not augmented.images


@pytest.mark.parametrize("step", EVERY_STEP, ids=lambda step: type(step).__name__)
def test_cost_of_a_batch_does_not_depend_on_the_number_of_images(step):
    """A batch of many images takes no more memory than one of a thousand."""
    image = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3), dtype=np.uint8)
    batch, peaks = torch.from_numpy(image / 255).repeat(64, 1, 1, 1), []
    for n_images in (1_000, 200_000):
        images = np.broadcast_to(image, (n_images, 8, 8, 3))
        draws = clone(step).fit_transform(images).draws(epoch=0, seed=0)
        rows = np.arange(64) * (n_images // 64)
        draws(batch, rows)  # numbers of all rows are drawn once an epoch
        tracemalloc.start()
        draws(batch, rows)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < 1.1 * peaks[0] + 10_000


LARGER = (16, 24), "bilinear"


def enlarge(images):
    """Enlarge images as a network does."""
    planes = images.permute(0, 3, 1, 2)
    return interpolate(planes, LARGER[0], mode=LARGER[1]).permute(0, 2, 3, 1)


@pytest.mark.parametrize(
    "after", [(), (RandomBrightness(),), (RandomContrast(), RandomGamma())]
)
def test_the_step_that_interpolates_enlarges_as_well(after):
    """It comes out sharper than from two interpolations, and colored alike."""
    X = torch.as_tensor(random_images())
    augmented = augment(X.numpy(), RandomFlip(), RandomRotation(20), *after)
    first = augment(X.numpy(), RandomFlip(), RandomRotation(20))

    drawn = augmented.draws(0, 1, enlarged=LARGER)(X, np.arange(12))
    twice = enlarge(augmented.draws(0, 1)(X, np.arange(12)))

    assert drawn.shape == twice.shape == (12, 16, 24, 3)
    assert drawn.std() > 1.05 * twice.std()
    assert np.corrcoef(drawn.flatten(), twice.flatten())[0, 1] > 0.8
    plain = first.draws(0, 1, enlarged=LARGER)(X, np.arange(12))
    assert torch.equal(drawn, plain) == (not after)


@pytest.mark.parametrize(
    ("steps", "larger"),
    [
        ((RandomFlip(), RandomBrightness()), (16, 24)),  # nothing is interpolated
        ((RandomRotation(), RandomNoise()), (16, 24)),  # noise would be coarser
        ((RandomRotation(), RandomErasing()), (16, 24)),
        ((RandomRotation(), RandomBlur()), (16, 24)),
        ((RandomRotation(order=0),), (16, 24)),
        ((RandomRotation(),), (8, 9)),  # as they are
        ((RandomRotation(),), (4, 24)),  # one side shrinks
    ],
)
def test_images_keep_their_size_where_another_step_would_see_it(steps, larger):
    """Then the network resizes what it is given, as without enlarging here."""
    X = torch.as_tensor(random_images())
    augmented = augment(X.numpy(), *steps)

    drawn = augmented.draws(0, 1, enlarged=(larger, "bilinear"))(X, np.arange(12))

    assert torch.equal(drawn, augmented.draws(0, 1)(X, np.arange(12)))


def test_two_steps_that_can_not_be_merged_enlarge_once():
    """The last one does."""
    X = torch.as_tensor(random_images())
    steps = RandomRotation(mode="edge"), RandomScale(mode="constant")
    drawn = augment(X.numpy(), *steps).draws(0, 1, enlarged=LARGER)(X, np.arange(12))

    assert drawn.shape == (12, 16, 24, 3)

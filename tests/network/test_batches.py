"""Feeding: what is in a batch, in what order, and how lazy images are read."""

import threading

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from sklcnn.augmentation import RandomFlip, RandomNoise, RandomRotation
from sklcnn.images import AugmentedImages
from sklcnn.images._lazy import LazyImages
from sklcnn.network._batches import (
    Batches,
    TrainingBatches,
    hold_on_device,
    padded_batches,
    read_ahead,
)
from sklcnn.network._mixing import mix


class StoredImages(LazyImages):
    """Lazy images that note down which rows are read, and where."""

    def __init__(self, images, bad_row=None):
        self.images = images
        self.bad_row = bad_row
        self.reads = []
        self.threads = set()

    @property
    def shape(self):
        """Shape of all."""
        return self.images.shape

    @property
    def dtype(self):
        """Dtype of all."""
        return self.images.dtype

    def read(self, rows):
        """Read some."""
        self.reads.append(rows.tolist())
        self.threads.add(threading.get_ident())
        if self.bad_row in rows:
            raise OSError(f"row {self.bad_row} is damaged")
        return self.images[rows]

    def take(self, rows):
        """Keep some."""
        return StoredImages(self.images[rows])


class ForeignImages:
    """What h5py gives: no array, and no order but an increasing one."""

    def __init__(self, images):
        self.images = images
        self.shape, self.dtype = images.shape, images.dtype

    def __len__(self):
        return len(self.images)

    def __getitem__(self, rows):
        assert np.all(np.diff(rows) > 0)
        return self.images[rows]


def random_images(n=20, shape=(8, 6, 2), dtype=np.float64):
    """Make images of any dtype."""
    return (250 * np.random.default_rng(0).random((n, *shape))).astype(dtype)


def make_batches(
    images, kind=Batches, rows=None, batch_size=6, device="cpu", **options
):
    """Make batches of all rows."""
    n = len(images)
    return kind(
        images,
        np.arange(n),
        np.arange(n) + 1.0,
        np.arange(n) if rows is None else rows,
        image_shape=(8, 6, 2),
        batch_size=batch_size,
        device=device,
        dtype=torch.float32,
        **options,
    )


@pytest.mark.parametrize("container", [np.asarray, StoredImages, ForeignImages])
def test_batches_hold_every_row_once_with_its_target_and_weight(container):
    """In order, in their own dtype, and of sizes that differ by one at most."""
    X = random_images(dtype=np.uint8)
    rows = np.delete(np.arange(20), [0, 7, 8])

    batches = make_batches(container(X), rows=rows)

    parts = list(batches)
    assert len(batches) == len(parts) == 3
    assert [len(images) for images, _ in parts] == [6, 6, 5]
    assert_array_equal(torch.cat([images for images, _ in parts]), X[rows])
    assert_array_equal(torch.cat([targets for _, targets in parts]), rows)
    assert_array_equal(torch.cat([part.weights for part in parts]), rows + 1)


def test_images_held_on_the_device_make_the_same_batches():
    """They are picked there, in place of being moved batch by batch."""
    X = random_images(dtype=np.uint8)
    moved = make_batches(X, TrainingBatches, pixel_range=(0, 1))
    held = make_batches(X, TrainingBatches, pixel_range=(0, 1), held=torch.tensor(X))

    for batches in (moved, held):
        batches.draw(seed=0, epoch=3)

    for (images, targets), (others, other_targets) in zip(moved, held, strict=True):
        assert_array_equal(images, others)
        assert_array_equal(targets, other_targets)


def test_a_cpu_holds_no_second_copy():
    """Images are moved to a GPU for good, if at all."""
    assert hold_on_device(random_images(), (8, 6, 2), "cpu") is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("held", [True, False])
def test_a_gpu_is_not_waited_for_within_an_epoch(held):
    """Images, targets and random transforms go there without a stop."""
    X = AugmentedImages(random_images(dtype=np.uint8), [RandomFlip(), RandomNoise()])
    on_device = hold_on_device(X, (8, 6, 2), "cuda") if held else None
    batches = make_batches(
        X, TrainingBatches, pixel_range=(0, 1), device="cuda", held=on_device
    )
    batches.draw(seed=0, epoch=0)

    torch.cuda.set_sync_debug_mode("error")
    try:
        n_rows = sum(len(targets) for _, targets in batches)
    finally:
        torch.cuda.set_sync_debug_mode("default")

    assert n_rows == 20


@pytest.mark.parametrize("container", [np.asarray, StoredImages, ForeignImages])
def test_training_batches_are_in_an_order_drawn_by_seed_and_epoch(container):
    """Every epoch has another order, the same one the same."""
    batches = make_batches(
        container(random_images()), TrainingBatches, pixel_range=(0.0, 250.0)
    )

    orders = []
    for seed, epoch in ((0, 0), (0, 1), (1, 0), (0, 0)):
        batches.draw(seed, epoch)
        orders.append(torch.cat([targets for _, targets in batches]).tolist())

    assert all(sorted(order) == list(range(20)) for order in orders)
    assert orders[0] == orders[3]
    assert orders[0] != orders[1] != orders[2] != orders[0]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_training_batches_are_redrawn_as_their_rows_are(dtype):
    """A batch holds the draws of its rows, of the epoch, in the range of all images."""
    augmented = RandomNoise().fit_transform(RandomFlip().fit_transform(random_images()))
    augmented = RandomRotation().fit_transform(augmented)
    augmented.images = augmented.images.astype(dtype)
    batches = make_batches(augmented, TrainingBatches, pixel_range=(0.0, 0.9))

    batches.draw(3, 5)
    images, targets = (torch.cat(parts) for parts in zip(*batches, strict=True))

    scale = 255 if dtype == np.uint8 else 1
    pixels = torch.as_tensor(augmented.images.astype(np.float32) / scale)
    expected = augmented.draws(5, 3, (0.0, 0.9))(pixels, np.arange(20))
    assert images.dtype == torch.float32
    assert_allclose(images, expected[targets], atol=1e-5)


def test_turned_images_that_the_network_enlarges_are_interpolated_once():
    """Batches hold them enlarged; those of validation are left to the network."""
    augmented = RandomRotation().fit_transform(random_images())
    larger = (16, 16), "bicubic"
    batches = make_batches(
        augmented, TrainingBatches, pixel_range=(0.0, 250.0), resized=larger
    )

    batches.draw(3, 5)
    images, targets = (torch.cat(parts) for parts in zip(*batches, strict=True))

    draws = augmented.draws(5, 3, (0.0, 250.0), larger)
    expected = draws(torch.as_tensor(augmented.images), np.arange(20))
    assert images.shape == (20, 16, 16, 2)
    assert_allclose(images, expected[targets], atol=1e-2)
    assert next(iter(make_batches(augmented)))[0].shape[1:] == (8, 6, 2)


def test_batches_to_validate_on_are_never_redrawn():
    """`Batches` give the images themselves, whatever note they carry."""
    X = random_images()

    batches = make_batches(RandomNoise().fit_transform(X))

    assert_array_equal(torch.cat([images for images, _ in batches]), X)


def test_mixed_batches_know_their_partners():
    """Targets and weights of the partners come along with the share."""
    X = random_images()
    batches = make_batches(X, TrainingBatches, pixel_range=(0.0, 250.0), mixup=1.0)

    batches.draw(0, 0)
    images, targets = first = next(iter(batches))

    partners, weights = first.partners
    pixels = torch.as_tensor(X, dtype=torch.float32)
    expected = torch.lerp(pixels[partners], pixels[targets], first.share)
    assert_allclose(images, expected, rtol=1e-5)
    assert_array_equal(weights, partners + 1)
    again = mix(
        pixels[targets], np.random.default_rng((0, 0, 1)), mixup=1.0, cutmix=0.0
    )
    assert_array_equal(again[0], images)


def test_lazy_images_are_read_ahead_in_order_in_one_thread():
    """Two parts are read before the first is used, in a thread that is not this one."""
    images = StoredImages(random_images())
    parts = np.array_split(np.arange(20)[::-1], 5)

    reader = read_ahead(images, parts, (8, 6, 2))
    read = [next(reader)]
    n_reads = len(images.reads)
    read += reader

    assert n_reads <= 3
    assert images.reads == [part.tolist() for part in parts]
    assert_array_equal(np.concatenate(read), images.images[::-1])
    assert len(images.threads) == 1
    assert threading.get_ident() not in images.threads


def test_errors_of_the_reading_thread_reach_the_caller():
    """After the parts before it, and with no thread left behind."""
    images = StoredImages(random_images(), bad_row=9)
    n_threads = threading.active_count()
    reader = read_ahead(images, np.array_split(np.arange(20), 5), (8, 6, 2))

    assert_array_equal(next(reader), images.images[:4])
    assert_array_equal(next(reader), images.images[4:8])
    with pytest.raises(OSError, match="row 9 is damaged"):
        next(reader)

    assert threading.active_count() == n_threads


def test_a_reader_that_is_given_up_leaves_no_thread():
    """Whoever stops in the middle waits for what is being read, and no longer."""
    n_threads = threading.active_count()
    images = StoredImages(random_images())
    reader = read_ahead(images, np.array_split(np.arange(20), 20), (8, 6, 2))

    next(reader)
    reader.close()

    assert threading.active_count() == n_threads
    assert len(images.reads) <= 3


@pytest.mark.parametrize("n_images", [1, 4, 5, 8])
@pytest.mark.parametrize("container", [np.asarray, StoredImages])
def test_padded_batches_have_one_size(container, n_images):
    """The last one ends with zeros, and says how many images it has."""
    X = random_images(n_images, dtype=np.uint8)

    batches = list(padded_batches(container(X), 4, image_shape=(8, 6, 2), device="cpu"))

    assert {tuple(batch.shape) for batch, _ in batches} == {(4, 8, 6, 2)}
    assert_array_equal(torch.cat([batch[:n_rows] for batch, n_rows in batches]), X)
    batch, n_rows = batches[-1]
    assert not batch[n_rows:].any()
    assert batch.dtype == torch.uint8


def test_flat_images_get_their_shape_in_batches():
    """Rows of pixels become height, width and channels."""
    X = random_images()

    batches = make_batches(X.reshape(20, -1))
    padded = padded_batches(X.reshape(20, -1), 20, image_shape=(8, 6, 2), device="cpu")

    assert_array_equal(torch.cat([images for images, _ in batches]), X)
    assert_array_equal(next(padded)[0], X)

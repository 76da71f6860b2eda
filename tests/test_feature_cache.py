"""The folder of embeddings: each image is embedded once, and changes are noticed."""

import collections
import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from torch import nn

from sklcnn import CNNFeatures
from sklcnn._feature_cache import FeatureCache, hash_images
from sklcnn.augmentation import RandomFlip
from sklcnn.images import ImageFiles
from sklcnn.preprocessing import Flip, ImageFunction, ReadImages

EMBEDDED = collections.Counter()


class Counting(nn.Module):
    """Network that counts how often it embeds an image, one at a time."""

    def __init__(self, n_channels, n_classes):
        super().__init__()
        self.convolution = nn.Conv2d(n_channels, 2, 3)
        self.head = nn.Linear(72, n_classes)

    def forward(self, images):
        """Count single images that are not blank."""
        if len(images) == 1 and images.std() > 0.1:
            EMBEDDED[images.numpy().tobytes()] += 1
        return self.head(self.convolution(images).flatten(1))


@pytest.fixture
def weights(tmp_path):
    """Give a file of weights."""
    torch.manual_seed(0)
    torch.save(Counting(1, 10).state_dict(), tmp_path / "weights.pt")
    return tmp_path / "weights.pt"


@pytest.fixture
def features(weights, tmp_path):
    """Give a transformer with a cache, and nothing counted."""
    EMBEDDED.clear()
    return CNNFeatures(
        Counting, weights=weights, cache_dir=tmp_path / "cache", batch_size=1
    )


@pytest.fixture
def paths(tmp_path, noise):
    """Give 30 gray files of 8x8 pixels."""
    paths = [str(tmp_path / f"{number:02}.png") for number in range(30)]
    for path, pixels in zip(paths, noise[0], strict=True):
        Image.fromarray(pixels).save(path)
    return paths


def files_of(features):
    """List the files of the cache."""
    return sorted(Path(features.cache_dir).glob("*/*.features"))


def invert(images):
    """Invert pixels, as a function of one's own."""
    return 255 - images


@pytest.mark.parametrize("kind", ["array", "files"])
def test_a_search_embeds_each_image_once(features, noise, paths, kind):
    """Folds and candidates share what was embedded; a second run has all of it."""
    X, y = noise
    reader = ReadImages(8, color_mode="gray") if kind == "files" else "passthrough"
    model = make_pipeline(reader, features, LogisticRegression())
    grid = {"logisticregression__C": np.logspace(-3, 3, 8)}
    search = GridSearchCV(model, grid, cv=3)

    search.fit(paths if kind == "files" else X, y)

    assert len(EMBEDDED) == 30
    assert set(EMBEDDED.values()) == {1}
    search.fit(paths if kind == "files" else X, y)
    assert EMBEDDED.total() == 30


def test_what_is_read_is_what_was_computed(features, noise):
    """Embeddings are those of a transformer without a cache, to the last bit."""
    X, _ = noise
    expected = features.set_params(cache_dir=None).fit_transform(X)

    features.set_params(cache_dir=Path(features.weights).parent / "cache")

    assert_array_equal(features.fit_transform(X), expected)
    assert_array_equal(features.transform(X[::-1]), expected[::-1])
    assert EMBEDDED.total() == 60


def test_repeated_images_are_embedded_once(features, noise):
    """Rows that are drawn with replacement are looked up."""
    X, _ = noise
    rows = np.random.default_rng(0).integers(0, 30, 100)
    expected = features.fit(X).transform(X)
    EMBEDDED.clear()
    features.set_params(cache_dir=str(features.cache_dir) + "2")

    assert_array_equal(features.transform(X[rows]), expected[rows])
    assert set(EMBEDDED.values()) == {1}


def test_changed_images_are_noticed(features, paths, noise):
    """Another pixel of an array, or a file that was written again, is embedded."""
    X, _ = noise
    X = X.copy()
    features.fit(X).transform(X)
    X[3, 0, 0] ^= 128
    images = ImageFiles(paths, 8, color_mode="gray")
    features.transform(images)
    status = os.stat(paths[5])
    Image.fromarray(255 - X[5]).save(paths[5])
    os.utime(paths[5], ns=(status.st_atime_ns, status.st_mtime_ns))
    EMBEDDED.clear()

    changed, of_files = features.transform(X), features.transform(images)

    assert EMBEDDED.total() == 2
    features.set_params(cache_dir=None)
    assert_array_equal(changed, features.transform(X))
    assert_array_equal(of_files, features.transform(images))


@pytest.mark.parametrize(
    "change",
    ["weights", "image_size", "standardize", "precision", "dtype", "aspect"],
)
def test_whatever_embeddings_depend_on_is_part_of_the_address(features, paths, change):
    """Nothing is found that was computed in another way."""
    images = ImageFiles(paths, 8, color_mode="gray")
    features.fit_transform(images)
    EMBEDDED.clear()
    if change == "weights":
        torch.save(Counting(1, 10).state_dict(), features.weights)
    elif change == "image_size":
        features.set_params(image_size=(8, 8))
    elif change == "standardize":
        features.set_params(standardize="images")
    elif change == "precision":
        features.set_params(precision="bfloat16")
    elif change == "dtype":
        images = ImageFiles(paths, 8, color_mode="gray", dtype="uint16")
    else:
        images = ImageFiles(paths, 8, color_mode="gray", aspect="stretch")

    features.fit_transform(images)

    assert EMBEDDED.total() == 30


def test_the_last_layer_is_no_part_of_the_address(features, noise):
    """It is drawn at random by each fit, and makes no embedding."""
    X, _ = noise
    features.set_params(random_state=0).fit_transform(X)

    features.set_params(random_state=1).fit_transform(X)

    assert EMBEDDED.total() == 30


@pytest.mark.filterwarnings("ignore:CNNFeatures got weights=None:UserWarning")
def test_random_weights_are_cached_by_their_seed(features, noise):
    """Without a seed no two fits are alike, and nothing is written."""
    X, _ = noise
    features.set_params(weights=None)
    with pytest.warns(UserWarning, match="not used without weights and random_state"):
        features.fit(X).transform(X)
    assert not files_of(features)

    features.set_params(random_state=0)
    for _ in range(2):
        features.fit_transform(X)

    assert EMBEDDED.total() == 60


@pytest.mark.parametrize("step", [Flip(), ImageFunction(invert)])
def test_changed_lazy_images_are_shared_too(features, paths, step):
    """Steps of the package are told by their parameters, others by what they make."""
    images = step.fit_transform(ImageFiles(paths, 8, color_mode="gray"))

    features.fit_transform(images)
    features.transform(images[10:])

    assert EMBEDDED.total() == 30


def test_files_are_told_without_reading(paths):
    """Keys of files are there though the files hold no image any more."""
    images = ImageFiles(paths, 8, color_mode="gray")
    for path in paths:
        Path(path).write_bytes(b"")

    assert len(set(hash_images(images, (8, 8, 1)))) == 30


def test_damaged_entries_are_computed_again(features, noise):
    """A flipped bit and a lost end are told, and mended."""
    X, _ = noise
    expected = features.fit_transform(X)
    (file,) = files_of(features)
    data = bytearray(file.read_bytes())
    data[100] ^= 1
    file.write_bytes(data[:-3])
    EMBEDDED.clear()

    with pytest.warns(UserWarning, match="is damaged"):
        assert_array_equal(features.transform(X), expected)

    assert EMBEDDED.total() == 2
    assert_array_equal(features.set_params(cache_dir=None).transform(X), expected)


def test_an_entry_that_is_gone_hides_no_other(tmp_path):
    """As a link to nowhere, or a file that another process removes meanwhile."""
    keys, values = [bytes(16)], np.ones((1, 3), np.float32)
    FeatureCache(tmp_path, "address", 3, np.float32).write(keys, values)
    for name in ("0", "z"):
        (tmp_path / "address" / f"{name}.features").symlink_to(tmp_path / "nowhere")
    cache, found = FeatureCache(tmp_path, "address", 3, np.float32), np.zeros((1, 3))

    assert cache.refresh()
    assert cache.read(keys, found).all()
    assert_array_equal(found, values)


def test_a_folder_that_cannot_be_listed_is_a_warning(tmp_path):
    """There is one, however often it is looked into."""
    (tmp_path / "address").symlink_to(tmp_path / "address")
    cache = FeatureCache(tmp_path, "address", 3, np.float32)

    with pytest.warns(UserWarning, match=r"cache_dir=.*can't be listed") as told:
        assert not any([cache.refresh(), cache.refresh()])

    assert len(told) == 1


def test_a_good_twin_stands_in_for_a_damaged_entry(tmp_path):
    """Of two processes that wrote an entry, one is enough."""
    keys = [bytes([number]) * 16 for number in range(4)]
    values = np.arange(12, dtype=np.float32).reshape(4, 3)
    folder = tmp_path / "address"
    FeatureCache(tmp_path, "address", 3, np.float32).write(keys, values)
    (first,) = folder.iterdir()
    data = bytearray(first.read_bytes())
    (folder / "other.features").write_bytes(data)
    data[20] ^= 1
    first.write_bytes(data)
    cache, found = FeatureCache(tmp_path, "address", 3, np.float32), np.zeros((4, 3))
    cache.refresh()

    cache._places[keys[0]].sort(key=lambda place: place[0] != str(first))

    with pytest.warns(UserWarning, match="is damaged"):
        is_found = cache.read(keys, found)

    assert is_found.all()
    assert_array_equal(found, values)


def test_a_folder_that_cannot_be_written_is_an_error(features, noise, tmp_path):
    """The error names the parameter, and how to go on without."""
    (tmp_path / "file").touch()

    with pytest.raises(
        OSError, match=r"cache_dir=.*can't be written to: Not a dir.*=None"
    ) as raised:
        features.set_params(cache_dir=tmp_path / "file").fit_transform(noise[0])

    assert raised.value.errno == errno.ENOTDIR


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
def test_a_full_disk_is_a_warning(features, noise):
    """Features are computed all the same."""
    X, _ = noise
    expected = features.fit_transform(X)
    (file,) = files_of(features)
    file.unlink()
    file.symlink_to("/dev/full")

    with pytest.warns(UserWarning, match="can't be written to") as told:
        actual = features.transform(X)

    assert_array_equal(actual, expected)
    assert len(told) == 1


def test_augmented_images_are_found_as_they_are(features, noise):
    """The plain images are what is looked up."""
    X, _ = noise
    features.fit_transform(X)

    with pytest.warns(UserWarning, match="random steps before have no effect"):
        features.fit_transform(RandomFlip().fit_transform(X))

    assert EMBEDDED.total() == 30


SCRIPT = """
import sys, warnings
import numpy as np
from sklcnn import CNNFeatures
warnings.simplefilter("ignore")
X = np.random.default_rng(0).integers(0, 256, (320, 32, 32, 3), dtype=np.uint8)
features = CNNFeatures(
    "mobilenet_v3_small", random_state=0, cache_dir=sys.argv[1], batch_size=2
).fit(X)
n = 0
def count(module, inputs):
    global n
    n += len(inputs[0])
features._network.module.body.register_forward_pre_hook(count)
print("ready", flush=True)
sys.stdin.readline()
np.save(sys.argv[2], features.transform(X))
print(n)
"""


def test_two_processes_share_the_work(tmp_path):
    """Each begins elsewhere, and takes over what the other has embedded.

    What both are at is embedded twice; all of it would be 640.
    """
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, tmp_path / "cache", tmp_path / f"{i}.npy"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for i in range(2)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    counts = [int(process.communicate()[0]) for process in processes]

    one, two = (np.load(tmp_path / f"{i}.npy") for i in range(2))
    assert_array_equal(one, two)
    assert 320 <= sum(counts) <= 480

"""Embeddings as features: what comes out, of what, and in which container."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import torch
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.fixes import parse_version
from torch import nn

from sklcnn import CNNClassifier, CNNFeatures
from sklcnn.augmentation import RandomFlip
from sklcnn.images import ImageFiles
from sklcnn.persistence import dump, load
from sklcnn.preprocessing import ReadImages

N_FEATURES = 12


def network(n_channels, n_classes):
    """Build a network of 12 features."""
    return nn.Sequential(
        nn.Conv2d(n_channels, 3, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(N_FEATURES, n_classes),
    )


class Code:
    """Object whose pickle runs code."""

    def __reduce__(self):
        """Print where it is unpickled."""
        return print, ("run",)


@pytest.fixture
def weights(tmp_path):
    """Give a file of weights of the network for gray images."""
    torch.manual_seed(0)
    torch.save(network(1, 10).state_dict(), tmp_path / "weights.pt")
    return tmp_path / "weights.pt"


@pytest.fixture
def features(weights):
    """Give a transformer with weights."""
    return CNNFeatures(network, weights=weights)


@pytest.fixture
def paths(tmp_path, noise):
    """Give 30 gray files of 8x8 pixels."""
    paths = [str(tmp_path / f"{number:02}.png") for number in range(30)]
    for path, pixels in zip(paths, noise[0], strict=True):
        Image.fromarray(pixels).save(path)
    return paths


@pytest.mark.filterwarnings("ignore:.*random weights:UserWarning")
@parametrize_with_checks([CNNFeatures("convnet", random_state=0)])
def test_scikit_learn_checks(estimator, check):
    """The transformer keeps scikit-learn's contract, on flat images."""
    check(estimator)


def test_embeddings_are_what_enters_the_last_layer(features, weights, noise):
    """Layers of torch give the same for pixels from -1 to 1."""
    X, _ = noise
    body = network(1, 10)
    body.load_state_dict(torch.load(weights))
    features.set_params(standardize="images")

    actual = features.fit_transform(X)

    pixels = torch.as_tensor((X - X.mean()) / X.std(), dtype=torch.float32)
    with torch.no_grad():
        expected = body[:-1](pixels[:, None]).numpy()
    assert_allclose(actual, expected, atol=1e-5)
    assert actual.dtype == np.float32


@pytest.mark.parametrize("standardize", ["images", "auto"])
def test_a_frozen_classifier_gives_the_same_embeddings(weights, noise, standardize):
    """Of the same weights, which freezing keeps: to the bit, and as a source, too."""
    X, y = noise
    X = (X - X.min()) / (X.max() - X.min())  # as the weights expect it
    parameters = {"network": network, "standardize": standardize}
    classifier = CNNClassifier(freeze=True, weights=weights, **parameters).fit(X, y)

    features = CNNFeatures(weights=weights, **parameters).fit(X)

    assert_array_equal(features.transform(X), classifier.transform(X))
    frozen = FrozenEstimator(classifier)
    again = CNNFeatures(weights=frozen, **parameters).fit_transform(X)
    assert_array_equal(again, classifier.transform(X))


def test_random_weights_of_a_seed_are_the_same(noise):
    """A baseline is repeatable, and another seed is another one."""
    X, _ = noise
    embeddings = []
    for seed in (0, 0, 1):
        with pytest.warns(UserWarning, match=r"random\s+weights"):
            features = CNNFeatures(network, random_state=seed).fit(X)
        embeddings.append(features.transform(X))

    assert_array_equal(embeddings[0], embeddings[1])
    assert np.abs(embeddings[0] - embeddings[2]).max() > 0.01


@pytest.mark.parametrize("batch_size", [1, 7, "auto"])
def test_batch_size_is_the_number_of_images_per_pass(features, noise, batch_size):
    """The network sees batches of this size, and gives the same for each image."""
    X, _ = noise
    expected = features.fit(X).transform(X)
    sizes = []
    features.set_params(batch_size=batch_size)
    features._network.module.body.register_forward_pre_hook(
        lambda module, inputs: sizes.append(len(inputs[0]))
    )

    actual = features.transform(X)

    assert_allclose(actual, expected, atol=1e-6)
    auto = features.fit(X).resolved_params_.get("batch_size", batch_size)
    assert set(sizes) == {auto}


def test_double_precision_gives_doubles(features, noise):
    """Embeddings have the precision that was asked for."""
    X, _ = noise
    single = features.fit_transform(X)

    double = features.set_params(precision="float64").fit_transform(X)

    assert double.dtype == np.float64
    assert_allclose(double, single, atol=1e-5)


@pytest.mark.parametrize("container", [list, torch.as_tensor, np.asfortranarray])
def test_any_container_gives_the_same(features, noise, container):
    """Lists, tensors and arrays of any order are images."""
    X, _ = noise

    assert_array_equal(features.fit_transform(container(X)), features.transform(X))


def test_files_are_not_held_in_memory(features, paths, noise):
    """Files give what their pixels give, and are read in parts."""
    X, _ = noise
    read = []

    class Spied(ImageFiles):
        def read(self, rows):
            read.append(len(rows))
            return super().read(rows)

    features.set_params(batch_size=4).fit(X)
    images = Spied(paths, 8, color_mode="gray")

    assert_array_equal(features.transform(images), features.transform(X))
    assert max(read) == 4


def test_an_unreadable_file_is_an_error_at_once(features, paths, noise):
    """The error names the file, before anything is computed."""
    images = ImageFiles([*paths, "gone.png"], 8, color_mode="gray", bad_rows=[30])
    features.fit(noise[0])

    with pytest.raises(ValueError, match=r"gone\.png.*find_bad_images"):
        features.transform(images)


def test_fit_leaves_unreadable_files_out(features, paths):
    """They count for nothing where pixels are measured."""
    images = ImageFiles([*paths, "gone.png"], 8, color_mode="gray", bad_rows=[30])

    assert features.fit(images).image_shape_ == (8, 8, 1)


def test_files_none_of_which_can_be_read_are_an_error(features):
    """There would be no pixel to measure."""
    images = ImageFiles(["gone.png", "lost.png"], 8, color_mode="gray", bad_rows=[0, 1])

    with pytest.raises(ValueError, match="CNNFeatures got no image that can be read"):
        features.fit(images)


def test_random_steps_have_no_effect_and_it_is_said(features, noise):
    """A transformer gives one row an image."""
    X, _ = noise
    expected = features.fit_transform(X)

    with pytest.warns(UserWarning, match="random steps before have no effect") as told:
        actual = features.fit_transform(RandomFlip(p=1.0).fit_transform(X))

    assert_array_equal(actual, expected)
    assert len(told) == 1


def test_names_and_frames(features, noise):
    """Columns have names, and `set_output` is heeded."""
    X, _ = noise
    names = [f"cnnfeatures{number}" for number in range(N_FEATURES)]

    pandas = features.set_output(transform="pandas").fit_transform(X)
    polars = features.set_output(transform="polars").transform(X)

    assert list(features.get_feature_names_out()) == names
    assert list(pandas.columns) == names
    assert polars.columns == names


def test_the_index_of_paths_is_kept(features, paths):
    """Features of a column of paths have its index."""
    X = pd.Series(paths, index=range(100, 130), name="path")
    model = make_pipeline(ReadImages(8, color_mode="gray"), features)

    frame = model.set_output(transform="pandas").fit_transform(X)

    assert frame.index.equals(X.index)


@pytest.mark.parametrize(
    "library",
    [
        pd,
        pytest.param(
            pl,
            marks=pytest.mark.skipif(
                parse_version(sklearn.__version__) < parse_version("1.8")
                and not hasattr(pl.DataFrame, "__dataframe__"),
                reason="scikit-learn 1.7 finds no columns of newer frames of polars",
            ),
        ),
    ],
)
def test_beside_other_columns(features, paths, library):
    """Images and numbers make one model, and each has its part in it."""
    rng = np.random.default_rng(0)
    columns = {"path": paths, "age": rng.normal(size=30), "size": rng.normal(size=30)}
    X, y = library.DataFrame(columns), columns["age"] > 0
    model = make_pipeline(
        make_column_transformer(
            (make_pipeline(ReadImages(8, color_mode="gray"), features), "path"),
            (StandardScaler(), ["age", "size"]),
        ),
        LogisticRegression(max_iter=1000),
    ).set_output(transform=library.__name__)

    assert model.fit(X, y).score(X, y) == 1

    names = model[:-1].get_feature_names_out()
    assert len(names) == N_FEATURES + 2
    assert names[0] == "pipeline__cnnfeatures0"
    assert model[-1].n_features_in_ == N_FEATURES + 2


def test_copies_and_files_give_the_same(features, noise, tmp_path):
    """Pickles and files of `dump` hold weights, and need neither file nor download."""
    X, _ = noise
    expected = features.fit_transform(X)
    dump(features, tmp_path / "features.skops", trusted=[network])
    pickled = pickle.dumps(features)
    features.weights.unlink()

    loaded = load(tmp_path / "features.skops", trusted=[network])

    assert_array_equal(loaded.transform(X), expected)
    assert_array_equal(pickle.loads(pickled).transform(X), expected)
    assert not hasattr(clone(loaded), "image_shape_")


def test_named_networks_are_saved_without_code(noise, tmp_path):
    """A file of a named network is loaded without trust in anything."""
    X = np.zeros((2, 32, 32, 3), np.uint8)
    with pytest.warns(UserWarning, match="weights=None"):
        features = CNNFeatures("squeezenet1_1", random_state=0).fit(X)

    dump(features, tmp_path / "features.skops")

    actual = load(tmp_path / "features.skops").transform(X)
    assert_array_equal(actual, features.transform(X))


@pytest.mark.parametrize("damage", ["weight", "width", "lost"])
def test_damaged_state_is_an_error(features, noise, damage):
    """A changed weight or width is told, and not computed with."""
    state = features.fit(noise[0]).__getstate__()
    if damage == "weight":
        state["_fitted"]["weights"]["body.0.bias"][0] += 1
    elif damage == "width":
        state["_n_features_out"] += 1
    else:
        del state["_fitted"]

    with pytest.raises(ValueError, match="The saved CNNFeatures is damaged"):
        CNNFeatures("convnet").__setstate__(state)


@pytest.mark.parametrize("ending", [".skops", ".pt"])
def test_a_saved_classifier_gives_weights(tmp_path, noise, ending):
    """A file of `dump`, which needs no trust in code, or of its weights."""
    X, y = noise
    source = CNNClassifier(max_epochs=1, random_state=0).fit(X, y)
    path = tmp_path / f"source{ending}"
    if ending == ".skops":
        dump(source, path)
    else:
        torch.save(source.net_.module_.body.state_dict(), path)

    features = CNNFeatures("convnet", weights=path, standardize="images")

    assert_allclose(features.fit_transform(X), source.transform(X), atol=1e-5)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"network": "resnet81"}, "no network 'resnet81'.*'resnet18'"),
        ({"network": "timm/resnet81"}, "no network 'timm/resnet81'.*'timm/resnet18'"),
        ({"network": nn.Linear(2, 2)}, "got a module, Linear"),
        ({"image_size": (2, 3, 4)}, "image_size.*length 2"),
        ({"image_shape": (2,)}, "image_shape.*length 2 or 3"),
        ({"standardize": "weights", "weights": None}, "only weights tell"),
        ({"cache_dir": ""}, "Got an empty name"),
        ({"batch_size": 0}, "'batch_size' parameter of CNNFeatures"),
        ({"weights": "DEFAULT"}, "a network that is not named"),
        ({"weights": CNNClassifier()}, "FrozenEstimator"),
    ],
)
def test_bad_parameters_are_named(features, noise, parameters, message):
    """Errors say what came and what is needed."""
    with pytest.raises(ValueError, match=message):
        features.set_params(**parameters).fit(noise[0])


def test_other_weights_are_listed(tmp_path, noise):
    """The error names layers that are missing, unexpected and of another shape."""
    layers = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Linear(2, 2), nn.Linear(2, 2))
    torch.save(layers.state_dict(), tmp_path / "other.pt")

    with pytest.raises(ValueError, match=r"unexpected: 1\.bias.*of another shape: 0"):
        CNNFeatures(network, weights=tmp_path / "other.pt").fit(noise[0])


def test_files_with_code_are_refused(tmp_path, noise, capsys):
    """A pickle that runs code is not run."""
    torch.save({"0.weight": Code()}, tmp_path / "code.pt")

    with pytest.raises(ValueError, match="holds more than tensors"):
        CNNFeatures(network, weights=tmp_path / "code.pt").fit(noise[0])

    assert "run" not in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:.*weights=None:UserWarning")
def test_images_too_small_are_told_the_size_that_works():
    """It is found by trying, and works."""
    X = np.random.default_rng(0).random((2, 8, 8, 3))
    features = CNNFeatures("squeezenet1_1", random_state=0)

    with pytest.raises(ValueError, match=r"8 x 8\s+pixels.*set image_size=32"):
        features.fit(X)

    assert features.set_params(image_size=32).fit_transform(X).shape[0] == 2


@pytest.mark.filterwarnings("ignore:.*weights=None:UserWarning")
def test_images_of_other_channels_are_refused():
    """What was fitted on 5 channels takes no 3."""
    X = np.random.default_rng(0).random((2, 32, 32, 5))
    features = CNNFeatures("squeezenet1_1", random_state=0).fit(X)

    with pytest.raises(ValueError, match=r"fitted on images of shape.*\(32, 32, 5\)"):
        features.transform(X[..., :3])


@pytest.mark.parametrize("shape", [(0, 8, 8), (3, 0, 8)])
def test_empty_images_are_refused(features, shape):
    """There is nothing to embed."""
    with pytest.raises(ValueError, match="while a minimum of 1 is required"):
        features.fit(np.empty(shape))

"""Predictions are averaged over the random steps of a pipeline."""

import pickle

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    GroupKFold,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline

from sklcnn import CNNClassifier, TestTimeAugmentation
from sklcnn.augmentation import RandomBrightness, RandomFlip, RandomTranslation
from sklcnn.datasets import make_image_folder
from sklcnn.images import load_image_folder
from sklcnn.persistence import dump, load
from sklcnn.preprocessing import Flip, ReadImages


def make_images(n=40):
    """Make bright squares on the left or right, in noise."""
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 120, (n, 8, 8), dtype=np.uint8), np.arange(n) % 2
    X[y == 0, 2:6, :4] += 100
    X[y == 1, 2:6, 4:] += 100
    return X, np.array(["left", "right"])[y]


def make_model(*steps, **parameters):
    """Make a pipeline whose network trains fast."""
    parameters = {"max_epochs": 3, "random_state": 0, **parameters}
    return make_pipeline(*steps, CNNClassifier(**parameters))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_probabilities_are_the_mean_over_draws(dtype):
    """Of mirrored images and of the images themselves."""
    X, y = make_images()
    X = X.astype(dtype) * (257 if dtype == np.uint16 else 1)
    model = make_model(RandomFlip(p=1.0))

    averaged = TestTimeAugmentation(model, n_draws=1).fit(X, y)

    model = clone(model).fit(X, y)
    expected = (model.predict_proba(X) + model.predict_proba(X[:, :, ::-1])) / 2
    assert_allclose(averaged.predict_proba(X), expected, atol=1e-5)
    assert_array_equal(averaged.classes_, ["left", "right"])
    assert_array_equal(averaged.predict(X), averaged.classes_[expected.argmax(1)])
    assert_allclose(np.exp(averaged.predict_log_proba(X)), expected, atol=1e-5)


def test_a_prediction_depends_on_its_own_image():
    """Not on the others, nor on the order."""
    X, y = make_images()
    model = make_model(RandomTranslation(0.3), RandomBrightness(0.4))
    model = TestTimeAugmentation(model, n_draws=3).fit(X, y)

    together = model.predict_proba(X)

    assert_allclose(model.predict_proba(X[:5]), together[:5], atol=1e-6)
    assert_allclose(model.predict_proba(X[::-1]), together[::-1], atol=1e-6)
    assert abs(together - model.estimator_.predict_proba(X)).max() > 1e-3


def test_more_draws_and_other_seeds_are_other_draws():
    """The first ones stay as they are."""
    X, y = make_images()
    frozen = FrozenEstimator(make_model(RandomTranslation(0.3)).fit(X, y))

    one, two = (TestTimeAugmentation(frozen, n).fit(X, y) for n in (1, 2))
    other = TestTimeAugmentation(frozen, 1, random_state=1).fit(X, y)

    assert abs(one.predict_proba(X) - two.predict_proba(X)).max() > 1e-4
    assert abs(one.predict_proba(X) - other.predict_proba(X)).max() > 1e-4
    assert one.estimator_.predict_proba(X).shape == (40, 2)


def test_a_frozen_model_is_not_trained_again():
    """Its network stays the very same."""
    X, y = make_images()
    fitted = make_model(RandomFlip()).fit(X, y)

    averaged = TestTimeAugmentation(FrozenEstimator(fitted)).fit(X, y)

    assert averaged.estimator_.estimator[-1] is fitted[-1]


def test_files_are_read_before_they_are_transformed(tmp_path):
    """Steps before the random ones are those of the pipeline."""
    make_image_folder(tmp_path / "photos", n_images=12, random_state=0)
    X, y = load_image_folder(tmp_path / "photos", return_X_y=True)
    model = make_model(ReadImages((16, 16)), Flip(), RandomFlip(p=1.0))

    averaged = TestTimeAugmentation(model, n_draws=1).fit(X, y)

    read, _, _, network = (step for _, step in averaged.estimator_.steps)
    mirrored = make_pipeline(read, network)  # Flip, then RandomFlip
    expected = averaged.estimator_.predict_proba(X) + mirrored.predict_proba(X)
    expected /= 2
    assert_allclose(averaged.predict_proba(X), expected, atol=1e-5)


def test_it_is_evaluated_searched_and_pickled_as_other_estimators():
    """Within cross-validation and with a search inside."""
    X, y = make_images()
    model = make_model(RandomFlip())
    search = GridSearchCV(model, {"randomflip__p": [0.0, 0.5]}, cv=2)

    scores = cross_val_score(TestTimeAugmentation(model, n_draws=2), X, y, cv=2)
    averaged = TestTimeAugmentation(search, n_draws=2).fit(X, y)

    assert scores.shape == (2,)
    loaded = pickle.loads(pickle.dumps(averaged))
    assert_array_equal(loaded.predict_proba(X), averaged.predict_proba(X))


def test_flat_images_keep_their_shape():
    """That of the classifier."""
    X, y = make_images()
    model = make_model(RandomFlip(p=1.0), image_shape=(8, 8))

    flat = TestTimeAugmentation(model, n_draws=1).fit(X.reshape(-1, 64), y)

    image = TestTimeAugmentation(make_model(RandomFlip(p=1.0)), n_draws=1).fit(X, y)
    actual = flat.predict_proba(X.reshape(-1, 64))
    assert_allclose(actual, image.predict_proba(X), atol=1e-6)


def test_what_flat_images_were_fitted_on_is_known():
    """Number and names of their features, as of the estimator; images have none."""
    pd = pytest.importorskip("pandas")
    X, y = make_images()
    frame = pd.DataFrame(X.reshape(-1, 64), columns=[f"pixel{i}" for i in range(64)])
    model = TestTimeAugmentation(make_model(RandomFlip(), max_epochs=1), n_draws=1)

    flat = clone(model).fit(frame, y)

    assert flat.n_features_in_ == 64
    assert_array_equal(flat.feature_names_in_, frame.columns)
    assert not hasattr(model.fit(X, y), "n_features_in_")
    assert not hasattr(clone(model), "n_features_in_")


def test_names_of_features_are_checked():
    """No warning where they are right, and scikit-learn's error where they are not."""
    pd = pytest.importorskip("pandas")
    X, y = make_images()
    frame = pd.DataFrame(X.reshape(-1, 64), columns=[f"pixel{i}" for i in range(64)])
    model = TestTimeAugmentation(make_model(RandomFlip(), max_epochs=1), n_draws=1)

    model.fit(frame, y)

    assert model.predict(frame).shape == (40,)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[frame.columns[::-1]])


@pytest.mark.parametrize("frozen", [False, True])
def test_it_is_saved_without_code(tmp_path, frozen):
    """As any other estimator."""
    X, y = make_images()
    model = make_model(RandomFlip())
    model = FrozenEstimator(model.fit(X, y)) if frozen else model
    averaged = TestTimeAugmentation(model, n_draws=2).fit(X, y)

    dump(averaged, tmp_path / "model.skops")

    loaded = load(tmp_path / "model.skops")
    assert_array_equal(loaded.predict_proba(X), averaged.predict_proba(X))


class Notes(CNNClassifier):
    """Classifier that notes which metadata it got."""

    got: list = []

    def fit(self, X, y, sample_weight=None, groups=None):
        """Note them, and fit."""
        self.got.append((sample_weight is not None, groups is not None))
        return super().fit(X, y, sample_weight=sample_weight, groups=groups)


def test_metadata_is_routed():
    """Groups go to the classifier by default, and weights where it asks for them."""
    X, y = make_images()
    Notes.got.clear()
    metadata = {"groups": np.arange(40) // 2, "sample_weight": np.ones(40)}

    with sklearn.config_context(enable_metadata_routing=True):
        notes = Notes(max_epochs=1).set_fit_request(sample_weight=True)
        averaged = TestTimeAugmentation(make_pipeline(RandomFlip(), notes), n_draws=1)
        cross_val_score(
            averaged, X, y, cv=GroupKFold(2), params=metadata, error_score="raise"
        )

    assert Notes.got == [(True, True)] * 2


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
def test_it_must_be_fitted_first(method):
    """Whatever is asked for, the error is that of scikit-learn."""
    model = TestTimeAugmentation(make_model(RandomFlip()))

    with pytest.raises(NotFittedError, match="TestTimeAugmentation instance is not"):
        getattr(model, method)(make_images()[0])


@pytest.mark.parametrize(
    "estimator",
    [
        CNNClassifier(),
        LogisticRegression(),
        make_pipeline("passthrough"),
        make_pipeline(Flip(), CNNClassifier()),
        make_pipeline(RandomFlip(), Flip(), CNNClassifier()),
        make_pipeline(RandomFlip(), LogisticRegression()),
        CalibratedClassifierCV(make_pipeline(RandomFlip(), CNNClassifier())),
        FrozenEstimator(
            FixedThresholdClassifier(make_pipeline(RandomFlip(), CNNClassifier()))
        ),
        GridSearchCV(CNNClassifier(), {}),
    ],
)
def test_pipelines_without_random_steps_are_refused(estimator):
    """There would be nothing to average."""
    X, y = make_images()

    with pytest.raises(TypeError, match="right before a CNNClassifier"):
        TestTimeAugmentation(estimator).fit(X, y)


@pytest.mark.parametrize("parameters", [{"n_draws": 0}, {"random_state": None}])
def test_invalid_parameters_are_refused(parameters):
    """As those of other estimators."""
    X, y = make_images()
    model = TestTimeAugmentation(make_model(RandomFlip())).set_params(**parameters)

    with pytest.raises(ValueError, match="parameter of TestTimeAugmentation"):
        model.fit(X, y)

"""The classifier inside scikit-learn's other tools, from the user's side."""

import matplotlib
import numpy as np
import pytest
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC

from sklcnn import CNNClassifier

matplotlib.use("Agg")


@pytest.fixture
def model():
    """Give a classifier that learns digits in a second."""
    return CNNClassifier(
        conv_channels=(8, 16), max_epochs=8, learning_rate=0.1, random_state=0
    )


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_cross_validation(model, digits, n_jobs):
    """Images go through cross-validation as they are."""
    X, y = digits

    scores = cross_val_score(model, X, y, cv=3, n_jobs=n_jobs)
    predicted = cross_val_predict(model, X, y, cv=3, n_jobs=n_jobs)

    assert scores.mean() > 0.8
    assert np.mean(predicted == y) > 0.8


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_grid_search(model, digits, n_jobs):
    """A search finds the learning rate that learns."""
    X, y = digits

    search = GridSearchCV(model, {"learning_rate": [1e-5, 0.1]}, cv=2, n_jobs=n_jobs)
    search.fit(X, y)

    assert search.best_params_ == {"learning_rate": 0.1}
    assert search.predict(X).shape == (200,)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_halving_search_over_epochs(model, digits, n_jobs):
    """Epochs are a resource that successive halving shares out."""
    X, y = digits
    search = HalvingGridSearchCV(
        model,
        {"learning_rate": [1e-5, 1e-4, 0.1]},
        resource="max_epochs",
        max_resources=9,
        min_resources=3,
        cv=2,
        n_jobs=n_jobs,
        random_state=0,
    )

    search.fit(X, y)

    assert search.best_params_["learning_rate"] == 0.1


def test_learning_curve(model, digits):
    """More images help."""
    X, y = digits

    _, _, scores = learning_curve(
        model, X, y, train_sizes=[0.2, 1.0], cv=3, shuffle=True, random_state=0
    )

    assert scores[1].mean() > scores[0].mean()


def test_calibration(model, digits):
    """Probabilities are calibrated on held-out folds."""
    X, y = digits

    calibrated = CalibratedClassifierCV(model, cv=3).fit(X, y)

    assert calibrated.score(X, y) > 0.9


def test_calibration_of_a_frozen_classifier(model, digits):
    """A fitted classifier is calibrated without being fitted again."""
    X, y = digits
    frozen = FrozenEstimator(model.fit(X[:100], y[:100]))

    calibrated = CalibratedClassifierCV(frozen).fit(X[100:], y[100:])

    assert calibrated.score(X[100:], y[100:]) > 0.8


def test_stacking_and_voting(model, digits):
    """The classifier stands beside others; those that want flat images flatten them."""
    X, y = digits
    flatten = FunctionTransformer(lambda X: X.reshape(len(X), -1))
    members = [("cnn", model), ("svc", make_pipeline(flatten, SVC()))]

    stacked = StackingClassifier(
        members, LogisticRegression(max_iter=1000), cv=2, passthrough=False
    )
    voted = VotingClassifier(members)

    assert stacked.fit(X, y).score(X, y) > 0.9
    assert voted.fit(X, y).score(X, y) > 0.9


def test_tuned_threshold(model, digits):
    """The threshold of a binary problem is tuned."""
    X, y = digits

    tuned = TunedThresholdClassifierCV(model, scoring="f1", cv=3).fit(X, y == 8)

    assert 0 <= tuned.best_threshold_ <= 1


def test_confusion_matrix(model, digits):
    """A confusion matrix is drawn from the estimator."""
    X, y = digits
    model.fit(X, y)

    display = ConfusionMatrixDisplay.from_estimator(model, X, y)

    assert display.confusion_matrix.trace() > 180


def test_bagging_flat_images(model, digits):
    """Bagging takes flat images only; the classifier knows their shape."""
    X, y = digits
    flat = X.reshape(len(X), -1)

    bagged = BaggingClassifier(model, n_estimators=3, random_state=0).fit(flat, y)

    assert bagged.score(flat, y) > 0.9


def test_self_training_on_flat_images(model, digits):
    """Images without labels are labelled along the way."""
    X, y = digits
    flat, partly = X.reshape(len(X), -1), np.where(np.arange(200) < 100, y, -1)

    trained = SelfTrainingClassifier(model, max_iter=2).fit(flat, partly)

    assert trained.score(flat, y) > 0.8


def test_permutation_importance_of_pixels(model, digits):
    """Pixels in the middle matter, those at the rim do not."""
    X, y = digits
    flat = X.reshape(len(X), -1)
    model.fit(flat, y)

    importance = permutation_importance(
        model, flat, y, n_repeats=1, random_state=0
    ).importances_mean.reshape(8, 8)

    assert importance[2:6, 2:6].mean() > importance[:, 0].mean()


def test_embeddings_feed_another_classifier(model, digits):
    """In the middle of a pipeline, the classifier gives features."""
    X, y = digits

    pipeline = make_pipeline(model, LogisticRegression(max_iter=1000))

    assert cross_val_score(pipeline, X, y, cv=2).mean() > 0.8


def test_scaled_flat_images_in_a_pipeline(model, digits):
    """Steps that want flat features go before the classifier."""
    X, y = digits

    scores = cross_val_score(
        make_pipeline(MinMaxScaler(), model), X.reshape(200, -1), y, cv=2
    )

    assert scores.mean() > 0.8


def test_sample_weight_is_routed(model, digits):
    """Weights reach fit by metadata routing."""
    X, y = digits
    weights = np.r_[np.ones(100), np.zeros(100)]

    with sklearn.config_context(enable_metadata_routing=True):
        model.set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=False)
        results = cross_validate(
            model,
            X,
            y,
            params={"sample_weight": weights},
            cv=[(np.arange(200), np.arange(200))],
            return_estimator=True,
        )

    expected = model.fit(X[:100], y[:100]).predict_proba(X)
    np.testing.assert_array_equal(results["estimator"][0].predict_proba(X), expected)


def test_output_as_a_data_frame(model, digits):
    """Embeddings come as a data frame where that is asked for."""
    X, y = digits

    frame = model.set_output(transform="pandas").fit(X, y).transform(X[:3])

    assert list(frame.columns[:2]) == ["cnnclassifier0", "cnnclassifier1"]
    assert frame.shape == (3, 128)


def test_search_over_layers(model, digits):
    """The shape of the network is searched like any other parameter."""
    X, y = digits
    grid = {"conv_channels": [(4,), (8, 16)], "hidden_units": [(), (32,)]}

    search = GridSearchCV(model, grid, cv=2).fit(X, y)

    assert len(search.cv_results_["params"]) == 4
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()

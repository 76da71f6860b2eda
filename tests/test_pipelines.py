"""Steps within pipelines, searches and frozen estimators."""

from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline

from sklcnn._pipelines import flat_steps
from sklcnn.preprocessing import Flip, Resize, Rotate


def names(estimator, **options):
    """List the names of the steps."""
    return [name for name, _ in flat_steps(estimator, **options)]


def test_steps_of_nested_pipelines_are_listed_in_order():
    """Pipelines and frozen ones are opened at any place, what passes X on left out."""
    inner = FrozenEstimator(make_pipeline(Resize((4, 4)), None, Flip()))
    model = Pipeline([("a", inner), ("b", "passthrough"), ("c", DummyClassifier())])

    assert names(model) == ["resize", "flip", "c"]
    assert names(DummyClassifier()) == [""]


def test_searches_are_opened_once_they_are_fitted():
    """A search that is not fitted is the last step itself."""
    pipeline = make_pipeline(Rotate(90), DummyClassifier())
    search = GridSearchCV(pipeline, {"rotate__degrees": [0, 90]}, cv=2)
    X = [[[0, 1], [2, 3]]] * 4

    assert names(search) == [""]
    assert names(FrozenEstimator(search.fit(X, [0, 1, 0, 1]))) == [
        "rotate",
        "dummyclassifier",
    ]


def test_other_wrappers_are_opened_on_request():
    """A threshold changes what is predicted, so that not everyone may look behind."""
    model = FixedThresholdClassifier(make_pipeline(Flip(), DummyClassifier()))
    model.fit([[[0, 1], [2, 3]]] * 4, [0, 1, 0, 1])

    assert names(model) == [""]
    assert names(model, wrappers=(FixedThresholdClassifier,)) == [
        "flip",
        "dummyclassifier",
    ]

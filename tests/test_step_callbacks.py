"""Callbacks of scikit-learn on pipelines of steps of this package."""

import pickle
import warnings

import numpy as np
import pytest
import sklearn
from PIL import Image
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.fixes import parse_version

from sklcnn import CNNFeatures
from sklcnn.augmentation import RandomFlip, RandomRotation
from sklcnn.preprocessing import HOG, Flatten, ReadImages, Resize

pytestmark = pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.9"),
    reason="scikit-learn before 1.9 has no callbacks",
)


class Notes:
    """Callback that notes down which estimators begin and end, and reaches all."""

    max_propagation_depth = None

    def __init__(self):
        self.seen = []

    def setup(self, estimator, context):
        """Do nothing."""

    def teardown(self, estimator, context):
        """Do nothing."""

    def on_fit_task_begin(self, estimator, context):
        """Note it down."""
        self.seen.append(("begin", type(estimator).__name__))

    def on_fit_task_end(self, estimator, context):
        """Note it down."""
        self.seen.append(("end", type(estimator).__name__))


@pytest.fixture
def paths(tmp_path, noise):
    """Give 30 files and their labels."""
    X, y = noise
    names = [str(tmp_path / f"{number}.png") for number in range(len(X))]
    for name, image in zip(names, X, strict=True):
        Image.fromarray(image).save(name)
    return names, y


def make_pipelines(tiny):
    """List pipelines that together hold every kind of step."""
    features = CNNFeatures("convnet", weights=None, random_state=0)
    return {
        "images": make_pipeline(
            ReadImages((8, 8)), Resize((6, 6)), RandomFlip(), RandomRotation(), tiny
        ),
        "flat": make_pipeline(ReadImages((8, 8)), Flatten(), LogisticRegression()),
        "gradients": make_pipeline(
            ReadImages((8, 8)), HOG(pixels_per_cell=2), LogisticRegression()
        ),
        "features": make_pipeline(ReadImages((8, 8)), features, LogisticRegression()),
    }


@pytest.mark.parametrize("name", ["images", "flat", "gradients", "features"])
def test_callbacks_reach_every_step(tiny, paths, name):
    """None of the steps warns that it does not support them; each begins and ends."""
    pipeline, notes = make_pipelines(tiny)[name], Notes()

    with warnings.catch_warnings():
        warnings.filterwarnings(
            "error", message=".*[RKDFGe] does not support callbacks"
        )
        warnings.filterwarnings("ignore", message=".*LogisticRegression does not")
        warnings.filterwarnings("ignore", message=".*random weights")
        pipeline.set_callbacks(notes).fit(*paths)

    own = [
        type(step).__name__
        for _, step in pipeline.steps
        if not isinstance(step, LogisticRegression)
    ]
    for step in own:
        assert ("begin", step) in notes.seen
        assert ("end", step) in notes.seen


def test_progress_bars_are_shown_without_a_warning(tiny, paths, capsys):
    """Of all steps and epochs."""
    from sklearn.callback import ProgressBar

    pipeline = make_pipelines(tiny)["images"]

    pipeline.set_callbacks(ProgressBar()).fit(*paths)

    assert "CNNClassifier" in capsys.readouterr().out


@pytest.mark.parametrize(
    "step", [RandomFlip(), Resize((4, 4)), Flatten(), HOG(pixels_per_cell=2)]
)
def test_a_step_by_itself_tells_its_callbacks(step, noise):
    """In `fit` and in `fit_transform`, once each."""
    notes = Notes()
    step = clone(step).set_callbacks(notes)

    step.fit(noise[0])
    step.fit_transform(noise[0])

    name = type(step).__name__
    assert notes.seen == [("begin", name), ("end", name)] * 2


class NotPickled(Notes):
    """Callback that can't be pickled."""

    def __reduce__(self):
        raise TypeError("not to be pickled")


def test_images_do_not_keep_callbacks(noise, tmp_path, tiny):
    """What is noted down beside images is the step alone."""
    X, y = noise
    plain = RandomFlip().fit_transform(Resize((6, 6)).fit_transform(X))
    steps = [Resize((6, 6)), RandomFlip()]

    noted = X
    for step in steps:
        noted = step.set_callbacks(NotPickled()).fit_transform(noted)

    pickle.loads(pickle.dumps(noted))
    tiny.set_params(checkpoint_dir=tmp_path).fit(plain, y)
    n_files = len(list(tmp_path.iterdir()))
    expected = clone(tiny).fit(noted, y).predict_proba(np.zeros((1, 6, 6)))
    assert len(list(tmp_path.iterdir())) == n_files
    assert np.array_equal(expected, tiny.predict_proba(np.zeros((1, 6, 6))))

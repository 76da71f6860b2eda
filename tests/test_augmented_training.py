"""Random transforms before the classifier: training sees them, and nothing else."""

import io
import re
import warnings

import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklcnn import CNNClassifier
from sklcnn.augmentation import (
    RandomBrightness,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomNoise,
    RandomRotation,
    RandomScale,
)
from sklcnn.preprocessing import Grayscale, ReadImages, Resize


def rows_in(batches):
    """Give the images in batches as a set of bytes, those of zeros left out."""
    return {image.tobytes() for batch in batches for image in batch if image.any()}


def weights_of(model):
    """Give all weights of the classifier at the end of a pipeline as one vector."""
    state = model[-1].net_.module_.state_dict()
    return np.concatenate([tensor.double().ravel() for tensor in state.values()])


def test_training_sees_other_images_in_every_epoch(spy, signs):
    """No image is fed as it is, and none twice."""
    X, y = signs

    make_pipeline(RandomRotation(), RandomNoise(), spy.classifier).fit(X, y)

    epochs = [rows_in([batch]) for batch in spy.trained]
    assert [len(epoch) for epoch in epochs] == [30, 30, 30]
    assert len(set.union(*epochs, rows_in([X]))) == 4 * 30


@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "decision_function", "transform", "score"]
)
def test_prediction_sees_the_images_bit_for_bit(spy, signs, method):
    """Whatever is asked of a fitted pipeline, the images are fed as they are."""
    X, y = signs
    model = make_pipeline(RandomRotation(), RandomNoise(), spy.classifier).fit(X, y)
    spy.trained.clear()
    spy.asked.clear()

    getattr(model, method)(X, *[y] * (method == "score"))

    assert_array_equal(np.concatenate(spy.asked)[:30], X)
    assert not spy.trained


def test_prediction_of_pending_images_sees_them_bit_for_bit(spy, signs):
    """Also where the images still carry the note of how to redraw them."""
    X, y = signs
    augmented = RandomNoise().fit_transform(X)
    model = spy.classifier.fit(augmented, y)
    spy.asked.clear()

    model.score(augmented, y)

    assert_array_equal(np.concatenate(spy.asked)[:30], X)


def test_early_stopping_validates_on_the_images_bit_for_bit(spy, signs):
    """What is set aside is fed as it is, and is never trained on, mirrored or not."""
    X, y = signs
    spy.classifier.set_params(early_stopping=True, validation_fraction=0.2)

    make_pipeline(RandomFlip(), spy.classifier).fit(X, y)

    validated = rows_in(spy.asked)
    rows = [row for row, image in enumerate(X) if image.tobytes() in validated]
    others = np.delete(np.arange(30), rows)
    assert len(validated) == len(rows) == 6
    assert rows_in(spy.trained) <= rows_in([X[others], X[others, :, ::-1]])
    assert len(rows_in(spy.trained)) > 24


def test_nothing_of_what_is_set_aside_is_mixed_into_training(spy, signs):
    """Other images in its place leave every training batch as it is, bit for bit."""
    X, y = signs
    spy.classifier.set_params(
        early_stopping=True, validation_fraction=0.2, mixup=0.2, cutmix=1.0
    )
    model = make_pipeline(RandomFlip(), spy.classifier).fit(X, y)
    validated = rows_in(spy.asked)
    is_set_aside = np.array([image.tobytes() in validated for image in X])

    model.fit(np.where(is_set_aside[:, None, None], X[:, ::-1], X), y)

    assert is_set_aside.sum() == 6
    assert_array_equal(spy.trained[3:], spy.trained[:3])


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.int64, np.float64])
def test_redrawn_pixels_are_in_the_range_of_the_images(tiny, dtype):
    """Transforms that never happen change nothing, in any dtype."""
    X = np.random.default_rng(0).integers(0, 2 if dtype is bool else 250, (30, 8, 8))
    X, y = X.astype(dtype), np.arange(30) % 3
    never = [RandomBrightness(p=0), RandomErasing(p=0), RandomFlip(p=0)]

    augmented = make_pipeline(*never, clone(tiny)).fit(X, y)

    plain = make_pipeline(clone(tiny)).fit(X, y)
    assert_allclose(augmented.predict_proba(X), plain.predict_proba(X), atol=0.02)


def test_double_precision_is_drawn_in_double_precision(spy, signs):
    """With `precision="float64"`, nothing on the way is rounded to float32."""
    X, y = signs
    spy.classifier.set_params(precision="float64", mixup=0.2)

    make_pipeline(RandomRotation(), RandomNoise(), spy.classifier).fit(X, y)

    batch = spy.trained[0]
    assert batch.dtype == np.float64
    assert np.mean(batch == batch.astype(np.float32)) < 0.1


def test_equal_seeds_give_equal_weights(tiny, noise):
    """`random_state` decides on the draws too, down to the last bit."""
    model = make_pipeline(RandomFlip(), RandomRotation(), RandomNoise(), tiny)

    first, second = (weights_of(clone(model).fit(*noise)) for _ in range(2))
    other = clone(model).set_params(cnnclassifier__random_state=1).fit(*noise)
    plain = make_pipeline(clone(tiny)).fit(*noise)

    assert_array_equal(first, second)
    assert not np.allclose(first, weights_of(other))
    assert not np.allclose(first, weights_of(plain))


def test_nesting_and_caching_change_nothing(tiny, noise, tmp_path):
    """Pipelines in pipelines and `memory` give the same bits as a plain pipeline."""
    X, y = noise
    steps = [RandomFlip(), RandomRotation(), RandomCrop(padding=1)]
    expected = make_pipeline(*steps, clone(tiny)).fit(X, y).predict_proba(X)
    nested = make_pipeline(make_pipeline(*steps[:2]), "passthrough", steps[2], tiny)
    cached = make_pipeline(*steps, clone(tiny), memory=str(tmp_path))

    for model in (nested, make_pipeline(nested), cached, clone(cached)):
        assert_array_equal(model.fit(X, y).predict_proba(X), expected)


def test_a_step_is_switched_off_by_passthrough(tiny, noise):
    """`set_params(randomrotation="passthrough")` is leaving the step out."""
    X, y = noise
    model = make_pipeline(RandomFlip(), RandomRotation(), RandomScale(), clone(tiny))

    model.set_params(randomrotation="passthrough").fit(X, y)

    expected = make_pipeline(RandomFlip(), RandomScale(), clone(tiny)).fit(X, y)
    assert_array_equal(weights_of(model), weights_of(expected))


def test_output_as_data_frames_changes_nothing(tiny, noise):
    """`set_output` is for what comes out, not for images on their way."""
    X, y = noise
    model = make_pipeline(RandomFlip(), RandomNoise(), tiny)
    expected = weights_of(clone(model).fit(X, y))

    model.set_output(transform="pandas").fit(X, y)

    assert_array_equal(weights_of(model), expected)
    assert model.transform(X[:2]).columns[0] == "cnnclassifier0"


def test_rows_without_weight_are_left_out(tiny, noise):
    """A row of weight 0 counts for nothing, nor do its draws."""
    X, y = noise
    tiny.set_params(early_stopping=True, validation_fraction=0.2, mixup=0.2)
    model = make_pipeline(RandomFlip(), RandomRotation(), tiny)
    weights = np.r_[np.ones(20), np.zeros(10)]

    weighted = clone(model).fit(X, y, cnnclassifier__sample_weight=weights)

    expected = clone(model).fit(X[:20], y[:20])
    assert_array_equal(weights_of(weighted), weights_of(expected))


def test_calls_of_partial_fit_are_epochs(noise):
    """Each call of `partial_fit` draws afresh, as the epochs of `fit` do."""
    X, y = noise
    augmented = make_pipeline(RandomFlip(), RandomNoise()).fit_transform(X)
    model = CNNClassifier(
        conv_channels=(4,),
        max_epochs=3,
        lr_schedule="constant",
        weight_decay=5e-4,
        cutmix=1.0,
        random_state=0,
    )
    expected = make_pipeline(clone(model)).fit(augmented, y)

    for _ in range(3):
        model.partial_fit(augmented, y, classes=[0, 1, 2])

    assert_array_equal(weights_of(make_pipeline(model)), weights_of(expected))


def test_warm_start_goes_on_drawing(spy, signs):
    """The epochs of a second `fit` draw what the first has not drawn."""
    X, y = signs
    model = make_pipeline(RandomNoise(), spy.classifier.set_params(warm_start=True))

    model.fit(X, y).fit(X, y)

    assert len(rows_in(spy.trained)) == 6 * 30


def test_flat_color_images_are_redrawn_by_their_shape(tiny):
    """With `image_shape`, flat images give the same bits as images."""
    X = np.random.default_rng(0).random((20, 4, 8, 3))
    y = np.arange(20) % 2
    model = make_pipeline(RandomFlip(), RandomRotation(), tiny)
    expected = clone(model).fit(X, y).predict_proba(X)

    flat = model.set_params(cnnclassifier__image_shape=(4, 8, 3))
    flat.fit(X.reshape(20, -1), y)

    assert_array_equal(flat.predict_proba(X.reshape(20, -1)), expected)


def test_images_from_files_are_redrawn(tiny, tmp_path):
    """Lazy images give the same bits as images in memory."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    paths = [str(tmp_path / f"{number}.png") for number in range(20)]
    for image, path in zip(X, paths, strict=True):
        Image.fromarray(image).save(path)
    y = np.arange(20) % 2
    tiny.set_params(early_stopping=True, cutmix=1.0)

    steps = [Grayscale(), RandomFlip(), RandomRotation(), tiny]
    lazy = make_pipeline(ReadImages((8, 8)), *steps).fit(paths, y)
    expected = weights_of(lazy)

    assert_array_equal(weights_of(make_pipeline(*steps).fit(X, y)), expected)
    assert lazy.predict(paths).shape == (20,)


def test_images_of_mixed_sizes_are_redrawn_after_resizing(tiny):
    """Deterministic steps come first and see every image, training or not."""
    rng = np.random.default_rng(0)
    X = [rng.random((6 + n % 5, 7 + n % 3, 3)) for n in range(20)]
    y = np.arange(20) % 2
    model = make_pipeline(
        Resize((8, 8)), Grayscale(), RandomFlip(), RandomScale(), tiny
    )

    probabilities = model.fit(X, y).predict_proba(X)

    assert_array_equal(model[-1].predict_proba(model[:2].transform(X)), probabilities)
    assert model[-1].image_shape_ == (8, 8, 1)


@pytest.mark.parametrize(
    "foreign", [StandardScaler(), FunctionTransformer(np.asarray), Resize(size=(6, 6))]
)
def test_a_step_between_takes_the_plain_images_and_says_so(tiny, foreign):
    """One warning names the step, what has no effect and the mend."""
    X, y = np.random.default_rng(0).random((20, 64)), np.arange(20) % 2
    model = make_pipeline(RandomFlip(), RandomNoise(), foreign, tiny)

    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        model.fit(X, y).predict(X)

    (warning,) = record
    message = str(warning.message)
    assert message.startswith(type(foreign).__name__)
    assert "no effect" in message
    assert re.search("right before (a CNNClassifier|the classifier)", message)
    expected = make_pipeline(clone(foreign), clone(tiny)).fit(X, y)
    assert_array_equal(weights_of(model), weights_of(expected))


def test_a_foreign_classifier_takes_the_plain_images_and_says_so():
    """It is the classifier that it would be without random transforms."""
    X, y = np.random.default_rng(0).random((20, 64)), np.arange(20) % 2

    with pytest.warns(UserWarning, match="LogisticRegression can't redraw") as record:
        model = make_pipeline(RandomFlip(), LogisticRegression()).fit(X, y)

    assert len(record) == 1
    assert_array_equal(model[-1].coef_, LogisticRegression().fit(X, y).coef_)


def test_a_function_that_computes_with_pending_images_is_an_error(tiny, noise):
    """Dividing would freeze a draw, or none: it raises, and nothing is fitted."""
    model = make_pipeline(RandomFlip(), FunctionTransformer(lambda X: X / 255), tiny)

    with pytest.raises(TypeError, match="takes no arithmetic"):
        model.fit(*noise)


def test_a_transform_that_images_are_too_small_for_is_an_error(tiny):
    """Flat images get their shape in the classifier, which then tells."""
    X, y = np.random.default_rng(0).random((20, 63)), np.arange(20) % 2
    model = make_pipeline(RandomCrop(padding=4), tiny.set_params(image_shape=(3, 21)))

    with pytest.raises(ValueError, match="padding=4, which is more than the shorter"):
        model.fit(X, y)

    assert not tiny.__sklearn_is_fitted__()


def test_fitted_pipelines_are_pickled(tiny, noise):
    """A pipeline read back predicts the same, and goes on training the same."""
    X, y = noise
    model = Pipeline([("flip", RandomFlip()), ("noise", RandomNoise()), ("cnn", tiny)])
    file = io.BytesIO()
    joblib.dump(model.fit(X, y), file)
    file.seek(0)

    loaded = joblib.load(file)

    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert_array_equal(weights_of(loaded.fit(X, y)), weights_of(model.fit(X, y)))


def test_global_generators_are_left_alone(tiny, noise):
    """Drawing and mixing take nothing from numpy's and torch's global generators."""
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002

    tiny.set_params(mixup=0.2, cutmix=1.0)
    make_pipeline(RandomFlip(), RandomNoise(), tiny).fit(*noise)

    assert_array_equal(torch.get_rng_state(), before[0])
    assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002

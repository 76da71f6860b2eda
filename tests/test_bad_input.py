"""Bad input is refused with an error that names the mend."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.exceptions import DataConversionWarning

from sklcnn import CNNClassifier

X = np.random.default_rng(0).random((12, 8, 8))
Y = np.arange(12) % 2


def changed(value, dtype=float):
    """Put a value into one pixel."""
    images = X.astype(dtype)
    images[0, 0, 0] = value
    return images


def wide_range():
    """Make finite float32 pixels whose variance is too large for float32."""
    return (X * 2 - 1) * np.float32(3e38)


IMAGES = {
    "NaN": (changed(np.nan), "Input X contains NaN"),
    "infinity": (changed(np.inf), "Input X contains infinity"),
    "too large": (changed(1e300), "value too large for dtype..float32"),
    "variance too large": (wide_range(), "variance of X is infinity.*Scale them"),
    "one dimension": (X[:, 0, 0], r"Expected 2D array, got 1D array.*\n.*Reshape"),
    "five dimensions": (X[..., None, None], "Got an array with 5 dimensions"),
    "ragged list": (
        [np.zeros((8, 8)), np.zeros((8, 9)), *X[2:]],
        r"images of one size. Found 2 sizes in X: \(8, 8\), \(8, 9\). Resize",
    ),
    "ragged objects": (
        np.array([np.zeros((8, 8)), np.zeros((9, 8))] * 6 + [None], dtype=object)[:-1],
        "images of one size. Found 2 sizes",
    ),
    "file names": (
        ["a.png"] * 12,
        "got strings, such as 'a.png'.*ReadImages.* in a pipeline",
    ),
    "file name": ("a.png", "got strings, such as 'a.png'"),
    "file names after an image": ([X[0], "a.png"], "such as 'a.png'"),
    "series of file names": (pd.Series(["a.png"] * 12), "such as 'a.png'"),
    "frame of file names": (pd.DataFrame({"file": ["a.png"] * 12}), "such as 'a.png'"),
    "frame of dates": (
        pd.DataFrame({"day": pd.to_datetime(["2020-01-01"] * 12)}),
        "Got a column of dtype datetime",
    ),
    "generator": ((x for x in X), "got a generator. Give it `list"),
    "None among images": ([*X[1:], None], "Got an object of type NoneType in X"),
    "palette": (
        [Image.fromarray(x).convert("L").quantize(4) for x in X],
        r"PIL image of mode 'P'.*`image.convert\('RGB'\)`",
    ),
    "gray and color": (
        [np.zeros((8, 8)), np.zeros((8, 8, 3))],
        r"Found 2 sizes.*same channels first",
    ),
    "two dtypes": (
        [X[0], np.zeros((8, 8), np.uint8)],
        "one dtype. Found float64, uint8",
    ),
    "strings": (X.astype(str), "expects numeric pixels and got strings"),
    "dates": (X.astype("datetime64[s]"), "numeric pixels. Got an array of dtype date"),
    "structured": (np.zeros((12, 8, 8), dtype=[("r", "f4")]), "Got an array of dtype"),
    "complex": (X.astype(complex), "Complex data not supported"),
    "no images": (X[:0], "0 sample"),
    "no pixels": (X[:, :0], "0"),
    "channels first": (
        np.zeros((12, 3, 8, 8)),
        r"looks channels-first. Move the channels to the end with `np.moveaxis",
    ),
    "channels-first tensor": (torch.zeros(12, 3, 8, 8), "looks channels-first"),
}


@pytest.mark.parametrize("kind", IMAGES)
def test_bad_images_are_refused(tiny, kind):
    """What are no images is refused in fit, and leaves nothing fitted."""
    images, message = IMAGES[kind]

    with pytest.raises(ValueError, match=f"(?s){message}"):
        tiny.fit(images, Y)

    assert not tiny.__sklearn_is_fitted__()


@pytest.mark.parametrize(
    "kind", ["NaN", "infinity", "too large", "strings", "no images"]
)
def test_bad_images_are_refused_in_predict(tiny, kind):
    """What are no images is refused in predict."""
    images, message = IMAGES[kind]
    tiny.fit(X, Y)

    with pytest.raises(ValueError, match=f"(?s){message}"):
        tiny.predict(images)


LABELS = {
    "short": (Y[:-1], r"inconsistent numbers of samples: \[12, 11\]"),
    "one": (Y[:1], r"12 and 1. If X is a single image, add the sample axis"),
    "missing": (None, "requires y to be passed, but the target y is None"),
    "continuous": (Y + 0.5, "Unknown label type: continuous"),
    "one-hot": (np.eye(2)[Y], "y should be a 1d array, got an array of shape"),
    "NaN": (np.where(Y, np.nan, 1.0), "Input y contains NaN"),
    "None": (np.where(Y, None, "a"), "Input y contains None"),
}


@pytest.mark.parametrize("kind", LABELS)
def test_bad_labels_are_refused(tiny, kind):
    """What is no label for each image is refused."""
    labels, message = LABELS[kind]

    with pytest.raises(ValueError, match=message):
        tiny.fit(X, labels)


def test_labels_of_mixed_types_are_refused(tiny):
    """Strings and numbers together have no order."""
    with pytest.raises(TypeError, match="uniformly strings or numbers"):
        tiny.fit(X, np.array(["a", 1] * 6, dtype=object))


def test_labels_in_a_column_are_taken_with_a_warning(tiny):
    """A column of labels is flattened, as everywhere in scikit-learn."""
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        tiny.fit(X, Y[:, np.newaxis])


SHAPES = {
    "contradiction": (
        (4, 16),
        X,
        r"image_shape=\(4, 16\), but X has shape \(12, 8, 8\)",
    ),
    "wrong product": ((3, 3), X.reshape(12, -1), "has 9 pixels, but X has 64 features"),
    "one number": ((64,), X, "'image_shape' parameter of CNNClassifier must be a seq"),
    "not whole": (
        (8.5, 8),
        X,
        "'image_shape' parameter of CNNClassifier must be a seq",
    ),
    "zero": ((0, 8), X, "'image_shape' parameter of CNNClassifier must be a seq"),
}


@pytest.mark.parametrize("kind", SHAPES)
def test_contradicting_image_shape_is_refused(tiny, kind):
    """`image_shape` has to be a shape, and that of X."""
    shape, images, message = SHAPES[kind]

    with pytest.raises(ValueError, match=message):
        tiny.set_params(image_shape=shape).fit(images, Y)


OTHER_IMAGES = {
    "other size": (np.zeros((2, 9, 9)), r"shape \(2, 9, 9\).*Bring images to one size"),
    "transposed": (np.zeros((2, 4, 16)), "Bring images to one size"),
    "other channels": (np.zeros((2, 8, 8, 3)), "Bring images to one size"),
    "single": (
        np.zeros((8, 8)),
        r"single image, add the sample axis: `X\[np.newaxis\]",
    ),
}


@pytest.mark.parametrize("kind", OTHER_IMAGES)
def test_images_unlike_those_in_fit_are_refused(tiny, kind):
    """Predicting on images of another shape is an error that names both."""
    images, message = OTHER_IMAGES[kind]
    tiny.fit(X, Y)

    with pytest.raises(
        ValueError, match=r"fitted on images of .*\(8, 8, 1\).*" + message
    ):
        tiny.predict(images)


def test_single_or_channels_first_color_image_is_refused(tiny):
    """A color image without its sample axis, or channels first, is named so."""
    tiny.fit(np.random.default_rng(0).random((12, 8, 9, 3)), Y)

    with pytest.raises(ValueError, match="add the sample axis"):
        tiny.predict(np.zeros((8, 9, 3)))
    with pytest.raises(ValueError, match="Move the channels to the end"):
        tiny.predict(np.zeros((2, 3, 8, 9)))


WEIGHTS = {
    "negative": (-np.ones(12), "Negative values in data passed to `sample_weight`"),
    "zero": (np.zeros(12), "must contain at least one non-zero number"),
    "NaN": (np.full(12, np.nan), "Input sample_weight contains NaN"),
    "short": (np.ones(11), r"sample_weight.shape == \(11,\), expected \(12,\)"),
}


@pytest.mark.parametrize("kind", WEIGHTS)
def test_bad_weights_are_refused(tiny, kind):
    """What is no weight for each image is refused."""
    weights, message = WEIGHTS[kind]

    with pytest.raises(ValueError, match=message):
        tiny.fit(X, Y, sample_weight=weights)


CLASS_WEIGHTS = {
    "unknown class": ({7: 2}, r"classes that y does not have: \[7\].*No name is among"),
    "negative": ({0: -1.0}, "finite and not negative. Got {0: -1.0}"),
    "not a number": ({0: "two"}, "finite and not negative"),
    "all zero": ({0: 0, 1: 0}, "gives every row of X the weight 0"),
}


@pytest.mark.parametrize("kind", CLASS_WEIGHTS)
def test_bad_class_weights_are_refused(tiny, kind):
    """Weights of classes that are not there, or negative, are refused."""
    class_weight, message = CLASS_WEIGHTS[kind]

    with pytest.raises(ValueError, match=message):
        tiny.set_params(class_weight=class_weight).fit(X, Y)


PARAMETERS = {
    "image_shape": "8x8",
    "network": "resnet",
    "conv_channels": 16,
    "kernel_size": 0,
    "pool_size": 1.5,
    "hidden_units": 100,
    "dropout": 1.0,
    "batch_norm": "yes",
    "class_weight": "balance",
    "label_smoothing": -0.1,
    "mixup": -1.0,
    "cutmix": -0.5,
    "optimizer": "adam",
    "learning_rate": 0.0,
    "momentum": 1.0,
    "nesterov": None,
    "weight_decay": -1e-4,
    "lr_schedule": "step",
    "batch_size": 0,
    "max_epochs": 0,
    "early_stopping": "valid",
    "validation_fraction": 0.0,
    "n_iter_no_change": 0,
    "tol": -1.0,
    "device": 0,
    "precision": "float16",
    "compile": "yes",
    "n_jobs": 1.5,
    "checkpoint_dir": 3,
    "warm_start": 2,
    "callbacks": "ProgressBar",
    "random_state": "abc",
    "verbose": -1,
}


def test_every_parameter_is_tried():
    """The table of bad values leaves no parameter out."""
    assert set(PARAMETERS) == set(CNNClassifier().get_params())


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_out_of_range_is_refused(name):
    """A bad parameter is named, in scikit-learn's words."""
    model = CNNClassifier(**{name: PARAMETERS[name]})

    with pytest.raises(ValueError, match=f"The '{name}' parameter of CNNClassifier"):
        model.fit(X, Y)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("conv_channels", (8, 0)),
        ("conv_channels", (8, 1.5)),
        ("conv_channels", "8"),
        ("hidden_units", (-1,)),
        ("hidden_units", [[8]]),
    ],
)
def test_layer_sizes_are_positive_numbers(name, value):
    """Sizes of layers are checked one by one."""
    with pytest.raises(
        ValueError, match=f"'{name}' parameter of CNNClassifier must be"
    ):
        CNNClassifier(**{name: value}).fit(X, Y)


@pytest.mark.parametrize("callback", ["x", ("name", "x"), 3])
def test_callbacks_are_skorchs(tiny, callback):
    """Anything else among the callbacks is named."""
    with pytest.raises(ValueError, match="expects callbacks of skorch"):
        tiny.set_params(callbacks=[callback]).fit(X, Y)


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "cpu:1", "tpu"])
def test_unknown_device_is_refused(tiny, device):
    """A device that is none is named."""
    with pytest.raises(ValueError, match="'device' parameter of CNNClassifier must be"):
        tiny.set_params(device=device).fit(X, Y)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_absent_device_is_refused(tiny):
    """Asking for CUDA where there is none says what to do."""
    with pytest.raises(ValueError, match="Use device='cpu' or 'auto'"):
        tiny.set_params(device="cuda").fit(X, Y)


def test_other_classes_in_partial_fit_are_refused(tiny):
    """Classes are fixed by the first call."""
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        tiny.partial_fit(X, Y)
    tiny.partial_fit(X, Y, classes=[0, 1])
    with pytest.raises(
        ValueError, match="is not the same as on last call to partial_fit"
    ):
        tiny.partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="previously unseen labels"):
        tiny.partial_fit(X, Y + 5)

    assert tiny.n_iter_ == 1


def test_unseen_label_in_the_first_partial_fit_leaves_nothing(tiny):
    """A first call that fails leaves the classifier as it was."""
    with pytest.raises(ValueError, match="previously unseen labels"):
        tiny.partial_fit(X, Y, classes=[0, 7])

    assert not hasattr(tiny, "classes_")
    assert tiny.partial_fit(X, Y, classes=[0, 1]).n_iter_ == 1


def train(model, call):
    """Train by `fit`, or by `partial_fit` until something gives way."""
    if call != "partial_fit":
        return model.fit(X, Y)
    while model.partial_fit(X, Y, classes=[0, 1]).n_iter_ < 20:
        pass


@pytest.mark.parametrize("call", ["fit", "partial_fit", "warm"])
def test_divergence_is_an_error(call):
    """Training that diverges names the learning rate, and leaves nothing fitted."""
    model = CNNClassifier(
        max_epochs=20, batch_norm=False, precision="float32", random_state=0
    )
    if call == "warm":
        model.set_params(warm_start=True).fit(X, Y)
    model.set_params(learning_rate=1e6)

    with pytest.raises(
        ValueError, match=r"diverged.*smaller learning_rate than 1e\+06"
    ):
        train(model, call)

    assert not model.__sklearn_is_fitted__()
    assert not hasattr(model, "classes_")


def test_divergence_in_the_last_step_is_an_error():
    """Outputs are looked at too, since the last loss is that before the last step."""
    model = CNNClassifier(learning_rate=1e6, random_state=0)

    with pytest.raises(ValueError, match="outputs are not finite after 1 epochs"):
        model.partial_fit(X, Y, classes=[0, 1])

    assert not model.__sklearn_is_fitted__()


@pytest.mark.filterwarnings("ignore:The GPU ran out of memory")  # with halved batches
def test_out_of_memory_names_the_batch_size(tiny, monkeypatch):
    """A GPU without room for a batch says which batch was tried."""

    def no_room(*args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch.nn.Conv2d, "forward", no_room)

    with pytest.raises(MemoryError, match=r"batches of 5 images.*such as 2"):
        tiny.set_params(batch_size=5).fit(X, Y)
    assert not tiny.__sklearn_is_fitted__()


def test_too_few_images_to_set_aside(tiny):
    """Early stopping needs images of every class on either side."""
    with pytest.raises(ValueError, match=r"can't set aside validation_fraction=0\.1"):
        tiny.set_params(early_stopping=True).fit(X[:4], Y[:4])

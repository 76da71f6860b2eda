"""Bad input is refused with an error that names the mend."""

import numpy as np
import pytest
import torch
from sklearn.exceptions import DataConversionWarning

from sklcnn import CNNClassifier

X = np.random.default_rng(0).random((12, 8, 8))
Y = np.arange(12) % 2


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
    "unknown class": ({"7": 2}, r"classes that y does not have: \['7'\]"),
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
    "network": 3,
    "weights": 3,
    "freeze": "body",
    "n_frozen_epochs": -1,
    "backbone_learning_rate_factor": -0.1,
    "image_size": 0,
    "standardize": "yes",
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
    "calibration_fraction": 0.6,
    "stride": 0,
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
    """The learning rate is named, and the last epoch that ended well is kept."""
    model = CNNClassifier(
        max_epochs=20, batch_norm=False, precision="float32", random_state=0
    )
    if call == "warm":
        model.set_params(warm_start=True).fit(X, Y)
    n_before = model.n_iter_ if call == "warm" else 0
    model.set_params(learning_rate=1e6)

    with pytest.raises(
        ValueError, match=r"diverged.*smaller learning_rate than 1e\+06"
    ):
        train(model, call)

    if model.__sklearn_is_fitted__():
        assert model.n_iter_ == len(model.history_) >= n_before
        assert np.isfinite(model.predict_proba(X)).all()


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
        tiny.set_params(early_stopping=True).fit(X[:2], Y[:2])

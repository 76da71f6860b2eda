"""Whatever changes a training changes its address, and nothing else does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from sklcnn import CNNClassifier, _classifier
from sklcnn.augmentation import (
    RandomBrightness,
    RandomErasing,
    RandomFlip,
    RandomRotation,
)
from tests._strategies import NEUTRAL, PARAMETERS, one_of, some_of

X = np.random.default_rng(0).integers(0, 256, (30, 8, 8), dtype=np.uint8)
Y = np.arange(30) % 3
WEIGHTS = np.linspace(0.5, 2, 30)
often = settings(max_examples=25, deadline=None, derandomize=True, database=None)
row = st.integers(0, 29)
step = st.one_of(
    st.builds(RandomRotation, st.integers(1, 90)),
    st.builds(RandomFlip, p=st.sampled_from([0.25, 0.5, 1.0])),
    st.builds(RandomBrightness, st.sampled_from([0.1, 0.2])),
    st.builds(RandomErasing, p=st.sampled_from([0.25, 0.5])),
)


class FoundError(Exception):
    """The address of a training, which does not take place."""


def address_of(parameters, X=X, y=Y, sample_weight=WEIGHTS):
    """Give the address that `fit` looks up."""
    known = {"conv_channels": (4,), "hidden_units": (4,), "random_state": 0}
    model = CNNClassifier(checkpoint_dir="nowhere").set_params(**known | parameters)

    def found(training, checkpoints):
        raise FoundError(checkpoints.address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_classifier, "resume", found)
        try:
            model.fit(X, y, sample_weight)
        except FoundError as error:
            return error.args[0]


def set_at(values, place, change):
    """Copy an array and change it in one place."""
    values = values.copy()
    values[place] = change(values[place])
    return values


@often
@given(some_of(PARAMETERS), one_of(PARAMETERS), one_of(PARAMETERS))
def test_any_changed_parameter_is_another_address(parameters, change, other):
    """Equal parameters have equal addresses, whatever the others are."""
    name, value = change
    parameters[name] = value
    before = address_of(parameters)

    assert address_of(dict(parameters)) == before
    changed = parameters | dict([other])
    if changed == parameters:
        assert address_of(changed) == before
    elif other[0] in parameters and not _means_the_same(*other, parameters):
        assert address_of(changed) != before


def _means_the_same(name, value, parameters):
    """Whether another value makes the same network, or no other weights of images."""
    if name == "pool_size":  # sides of 2 pixels are no longer pooled
        return True
    if name == "kernel_size":  # a first convolution that strides has a kernel by that
        return parameters.get("stride", 1) not in (1, "auto")
    if name == "class_weight":
        return _weights_by(value) == _weights_by(parameters[name])
    if name in ("batch_size", "max_epochs"):
        return "auto" in (value, parameters[name])
    return False


def _weights_by(class_weight):
    if class_weight in (None, "balanced"):
        class_weight = {}
    weights = [class_weight.get(label, 1.0) for label in range(3)]
    return [weight / max(weights) for weight in weights]


@often
@given(some_of(PARAMETERS), some_of(NEUTRAL), st.booleans())
def test_how_a_training_is_written_down_is_not_in_its_address(
    parameters, neutral, as_numpy
):
    """Nor where it is to run, nor how its arrays lie in memory."""
    before = address_of(parameters)
    written = {
        name: tuple(value)
        if isinstance(value, list)
        else np.asarray(value)[()]
        if as_numpy and isinstance(value, (bool, int, float))
        else value
        for name, value in parameters.items()
    }

    after = address_of(
        written | neutral, np.asfortranarray(X), Y.tolist(), (4 * WEIGHTS).tolist()
    )

    assert after == before


@often
@given(
    st.tuples(row, st.integers(0, 7), st.integers(0, 7)),
    st.integers(1, 255),
    st.sampled_from([np.uint8, np.uint16, np.float32, np.float64]),
)
def test_any_changed_pixel_is_another_address(place, bits, dtype):
    """Whichever it is, by whatever amount, in any dtype."""
    changed = set_at(X, place, lambda pixel: pixel ^ bits)

    assert address_of({}, changed.astype(dtype)) != address_of({}, X.astype(dtype))


@often
@given(row, st.floats(1e-3, 1), st.integers(1, 2))
def test_any_changed_weight_or_label_is_another_address(place, factor, turn):
    """Of any image."""
    before = address_of({})
    weights = set_at(WEIGHTS, place, lambda weight: weight * factor)
    labels = set_at(Y, place, lambda label: (label + turn) % 3)

    assert (address_of({}, sample_weight=weights) == before) == (factor == 1)
    assert address_of({}, y=labels) != before


@often
@given(st.lists(step, max_size=3), st.lists(step, max_size=3))
def test_any_changed_step_is_another_address(steps, others):
    """Which there are, in which order and how they are set."""
    images, copies, other_images = (
        augmented(part) for part in (steps, map(clone, steps), others)
    )

    address = address_of({}, images)

    assert address_of({}, copies) == address
    is_same = [repr(step) for step in steps] == [repr(other) for other in others]
    assert (address_of({}, other_images) == address) == is_same


def augmented(steps):
    """Take images through random steps."""
    images = X
    for each in steps:
        images = each.fit_transform(images)
    return images


@often
@given(st.permutations(range(30)))
def test_order_of_images_is_part_of_the_address(order):
    """Batches are drawn by place."""
    is_same = order == sorted(order)

    address = address_of({}, X[order], Y[order], WEIGHTS[order])

    assert (address == address_of({})) == is_same

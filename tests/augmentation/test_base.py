"""All random transforms are good scikit-learn transformers."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklcnn import augmentation
from sklcnn.augmentation import (
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomRotation,
    RandomScale,
)
from sklcnn.images import AugmentedImages

STEPS = [
    getattr(augmentation, name)()
    for name in augmentation.__all__
    if name.startswith("Rand")
]


@parametrize_with_checks(STEPS)
def test_step_is_a_scikit_learn_transformer(estimator, check):
    """Not one check is expected to fail."""
    check(estimator)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_only_the_main_parameter_may_be_positional(step):
    """Flips have none; every parameter is constrained."""
    parameters = list(inspect.signature(type(step)).parameters.values())

    positional = [
        parameter.name
        for parameter in parameters
        if parameter.kind is not parameter.KEYWORD_ONLY
    ]
    main = [] if isinstance(step, RandomFlip) else [parameters[0].name]
    assert positional == main
    assert {parameter.name for parameter in parameters} == set(
        step._parameter_constraints
    )


@pytest.mark.parametrize(
    "X",
    [
        np.zeros((3, 8, 8), np.uint8),
        np.zeros((3, 8, 8, 4)),
        np.zeros((3, 64)),
        [np.zeros((8, 8, 3))] * 3,
        np.zeros((3, 64)).tolist(),
    ],
    ids=["gray", "channels", "flat", "list of images", "nested list"],
)
def test_fit_transform_notes_and_transform_leaves_alone(X):
    """Both have the images themselves; only one knows how to redraw them."""
    step = RandomFlip()

    augmented = step.fit_transform(X)

    assert isinstance(augmented, AugmentedImages)
    assert_array_equal(np.asarray(augmented), np.asarray(X))
    assert_array_equal(step.transform(X), np.asarray(X))
    assert isinstance(step.transform(X), np.ndarray)
    assert step.image_shape_ == np.shape(X)[1:]


def test_a_pipeline_collects_its_steps():
    """In order, as clones that later changes of parameters do not reach."""
    pipeline = make_pipeline(
        RandomFlip(), make_pipeline(RandomRotation(), RandomCrop())
    )
    X = np.zeros((3, 8, 8))

    augmented = pipeline.fit_transform(X)
    pipeline.set_params(randomflip__p=1.0)

    assert augmented.images is X
    assert [type(step) for step in augmented.steps] == [
        RandomFlip,
        RandomRotation,
        RandomCrop,
    ]
    assert augmented.steps[0].p == 0.5
    pipeline.set_params(randomflip="passthrough")
    assert len(pipeline.fit_transform(X).steps) == 2


def test_pandas_output_breaks_nothing():
    """`set_output` has nothing to wrap."""
    pipeline = make_pipeline(RandomFlip(), RandomRotation()).set_output(
        transform="pandas"
    )

    assert isinstance(pipeline.fit_transform(np.zeros((3, 64))), AugmentedImages)


@pytest.mark.parametrize("p", [-0.1, 1.5, "often", np.nan])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_a_probability_is_between_0_and_1(step, p):
    """For every step."""
    step = type(step)(p=p)

    with pytest.raises(ValueError, match="The 'p' parameter"):
        step.fit(np.zeros((2, 8, 8)))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("RandomRotation", {"degrees": "15"}),
        ("RandomRotation", {"degrees": -15}),
        ("RandomRotation", {"degrees": None}),
        ("RandomRotation", {"degrees": (15, -15)}),
        ("RandomRotation", {"degrees": (1, 2, 3)}),
        ("RandomRotation", {"degrees": (0, np.nan)}),
        ("RandomRotation", {"degrees": (0, np.inf)}),
        ("RandomRotation", {"degrees": ("a", "b")}),
        ("RandomRotation", {"mode": "mirror"}),
        ("RandomRotation", {"mode": "wrap"}),
        ("RandomRotation", {"order": 3}),
        ("RandomRotation", {"cval": np.inf}),
        ("RandomShear", {"degrees": 90}),
        ("RandomScale", {"scale": 1.1}),
        ("RandomScale", {"scale": (0, 1.1)}),
        ("RandomScale", {"scale": (-1, 1)}),
        ("RandomScale", {"scale": (1.1, 0.9)}),
        ("RandomTranslation", {"translate": -0.1}),
        ("RandomTranslation", {"translate": 2}),
        ("RandomCrop", {"padding": -1}),
        ("RandomCrop", {"padding": 1.5}),
        ("RandomPerspective", {"distortion": 0.25}),
        ("RandomFlip", {"horizontal": "yes"}),
        ("RandomBrightness", {"brightness": 2}),
        ("RandomContrast", {"contrast": (0, 1)}),
        ("RandomSaturation", {"saturation": (-1, 1)}),
        ("RandomGamma", {"gamma": (0, 1)}),
        ("RandomNoise", {"std": -1}),
        ("RandomNoise", {"std": (-1, 1)}),
        ("RandomBlur", {"sigma": (-1, 1)}),
        ("RandomErasing", {"area": (0.5, 1.5)}),
        ("RandomErasing", {"ratio": (0, 1)}),
        ("RandomErasing", {"cval": "black"}),
        ("RandomErasing", {"mode": "edge"}),
    ],
)
def test_bad_parameters_raise(name, parameters):
    """The message names the parameter and the transform."""
    (parameter,) = parameters
    step = getattr(augmentation, name)(**parameters)

    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of {name}"):
        step.fit_transform(np.zeros((2, 8, 8, 3)))


@pytest.mark.parametrize(
    "step",
    [RandomRotation(), RandomCrop(), RandomErasing()],
    ids=lambda step: type(step).__name__,
)
@pytest.mark.parametrize(
    ("dtype", "cval", "limits"),
    [
        ("uint8", 256, "0 to 255"),
        ("uint8", 0.5, "0 to 255"),
        (">u2", -1, "0 to 65535"),
        ("int16", 40000, "-32768 to 32767"),
        ("bool", 2, "0 to 1"),
    ],
)
def test_fill_value_is_one_that_images_can_hold(step, dtype, cval, limits):
    """Others are refused, for flat images as well."""
    X = np.zeros((2, 8, 8), dtype)
    step = clone(step).set_params(cval=cval)
    message = f"{type(step).__name__} is on .* {limits}\\. Got cval={cval}"

    for images in (X, X.reshape(2, 64)):
        with pytest.raises(ValueError, match=message):
            step.fit_transform(images)
    assert step.fit(X.astype(float))
    assert step.set_params(cval=1.0).fit(X)


@pytest.mark.parametrize(
    ("dtype", "white"), [("uint8", 255), ("uint16", 4095), ("float32", 1.0)]
)
@pytest.mark.parametrize(
    "step",
    [
        augmentation.RandomTranslation(0.5, mode="constant"),
        RandomCrop(4, mode="constant"),
        RandomErasing(p=1.0),
    ],
    ids=lambda step: type(step).__name__,
)
def test_fill_value_is_on_the_scale_of_the_images(step, dtype, white):
    """White is 255 in uint8, 4095 in 12-bit data and 1 in floats."""
    X = np.full((9, 8, 8), white / 3).astype(dtype)

    drawn = clone(step).set_params(cval=white).fit_transform(X).draw()

    assert drawn.max() == white
    assert_allclose(drawn.min(), X.min(), rtol=1e-6)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (
            RandomRotation(degrees=(10, -10)),
            r"360.0\] or a pair \(low, high\), with low",
        ),
        (RandomRotation(degrees="15"), r"or a pair \(low, high\).* Got '15'"),
        (RandomRotation(degrees=np.array(15)), "or a pair .* Got array"),
        (RandomScale(scale=1.2), r"must be a pair \(low, high\).* Got 1.2"),
    ],
)
def test_what_is_no_pair_is_told_what_a_pair_is(step, expected):
    """Its order, and where both numbers lie, in one sentence."""
    with pytest.raises(ValueError, match=expected):
        step.fit(np.zeros((2, 8, 8)))


def test_pairs_may_be_arrays():
    """They mean what tuples mean, also in clones."""
    X = np.random.default_rng(0).random((3, 8, 8))
    step = clone(RandomRotation(degrees=np.array([20, 40])))

    drawn = step.fit_transform(X).draw()

    assert_array_equal(drawn, RandomRotation(degrees=(20, 40)).fit_transform(X).draw())


@pytest.mark.parametrize("shape", [(9, 9), (8, 8, 3)])
def test_images_are_those_of_fit(shape):
    """Another size or number of channels is refused, a channel axis is not."""
    step = RandomFlip().fit(np.zeros((2, 8, 8)))

    with pytest.raises(ValueError, match=r"RandomFlip was fitted .*\(8, 8, 1\)"):
        step.transform(np.zeros((2, *shape)))
    assert step.transform(np.zeros((2, 8, 8, 1))).shape == (2, 8, 8, 1)
    assert step.transform(np.zeros((2, 64))).shape == (2, 64)


def test_padding_is_at_most_the_image():
    """Said in `fit`; for flat images, whose shape others know, when they are drawn."""
    step = RandomCrop(padding=5)
    flat = step.fit_transform(np.zeros((2, 16)))

    with pytest.raises(
        ValueError, match="more than the shorter side of images of 4 x 9"
    ):
        step.fit(np.zeros((2, 4, 9)))
    with pytest.raises(
        ValueError, match="more than the shorter side of images of 4 x 4"
    ):
        flat.draw()


def test_saturation_needs_colors():
    """Five channels are neither gray nor red, green and blue."""
    with pytest.raises(ValueError, match="Got 5 channels"):
        augmentation.RandomSaturation().fit(np.zeros((2, 8, 8, 5)))


@pytest.mark.parametrize(
    ("X", "match"),
    [
        ([np.zeros((8, 8)), np.zeros((9, 9))], "images of one size"),
        ([np.zeros((8, 8)), np.zeros((8, 8, 3))], "images of one size"),
        (["a.png"], "numeric pixels"),
        (np.zeros((2, 2, 2, 2, 2)), "5 dimensions"),
    ],
    ids=["sizes", "channels", "names", "dimensions"],
)
def test_bad_images_raise(X, match):
    """The message names the transform."""
    with pytest.raises(ValueError, match=f"RandomFlip.*{match}"):
        RandomFlip().fit_transform(X)

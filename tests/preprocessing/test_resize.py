"""Other sizes, compared with Pillow and scikit-image."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from skimage import data
from skimage.transform import rescale, resize

from sklcnn.preprocessing import CenterCrop, Resize, ResizeByFactor


def resize_with_pillow(image, height, width):
    """Resize an image with Pillow's bilinear filter."""
    channels = np.moveaxis(np.atleast_3d(image), 2, 0)  # else alpha is multiplied in
    filtered = [
        Image.fromarray(channel).resize((width, height), Image.Resampling.BILINEAR)
        for channel in channels
    ]
    return np.stack(filtered, axis=-1).reshape(height, width, *image.shape[2:])


def assert_almost_alike(actual, expected):
    """Check that few pixels differ, by one gray level at most."""
    difference = np.abs(actual.astype(int) - expected)
    assert difference.max() <= 1
    assert difference.mean() < 0.2


def picture(shape):
    """Cut a picture that is not square, with the given number of channels."""
    image = data.astronaut()[:90, 100:220]
    image = np.concatenate([image, image[..., :1]], axis=-1)
    return image[..., 1] if shape == "gray" else image[..., :shape]


@pytest.mark.parametrize("channels", ["gray", 3, 4])
@pytest.mark.parametrize("size", [(32, 32), (60, 80), (7, 130), (100, 150), (1, 1)])
def test_uint8_equals_pillow(channels, size):
    """Resizing uint8 is that of Pillow but for the rounding, in both directions."""
    image = picture(channels)
    images = np.stack([image, image[::-1]])

    resized = Resize(size, aspect="stretch").fit_transform(images)

    assert_almost_alike(resized[0], resize_with_pillow(image, *size))
    assert_almost_alike(resized[1], resize_with_pillow(image[::-1], *size))


@pytest.mark.parametrize("size", [(32, 32), (60, 80), (7, 130)])
def test_float32_equals_pillow(size):
    """Floats are resized in their range."""
    image = picture("gray").astype(np.float32) * 10 - 500

    resized = Resize(size, aspect="stretch").fit_transform(image[np.newaxis])

    assert_allclose(resized[0], resize_with_pillow(image, *size), atol=2e-3)


@pytest.mark.parametrize("channels", ["gray", 2, 3])
def test_enlarging_equals_scikit_image(channels):
    """Where nothing has to be smoothed, scikit-image gives the same."""
    image = picture(channels).astype(float)

    resized = Resize((140, 131), aspect="stretch").fit_transform(image[np.newaxis])

    expected = resize(image, (140, 131), order=1, mode="edge", preserve_range=True)
    assert_allclose(resized[0], expected, atol=1e-9)


def test_shrinking_is_close_to_scikit_image():
    """Another filter against aliasing makes little difference in a photograph."""
    image = data.astronaut()

    resized = Resize(64).fit_transform(image[np.newaxis])[0]

    expected = resize(image, (64, 64), anti_aliasing=True, preserve_range=True)
    assert np.abs(resized - expected).mean() < 2


@pytest.mark.parametrize("dtype", ["bool", "uint16", "int64", "float16", "float64"])
def test_chunks_and_dtypes_give_the_same(dtype, monkeypatch):
    """Images are resized alike in any dtype and one by one."""
    images = (np.stack([picture(3)] * 5) // 2).astype(dtype)
    step = Resize((20, 20), aspect="stretch").fit(images)
    resized = step.transform(images)

    monkeypatch.setattr("sklcnn.preprocessing._resize.CHUNK_PIXELS", 1)

    assert_array_equal(step.transform(images), resized)
    atol = {"bool": 0.5, "float16": 0.1, "float64": 1e-2}.get(dtype, 0.51)
    expected = Resize((20, 20), aspect="stretch").fit_transform(
        images.astype("float32")
    )
    assert_allclose(resized.astype(float), expected, atol=atol)


def test_whole_numbers_beyond_float32_survive():
    """Wide integers are computed with in float64."""
    images = np.full((1, 4, 4), 2**40 + 1)

    assert np.all(Resize(2).fit_transform(images) == 2**40 + 1)


def test_padding_shows_the_whole_image_in_the_middle():
    """The aspect ratio stays and the sides are filled up."""
    image = picture(3)

    padded = Resize((64, 64), cval=7).fit_transform(image[np.newaxis])[0]

    assert_almost_alike(padded[8:56], resize_with_pillow(image, 48, 64))
    assert np.all(padded[:8] == 7)
    assert np.all(padded[56:] == 7)


def test_padding_can_repeat_the_edge():
    """The modes are those of numpy."""
    image = picture("gray")

    padded = Resize((90, 200), mode="edge").fit_transform(image[np.newaxis])[0]

    assert_array_equal(padded, np.pad(image, ((0, 0), (40, 40)), mode="edge"))


def test_cropping_covers_the_size_from_the_middle():
    """The aspect ratio stays and what stands out is cut off."""
    image = picture(3)

    cropped = Resize((45, 30), aspect="crop").fit_transform(image[np.newaxis])[0]

    assert_almost_alike(cropped, resize_with_pillow(image, 45, 60)[:, 15:45])


@pytest.mark.parametrize("aspect", ["pad", "crop", "stretch"])
@pytest.mark.parametrize("shape", [(90, 120), (1, 50), (50, 1), (64, 64), (3, 3)])
def test_every_size_comes_out_as_asked(aspect, shape):
    """Thin, tiny and large images become images of one size."""
    images = np.ones((2, *shape, 3), dtype=np.uint8)

    assert Resize((17, 13), aspect=aspect).fit_transform(images).shape == (2, 17, 13, 3)


@pytest.mark.parametrize("kind", [list, tuple, "object", "pillow"])
def test_images_of_mixed_sizes_become_one_array(kind):
    """Lists, object arrays and Pillow's images enter, in fit and in transform."""
    image = picture(3)
    images = [image, image[:40], image[:, :33]]
    expected = np.stack([Resize(16).fit_transform(x[np.newaxis])[0] for x in images])
    if kind == "object":
        X = np.empty(3, dtype=object)
        X[:] = images
    else:
        X = [Image.fromarray(x) for x in images] if kind == "pillow" else kind(images)

    step = Resize(16).fit(X)

    assert step.image_shape_ == (None, None, 3)
    assert_array_equal(step.transform(X), expected)
    assert_array_equal(Resize(16).fit_transform(X), expected)
    assert_array_equal(step.transform(images[:1]), expected[:1])


@pytest.mark.parametrize("step", [Resize(4), CenterCrop(4)])
def test_lists_of_one_size_have_one_dtype(step):
    """Else pixels of two ranges would be mixed; nested lists of numbers have none."""
    counts, shares = np.full((8, 8), 200, np.uint8), np.full((8, 8), 0.8)
    name = type(step).__name__

    with pytest.raises(ValueError, match=f"{name} expects images of one dtype"):
        step.fit([counts, shares])
    nested = step.fit_transform([counts.tolist(), shares.tolist()])

    assert_array_equal(nested, step.transform(np.stack([counts, shares])))


def test_mixed_lists_are_checked():
    """Images that differ in more than their size are refused."""
    gray, rgb = picture("gray"), picture(3)

    with pytest.raises(
        ValueError, match=r"one number of channels.* Found images with 1"
    ):
        Resize(8).fit([gray, rgb])
    with pytest.raises(ValueError, match=r"one dtype.* Found float64, uint8"):
        Resize(8).fit([rgb, rgb[:50] / 255])
    with pytest.raises(ValueError, match="contains NaN"):
        Resize(8).fit([np.ones((4, 4)), np.full((5, 5), np.nan)])
    with pytest.raises(ValueError, match=r"3 channel.* Got images with 1"):
        Resize(8).fit([rgb, rgb[:50]]).transform([gray, gray[:50]])


def test_gray_images_with_and_without_channel_axis_mix():
    """One channel is one channel."""
    X = [np.ones((4, 4)), np.ones((5, 5, 1))]

    assert Resize(3).fit_transform(X).shape == (2, 3, 3, 1)


@pytest.mark.parametrize("scale", [0.5, 1.7, (2, 0.4)])
def test_rescale_has_the_size_of_scikit_image(scale):
    """The factor is that of `skimage.transform.rescale`."""
    image = picture("gray").astype(float)

    rescaled = ResizeByFactor(scale).fit_transform(image[np.newaxis])[0]

    expected = rescale(image, scale, anti_aliasing=True)
    assert rescaled.shape == expected.shape
    assert np.abs(rescaled - expected).mean() < 3


def test_rescale_leaves_at_least_a_pixel():
    """A tiny factor makes no empty image."""
    assert ResizeByFactor(0.01).fit_transform(np.ones((2, 5, 9))).shape == (2, 1, 1)

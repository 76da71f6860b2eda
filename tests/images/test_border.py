"""What lies beside a picture continues it."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from PIL import Image

from sklcnn.images import ImageFiles
from sklcnn.images._border import border_colors, pad_center
from sklcnn.images._decode import decode
from sklcnn.images._warp import border_colors as border_colors_of_tensors
from sklcnn.preprocessing import ReadImages, Resize

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (5, 1), (2, 2), (4, 7), (5, 5)])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_color_of_the_border_is_that_of_random_steps(shape, channels):
    """Arrays and tensors have one rule."""
    images = RNG.random((4, *shape, *channels), dtype=np.float32)
    planes = torch.as_tensor(images.reshape(4, *shape, -1)).permute(0, 3, 1, 2)

    colors = border_colors(images)

    expected = border_colors_of_tensors(planes).numpy().reshape(colors.shape)
    assert_array_equal(colors, expected)


@pytest.mark.parametrize("dtype", [bool, "uint8", "uint16", "int64", "float16", ">u2"])
def test_padding_keeps_pixels_and_dtype(dtype):
    """The picture is in the middle, and what is beside it has one color."""
    images = (RNG.random((2, 3, 5, 3)) * 2).astype(dtype)

    padded = pad_center(images, 6, 8, "border")

    assert padded.dtype == images.dtype
    assert_array_equal(padded[:, 1:4, 1:6], images)
    assert_array_equal(padded[:, 0, 0], border_colors(images)[:, 0, 0])
    assert pad_center(images, 3, 5, 1) is images


def drawing(shade=30):
    """Draw a dark line on transparent ground, gray and opaque in the middle."""
    alpha = np.zeros((20, 40), dtype=np.uint8)
    alpha[8:12, 10:30] = 255
    return np.stack([np.full_like(alpha, shade), alpha], axis=-1)


def save(path, pixels, **options):
    """Write pixels to a file."""
    Image.fromarray(pixels).save(path, **options)
    return str(path)


@pytest.mark.parametrize(("background", "value"), [("white", 255), ("black", 0)])
@pytest.mark.parametrize("kind", ["gray", "color", "palette", "deep"])
def test_ground_and_padding_are_of_one_color(background, value, kind, tmp_path):
    """A transparent drawing that is padded has no bars of another color."""
    path = tmp_path / "x.png"
    gray, alpha = np.moveaxis(drawing(), -1, 0)
    if kind == "deep":
        deep = np.where(alpha > 0, np.uint16(9000), np.uint16(7))
        save(path, deep, transparency=7)
        value *= 257
    elif kind == "palette":
        image = Image.fromarray((alpha > 0).astype(np.uint8)).convert("P")
        image.putpalette([9, 99, 9, 30, 30, 30])
        image.save(path, transparency=0)
    else:
        save(path, drawing() if kind == "gray" else np.dstack([gray] * 3 + [alpha]))
    reader = ReadImages(40, background=background)

    image = reader.fit_transform([path])[0]

    assert (image[:10] == value).all()
    assert (image[30:] == value).all()
    assert (image[:, :5] == value).all()
    assert not (image[20, 20] == value).any()


def test_photo_on_white_and_on_black_is_continued(tmp_path):
    """The color of the border is each picture's own."""
    for value in (255, 0):
        pixels = np.full((10, 30, 3), value, dtype=np.uint8)
        pixels[3:7, 8:20] = 128
        path = save(tmp_path / "x.png", pixels)

        assert (decode(path, (30, 30))[0][:8] == value).all()
        assert (Resize(30).fit_transform(pixels[np.newaxis])[0, :8] == value).all()


def test_padding_has_the_value_that_is_given(tmp_path):
    """It is on the scale of the images that come out, whatever the file has."""
    shallow = save(tmp_path / "8.png", RNG.integers(0, 256, (4, 8), dtype=np.uint8))
    deep = save(tmp_path / "16.png", RNG.integers(0, 65536, (4, 8), dtype=np.uint16))

    images = ReadImages(8, pad_value=999).fit_transform([shallow, deep])

    assert (np.asarray(images)[:, [0, 1, 6, 7]] == 999).all()


@pytest.mark.parametrize(
    ("pad_value", "message"),
    [
        (256, "pad_value.* give a whole number from 0 to 255"),
        (0.5, "'pad_value' parameter of ImageFiles is on the scale"),
        ("edge", 'expects pad_value to be a number or "border"'),
        (np.nan, "expects pad_value to be a number"),
        (None, "expects pad_value to be a number"),
    ],
)
def test_padding_that_images_can_not_hold_is_refused(pad_value, message):
    """Before anything is read."""
    with pytest.raises(ValueError, match=message):
        ImageFiles(["x.png"], 8, pad_value=pad_value)


def test_padding_is_checked_against_the_depth_of_the_files(tmp_path):
    """What 16 bits can hold, 8 bits can't."""
    path = save(tmp_path / "8.png", np.zeros((4, 8), dtype=np.uint8))

    with pytest.raises(ValueError, match="'pad_value' parameter of ReadImages"):
        ReadImages(8, pad_value=999).fit([path])


@pytest.mark.parametrize("option", [{"background": "black"}, {"pad_value": 9}])
def test_cached_images_are_told_apart(option, tmp_path):
    """By all that their pixels depend on."""
    path = save(tmp_path / "x.png", drawing())
    plain = ImageFiles([path], 40, cache="memory")
    other = ImageFiles([path], 40, cache="memory", **option)

    assert not np.array_equal(plain[0], other[0])
    assert plain.made_by != other.made_by

"""Contents, file objects, PIL images and arrays are read as files are."""

import io
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.pipeline import make_pipeline

from sklcnn.images import ImageFiles
from sklcnn.images._sources import name_of
from sklcnn.preprocessing import ReadImages


@pytest.fixture
def pictures(tmp_path):
    """Give six color images of 9x8 pixels, and paths of their files."""
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 8, 3), dtype=np.uint8)
    paths = [str(tmp_path / f"{row}.png") for row in range(6)]
    for path, image in zip(paths, pixels, strict=True):
        Image.fromarray(image).save(path)
    return pixels, paths


KINDS = {
    "path": Path,
    "bytes": lambda path: Path(path).read_bytes(),
    "bytearray": lambda path: bytearray(Path(path).read_bytes()),
    "memoryview": lambda path: memoryview(Path(path).read_bytes()),
    "buffer": lambda path: io.BytesIO(Path(path).read_bytes()),
    "image": lambda path: Image.open(path).copy(),
    "open image": Image.open,
    "array": lambda path: np.asarray(Image.open(path)),
    "tensor": lambda path: torch.as_tensor(np.array(Image.open(path))),
}


@pytest.mark.parametrize("kind", KINDS)
def test_uploads_are_read_like_files(kind, pictures):
    """In `fit` and in `transform`, with the same resizing."""
    pixels, paths = pictures
    expected = np.asarray(ReadImages((6, 7)).fit_transform(paths))

    uploads = [KINDS[kind](path) for path in paths]

    assert_array_equal(ReadImages((6, 7)).fit_transform(uploads), expected)
    uploads = [KINDS[kind](path) for path in paths]
    assert_array_equal(ReadImages((6, 7)).fit(paths).transform(uploads), expected)
    whole = ReadImages().fit_transform([KINDS[kind](path) for path in paths])
    assert_array_equal(whole, pixels)


def test_mixed_sources_are_predicted(pictures, tiny):
    """A pipeline that was trained on files takes whatever is uploaded."""
    _, paths = pictures
    model = make_pipeline(ReadImages(8), tiny).fit(paths, [0, 1] * 3)
    kinds = ["path", "bytes", "buffer", "image", "array", "tensor"]

    mixed = [KINDS[kind](path) for kind, path in zip(kinds, paths, strict=True)]

    assert_array_equal(model.predict_proba(mixed), model.predict_proba(paths))


def test_arrays_of_images_are_lists_of_arrays(pictures):
    """Also where they are one array."""
    pixels, paths = pictures

    images = ReadImages((6, 7)).fit(paths).transform(pixels)

    assert_array_equal(images, ReadImages((6, 7)).fit_transform(paths))


def test_uploads_are_lazy_and_pickle(pictures):
    """Parts of them as well."""
    _, paths = pictures
    images = ReadImages(8).fit_transform([KINDS["bytes"](path) for path in paths])

    part = pickle.loads(pickle.dumps(images[1:4]))

    assert part.shape == (3, 8, 8, 3)
    assert_array_equal(part, np.asarray(images)[1:4])
    assert type(images) is not ImageFiles


def test_uploaded_image_is_left_alone(pictures):
    """A PIL image is neither turned nor converted nor closed."""
    image = Image.new("P", (12, 7))
    image.putpalette([9, 99, 199] * 256)
    exif = image.getexif()
    exif[274] = 6
    image.info["exif"] = exif.tobytes()

    read = np.asarray(ReadImages().fit_transform([image]))

    assert read.shape == (1, 12, 7, 3)
    assert (read == [9, 99, 199]).all()
    assert (image.mode, image.size) == ("P", (12, 7))


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"]
)
def test_images_of_every_mode_are_read(mode):
    """As their files would be."""
    image = Image.new("L", (8, 8), 0).convert("F" if mode == "F" else "L")
    image = Image.new("I;16", (8, 8)) if mode == "I;16" else image.convert(mode)

    read = np.asarray(ReadImages(color_mode="gray").fit_transform([image]))

    assert read.shape == (1, 8, 8)
    assert not read.any()


ARRAYS = {
    "bool": (np.eye(8, dtype=bool), "uint8", 255),
    "uint16": (np.eye(8, dtype=">u2") * 9, "uint16", 9),
    "float": (np.eye(8), "float32", 1),
    "int64": (np.eye(8, dtype=int) * 7, "float32", 7),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays_of_every_dtype_are_read(kind):
    """Each has a dtype that holds its pixels."""
    array, dtype, largest = ARRAYS[kind]

    read = np.asarray(ReadImages().fit_transform([array, array]))

    assert read.dtype == dtype
    assert read.max() == largest


BAD = {
    "text file": (lambda path: io.StringIO("x"), "open in binary mode"),
    "empty": (lambda path: b"", r"Can't read contents of 0 bytes .*: it is empty"),
    "page": (
        lambda path: b"<html>\0" + b"x" * 300_000,
        r"contents of 300,007 bytes beginning with b'<html>.*no image in BMP",
    ),
    "cut": (lambda path: Path(path).read_bytes()[:60], "contents of 60 bytes"),
    "number": (lambda path: 7, "Got 7 of type int at position 0"),
    "pair": (lambda path: (path, "cat"), "list of pairs.*give X and y apart"),
    "nan": (lambda path: np.full((8, 8), np.nan), "array of shape .*NaN"),
    "text array": (lambda path: np.array([["a"]]), "an array of shape .*no numbers"),
    "None": (lambda path: None, "Got None of type NoneType at position 0"),
    "long name": (lambda path: "x" * 9000 + ".png", r"Can't read 'xxx.*\.\.\.xxx"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_uploads_are_named(kind, pictures):
    """In a message of a length that can be read."""
    make, message = BAD[kind]

    with pytest.raises(ValueError, match=message) as caught:
        np.asarray(ReadImages(8).fit_transform([make(pictures[1][0])]))

    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    "X", [b"\x89PNG\r\n\x1a\n\0", Image.new("L", (8, 8)), io.BytesIO()]
)
def test_one_upload_is_no_list(X):
    """The message says to put it into one."""
    with pytest.raises(ValueError, match=r"got one image: .*Put it in a list"):
        ReadImages(8).fit(X)


@pytest.mark.parametrize(
    "table",
    [
        lambda paths: pd.DataFrame({"path": paths}, index=range(6, 12)),
        lambda paths: pd.Series(paths, dtype="string"),
        lambda paths: pl.DataFrame({"path": paths}),
        lambda paths: pl.Series(paths),
        lambda paths: pl.DataFrame({"path": paths})["path"],
        lambda paths: np.array(paths)[:, np.newaxis],
        lambda paths: pd.DataFrame({"path": pd.Series(paths, dtype="category")}),
    ],
)
def test_columns_of_paths_are_read(table, pictures):
    """Of pandas, polars and numpy, alone or in a frame."""
    pixels, paths = pictures

    images = ReadImages().fit_transform(table(paths))

    assert type(images) is ImageFiles
    assert_array_equal(images, pixels)


def test_frame_of_paths_keeps_its_index(pictures):
    """As its column does."""
    frame = pd.DataFrame({"path": pictures[1]}, index=list("abcdef"))

    assert ReadImages(8).fit_transform(frame).index.tolist() == list("abcdef")


def test_frame_of_several_columns_is_refused(pictures):
    """The message says which to give."""
    frame = pd.DataFrame({"path": pictures[1], "label": 0})

    with pytest.raises(
        ValueError, match=r"2 columns: 'path', 'label'.*frame\['path'\]"
    ):
        ReadImages(8).fit(frame)


def test_missing_path_in_a_column_is_named():
    """With its position."""
    with pytest.raises(ValueError, match="at position 1"):
        ReadImages(8).fit(pd.Series(["a.png", None], dtype="string"))


def test_relative_paths_refer_to_root(pictures, tmp_path, monkeypatch):
    """Without it the message offers it."""
    pixels, paths = pictures
    monkeypatch.chdir("/")
    names = [Path(path).name for path in paths]

    assert_array_equal(ReadImages(root=tmp_path).fit_transform(names), pixels)
    assert_array_equal(ReadImages(root="/nowhere").fit_transform(paths), pixels)
    with pytest.raises(ValueError, match=r"no such file in the folder '/'.*`root`"):
        ReadImages().fit(names[:1])


def test_names_of_sources_are_short():
    """Whatever they are."""
    for source in ("x" * 10_000, b"\0" * 10_000, np.zeros((9, 9))):
        assert len(name_of(source)) <= 200


def test_file_objects_are_read_from_their_beginning():
    """As by PIL, wherever they stand; so they can be predicted again."""
    file = io.BytesIO()
    Image.new("L", (9, 9), 7).save(file, "PNG")

    for _ in range(2):
        images = np.asarray(ReadImages((9, 9)).fit_transform([file]))
        assert (images == 7).all()


def test_closed_files_are_named(tmp_path):
    """By their position."""
    with open(tmp_path / "file", "w+b") as file, io.BytesIO() as content:
        pass

    for closed in (file, content):
        with pytest.raises(ValueError, match="position 1 is closed: give its path"):
            ReadImages((9, 9)).fit([np.zeros((9, 9)), closed])


@pytest.mark.parametrize(
    "address",
    ["https://example.com/a.png", "file:///a.png", "data:image/png;base64,iVBORw0KGgo"],
)
def test_addresses_are_told_from_paths(address):
    """They are no files in the working directory."""
    with pytest.raises(ValueError, match="is an address and no path: give the bytes"):
        ReadImages((9, 9)).fit([address])


def test_arrays_with_channels_first_are_refused():
    """In lists of images of several kinds."""
    with pytest.raises(ValueError, match=r"\(3, 9, 12\) looks channels-first"):
        ReadImages((9, 9)).fit([np.zeros((3, 9, 12), dtype=np.uint8)])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "La", "P", "PA", "I;16B", "F", "HSV"])
def test_pil_images_of_any_mode_are_read(mode):
    """Black is black, also where PIL converts by way of another mode."""
    via = {"La": "LA", "PA": "P"}.get(mode, "RGB" if mode == "HSV" else mode)
    image = Image.new(via, (9, 9))
    image = image if image.mode == mode else image.convert(mode)

    images = np.asarray(ReadImages((9, 9), background="black").fit_transform([image]))

    assert (images == 0).all()


def test_messages_name_arrays_by_shape():
    """And not by all of their values."""
    with pytest.raises(ValueError, match=r"an array of shape \(9, 9, 1, 1\)"):
        ReadImages((9, 9)).fit([np.zeros((9, 9, 1, 1))])


def test_bytes_are_never_paths(tmp_path):
    """An upload can't name a file of the server, which would be read for it."""
    path = tmp_path / "secret.png"
    Image.new("L", (8, 8), 200).save(path)

    with pytest.raises(ValueError, match=r"contents of .* bytes beginning with"):
        ReadImages((8, 8)).fit_transform([str(path).encode()])

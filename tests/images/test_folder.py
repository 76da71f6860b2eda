"""A folder tree becomes paths and labels, whatever else lies in it."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_files
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from sklcnn.images import find_bad_images, load_image_folder
from sklcnn.preprocessing import ReadImages


@pytest.fixture
def folder(tmp_path):
    """Two classes of two images each, one in a nested folder."""
    for name in ["cat/1.png", "cat/more/2.JPG", "dog/1.png", "dog/2.webp"]:
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)
    return tmp_path / "tree"


def names(data, folder):
    """List the files found, relative to the folder."""
    return [os.path.relpath(path, folder) for path in data.filenames]


def test_classes_are_folders(folder):
    """Paths are sorted and labels are the names of folders."""
    data = load_image_folder(folder)

    expected = ["cat/1.png", "cat/more/2.JPG", "dog/1.png", "dog/2.webp"]
    assert names(data, folder) == expected
    assert data.target.tolist() == ["cat", "cat", "dog", "dog"]
    assert data.target_names.tolist() == ["cat", "dog"]


def test_tuple_instead_of_bunch(folder):
    """`return_X_y` gives the same two arrays; a string names a folder as well."""
    X, y = load_image_folder(str(folder), return_X_y=True)

    assert X.dtype.kind == y.dtype.kind == "U"
    assert X.tolist() == load_image_folder(folder).filenames.tolist()


def test_same_classes_as_load_files(folder):
    """scikit-learn's loader of texts finds the same classes."""
    files = load_files(folder, load_content=False)

    data = load_image_folder(folder)

    assert set(files.filenames) & set(data.filenames)
    assert files.target_names == data.target_names.tolist()


def test_paths_are_sorted_as_strings(folder):
    """Classes whose names begin alike do not upset the order of the paths."""
    for name in ["cat!", "cat0"]:
        (folder / name).mkdir()
        Image.new("RGB", (8, 8)).save(folder / name / "1.png")

    data = load_image_folder(folder)

    assert data.filenames.tolist() == sorted(data.filenames)
    labels = [name.split("/")[0] for name in names(data, folder)]
    assert data.target.tolist() == labels


def test_other_files_are_left_out(folder):
    """Hidden files, notes and images without a class are no samples."""
    before = names(load_image_folder(folder), folder)
    for name in ["cat/.DS_Store", "cat/._1.png", "cat/notes.txt", "lonely.png"]:
        (folder / name).write_bytes(b"x")
    for name in [".git", "cat/.cache", "__MACOSX"]:
        (folder / name).mkdir()
        (folder / name / "3.png").write_bytes(b"x")

    assert names(load_image_folder(folder), folder) == before


@pytest.mark.parametrize("extensions", [".png", "*.png", ["PNG"], ("png", "*.gif")])
def test_extensions_can_be_chosen(folder, extensions):
    """With or without a dot or a star, upper or lower case."""
    data = load_image_folder(folder, extensions=extensions)

    assert names(data, folder) == ["cat/1.png", "dog/1.png"]


def test_folder_named_like_an_image(folder):
    """A directory called x.png is a folder."""
    (folder / "cat" / "x.png").mkdir()
    Image.new("RGB", (8, 8)).save(folder / "cat" / "x.png" / "y.png")

    assert "cat/x.png/y.png" in names(load_image_folder(folder), folder)


def test_loops_of_links_end(folder):
    """A link to a folder of the tree adds nothing."""
    before = names(load_image_folder(folder), folder)
    (folder / "cat" / "root").symlink_to(folder)
    (folder / "cat" / "self").symlink_to(folder / "cat")
    (folder / "dog" / "above").symlink_to(folder.parent)
    (folder / "kitten").symlink_to(folder / "cat")

    assert names(load_image_folder(folder), folder) == before


def test_links_to_elsewhere_are_followed(folder, tmp_path):
    """Folders and files that lie elsewhere belong where the link is, once."""
    outside = tmp_path / "outside"
    outside.mkdir()
    Image.new("RGB", (8, 8)).save(outside / "3.png")
    (outside / "loop").symlink_to(outside)
    (folder / "cat" / "link").symlink_to(outside)
    (folder / "dog" / "4.png").symlink_to(outside / "3.png")
    (folder / "bird").symlink_to(outside)

    found = names(load_image_folder(folder), folder)

    assert {"bird/3.png", "cat/link/3.png", "dog/4.png"} < set(found)
    assert len(found) == 7


@pytest.mark.parametrize("kind", ["fifo", "dangling", "loop"])
def test_no_file_is_an_error_or_a_warning(folder, kind):
    """What is named like an image and is no file is never dropped in silence."""
    path = folder / "cat" / "3.png"
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("nowhere" if kind == "dangling" else "3.png")

    with pytest.raises(ValueError, match=r"3\.png.*on_error='warn'"):
        load_image_folder(folder)
    with pytest.warns(UserWarning, match=r"found 1 .*3\.png'"):
        data = load_image_folder(folder, on_error="warn")

    assert len(data.filenames) == 4


@pytest.mark.parametrize("extension", ["png", "jpg", "tif", "gif", "webp"])
def test_broken_images_can_be_left_out(folder, extension):
    """One argument leaves out what can't be read, truncated images among it."""
    pixels = np.random.default_rng(0).integers(0, 256, (99, 99, 3), dtype=np.uint8)
    path = folder / "cat" / f"half.{extension}"
    Image.fromarray(pixels).save(path)
    os.truncate(path, path.stat().st_size * 2 // 3)
    (folder / "dog" / "empty.png").touch()

    with pytest.warns(UserWarning, match=r"found 2 .*half.*empty.*left out") as told:
        data = load_image_folder(folder, on_error="warn")

    assert len(told) == 1
    assert data.target.tolist() == ["cat", "cat", "dog", "dog"]
    assert find_bad_images(data.filenames, min_size=1)[0].problem.startswith("const")
    assert len(load_image_folder(folder).filenames) == 6


def test_cross_validation_of_what_is_left(folder, tiny):
    """No fold meets a broken file, so none of them scores nan."""
    for name in ("cat", "dog"):
        for number in range(3, 6):
            Image.new("RGB", (8, 8), (40 * number,) * 3).save(
                folder / name / f"{number}.png"
            )
        (folder / name / "broken.png").write_bytes(b"broken")
    with pytest.warns(UserWarning, match="found 2 .*left out"):
        X, y = load_image_folder(folder, return_X_y=True, on_error="warn")

    scores = cross_val_score(make_pipeline(ReadImages(8), tiny), X, y, cv=2)

    assert np.isfinite(scores).all()


def test_arguments_may_be_positions(folder):
    """The order of the arguments is kept, for those who leave out their names."""
    X, y = load_image_folder(folder, True, ".png", "warn")

    assert len(X) == len(y) == 2


@pytest.mark.parametrize("extensions", [[None], (), "", [".png", "*"], b".png", [1]])
def test_wrong_extensions_are_named(folder, extensions):
    """What is no ending of a name is refused before the folder is listed."""
    with pytest.raises(ValueError, match="extensions"):
        load_image_folder(folder, extensions=extensions)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_locked_folder_is_an_error(folder):
    """A folder that can't be listed may hide images."""
    locked = folder / "cat" / "locked"
    locked.mkdir(mode=0)

    with pytest.raises(ValueError, match=r"locked.*Permission denied"):
        load_image_folder(folder)


def test_empty_class_is_an_error(folder):
    """A class without images can't be learnt."""
    (folder / "bird").mkdir()

    with pytest.raises(ValueError, match=r"without images: 1, 'bird'"):
        load_image_folder(folder)


def test_no_class_is_an_error(tmp_path):
    """Images without sub-folders have no labels."""
    Image.new("RGB", (8, 8)).save(tmp_path / "1.png")

    with pytest.raises(ValueError, match="no sub-folders"):
        load_image_folder(tmp_path)


def test_no_folder_is_an_error(tmp_path):
    """The message names the folder that is not there."""
    with pytest.raises(FileNotFoundError, match="photos"):
        load_image_folder(tmp_path / "photos")

    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="file"):
        load_image_folder(tmp_path / "file")


@pytest.mark.parametrize("name", ["ünïcode Ωμ.png", "a b'c\".png", "\udcff.png"])
def test_any_name_is_found_and_read(folder, name):
    """Spaces, quotes, accents and undecodable bytes come through."""
    path = Path(folder) / "cat" / name
    path.write_bytes((folder / "cat" / "1.png").read_bytes())

    X, _ = load_image_folder(folder, return_X_y=True)

    assert str(path) in X.tolist()
    assert np.asarray(ReadImages((8, 8)).fit_transform(X)).shape == (5, 8, 8, 3)

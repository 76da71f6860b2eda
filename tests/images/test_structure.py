"""Folder trees of all shapes: nothing is lost in silence."""

import os
import time

import pytest
from PIL import Image

from sklcnn.images import load_image_folder


@pytest.fixture
def tree(tmp_path):
    """Give a function that makes files of one color in folders of `tmp_path`."""

    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8)).save(path, "PNG")
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("endings", "words"),
    [
        (
            [".HEIC"] * 3,
            r"3 file\(s\) .*3 \.heic \(read by formats='\.heic' after `pip",
        ),
        ([".dcm", ".DCM"], r"2 file\(s\) .*2 \.dcm \(read by a reader=function"),
        ([".jp2", ".psd"], r"2 file\(s\) .*1 \.jp2 .*1 \.psd"),
        ([".cr2", ".svg", ".tga"], r"3 file\(s\) .*rawpy.*a copy as PNG.*tga"),
    ],
)
def test_images_that_are_not_read_are_counted(endings, words, tree):
    """By ending, with what reads them."""
    names = [f"cat/{number}{ending}" for number, ending in enumerate(endings)]
    folder = tree("cat/a.png", "dog/a.png", *names)

    with pytest.warns(UserWarning, match=words) as told:
        data = load_image_folder(folder)

    assert len(told) == 1
    assert len(data.filenames) == 2
    ending = endings[0].lower()
    chosen = load_image_folder(folder, extensions=(".png", ending))
    assert len(chosen.filenames) == 2 + sum(e.lower() == ending for e in endings)


@pytest.mark.parametrize(
    "name", ["@eaDir", "__MACOSX", ".ipynb_checkpoints", "Thumbs", "#recycle"]
)
def test_folders_of_the_system_are_no_classes(name, tree):
    """Beside the classes, and in them."""
    folder = tree("cat/a.png", "dog/a.png", f"{name}/b.png", f"cat/{name}/c.png")

    data = load_image_folder(folder)

    assert data.target.tolist() == ["cat", "dog"]


@pytest.mark.parametrize(
    "splits", [("train", "test"), ("Train", "VAL", "test"), ("train",)]
)
def test_folders_above_the_classes_are_offered_as_splits(splits, tree):
    """They are no classes; one of them is loaded by its name."""
    folder = tree(*[f"{s}/{c}/a.png" for s in splits for c in ("cat", "dog")])

    with pytest.raises(
        ValueError, match=rf"above those of the classes.*split='{splits[0]}'"
    ):
        load_image_folder(folder)

    data = load_image_folder(folder, split=splits[0])
    assert data.target.tolist() == ["cat", "dog"]
    with pytest.raises(ValueError, match=r"no such folder\. It has "):
        load_image_folder(folder, split="holdout")


def test_classes_called_like_splits_are_classes_with_images_of_their_own(tree):
    """A folder of pictures of trains and of tests."""
    folder = tree("train/a.png", "test/b.png")

    assert load_image_folder(folder).target.tolist() == ["test", "train"]


def test_classes_that_share_sub_folders_are_named(tree):
    """Perhaps the classes are further down."""
    folder = tree(*[f"{y}/{c}/a.png" for y in (2019, 2020) for c in ("cat", "dog")])

    with pytest.warns(UserWarning, match=r"sub-folders 'cat', 'dog'.*split='2019'"):
        data = load_image_folder(folder)

    assert set(data.target) == {"2019", "2020"}
    assert set(load_image_folder(folder, split="2019").target) == {"cat", "dog"}


@pytest.mark.parametrize(
    "names", [["dataset/cat/a.png", "dataset/dog/a.png"], ["cat/a.png"]]
)
def test_one_class_is_named(names, tree):
    """With the folder to load where the classes are in it."""
    inner = r".*'cat', 'dog'. Load '.*dataset'" if len(names) > 1 else "$"

    with pytest.warns(UserWarning, match=f"one class: '[a-z]+'.{inner}"):
        load_image_folder(tree(*names))


@pytest.mark.parametrize(
    "name", ["bird", "cat/sub", "cat/deep/er", "cat/x.png", "cat/notes"]
)
def test_link_to_nothing_is_named(name, tree):
    """Nobody knows whether it was a class, a folder of one, or an image."""
    folder = tree("cat/a.png", "cat/deep/a.png", "dog/a.png")
    (folder / name).symlink_to("/mnt/disk/that/is/not/mounted")

    with pytest.raises(ValueError, match=rf"{name}.*a link to nothing.*not/mounted"):
        load_image_folder(folder)
    with pytest.warns(UserWarning, match=rf"{name}.*left out"):
        assert len(load_image_folder(folder, on_error="warn").filenames) == 3


def test_paths_that_are_too_long_are_named(tree):
    """Beyond 4,096 bytes no folder can be looked into from here."""
    folder = tree("cat/a.png", "dog/a.png")
    before = os.getcwd()
    os.chdir(folder / "cat")
    try:
        for _ in range(18):
            os.mkdir("x" * 250)
            os.chdir("x" * 250)
    finally:
        os.chdir(before)

    with pytest.raises(ValueError, match=r"xxx\.\.\.xxx.*File name too long") as caught:
        load_image_folder(folder)

    assert len(str(caught.value)) < 600


@pytest.mark.skipif(os.geteuid() == 0, reason="root may enter every folder")
@pytest.mark.parametrize("mode", [0o000, 0o400, 0o100])
def test_folder_that_can_not_be_looked_into_is_named(mode, tree):
    """Whether it can be listed or not."""
    folder = tree("cat/a.png", "dog/a.png", "dog/inner/b.png")
    (folder / "dog" / "inner").chmod(mode)

    with pytest.raises(ValueError, match=r"inner.*Permission denied"):
        load_image_folder(folder)


def test_many_files_are_listed_in_no_time(tree):
    """20,000 files in under a second, on a machine that is not too busy."""
    folder = tree("cat/a.png", "dog/a.png")
    for name in ("cat", "dog"):
        for number in range(10_000):
            os.link(folder / name / "a.png", folder / name / f"{number}.png")
    start = time.process_time()

    data = load_image_folder(folder)

    assert time.process_time() - start < 1
    assert len(data.filenames) == 20_002


def test_empty_folder_beside_classes_is_an_error(tree):
    """As one that holds other things only."""
    folder = tree("cat/a.png", "dog/a.png")
    (folder / "fish").mkdir()
    (folder / "fish" / "notes.txt").touch()

    with pytest.raises(ValueError, match=r"without images: 1, 'fish'"):
        load_image_folder(folder)

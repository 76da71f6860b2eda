"""A folder tree with one sub-folder per class, as paths and labels."""

import os
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from sklcnn._sklearn import StrOptions, validate_params
from sklcnn._warnings import warn_user
from sklcnn.images._files import in_threads
from sklcnn.images._formats import name_endings, readable_endings
from sklcnn.images._report import look_at
from sklcnn.images._sources import name_some, shorten

EXTENSIONS = (
    ".avif",
    ".bmp",
    ".gif",
    ".jfif",
    ".jpe",
    ".jpeg",
    ".jpg",
    ".pbm",
    ".pfm",
    ".pgm",
    ".png",
    ".pnm",
    ".ppm",
    ".tif",
    ".tiff",
    ".webp",
)

SYSTEM_FOLDERS = {
    "#recycle",
    "$recycle.bin",
    "@eadir",
    "@recycle",
    "__macosx",
    "lost+found",
    "system volume information",
    "thumbs",
}
"""Folders that systems and network drives make, in lower case."""

SPLITS = {
    "dev",
    "eval",
    "evaluation",
    "holdout",
    "test",
    "testing",
    "train",
    "training",
    "val",
    "valid",
    "validation",
}
"""Names that folders above the classes have, in lower case."""


@validate_params(
    {
        "folder": [str, os.PathLike],
        "return_X_y": ["boolean"],
        "extensions": [tuple, list, str],
        "on_error": [StrOptions({"raise", "warn"})],
        "split": [str, None],
    },
    prefer_skip_nested_validation=True,
)
def load_image_folder(
    folder, return_X_y=False, extensions=EXTENSIONS, on_error="raise", *, split=None
):
    """List the images of a folder with one sub-folder per class.

    No image is opened unless ``on_error="warn"``:
    :class:`~sklcnn.preprocessing.ReadImages` reads them.

    Folders inside a class folder belong to that class. Left out are hidden files and
    folders, those that systems make (such as ``@eaDir`` and ``__MACOSX``), files with
    other extensions, files that lie in `folder` itself, and links to folders that are
    inside `folder` anyway. Where extensions are those of images that are not read by
    default, such as HEIC, a warning counts them and says what reads them.

    Parameters
    ----------
    folder : str or path-like
        The folder that holds the folders of the classes.
    return_X_y : bool, default=False
        Whether to return ``(filenames, target)`` instead of a Bunch.
    extensions : str or tuple of str, default=(".bmp", ".gif", ".jpg", ".png", ...)
        What names of images end in, upper or lower case. By default the usual
        extensions of AVIF, BMP, GIF, JPEG, PNG, PPM, TIFF and WebP. Others need
        `formats` or a `reader` of :class:`~sklcnn.preprocessing.ReadImages`.
    on_error : {"raise", "warn"}, default="raise"
        What to do about what is named like an image and is none. ``"raise"`` makes
        entries that are no files (broken links, pipes, devices) and folders that can't
        be looked into an error. ``"warn"`` leaves them out with one warning, and broken
        images as well: every file is read once, and not again by
        :func:`find_bad_images`. What is left can be split, trained on and predicted.
    split : str or None, default=None
        Name of the sub-folder of `folder` that holds the folders of the classes, for
        trees such as ``train/cat``, ``train/dog``, ``test/cat``, ``test/dog``.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like, with the following attributes.

        filenames : ndarray of str of shape (n_samples,)
            The paths, sorted.
        target : ndarray of str of shape (n_samples,)
            The labels: names of the class folders.
        target_names : ndarray of str of shape (n_classes,)
            The names of all classes, sorted.

    (filenames, target) : tuple if ``return_X_y=True``
        The two arrays.

    See Also
    --------
    sklcnn.preprocessing.ReadImages : Read the files, in a pipeline.
    find_bad_images : Look for broken, tiny, constant and duplicate images.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from sklcnn.images import load_image_folder
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ["cat", "dog"]:
    ...     (folder / name).mkdir()
    ...     Image.new("L", (8, 8)).save(folder / name / "1.png")
    >>> X, y = load_image_folder(folder, return_X_y=True)
    >>> y
    array(['cat', 'dog'], dtype='<U3')
    """
    folder = _find_folder(folder, split)
    extensions = _normalize(extensions)
    tree = _Tree(folder, extensions)
    classes = tree.list_classes()
    if on_error == "warn":
        classes = _without_broken(classes, tree.problems)
    _report(tree.problems, on_error)
    _check_splits(folder, tree)
    _check_classes(folder, classes, extensions)
    _warn_of_structure(folder, tree, classes)
    pairs = sorted((path, name) for name, paths in classes.items() for path in paths)
    filenames, target = (np.array(values) for values in zip(*pairs, strict=True))
    if return_X_y:
        return filenames, target
    return Bunch(
        filenames=filenames, target=target, target_names=np.array(sorted(classes))
    )


def _normalize(extensions):
    """Make a tuple of lower case with dots of ``"png"``, ``".PNG"`` or ``"*.png"``."""
    listed = [extensions] if isinstance(extensions, str) else extensions
    if all(isinstance(extension, str) for extension in listed):
        endings = [extension.lstrip("*").lstrip(".").lower() for extension in listed]
        if endings and all(endings):
            return tuple(f".{ending}" for ending in endings)
    raise ValueError(
        "load_image_folder expects extensions=(ending, ...), what the names of images "
        f"end in, such as '.png'. Got extensions={extensions!r} instead."
    )


class _Tree:
    """A folder of class folders, and what was found in it.

    Parameters
    ----------
    folder : Path
        The folder.
    extensions : tuple of str
        Endings of images, in lower case.

    Attributes
    ----------
    problems : list of str
        What is no file and what can't be looked into, with the cause.
    counts : dict of str to int
        Number of files by ending, of endings of images that are not read.
    sub_folders : dict of str to set of str
        Names of the folders in each class folder.
    n_own : dict of str to int
        Number of images that lie in each class folder itself.
    """

    def __init__(self, folder, extensions):
        self.folder = folder
        self.extensions = extensions
        self.problems = []
        self.counts = {}
        self.sub_folders = {}
        self.n_own = {}
        self._root = os.path.realpath(folder)
        is_default = extensions == EXTENSIONS
        self._unread = tuple(readable_endings()) if is_default else ()

    def list_classes(self):
        """List the images of each class folder, by its name."""
        classes = {}
        for entry in self._entries(self.folder):
            if self._is_folder(entry):
                classes[entry.name] = self._list_images(entry)
            else:
                self._is_gone(entry)  # it may have been a class
        return classes

    def _list_images(self, class_entry):
        """List the images of a class folder and the folders in it, links included."""
        paths = []
        seen = {os.path.realpath(class_entry.path)}
        waiting = [class_entry.path]
        inner = self.sub_folders.setdefault(class_entry.name, set())
        while waiting:
            folder = waiting.pop()
            is_top = folder == class_entry.path
            for entry in self._entries(folder):
                if self._is_folder(entry):
                    real_path = os.path.realpath(entry.path)
                    if is_top:
                        inner.add(entry.name)
                    if real_path not in seen:
                        seen.add(real_path)
                        waiting.append(entry.path)
                elif self._is_image(entry):
                    paths.append(entry.path)
            if is_top:
                self.n_own[class_entry.name] = len(paths)
        return paths

    def _entries(self, folder):
        """List what is in a folder, and neither hidden nor of the system."""
        try:
            with os.scandir(folder) as entries:
                return [
                    entry
                    for entry in entries
                    if not entry.name.startswith(".")
                    and entry.name.lower() not in SYSTEM_FOLDERS
                ]
        except OSError as error:
            self._note(os.fspath(folder), error.strerror)
            return []

    def _is_folder(self, entry):
        """Tell whether an entry is a folder that is found nowhere else."""
        try:
            return entry.is_dir() and not self._is_inside(entry)
        except OSError as error:  # of a link, to what can't be looked at
            self._note(entry.path, error.strerror)
            return False

    def _is_inside(self, entry):
        """Tell whether a folder is a link to one of the tree, or a loop."""
        if not entry.is_symlink():
            return False
        target = Path(os.path.realpath(entry.path))
        root = Path(self._root)
        return target.is_relative_to(root) or root.is_relative_to(target)

    def _is_image(self, entry):
        """Tell whether an entry is named like an image and is a file."""
        name = entry.name.lower()
        is_named = name.endswith(self.extensions)
        if self._is_gone(entry):
            return False
        if name.endswith(self._unread) and not is_named and entry.is_file():
            ending = os.path.splitext(name)[1]
            self.counts[ending] = self.counts.get(ending, 0) + 1
        if not is_named or (entry.is_symlink() and os.path.isdir(entry.path)):
            return False
        if not entry.is_file():
            self._note(entry.path, "no regular file")
            return False
        return True

    def _is_gone(self, entry):
        """Note a link to nothing, of which nobody knows whether it was a folder."""
        if not entry.is_symlink() or os.path.exists(entry.path):
            return False
        self._note(entry.path, _why_gone(entry.path))
        return True

    def _note(self, path, cause):
        problem = f"{shorten(repr(path))} ({cause})"
        if problem not in self.problems:
            self.problems.append(problem)


def _why_gone(path):
    """Say why what a link points to can't be found."""
    try:
        os.stat(path)
    except FileNotFoundError:
        return f"a link to nothing: {os.readlink(path)!r} is not there"
    except OSError as error:
        return error.strerror
    return "a link to what has gone and come again"


def _find_folder(folder, split):
    """Check that the folder of the class folders is there."""
    folder = Path(folder).expanduser()
    if not folder.exists():
        raise FileNotFoundError(f"There is no folder {str(folder)!r}.")
    if not folder.is_dir():
        raise NotADirectoryError(f"{str(folder)!r} is a file, not a folder.")
    if split is None:
        return folder
    if not (folder / split).is_dir():
        names = sorted(repr(path.name) for path in folder.iterdir() if path.is_dir())
        raise ValueError(
            f"load_image_folder got split={split!r}, and {str(folder)!r} has no such "
            f"folder. It has {name_some(names) or 'none'}."
        )
    return folder / split


def _without_broken(classes, problems):
    """Read every image, and keep those that can be read."""
    pairs = [(name, path) for name, paths in classes.items() for path in paths]
    looks = in_threads(lambda row: look_at(pairs[row][1]), range(len(pairs)), None)
    good = {name: [] for name in classes}
    for (name, path), look in zip(pairs, looks, strict=True):
        if look.error is None:
            good[name].append(path)
        else:
            problems.append(f"{shorten(repr(path))} ({look.error})")
    return good


def _report(problems, on_error):
    if not problems:
        return
    message = (
        f"load_image_folder found {len(problems)} file(s) or folder(s) that are no "
        f"images or can't be looked into: {name_some(sorted(problems))}."
    )
    if on_error == "raise":
        raise ValueError(f"{message} Leave such entries out with on_error='warn'.")
    warn_user(f"{message} They are left out.")


def _check_splits(folder, tree):
    """Refuse classes that are called train and test."""
    names = sorted(tree.sub_folders)
    are_above = not any(tree.n_own.values()) and any(tree.sub_folders.values())
    if names and are_above and all(name.lower() in SPLITS for name in names):
        largest = next((n for n in names if n.lower().startswith("train")), names[0])
        raise ValueError(
            f"{str(folder)!r} has the folders {name_some(list(map(repr, names)))} "
            "above those of the classes. Load one of them by "
            f"load_image_folder(..., split={largest!r})."
        )


def _warn_of_structure(folder, tree, classes):
    """Warn of images that are not read, of one class, and of classes in each other."""
    if tree.counts:
        warn_user(
            f"load_image_folder leaves out {sum(tree.counts.values())} file(s) that "
            f"are not read by default: {name_endings(tree.counts)}. List them by "
            f"extensions=(..., {min(tree.counts)!r}), and give ReadImages what reads "
            "them."
        )
    if len(classes) == 1:
        (name,) = classes
        inner = sorted(map(repr, tree.sub_folders[name]))
        mend = f" Its sub-folders are {name_some(inner)}." if inner else ""
        mend += (
            f" Load {str(folder / name)!r} if they are the classes." if inner else ""
        )
        warn_user(f"load_image_folder found one class: {name!r}.{mend}")
        return
    shared = set.intersection(*tree.sub_folders.values())
    if len(shared) > 1 and not any(tree.n_own.values()):
        warn_user(
            "load_image_folder takes the folders "
            f"{name_some(list(map(repr, sorted(classes))))} for the classes. All of "
            f"them have the sub-folders {name_some(list(map(repr, sorted(shared))))}. "
            f"If these are the classes, load one folder by split={min(classes)!r}."
        )


def _check_classes(folder, classes, extensions):
    """Refuse a tree without classes, or with an empty one."""
    wanted = f"Images end in {', '.join(extensions)}."
    if not classes:
        raise ValueError(
            f"{str(folder)!r} has no sub-folders. load_image_folder expects one for "
            "each class, with its images."
        )
    empty = sorted(name for name, paths in classes.items() if not paths)
    if empty:
        raise ValueError(
            f"Class folders of {str(folder)!r} without images: {len(empty)}, "
            f"{name_some(list(map(repr, empty)))}. {wanted} Remove what is no class."
        )

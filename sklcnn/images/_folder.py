"""A folder tree with one sub-folder per class, as paths and labels."""

import os
import stat
import warnings
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from sklcnn._sklearn import StrOptions, validate_params
from sklcnn.images._decode import cause_of, decode
from sklcnn.images._files import in_threads, name_some

EXTENSIONS = (
    ".bmp",
    ".gif",
    ".jfif",
    ".jpe",
    ".jpeg",
    ".jpg",
    ".pbm",
    ".pgm",
    ".png",
    ".ppm",
    ".tif",
    ".tiff",
    ".webp",
)


@validate_params(
    {
        "folder": [str, os.PathLike],
        "return_X_y": ["boolean"],
        "extensions": [tuple, list, str],
        "on_error": [StrOptions({"raise", "warn"})],
    },
    prefer_skip_nested_validation=True,
)
def load_image_folder(
    folder, return_X_y=False, extensions=EXTENSIONS, on_error="raise"
):
    """List the images of a folder with one sub-folder per class.

    No image is opened unless ``on_error="warn"``:
    :class:`~sklcnn.preprocessing.ReadImages` reads them.

    Folders inside a class folder belong to that class. Left out are hidden files and
    folders, files with other extensions, files that lie in `folder` itself, and links
    to folders that are inside `folder` anyway.

    Parameters
    ----------
    folder : str or path-like
        The folder that holds the folders of the classes.
    return_X_y : bool, default=False
        Whether to return ``(filenames, target)`` instead of a Bunch.
    extensions : str or tuple of str, default=(".bmp", ".gif", ".jpg", ".png", ...)
        What names of images end in, upper or lower case. By default the usual
        extensions of BMP, GIF, JPEG, PNG, PPM, TIFF and WebP.
    on_error : {"raise", "warn"}, default="raise"
        What to do about what is named like an image and is none. ``"raise"`` makes
        entries that are no files (broken links, pipes, devices) and folders that can't
        be listed an error. ``"warn"`` leaves them out with one warning, and broken
        images as well: every file is read once, which takes as long as an epoch does
        that reads them. What is left can be split, trained on and predicted.

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
    sklcnn.preprocessing.ReadImages : Reads the files, in a pipeline.
    find_bad_images : Looks for broken, tiny, constant and duplicate images.

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
    folder = Path(folder).expanduser()
    if not folder.exists():
        raise FileNotFoundError(f"There is no folder {str(folder)!r}.")
    if not folder.is_dir():
        raise NotADirectoryError(f"{str(folder)!r} is a file, not a folder.")
    extensions = _normalize(extensions)
    problems = []
    classes = _list_classes(folder, extensions, problems)
    if on_error == "warn":
        classes = _without_broken(classes, problems)
    _report(problems, on_error)
    _check_classes(folder, classes, extensions)
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


def _list_classes(folder, extensions, problems):
    """List the images of each class folder, by its name."""
    root = os.path.realpath(folder)
    classes = {}
    for entry in _entries(folder, problems):
        if os.path.isdir(entry) and not _is_inside(entry, root):
            classes[entry.name] = _list_images(entry, root, extensions, problems)
    return classes


def _list_images(class_entry, root, extensions, problems):
    """List the images of a class folder and the folders in it, links included."""
    paths = []
    seen = {os.path.realpath(class_entry.path)}
    waiting = [class_entry.path]
    while waiting:
        for entry in _entries(waiting.pop(), problems):
            if os.path.isdir(entry):
                real_path = os.path.realpath(entry.path)
                if real_path not in seen and not _is_inside(entry, root):
                    seen.add(real_path)
                    waiting.append(entry.path)
            elif entry.name.lower().endswith(extensions):
                problem = _problem(entry)
                if problem is None:
                    paths.append(entry.path)
                else:
                    problems.append(f"{entry.path!r} ({problem})")
    return paths


def _without_broken(classes, problems):
    """Read every image, and keep those that can be read."""
    pairs = [(name, path) for name, paths in classes.items() for path in paths]

    def cause(row):
        _, path = pairs[row]
        try:
            decode(path, (8, 8))
        except ValueError as error:
            return cause_of(error, path)
        return None

    good = {name: [] for name in classes}
    causes = in_threads(cause, range(len(pairs)), None)
    for (name, path), problem in zip(pairs, causes, strict=True):
        if problem is None:
            good[name].append(path)
        else:
            problems.append(f"{path!r} ({problem})")
    return good


def _entries(folder, problems):
    """List what is in a folder and not hidden."""
    try:
        with os.scandir(folder) as entries:
            return [
                entry
                for entry in entries
                if not entry.name.startswith(".") and entry.name != "__MACOSX"
            ]
    except OSError as error:
        problems.append(f"{os.fspath(folder)!r} ({error.strerror})")
        return []


def _is_inside(entry, root):
    """Tell whether a folder is a link to one that is found without it, or a loop."""
    if not entry.is_symlink():
        return False
    target = Path(os.path.realpath(entry.path))
    return target.is_relative_to(root) or Path(root).is_relative_to(target)


def _problem(entry):
    """Say why an entry is no file, or None if it is one."""
    try:
        mode = entry.stat().st_mode
    except FileNotFoundError:
        return "a link to nothing"
    except OSError as error:
        return error.strerror
    return None if stat.S_ISREG(mode) else "no regular file"


def _report(problems, on_error):
    if not problems:
        return
    message = (
        f"load_image_folder found what is no image file: {len(problems)}, "
        f"{name_some(sorted(problems))}."
    )
    if on_error == "raise":
        raise ValueError(f"{message} Leave such entries out with on_error='warn'.")
    warnings.warn(f"{message} They are left out.", UserWarning)


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

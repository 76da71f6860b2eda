"""A folder tree with one sub-folder per class, as paths and labels."""

import os
import stat
import warnings
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from sklcnn._sklearn import StrOptions, validate_params
from sklcnn.images._files import name_some

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
    folder, *, return_X_y=False, extensions=EXTENSIONS, on_error="raise"
):
    """List the images of a folder with one sub-folder per class.

    No image is opened: :class:`~sklcnn.preprocessing.ReadImages` reads them.

    Folders inside a class folder belong to that class. Left out are hidden files and
    folders, files with other extensions, files that lie in `folder` itself, and links
    to folders that are inside `folder` anyway.

    Parameters
    ----------
    folder : str or path-like
        The folder that holds the folders of the classes.
    return_X_y : bool, default=False
        Whether to return ``(filenames, target)`` instead of a Bunch.
    extensions : tuple of str, default=(".bmp", ".gif", ".jpg", ".png", ...)
        What names of images end in, upper or lower case. By default the usual
        extensions of BMP, GIF, JPEG, PNG, PPM, TIFF and WebP.
    on_error : {"raise", "warn"}, default="raise"
        What to do about entries that are named like images and are no files (broken
        links, pipes, devices) and about folders that can't be listed: raise an error,
        or leave them out with one warning.

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
    extensions = [extensions] if isinstance(extensions, str) else extensions
    return tuple(f".{extension.lstrip('.').lower()}" for extension in extensions)


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
        f"load_image_folder found entries that are no files: {len(problems)}, "
        f"{name_some(problems)}."
    )
    if on_error == "raise":
        raise ValueError(f"{message} Leave such entries out with on_error='warn'.")
    warnings.warn(message, UserWarning)


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

"""File formats: which are read, what is told of those that are not."""

from functools import lru_cache

from PIL import Image

from sklcnn.images._sources import name_some

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP", "AVIF")
"""Formats that are read by default; AVIF where Pillow is 11.3 or newer."""

NEVER = ("EPS", "WMF")
"""Formats for which Pillow starts a program, or calls the system."""

STUBS = ("BUFR", "GRIB", "HDF5", "MPEG")
"""Formats that Pillow knows and does not read."""

HEIF = (".heic", ".heics", ".heif", ".heifs", ".hif", "heif", "heic")

HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")

INSTALL_HEIF = "pip install 'sklcnn[heif]'"


def resolve_formats(formats, *, name):
    """Make names of Pillow's formats of what a user asks for.

    Parameters
    ----------
    formats : {"default", "registered"}, str or sequence of str
        Names, such as "JPEG2000", or endings, such as ".heic", are read besides the
        default formats; "registered" are all that Pillow and its plugins know.
    name : str
        Name of the estimator, for messages.

    Returns
    -------
    formats : tuple of str, or "registered"

    Raises
    ------
    ImportError
        If a plugin is not installed. The message names it.
    ValueError
        If a format is not known, or reading it would start a program.
    """
    if isinstance(formats, str) and formats == "registered":
        return formats
    if isinstance(formats, str) and formats == "default":
        return FORMATS
    asked = [formats] if isinstance(formats, str) else list(formats)
    resolved = [_resolve(str(each), name) for each in asked]
    return tuple(dict.fromkeys([*FORMATS, *resolved]))


def _resolve(asked, name):
    Image.init()
    if asked.lower() in HEIF:
        _register_heif(name)
    ending = f".{asked.lower().lstrip('*').lstrip('.')}"
    found = asked.upper() if asked.upper() in Image.OPEN else None
    found = found or Image.EXTENSION.get(ending)
    if found in NEVER:
        raise ValueError(
            f"{name} doesn't read {found}, as that starts other programs. Convert such "
            "files to PNG first."
        )
    if found not in Image.OPEN:
        raise ValueError(
            f"{name} expects formats to be 'default', 'registered', or names or "
            f"endings of formats that Pillow reads. Got {asked!r}, which it doesn't "
            "know: register its plugin first, or give a reader=function."
        )
    return found


def _register_heif(name):
    try:
        import pillow_heif
    except ImportError as error:
        raise ImportError(
            f"{name} needs pillow-heif to read HEIC: `{INSTALL_HEIF}`."
        ) from error
    pillow_heif.register_heif_opener()


def openers(formats):
    """List what opens each format, and what accepts its first bytes."""
    Image.init()
    return _openers(formats, len(Image.OPEN))


@lru_cache
def _openers(formats, n_registered):
    if formats == "registered":
        others = [each for each in Image.OPEN if each not in (*FORMATS, *NEVER)]
        formats = (*FORMATS, *others)
    return [
        (each, *Image.OPEN[each])
        for each in formats
        if each in Image.OPEN and each not in ("PPM", "TIFF")
    ]


def explain_start(start, formats):
    """Say what a file is that begins with some bytes, and how it can be read.

    Parameters
    ----------
    start : bytes
        The first 132 bytes of the file, or fewer.
    formats : tuple of str, or "registered"
        Those that have been tried.

    Returns
    -------
    cause : str
    """
    if not start:
        return "it is empty"
    if start[128:132] == b"DICM":
        return "it is DICOM, which is read by a reader=function that uses pydicom"
    if start[4:8] == b"ftyp" and start[8:12] in HEIF_BRANDS:
        return f"it is HEIC, which is read with formats='.heic' after `{INSTALL_HEIF}`"
    if start[4:12] == b"ftypavif" and "AVIF" not in Image.OPEN:
        return "it is AVIF, which is read where Pillow is 11.3 or newer"
    if start.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL ")):
        return (
            "it is JPEG XL, which is read with formats='.jxl' after `pip install "
            "pillow-jxl-plugin` and `import pillow_jxl`"
        )
    for each, (_, accept) in Image.OPEN.items():
        if each in NEVER or accept is None or formats == "registered":
            continue
        if len(start) > 16 and accept(start[:16]) is True and each not in formats:
            return f"it looks like {each}, which is read with formats={each!r}"
    names = ", ".join(FORMATS)
    return f"it begins with {start[:12]!r}, which is no image in {names}"


def readable_endings():
    """Map the endings of images that are not read by default to the mend.

    Returns
    -------
    mends : dict of str to str
        By ending, in lower case.
    """
    Image.init()
    mends = dict.fromkeys(
        (".heic", ".heif", ".hif"), f"formats='.heic' after `{INSTALL_HEIF}`"
    )
    mends[".jxl"] = "formats='.jxl' and a plugin of Pillow"
    for ending in (".dcm", ".nii", ".czi", ".nd2", ".lif"):
        mends[ending] = "a reader=function"
    for ending in (".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2", ".raf"):
        mends[ending] = "a reader=function that uses rawpy"
    for ending in (".svg", ".svgz", ".eps", ".wmf", ".emf"):
        mends[ending] = "a copy as PNG"
    for ending, name in Image.EXTENSION.items():
        if name in Image.OPEN and name not in (*FORMATS, *NEVER, *STUBS):
            mends.setdefault(ending, f"formats={ending!r}")
    return mends


def name_endings(counts):
    """Count files by their endings, with what reads them, in words."""
    mends = readable_endings()
    return name_some(
        [
            f"{n} {ending} (read by {mends[ending]})"
            for ending, n in sorted(counts.items())
        ]
    )

"""Atomic writing of files: complete, or not at all."""

import os


def write_atomically(path, pieces, temporary):
    """Write a file by way of a temporary file in the same folder.

    Parameters
    ----------
    path : Path
        The file; one that exists is replaced.
    pieces : iterable of bytes-like
        Its content.
    temporary : Path
        The temporary file, which nothing else may be writing.
    """
    try:
        with open(temporary, "xb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise

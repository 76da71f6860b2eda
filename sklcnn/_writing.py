"""Files that are there in full, or as they were before."""

import os


def write_whole(path, pieces, temporary):
    """Write a file in one step, by way of a temporary one in the same folder.

    Parameters
    ----------
    path : Path
        The file.
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

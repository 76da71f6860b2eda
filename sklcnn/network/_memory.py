"""Memory: kept from step to step on a CPU, and given back by a GPU."""

import contextlib
import ctypes
import os
import threading

import torch

TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4
"""Numbers of glibc's settings, from its malloc.h."""

KEEPING = {MMAP_MAX: 0, TRIM_THRESHOLD: 2**31 - 1}
"""Take blocks of any size from the heap, and keep it when they are freed."""

USUAL = {MMAP_MAX: 2**16, MMAP_THRESHOLD: 2**25, TRIM_THRESHOLD: 2**26}
"""What glibc comes to by itself once it has freed a block of 32 MiB."""


class _Users:
    """How many trainings want memory to be kept now."""

    def __init__(self):
        self.lock = threading.Lock()
        self.n = 0


_USERS = _Users()


@contextlib.contextmanager
def kept_memory(device):
    """Keep the memory that a training on a CPU frees for its next step.

    glibc takes blocks of more than 32 MiB, as what a layer gives for a batch of images
    of 64x64, from the system anew each time, which fills them with zeros page by page.
    Where the memory is kept, that is saved; when the last of overlapping trainings
    ends, it is given back. Elsewhere, and where the user has set how glibc is to
    behave, nothing is changed.

    Parameters
    ----------
    device : str
        Where the training is done.
    """
    settings = _settings_of_glibc() if device == "cpu" else None
    if settings is None:
        yield
        return
    with _USERS.lock:
        _USERS.n += 1
        _set(settings, KEEPING)
    try:
        yield
    finally:
        with _USERS.lock:
            _USERS.n -= 1
            if _USERS.n == 0:
                _set(settings, USUAL)
                settings.malloc_trim(0)


def _settings_of_glibc():
    """Find glibc; None where it is not there, or set up by the environment."""
    if any(
        name.startswith("MALLOC_") or (name == "GLIBC_TUNABLES" and "malloc" in value)
        for name, value in os.environ.items()
    ):
        return None
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018
        library.mallopt.argtypes = (ctypes.c_int, ctypes.c_int)
    except (AttributeError, OSError, TypeError):  # another library, or none by name
        return None
    return library


def _set(library, values):
    for number, value in values.items():
        library.mallopt(number, value)


def release_memory(device):
    """Free the cached memory of a GPU for other processes."""
    if device.startswith("cuda"):
        torch.cuda.empty_cache()


@contextlib.contextmanager
def explained_memory_error(doing):
    """Raise MemoryError with advice where a GPU runs out of memory."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise MemoryError(
            f"The GPU ran out of memory {doing} smaller images or device='cpu'."
        ) from error

"""Memory of a GPU: given back, and explained where there is too little."""

import contextlib

import torch


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

"""Memory of a GPU: given back, and explained where there is too little."""

import contextlib

import torch


def release_memory(device):
    """Free the cached memory of a GPU for other processes."""
    if device.startswith("cuda"):
        torch.cuda.empty_cache()


@contextlib.contextmanager
def explained_memory_error(doing, advice=""):
    """Raise MemoryError with advice where a GPU runs out of memory.

    Parameters
    ----------
    doing : str
        What is done, as in "predicting on batches of 8 images".
    advice : str, default=""
        What to use instead, beside smaller images and a CPU.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        use = ", ".join(filter(None, (advice, "smaller images or device='cpu'")))
        raise MemoryError(f"The GPU ran out of memory {doing}. Use {use}.") from error

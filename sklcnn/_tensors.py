"""From numpy's arrays to tensors on a device, without waiting for it."""

import numpy as np
import torch


def to_device(array, device, dtype=None):
    """Move an array to a device, in its own dtype where torch has that.

    To a GPU it goes by way of pinned memory: whoever asks for it does not wait until it
    is there, and neither until the device has done what it was told before.

    Parameters
    ----------
    array : ndarray
        Of any numeric dtype.
    device : str or torch.device
        Where it goes.
    dtype : torch.dtype, default=None
        The dtype of the tensor; None is that of the array, but for those that torch
        lacks or hardly knows: these become wider.

    Returns
    -------
    tensor : tensor of the same shape
        On the CPU it may share the memory of the array.
    """
    array = np.require(array, requirements=["C", "W"])
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind == "u" and array.itemsize > 2:
        array = array.astype(np.int64 if array.itemsize == 4 else np.float64)
    elif array.dtype.kind == "f" and array.itemsize > 8:
        array = array.astype(np.float64)
    tensor = torch.from_numpy(array)
    if dtype is not None:
        tensor = tensor.to(dtype)
    if torch.device(device).type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)

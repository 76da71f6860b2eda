"""Checkpoint files, written atomically."""

import hashlib
import json
import uuid

import torch

from sklcnn._atomic_write import write_atomically

MAGIC, FORMAT = b"sklcnn checkpoint ", 1
"""Start of each file, and its version; then come a length, a JSON header, the numbers
and a digest."""

N_DIGEST = hashlib.sha256().digest_size


class Checkpoint:
    """The state of a training after some epochs.

    Parameters
    ----------
    facts : dict
        What JSON can hold; among it `n_epochs`, and whether training was `stopped`.
    tensors : dict of {str: tensor}
        The numbers, on the CPU.
    path : Path or None
        The file it was read from.
    is_finished : bool
        Whether nothing is left to train.
    """

    def __init__(self, facts, tensors, path=None, is_finished=False):
        self.facts = facts
        self.tensors = tensors
        self.path = path
        self.is_finished = is_finished

    def part(self, name):
        """Give the tensors whose names begin with a name, without it."""
        start = f"{name}/"
        return {
            key.removeprefix(start): tensor
            for key, tensor in self.tensors.items()
            if key.startswith(start)
        }


def write_checkpoint(path, facts, tensors):
    """Write a checkpoint to a file, which is replaced as a whole or not at all.

    Parameters
    ----------
    path : Path
        The file.
    facts : dict
        What JSON can hold.
    tensors : dict of {str: tensor}
        The numbers, each of which is written with its strides: sums may be rounded
        otherwise where it lies otherwise in memory.
    """
    layout, pieces = [], []
    for name, tensor in tensors.items():
        values = tensor.detach().cpu().contiguous()
        piece = values.reshape(-1).view(torch.uint8).numpy()
        shape, strides = list(tensor.shape), list(tensor.stride())
        layout.append([name, str(tensor.dtype), shape, strides, piece.nbytes])
        pieces.append(piece)
    header = json.dumps({"facts": facts, "tensors": layout}).encode()
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
    start = MAGIC + f"{FORMAT}\n".encode()
    pieces = [start, len(header).to_bytes(8, "big"), header, *pieces]
    sha = hashlib.sha256()
    for piece in pieces:
        sha.update(piece)
    write_atomically(path, [*pieces, sha.digest()], partial)


def read_checkpoint(path, address):
    """Read a checkpoint from a file.

    Parameters
    ----------
    path : Path
        The file.
    address : str or None
        The address that must be in it; None takes any.

    Returns
    -------
    checkpoint : Checkpoint

    Raises
    ------
    ValueError
        If the file is not as it was written, or belongs to another address.
    """
    content = path.read_bytes()
    line = content[: content.find(b"\n") + 1]
    version = line.removeprefix(MAGIC).strip()
    if not line.startswith(MAGIC) or not version.isdigit():
        raise ValueError("it is no checkpoint of sklcnn")
    if int(version) > FORMAT:
        raise ValueError("it was written by a newer version of sklcnn")
    if hashlib.sha256(content[:-N_DIGEST]).digest() != content[-N_DIGEST:]:
        raise ValueError("it is damaged")
    start = len(line) + 8
    end = start + int.from_bytes(content[len(line) : start], "big")
    header = json.loads(content[start:end])
    if address is not None and header["facts"]["address"] != address:
        raise ValueError("it belongs to another training")
    tensors = {}
    for name, dtype, shape, strides, n_bytes in header["tensors"]:
        values = torch.empty(shape, dtype=getattr(torch, dtype.removeprefix("torch.")))
        if n_bytes:
            piece = bytearray(content[end : end + n_bytes])
            flat = torch.frombuffer(piece, dtype=torch.uint8)
            values = flat.view(values.dtype).reshape(shape)
        end += n_bytes
        laid_out = torch.empty_strided(shape, strides, dtype=values.dtype)
        tensors[name] = laid_out.copy_(values)
    return Checkpoint(header["facts"], tensors, path)

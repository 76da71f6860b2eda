"""Devices, number formats, threads and random generators of torch."""

import contextlib
import multiprocessing
import os
import sys
import threading

import joblib
import torch

from sklcnn._warnings import warn_user


class _Forks:
    """Whether this process was forked; its threads of torch then hang for ever."""

    happened = False

    @classmethod
    def note(cls):
        """Note down, in the child, that it was forked; no other thread is there."""
        global GENERATORS
        cls.happened = True
        GENERATORS = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_Forks.note)

GENERATORS = threading.RLock()
"""Lock that guards torch's global random generators."""

_THREADS = threading.local()
"""Nesting depth of `torch_threads` in this thread, and its number of threads before."""


def resolve_device(device, *, name):
    """Resolve the parameter `device` to a device that is available.

    Parameters
    ----------
    device : str
        "auto", or what `torch.device` takes: "cpu", "cuda", "cuda:<index>", "mps", ...
    name : str
        Name of the estimator, for messages.

    Returns
    -------
    device : str
        "auto" is CUDA where it is available, else the CPU; it shares several GPUs out
        among the workers of joblib and Dask.

    Raises
    ------
    ValueError
        If there is no such device.
    """
    if device == "auto":
        if not torch.cuda.is_available():
            return "cpu"
        worker, n_devices = number_of_worker(), torch.cuda.device_count()
        return "cuda" if worker is None else f"cuda:{worker % n_devices}"
    try:
        parsed = torch.device(device)
    except RuntimeError:
        parsed = torch.device("meta")
    if parsed.type == "meta" or (parsed.type == "cpu" and parsed.index is not None):
        raise ValueError(
            f"The 'device' parameter of {name} must be 'auto', 'cpu', 'cuda', "
            "'cuda:<index>' or another device of torch, such as 'mps' or 'xpu'. Got "
            f"{device!r} instead."
        )
    if parsed.type == "cpu":
        return device
    backend = getattr(torch, parsed.type, None)
    is_available = getattr(backend, "is_available", lambda: False)
    if not is_available():
        raise ValueError(
            f"{name} was asked for device={device!r}, but "
            f"torch.{parsed.type}.is_available() is False. Use device='cpu' or 'auto'."
        )
    if parsed.index is not None and parsed.index >= backend.device_count():
        raise ValueError(
            f"{name} was asked for device={device!r}, but there are only "
            f"{backend.device_count()} devices of this type, counted from 0."
        )
    return device


def number_of_worker():
    """Number of this worker process of joblib or Dask, from 0; None in others.

    joblib's processes are numbered by their names, from 1; Dask's local workers have a
    number for a name, from 0.
    """
    if "distributed" in sys.modules:
        with contextlib.suppress(ValueError):  # this process is no worker
            name = sys.modules["distributed"].get_worker().name
            return name if isinstance(name, int) else None
    kind, _, number = multiprocessing.current_process().name.rpartition("-")
    return int(number) - 1 if kind and number.isdigit() else None


def trains_fast_in_bfloat16(device):
    """Whether a device multiplies bfloat16 numbers in silicon."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_capability(device)[0] >= 8
    if device != "cpu":
        return False
    try:
        capabilities = torch.cpu.get_capabilities()
    except AttributeError:  # torch before 2.10 does not tell
        return False
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def count_threads(n_jobs):
    """Number of CPU threads: None is one, -1 all cores.

    In a forked process it is one, with a warning where more were asked for: torch's
    threads are not there any more, and would be waited for without end.
    """
    n_threads = 1 if n_jobs is None else joblib.effective_n_jobs(n_jobs)
    if n_threads > 1 and _Forks.happened:
        warn_user(
            f"n_jobs={n_jobs} is one thread in a forked process: torch would wait "
            "for threads that it has lost. Start processes by 'spawn', 'forkserver' or "
            "with joblib's loky for more."
        )
        return 1
    return n_threads


@contextlib.contextmanager
def torch_threads(n_jobs):
    """Limit the CPU threads of torch in this thread of Python.

    Parameters
    ----------
    n_jobs : int or None
        Number of threads: None is one, -1 all cores. Nested uses have the number of the
        innermost; the outermost restores what was set before.
    """
    depth = getattr(_THREADS, "depth", 0)
    n_outside = torch.get_num_threads()  # a first use takes over what others have set
    if depth == 0:
        _THREADS.before = n_outside
    n_threads = count_threads(n_jobs)
    try:  # from here on, as an interrupt may come at any line
        _THREADS.depth = depth + 1
        torch.set_num_threads(n_threads)
        yield
    finally:
        _THREADS.depth = depth
        torch.set_num_threads(n_outside if depth else _THREADS.before)


@contextlib.contextmanager
def seeded(seed, device):
    """Seed torch's global generators, and restore them afterwards.

    All threads share these generators: others that want to seed them wait.
    """
    devices = [torch.device(device)] if device.startswith("cuda") else []
    with GENERATORS, torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield

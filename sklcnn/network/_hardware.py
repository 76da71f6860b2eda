"""Devices, number formats, threads and random generators of torch."""

import contextlib
import multiprocessing
import os
import sys

import joblib
import torch

from sklcnn._warnings import warn_user
from sklcnn.network._lock import Holding, one_at_a_time


class _Forks:
    """Whether this process was forked; its threads of torch then hang for ever."""

    happened = False

    @classmethod
    def note(cls):
        """Note it down in the child."""
        cls.happened = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_Forks.note)


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


class torch_threads(Holding):  # noqa: N801
    """Limit the CPU threads of torch in this thread of Python.

    Parameters
    ----------
    n_jobs : int or None
        Number of threads: None is one, -1 all cores. Nested uses have the number of the
        innermost; the outermost restores what was set before.
    """

    def __init__(self, n_jobs):
        self._n_threads = count_threads(n_jobs)
        self._n_outside = None

    def take(self):
        """Set the number of threads."""
        if self._n_outside is None:
            # a first use in a thread takes over what others have set
            self._n_outside = torch.get_num_threads()
            torch.set_num_threads(self._n_threads)

    def give_back(self):
        """Restore it."""
        if self._n_outside is not None:
            torch.set_num_threads(self._n_outside)


class gradients(Holding):  # noqa: N801
    """Compute gradients in this thread or not, whatever the caller has set for torch.

    Parameters
    ----------
    are_computed : bool
        Without gradients, tensors are those of torch's inference mode.
    """

    def __init__(self, are_computed):
        self._are_computed = are_computed
        self._modes = []

    def take(self):
        """Set the mode."""
        if not self._modes:
            mode = torch.inference_mode(not self._are_computed)
            mode.__enter__()
            self._modes.append(mode)

    def give_back(self):
        """Restore what was set before."""
        for mode in self._modes:
            mode.__exit__(None, None, None)
        self._modes.clear()


class seeded(Holding):  # noqa: N801
    """Seed torch's global generators, and restore them afterwards.

    All threads share these generators: others that want to seed them wait.

    Parameters
    ----------
    seed : int
        The seed.
    device : str
        Device whose generator is seeded beside that of the CPU.
    """

    def __init__(self, seed, device):
        self._seed = seed
        self._device = torch.device(device) if device.startswith("cuda") else None
        self._turn = one_at_a_time("random generators of torch")
        self._before = None

    def take(self):
        """Wait for other threads, and seed."""
        self._turn.take()
        if self._before is not None:
            return
        on_device = self._device and torch.cuda.get_rng_state(self._device)
        self._before = torch.get_rng_state(), on_device
        torch.manual_seed(self._seed)

    def give_back(self):
        """Restore the generators."""
        if self._before is not None:
            on_cpu, on_device = self._before
            torch.set_rng_state(on_cpu)
            if on_device is not None:
                torch.cuda.set_rng_state(on_device, self._device)
            self._before = None
        self._turn.give_back()

"""Devices, number formats and threads: what the hardware at hand is good for."""

import contextlib
import multiprocessing
import sys
import threading

import joblib
import torch

GENERATORS = threading.RLock()
"""Who holds it may seed torch's global generators and draw from them."""


class _Threads:
    """How many use `torch_threads` now, and what was set before the first of them."""

    def __init__(self):
        self.lock = threading.Lock()
        self.n_users = 0
        self.n_before = None


_THREADS = _Threads()


def resolve_device(device, *, name):
    """Find the device to use.

    Parameters
    ----------
    device : str
        "auto", "cpu", "cuda" or "cuda:<index>".
    name : str
        Name of the estimator, for messages.

    Returns
    -------
    device : str
        "cpu", "cuda" or "cuda:<index>". "auto" shares several GPUs out among the
        workers of joblib and Dask.

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
    kind, _, index = device.partition(":")
    if kind not in ("cpu", "cuda") or (
        index and (kind == "cpu" or not index.isdigit())
    ):
        raise ValueError(
            f"The 'device' parameter of {name} must be 'auto', 'cpu', 'cuda' or "
            f"'cuda:<index>'. Got {device!r} instead."
        )
    if kind == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"{name} was asked for device={device!r}, but "
            "torch.cuda.is_available() is False. Use device='cpu' or 'auto'."
        )
    if index and int(index) >= torch.cuda.device_count():
        raise ValueError(
            f"{name} was asked for device={device!r}, but there are only "
            f"{torch.cuda.device_count()} CUDA devices, counted from 0."
        )
    return device


def number_of_worker():
    """Tell which worker process of joblib or Dask this is, from 0; None if it is none.

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
    """Tell whether a device multiplies bfloat16 numbers in silicon."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_capability(device)[0] >= 8
    try:
        capabilities = torch.cpu.get_capabilities()
    except AttributeError:  # torch before 2.10 does not tell
        return False
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def count_threads(n_jobs):
    """Tell how many CPU threads are meant: None is one, -1 all cores."""
    return 1 if n_jobs is None else joblib.effective_n_jobs(n_jobs)


@contextlib.contextmanager
def torch_threads(n_jobs):
    """Let torch use some CPU threads, -1 being all cores and None one.

    The number is one for the whole process: where trainings overlap, each leaves it as
    it was before the first.
    """
    with _THREADS.lock:
        if _THREADS.n_users == 0:
            _THREADS.n_before = torch.get_num_threads()
        _THREADS.n_users += 1
        before = _THREADS.n_before
    torch.set_num_threads(count_threads(n_jobs))
    try:
        yield
    finally:
        torch.set_num_threads(before)
        with _THREADS.lock:
            _THREADS.n_users -= 1


@contextlib.contextmanager
def seeded(seed, device):
    """Seed torch's global generators, and leave them as they were.

    All threads have the same generators: others that want to seed them wait.
    """
    devices = [torch.device(device)] if device.startswith("cuda") else []
    with GENERATORS, torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield

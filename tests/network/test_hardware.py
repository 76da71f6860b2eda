"""Devices, threads, seeds: asked for, and left as they were."""

import multiprocessing
import threading
import time

import joblib
import pytest
import torch

from sklcnn.network._hardware import (
    number_of_worker,
    resolve_device,
    seeded,
    torch_threads,
    trains_fast_in_bfloat16,
)

HAS_CUDA = torch.cuda.is_available()


def test_the_device_is_found():
    """The best one there is, or the one that is named."""
    assert resolve_device("auto", name="CNN") == ("cuda" if HAS_CUDA else "cpu")
    assert resolve_device("cpu", name="CNN") == "cpu"


@pytest.mark.parametrize("device", ["gpu", "cpu:0", "cuda:x", "cuda:-1", "", "meta"])
def test_other_names_are_an_error(device):
    """The message lists the names there are."""
    with pytest.raises(ValueError, match="'device' parameter of CNN must be 'auto'"):
        resolve_device(device, name="CNN")


@pytest.mark.skipif(HAS_CUDA, reason="needs a machine without CUDA")
@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps", "xpu", "xpu:0", "hpu"])
def test_a_gpu_that_is_not_there_is_an_error(device):
    """The message says what to use instead."""
    with pytest.raises(ValueError, match=r"Use device='cpu' or 'auto'"):
        resolve_device(device, name="CNN")


@pytest.mark.skipif(not HAS_CUDA, reason="needs a GPU")
def test_gpus_are_counted_from_zero():
    """One beyond the last is an error."""
    n_devices = torch.cuda.device_count()

    assert resolve_device("cuda:0", name="CNN") == "cuda:0"
    with pytest.raises(ValueError, match=f"only {n_devices} devices"):
        resolve_device(f"cuda:{n_devices}", name="CNN")


@pytest.fixture
def two_gpus(monkeypatch):
    """Let torch tell of two GPUs."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.mark.parametrize(
    ("process", "device"),
    [
        ("MainProcess", "cuda"),
        ("LokyProcess-1", "cuda:0"),
        ("LokyProcess-2", "cuda:1"),
        ("LokyProcess-7", "cuda:0"),
        ("SpawnPoolWorker-4", "cuda:1"),
        ("Process-1:2", "cuda"),
        ("Dask Worker process (from Nanny)", "cuda"),
    ],
)
def test_workers_share_gpus_out(two_gpus, monkeypatch, process, device):
    """In turns, by the number of the process; a name that has none gets the first."""
    monkeypatch.setattr(multiprocessing.current_process(), "_name", process)

    assert resolve_device("auto", name="CNN") == device
    assert resolve_device("cuda", name="CNN") == "cuda"


@pytest.mark.parametrize("backend", ["loky", "multiprocessing"])
def test_workers_of_joblib_have_numbers(backend):
    """Two at work have numbers one after the other, and the caller has none."""
    with joblib.parallel_config(backend, n_jobs=2):
        numbers = set(joblib.Parallel()(joblib.delayed(waiting_worker)() for _ in "12"))

    assert len(numbers) == 2
    assert max(numbers) - min(numbers) == 1
    assert number_of_worker() is None


def waiting_worker():
    """Tell the number of this worker, slowly, so that the other gets work too."""
    time.sleep(0.3)
    return number_of_worker()


def test_the_number_format_follows_the_hardware():
    """Whether it is fast is a plain yes or no."""
    assert trains_fast_in_bfloat16("cpu") in (True, False)


def test_threads_are_given_back():
    """None is 1 in every context, and the number returns also where something fails."""
    before = torch.get_num_threads()

    with torch_threads(2):
        assert torch.get_num_threads() == 2
    with torch_threads(None):
        assert torch.get_num_threads() == 1
    with joblib.parallel_config("threading", n_jobs=3), torch_threads(None):
        assert torch.get_num_threads() == 1
    with pytest.raises(KeyError), torch_threads(2):
        raise KeyError

    assert torch.get_num_threads() == before


def test_threads_of_python_have_numbers_of_their_own():
    """What others begin and end meanwhile changes nothing, also for a new thread."""
    entered, left, seen = threading.Event(), threading.Event(), []

    def inner():
        with torch_threads(None):
            entered.set()
            left.wait(10)
            seen.append(torch.get_num_threads())
            with torch_threads(2):
                seen.append(torch.get_num_threads())
            seen.append(torch.get_num_threads())

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        thread = threading.Thread(target=inner)
        with torch_threads(None):
            thread.start()
            entered.wait(10)
        left.set()
        thread.join()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)

    assert seen == [1, 2, 1]


def test_nested_limits_restore_the_outer_one():
    """A prediction within a training leaves the number of the training."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with torch_threads(None):
            with torch_threads(None):
                pass
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_seeds_are_given_back():
    """Equal seeds give equal numbers, and the generator is left as it was."""
    before = torch.get_rng_state()

    numbers = []
    for seed in (0, 0, 1):
        with seeded(seed, "cpu"):
            numbers.append(torch.rand(1).item())

    assert numbers[0] == numbers[1] != numbers[2]
    assert torch.equal(torch.get_rng_state(), before)

"""Memory that is kept while a CPU trains, and that GPUs lack or give back."""

import contextlib
import resource
import types

import pytest
import torch

from sklcnn.network import _memory
from sklcnn.network._memory import (
    KEEPING,
    USUAL,
    explained_memory_error,
    kept_memory,
    release_memory,
)


@pytest.fixture
def calls(monkeypatch):
    """Give the list of what glibc is told."""
    calls = []
    library = types.SimpleNamespace(
        mallopt=lambda number, value: calls.append((number, value)),
        malloc_trim=lambda padding: calls.append("trimmed"),
    )
    monkeypatch.setattr(_memory, "_settings_of_glibc", lambda: library)
    return calls


def test_overlapping_trainings_keep_memory_until_the_last_ends(calls):
    """Also where it ends with an error, and in any order."""
    with contextlib.ExitStack() as first, contextlib.ExitStack() as second:
        first.enter_context(kept_memory("cpu"))
        second.enter_context(kept_memory("cpu"))
        assert calls == [*KEEPING.items()] * 2
        first.close()
        assert calls == [*KEEPING.items()] * 2
        with pytest.raises(KeyError), second:
            raise KeyError
    assert calls == [*KEEPING.items(), *KEEPING.items(), *USUAL.items(), "trimmed"]


def test_memory_of_a_gpu_is_not_glibcs(calls):
    """Nothing is set for it."""
    with kept_memory("cuda:0"):
        pass

    assert not calls


@pytest.mark.parametrize(
    ("name", "value", "is_set"),
    [
        ("MALLOC_TRIM_THRESHOLD_", "1000000", True),
        ("GLIBC_TUNABLES", "glibc.malloc.mmap_max=10", True),
        ("GLIBC_TUNABLES", "glibc.pthread.rseq=0", False),
    ],
)
def test_settings_of_the_user_stand(monkeypatch, name, value, is_set):
    """Whoever has told glibc how to behave is not overruled."""
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    before = _memory._settings_of_glibc()

    monkeypatch.setenv(name, value)

    found = _memory._settings_of_glibc()
    assert found is None if is_set else type(found) is type(before)


@pytest.mark.skipif(_memory._settings_of_glibc() is None, reason="needs glibc as it is")
def test_kept_memory_is_not_filled_with_zeros_anew():
    """Blocks that were freed come back with hardly a page fault."""
    with kept_memory("cpu"):
        n_faults = [page_faults_of_a_block() for _ in range(10)]

    assert min(n_faults) < 1000  # of 16,384 pages; the first blocks find their places


def page_faults_of_a_block():
    """Count how often the system gives pages while 64 MiB are filled."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(2**24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_memory_is_given_back_to_gpus_only(monkeypatch):
    """A CPU has nothing that is kept."""
    calls = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: calls.append("emptied"))

    release_memory("cpu")
    assert not calls
    release_memory("cuda:1")
    assert calls == ["emptied"]


def test_too_large_batches_for_a_gpu_are_explained():
    """The message says what was done and what to do."""
    with (
        pytest.raises(
            MemoryError, match=r"batches of 64 images\. Use .*, smaller images"
        ),
        explained_memory_error("training on batches of 64 images. Use smaller ones,"),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory")

"""Memory that GPUs lack or give back."""

import pytest
import torch

from sklcnn.network._memory import explained_memory_error, release_memory


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

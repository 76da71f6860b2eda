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


@pytest.mark.parametrize(
    ("advice", "expected"),
    [
        ("", r"on batches of 64 images\. Use smaller images or device='cpu'\."),
        (
            "fewer of them",
            r"images\. Use fewer of them, smaller images or device='cpu'",
        ),
    ],
)
def test_too_large_batches_for_a_gpu_are_explained(advice, expected):
    """The message says what was done and what to do."""
    with (
        pytest.raises(MemoryError, match=expected),
        explained_memory_error("training on batches of 64 images", advice),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory")

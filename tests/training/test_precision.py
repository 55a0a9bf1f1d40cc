"""The precision of the training."""

import pytest
import torch
from torch import nn

from livefan.core.errors import LivefanError
from livefan.training import precision
from livefan.training.precision import autocast, choose_dtype

CPU = torch.device("cpu")


@pytest.mark.parametrize(("fast", "slow"), [("float32", "bfloat16"), ("bfloat16", "float32")])
def test_auto_takes_the_faster_format_of_a_cpu(fast: str, slow: str, monkeypatch: pytest.MonkeyPatch):
    seconds = {getattr(torch, fast): 1.0, getattr(torch, slow): 6.2}
    monkeypatch.setattr(precision, "seconds_per_step", lambda device, dtype: seconds[dtype])
    # The result is kept for the process; a private function, since no public one forgets it.
    precision._faster_dtype.cache_clear()
    assert choose_dtype("auto", CPU) is getattr(torch, fast)
    precision._faster_dtype.cache_clear()


def test_steps_are_timed_in_both_formats():
    assert precision.seconds_per_step("cpu", torch.float32) > 0
    assert precision.seconds_per_step("cpu", torch.bfloat16) > 0


def test_float16_on_a_cpu_gives_one_line_error():
    with pytest.raises(LivefanError, match=r"float16 needs a GPU; choose auto, bfloat16 or float32$"):
        choose_dtype("float16", CPU)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_networks_compute_in_the_chosen_format(dtype: torch.dtype):
    with autocast(CPU, dtype):
        assert nn.Linear(2, 2)(torch.ones(1, 2)).dtype is dtype

"""The floating-point format in which a network is trained (mixed precision)."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from functools import cache

import torch
from torch.nn import functional

from livefan.core.errors import LivefanError

PRECISIONS = ("auto", "float32", "bfloat16", "float16")
DTYPES = (torch.float32, torch.bfloat16, torch.float16)
_TIMED_STEPS = 3


def choose_dtype(precision: str, device: torch.device) -> torch.dtype:
    """Return the format of a precision on a device.

    ``"auto"`` is bfloat16 on GPUs that support it, else float16. On a CPU, three training steps of a small
    convolution are timed in float32 and bfloat16, since CPUs without bfloat16 instructions emulate them.

    Args:
        precision: one of :data:`PRECISIONS`.
        device: the device of the training.

    Raises:
        LivefanError: if float16 is asked for on a CPU.
    """
    if precision == "float16" and device.type == "cpu":
        raise LivefanError("precision float16 needs a GPU; choose auto, bfloat16 or float32")
    if precision != "auto":
        return next(dtype for dtype in DTYPES if name_of(dtype) == precision)
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return _faster_dtype(device.type)


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[object]:
    """Return a context in which networks compute in a format."""
    return nullcontext() if dtype is torch.float32 else torch.autocast(device.type, dtype)


def name_of(dtype: torch.dtype) -> str:
    """Return the name of a format as the settings have it."""
    return str(dtype).removeprefix("torch.")


@cache
def _faster_dtype(device_type: str) -> torch.dtype:
    return min((torch.float32, torch.bfloat16), key=lambda dtype: seconds_per_step(device_type, dtype))


def seconds_per_step(device_type: str, dtype: torch.dtype) -> float:
    """Return the shortest time of a few training steps of a small convolution."""
    device = torch.device(device_type)
    # Constant weights, since random ones would change the random numbers of the run.
    weight = torch.ones(64, 64, 3, 3, device=device, requires_grad=True)
    maps = torch.ones(4, 64, 32, 32, device=device).to(memory_format=torch.channels_last)
    seconds = []
    for _ in range(_TIMED_STEPS + 1):  # the first step is slower
        start = time.perf_counter()
        with autocast(device, dtype):
            loss = functional.conv2d(maps, weight, padding=1).float().mean()
        torch.autograd.backward(loss)
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])

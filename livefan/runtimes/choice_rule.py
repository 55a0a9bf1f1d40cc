"""The rule that chooses runtime and precision: the same choice on every machine of the same kind.

The order follows measured times, kept in docs/speed.md, and never a stopwatch on this machine: a stopwatch
chose differently from run to run, and landmarks differ by up to 0.8 pixels between precisions.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass

from livefan.core.errors import LivefanError
from livefan.runtimes.base import CPU, DEVICES, PRECISIONS, RUNTIMES
from livefan.runtimes.cache import cpu_name

PREFERRED = "LIVEFAN_RUNTIME"
"""Environment variable with runtime and precision that "auto" prefers, such as ``openvino float32``.

The machines of a cluster may be of different kinds; with this variable they all give the same data.
"""
_X86 = ("x86_64", "amd64", "i686")


@dataclass(frozen=True)
class Candidate:
    """A runtime, a precision and a device; see :data:`livefan.runtimes.base.DEVICES`."""

    runtime: str
    precision: str
    device: str = CPU

    def __str__(self) -> str:
        on = "" if self.device == CPU else f" on {self.device}"
        return f"{self.runtime} {self.precision}{on}"


@dataclass(frozen=True)
class CpuKind:
    """The features of a CPU that decide the order of the precisions.

    Attributes:
        name: the features in words.
        precisions: precisions of OpenVINO, the fastest first.
        reason: the measurement behind the order.
    """

    name: str
    precisions: tuple[str, ...]
    reason: str


AMX = CpuKind(
    "x86 with AMX",
    ("int8", "bfloat16", "float32"),
    "int8 took as long as bfloat16 at full width and 12 % less at half width (Xeon, not measured since)",
)
VNNI = CpuKind(
    "x86 with VNNI, without AMX",
    ("int8", "float32", "bfloat16"),
    "int8 took 0.4 to 0.5 times the time of float32, bfloat16 1.6 times, and NME stayed within 1 % (Xeon)",
)
AVX2 = CpuKind(
    "x86 without VNNI",
    ("int8", "float32", "bfloat16"),
    "int8 took 0.7 to 0.9 times the time of float32 (Zen 3, where its NME stayed within 1 %, and Xeon)",
)
OTHER = CpuKind("not x86", ("float32", "int8", "bfloat16"), "not measured: float32 is the safe choice")


def cpu_kind() -> CpuKind:
    """Return the kind of this machine's CPU. ``ONEDNN_MAX_CPU_ISA`` hides features from OpenVINO."""
    if platform.machine().lower() not in _X86:
        return OTHER
    flags = set(cpu_name().split())
    if "amx_int8" in flags and _is_allowed("AMX"):
        return AMX
    if flags & {"avx512_vnni", "avx_vnni"} and _is_allowed("VNNI", "BF16", "FP16", "AMX"):
        return VNNI
    return AVX2


def _is_allowed(*features: str) -> bool:
    """Return whether ``ONEDNN_MAX_CPU_ISA`` is not set, or names one of some features."""
    most = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper()
    return most in ("", "ALL", "DEFAULT") or any(feature in most for feature in features)


def ordered(device: str = CPU) -> list[Candidate]:
    """Return all candidates on a device, the one to choose first; torch, the reference, comes last."""
    if device == CPU:
        kind = cpu_kind()
        compiled = [Candidate("openvino", precision) for precision in kind.precisions]
        rest = [Candidate("onnxruntime", "float32"), Candidate("torch", "float32")]
        return _preferred_first([*compiled, *rest])
    return [Candidate(DEVICES[device], "float32", device)]


def _preferred_first(candidates: list[Candidate]) -> list[Candidate]:
    """Move the candidate that :data:`PREFERRED` names to the front.

    Raises:
        LivefanError: if the variable names no candidate.
    """
    wanted = os.environ.get(PREFERRED, "").split()
    if not wanted:
        return candidates
    found = [each for each in candidates if [each.runtime, each.precision] == wanted]
    if not found:
        raise LivefanError(
            f"{PREFERRED}={' '.join(wanted)}: name a runtime ({', '.join(RUNTIMES)}) and a precision "
            f"({', '.join(PRECISIONS)}), such as 'openvino float32'"
        )
    return [*found, *(each for each in candidates if each not in found)]

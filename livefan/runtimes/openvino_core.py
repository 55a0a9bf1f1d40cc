"""The OpenVINO library: its import without telemetry, and its devices."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from livefan.core.errors import LivefanError
from livefan.core.quiet import quiet_stderr

_IMPORT = threading.RLock()
_TELEMETRY = ("openvino_telemetry", "openvino.tools.ovc")


@contextmanager
def without_telemetry() -> Iterator[None]:
    """Make the telemetry package, and OpenVINO's converter which loads it, fail to import within a block.

    OpenVINO and NNCF work without them. Modules that were imported before stay.
    """
    left_out = [name for name in _TELEMETRY if name not in sys.modules]
    for name in left_out:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in left_out:
            del sys.modules[name]


@cache
def openvino() -> Any:
    """Return the module ``openvino``, imported without its converter, which sends reports on its use.

    Leaving out the converter also saves 9 MiB of memory.

    Raises:
        LivefanError: if it is not installed.
    """
    with _IMPORT, without_telemetry():
        try:
            import openvino as module
        except ImportError as error:
            raise LivefanError(f"OpenVINO cannot be loaded ({error}); run: pip install openvino") from error
    return module


def core() -> Any:
    """Return the object that reads and compiles models."""
    with _IMPORT:
        return _the_core()


@cache
def _the_core() -> Any:
    core = openvino().Core()
    with quiet_stderr():  # the CPU plugin's first use prints a line where /sys is not mounted
        core.get_property("CPU", "FULL_DEVICE_NAME")
    return core


def check_device(device: str) -> None:
    """Check that OpenVINO finds a device: ``cpu``, ``gpu`` or ``npu``.

    Raises:
        LivefanError: if it does not.
    """
    found = [name.partition(".")[0].lower() for name in core().available_devices]
    if device not in found:
        raise LivefanError(
            f"device {device}: OpenVINO finds none here, only {', '.join(dict.fromkeys(found))}; install the "
            "driver of the device, or choose --device cpu"
        )


def has_bfloat16() -> bool:
    """Return whether this CPU computes in bfloat16."""
    return "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")

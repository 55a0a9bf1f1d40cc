"""Discard what native libraries write to standard error; refuse MediaPipe where it would end the process."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from livefan.core.errors import LivefanError

_POSSIBLE_CPUS = Path("/sys/devices/system/cpu/possible")
_STDERR = threading.Lock()


def mediapipe_obstacle() -> str | None:
    """Return the reason why MediaPipe's native library would end the process on this machine, or None.

    Its memory allocator reads the number of processors from ``/sys`` when the library is loaded, and aborts
    where ``/sys`` is not mounted, as in some chroots and containers.
    """
    if sys.platform.startswith("linux") and not _POSSIBLE_CPUS.is_file():
        return f"it needs {_POSSIBLE_CPUS}; run: mount -t sysfs sysfs /sys"
    return None


@contextmanager
def quiet_mediapipe() -> Iterator[None]:
    """Import and start MediaPipe in this block: its log is discarded; one thread at a time.

    Raises:
        LivefanError: if MediaPipe is not installed or cannot run on this machine.
    """
    if (obstacle := mediapipe_obstacle()) is not None:
        raise LivefanError(f"MediaPipe cannot run here: {obstacle}")
    os.environ.setdefault("GLOG_minloglevel", "3")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with quiet_stderr():
            yield
    except ImportError as error:
        raise LivefanError(
            f"MediaPipe cannot be imported ({error}); install it: pip install mediapipe"
        ) from error


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Discard what native code writes to standard error; one thread at a time."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        with _STDERR, _redirected_stderr(nowhere):
            yield
    finally:
        os.close(nowhere)


@contextmanager
def captured_stderr() -> Iterator[list[str]]:
    """Collect the lines that native code writes to standard error; one thread at a time.

    Yields:
        A list, which holds the lines after the block.
    """
    lines: list[str] = []
    with _STDERR, tempfile.TemporaryFile() as file:
        with _redirected_stderr(file.fileno()):
            yield lines
        file.seek(0)
        lines += file.read().decode(errors="replace").splitlines()


@contextmanager
def _redirected_stderr(target: int) -> Iterator[None]:
    """Redirect standard error to an open file, given by its descriptor."""
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # no standard error, as under pythonw
        yield
        return
    os.dup2(target, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)

"""Keep native code quiet that writes to standard error past Python's logging, as MediaPipe does."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = threading.Lock()


@contextmanager
def quiet_mediapipe() -> Iterator[None]:
    """Send what MediaPipe logs while it is imported and begins to nowhere; one thread at a time."""
    os.environ.setdefault("GLOG_minloglevel", "3")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_stderr():
        yield


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

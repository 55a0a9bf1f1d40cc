"""Keep native code quiet that writes to standard error past Python's logging, as MediaPipe does."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = threading.Lock()


@contextmanager
def quiet_mediapipe() -> Iterator[None]:
    """Send what MediaPipe logs while it is imported and begins to nowhere; one thread at a time."""
    os.environ.setdefault("GLOG_minloglevel", "3")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _STDERR:
        yield from _redirected_stderr()


def _redirected_stderr() -> Iterator[None]:
    sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # no standard error, as under pythonw
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)

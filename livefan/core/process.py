"""The end of a process that may still run threads, and the memory that is left for processes."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import NoReturn


def end_process(code: int) -> NoReturn:
    """Flush the standard streams and end the process with an exit code, also while threads run.

    The compilation of a network cannot be stopped. An interpreter that shuts down during it aborts.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if any(thread.daemon and thread.name.startswith("livefan") for thread in threading.enumerate()):
        os._exit(code)
    sys.exit(code)


def free_bytes() -> int | None:
    """Return the memory that new processes can use without swapping; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return None

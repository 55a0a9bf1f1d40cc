"""The end of a process that may still run threads, and the memory that is left for processes."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from pathlib import Path
from typing import NoReturn


def end_process(code: int) -> NoReturn:
    """Wait for threads, run the exit functions, and end the process with an exit code.

    The interpreter is not shut down. It would take a tenth of a second to release the networks, and it aborts
    during the compilation of a network in a thread, which cannot be stopped. Other threads are not waited for
    then.
    """
    if not any(thread.daemon and thread.name.startswith("livefan") for thread in threading.enumerate()):
        threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def free_bytes() -> int | None:
    """Return the memory that new processes can use without swapping; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return None

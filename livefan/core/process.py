"""The end of a process that may still run threads."""

from __future__ import annotations

import os
import sys
import threading
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

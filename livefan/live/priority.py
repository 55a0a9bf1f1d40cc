"""Which threads go first where there are more of them than cores."""

from __future__ import annotations

import os
import sys
import threading

WORKER_NICENESS = 4
"""Of what makes pictures: the window's own thread goes first, so that it answers at once."""
BESIDE_NICENESS = 10
"""Of the model that another is compared with, which must not slow it."""


def give_way(niceness: int) -> None:
    """Let others go before this thread, and before those that it will begin, where the system can.

    Args:
        niceness: as of POSIX, from 0 to 19, above that of the thread that began this one.
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)

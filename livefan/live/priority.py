"""Which threads go first where there are more of them than cores."""

from __future__ import annotations

import logging
import os
import sys
import threading

_LOG = logging.getLogger(__name__)

WORKER_NICENESS = 4
"""Of what makes pictures: the window's own thread goes first, so that it answers at once."""
BESIDE_NICENESS = 10
"""Of the model that another is compared with, which must not slow it."""


def give_way(niceness: int) -> None:
    """Lower the priority of this thread, and of the threads that it starts, where the system allows it.

    A refusal is logged; the thread then keeps its priority.

    Args:
        niceness: as of POSIX, from 0 to 19, above that of the thread that began this one.
    """
    if sys.platform == "linux":
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
        except OSError as error:
            _LOG.warning(
                "the priority of thread %s stays as it is: %s", threading.current_thread().name, error
            )

"""Thread priorities: the window first, then the pictures, then the second model."""

from __future__ import annotations

import logging
import os
import sys
import threading

_LOG = logging.getLogger(__name__)

WORKER_NICENESS = 4
"""Niceness of the threads that make pictures; the window's thread comes first, to answer at once."""
SECOND_NICENESS = 10
"""Niceness of the second model, which must not slow the first."""


def lower_priority(niceness: int) -> None:
    """Lower the priority of this thread, and of the threads that it starts, where the system allows it.

    A refusal is logged; the thread then keeps its priority.

    Args:
        niceness: POSIX niceness to add to the present one, which is that of the thread that started this one.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        try:
            # Not an absolute value: it would raise the priority of a process that was started with "nice".
            present = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, min(present + niceness, 19))
        except OSError as error:
            _LOG.warning(
                "the priority of thread %s stays as it is: %s", threading.current_thread().name, error
            )

"""Wait for another thread in a test."""

import time
from collections.abc import Callable

PATIENCE_S = 90.0
"""Longest time for which a test waits for another thread or process. Slow machines need most of it."""


def wait_for(condition: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Wait until a condition holds; fail the test after the time limit."""
    end = time.perf_counter() + seconds
    while not condition():
        assert time.perf_counter() < end, "did not happen in time"
        time.sleep(0.005)

"""Wait for another thread in a test."""

import time
from collections.abc import Callable


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until a condition holds; fail the test after the time limit."""
    end = time.perf_counter() + seconds
    while not condition():
        assert time.perf_counter() < end, "did not happen in time"
        time.sleep(0.005)

"""A queue between threads that keeps the newest items."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class NewestItems(Generic[T]):
    """Items that wait for a thread; putting never waits. A further item replaces the oldest.

    Args:
        size: largest number of waiting items.
    """

    def __init__(self, size: int) -> None:
        self._items: deque[T] = deque(maxlen=size)
        self._changed = threading.Condition()
        self._ended = False
        self.dropped = 0
        """Number of items that newer ones replaced."""

    def put(self, item: T) -> None:
        """Add an item; ignored after the end."""
        with self._changed:
            if self._ended:
                return
            self.dropped += len(self._items) == self._items.maxlen
            self._items.append(item)
            self._changed.notify()

    def end(self) -> None:
        """Accept no further item; those that wait can still be taken."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def clear(self) -> None:
        """Discard the waiting items."""
        with self._changed:
            self._items.clear()

    def take(self) -> T | None:
        """Wait for an item and remove it; return None after the end, once nothing waits."""
        with self._changed:
            while not self._items and not self._ended:
                self._changed.wait(0.5)  # on Windows, Ctrl+C does not interrupt a wait
            return self._items.popleft() if self._items else None

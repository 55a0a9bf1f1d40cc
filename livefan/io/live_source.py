"""io.live_source."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from livefan.core.errors import LivefanError
from livefan.core.frame import Frame
from livefan.io.source import Source

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0


@dataclass(frozen=True)
class Shot:
    """An image as it came from a device: ``(height, width, 3)`` uint8 BGR, and its ``perf_counter`` time."""

    image: np.ndarray
    captured_at: float


class LiveSource(Source):
    """A device that is connected, read, and connected again when it fails.

    While it is away, ``status`` says so and ``on_status`` is called with the same text, then with
    ``""`` when it is back. It is tried again after ``FIRST_PAUSE_S``, each time after twice the
    pause, up to ``LONGEST_PAUSE_S``. Frame numbers and source time, which is the wall clock since
    the first frame, go on.
    """

    def __init__(self, name: str) -> None:
        """Name it; it is not connected yet."""
        super().__init__(name, live=True)
        self.on_status: Callable[[str], None] | None = None
        self._index = 0
        self._first_at: float | None = None

    @abstractmethod
    def _connect(self) -> None:
        """Open the device; LivefanError if that fails."""

    @abstractmethod
    def _disconnect(self) -> None:
        """Let go of the device; may be called when it is not open."""

    @abstractmethod
    def _shoot(self) -> Shot | None:
        """Wait for the next image; None if the device fails."""

    def _next(self) -> Frame | None:
        while not self._closing.is_set():
            shot = self._shoot()
            if shot is None:
                self._reconnect()
                continue
            if self.status:
                self._tell("")
            self._first_at = shot.captured_at if self._first_at is None else self._first_at
            index, self._index = self._index, self._index + 1
            self.size = (shot.image.shape[1], shot.image.shape[0])
            return Frame(shot.image, index, shot.captured_at, shot.captured_at - self._first_at)
        return None

    def _reconnect(self) -> None:
        """Try until it is back, or this source is closed."""
        self._disconnect()
        pause = FIRST_PAUSE_S
        self._tell(f"{self.name}: lost; waiting for it to come back")
        while not self._closing.wait(pause):
            try:
                return self._connect()
            except LivefanError as error:
                self._tell(f"{error} (lost; trying again)")
                pause = min(2 * pause, LONGEST_PAUSE_S)

    def _tell(self, status: str) -> None:
        if status != self.status:
            self.status = status
            if self.on_status is not None:
                self.on_status(status)

    def _release(self) -> None:
        self._disconnect()

"""The base class of live sources: devices that are connected again after a failure."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from livefan.core.errors import LivefanError
from livefan.core.frame import Frame
from livefan.io.source import Source

FIRST_PAUSE_S = 0.5
"""Seconds between the loss of a device and the first attempt to connect again."""
LONGEST_PAUSE_S = 5.0
"""Upper limit of the pause between attempts, which doubles after each."""


@dataclass(frozen=True)
class CapturedImage:
    """An image from a device.

    Attributes:
        image: ``(height, width, 3)`` uint8 BGR.
        captured_at: time of capture in seconds of :func:`time.perf_counter`.
    """

    image: np.ndarray
    captured_at: float


class LiveSource(Source):
    """A device that is connected, read, and connected again after a failure.

    While the device is lost, ``status`` holds a message, and ``on_status`` is called with each new message;
    after its return with ``""``. Frame numbers and source time, the wall clock since the first frame,
    continue after an interruption.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, live=True)
        self.on_status: Callable[[str], None] | None = None
        self._index = 0
        self._first_at: float | None = None
        self._never_connected = False

    @abstractmethod
    def _connect(self) -> None:
        """Connect to the device; raise LivefanError if that fails."""

    @abstractmethod
    def _disconnect(self) -> None:
        """Release the device; may be called while it is not connected."""

    @abstractmethod
    def _capture(self) -> CapturedImage | None:
        """Wait for the next image; return None if the device fails."""

    def _read_frame(self) -> Frame | None:
        while not self._closing.is_set():
            if self._never_connected:
                self._connect_first()
                continue
            captured = self._capture()
            if captured is None:
                self._reconnect()
                continue
            self._set_status("")
            self._first_at = captured.captured_at if self._first_at is None else self._first_at
            index, self._index = self._index, self._index + 1
            self.size = (captured.image.shape[1], captured.image.shape[0])
            source_time = captured.captured_at - self._first_at
            return Frame(captured.image, index, captured.captured_at, source_time)
        return None

    def _connect_first(self) -> None:
        self._set_status(f"{self.name}: connecting")
        self._connect_at_last(0.0, "trying again")
        self._never_connected = False

    def _reconnect(self) -> None:
        # First, because a server that hangs lets even the end of the connection wait.
        self._set_status(f"{self.name}: lost; waiting for it to come back")
        self._disconnect()
        self._connect_at_last(FIRST_PAUSE_S, "lost; trying again")

    def _connect_at_last(self, pause: float, state: str) -> None:
        """Connect, after a pause in seconds; try again until it succeeds or the source is closed."""
        while not self._closing.wait(pause):
            try:
                return self._connect()
            except LivefanError as error:
                self._set_status(f"{error} ({state})")
                pause = min(max(2 * pause, FIRST_PAUSE_S), LONGEST_PAUSE_S)

    def _set_status(self, status: str) -> None:
        if status != self.status:
            self.status = status
            if self.on_status is not None:
                self.on_status(status)

    def _release(self) -> None:
        self._disconnect()

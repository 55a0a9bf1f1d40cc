"""Playback of the source of a session: pause, position and frame rates."""

from __future__ import annotations

from livefan.io.capture_thread import CaptureThread
from livefan.live.playback_speed import PlaybackSpeed
from livefan.live.session_status import SessionStatus

_UNPACED = 1e9
"""Speed of playback at which no frame waits for its time."""


class Playback:
    """Pauses and moves a source; pause and loop may be set before the source is open.

    All methods may be called from any thread.

    Args:
        status: knows whether the last frame of a recording has been processed.
    """

    def __init__(self, status: SessionStatus) -> None:
        self._status = status
        self._capture: CaptureThread | None = None
        self._measured_speed = PlaybackSpeed()
        self._paused = False
        self._loop = False
        self._requested_speed = 1.0
        self._return_to: float | None = None  # position after all photographs are measured

    def _attach(self, capture: CaptureThread, *, hold: bool) -> None:
        """Control a capture thread that is not started; ``hold`` pauses it at its first frame."""
        capture.loop, capture.paused, capture.speed = self._loop, self._paused, self._requested_speed
        if hold and capture.seekable:
            self._paused = True
            capture.step(1)
        self._capture = capture

    # Position.

    @property
    def paused(self) -> bool:
        """Whether playback is paused; frames of a live source then pass unprocessed."""
        return self._paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        self._stop_measuring()
        self._paused = paused
        self._measured_speed.clear()
        if capture := self._capture:
            capture.paused = paused

    def seek(self, seconds: float) -> None:
        """Go to a time of a recording; photographs then pause there if they were being measured."""
        if self.measuring_all:
            self.paused = True
        if capture := self._capture:
            capture.seek(seconds)

    def step(self, frames: int) -> None:
        """Go one frame forward (1) or back (-1), and pause."""
        self._stop_measuring()
        self._paused = True
        self._measured_speed.clear()
        if capture := self._capture:
            capture.step(frames)

    @property
    def loop(self) -> bool:
        """Whether a recording restarts at its end."""
        return self._loop

    @loop.setter
    def loop(self, on: bool) -> None:
        self._loop = on
        if (capture := self._capture) and not self.measuring_all:
            capture.loop = on

    @property
    def at_end(self) -> bool:
        """Whether the last frame of a recording has been processed."""
        return self._status.end_reported and self._capture is not None and self._capture.at_end

    @property
    def duration(self) -> float | None:
        """Duration of a recording in seconds; None if unknown."""
        return self._capture.duration if self._capture else None

    @property
    def n_frames(self) -> int | None:
        """Number of frames of a recording; None if unknown."""
        return self._capture.source.n_frames if self._capture else None

    @property
    def connection_lost(self) -> bool:
        """Whether a live source is lost and waits to be connected again."""
        return self._capture is not None and self._capture.source.live and bool(self._capture.status)

    @property
    def live(self) -> bool | None:
        """Whether the source is a camera or a stream; None until it is open."""
        return self._capture.source.live if self._capture is not None else None

    @property
    def seekable(self) -> bool:
        """Whether :meth:`seek` and :meth:`step` have an effect."""
        return self._capture is not None and self._capture.seekable

    def measure_all(self) -> None:
        """Process all photographs as fast as the models run, then return to the present one.

        A pause, a step or a jump ends this early. Other sources ignore it.
        """
        capture = self._capture
        if capture is None or not (capture.seekable and capture.source.photographs):
            return
        position = capture.position
        self.paused = False
        self._return_to = position
        capture.loop, capture.speed = False, _UNPACED
        capture.seek(0.0)

    @property
    def measuring_all(self) -> bool:
        """Whether :meth:`measure_all` is at work."""
        return self._return_to is not None

    def _stop_measuring(self) -> None:
        capture, self._return_to = self._capture, None
        if capture is not None:
            capture.loop, capture.speed = self._loop, self._requested_speed

    def _finish_measuring(self, capture: CaptureThread) -> None:
        """Return to the photograph from before :meth:`measure_all`, once the last one is processed."""
        if (position := self._return_to) is not None and capture.at_end:
            self.paused = True
            capture.seek(position)

    # Rates.

    @property
    def requested_speed(self) -> float:
        """Speed at which a recording should play, 1.0 for real time; a slow model can make it slower."""
        return self._requested_speed

    @requested_speed.setter
    def requested_speed(self, speed: float) -> None:
        self._requested_speed = speed
        self._measured_speed.clear()
        if (capture := self._capture) and not self.measuring_all:
            capture.speed = speed

    @property
    def speed(self) -> float | None:
        """Speed of a playing recording, 1.0 for real time; None for live sources, pauses and photographs."""
        return self._measured_speed.value()

    @property
    def capture_fps(self) -> float:
        """Captured frames a second."""
        return self._capture.fps if self._capture else 0.0

    @property
    def dropped(self) -> int:
        """Number of frames of a live source that were replaced by newer ones before they were processed."""
        return self._capture.dropped if self._capture else 0

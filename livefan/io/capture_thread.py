"""Read a source in a thread: the newest frame of a live source, every frame of a recording."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from livefan.core.arguments import checked_type
from livefan.core.errors import LivefanError
from livefan.core.frame import Frame
from livefan.core.rates import RateMeter
from livefan.io.live_source import LiveSource
from livefan.io.playback_clock import PlaybackClock
from livefan.io.source import DEFAULT_FPS, Source

FRAMES_AHEAD = 8
"""Frames of a recording that are decoded ahead of the reader; of photographs, which are large, one."""
JOIN_S = 0.8
FPS_WINDOW_S = 1.0
_WAIT_S = 0.5  # on Windows, Ctrl+C does not interrupt a wait; so waits are short and repeated


@dataclass(frozen=True)
class _Jump:
    """A request to go to the frame shown at a time, or to the frame before that time."""

    seconds: float
    before: bool = False


class CaptureThread:
    """Reads a source in the background; :meth:`get` returns its frames, to one thread.

    Of a live source only the newest frame is kept. A frame that nobody took is replaced and counted in
    ``dropped``, so that frames are never old. A recording is decoded a few frames ahead, and every frame is
    returned in order.

    Args:
        source: the source to read; this thread closes it at the end.
        paced: return the frames of a recording at their own times; otherwise as fast as they are taken. A
            slow reader delays playback, which does not hurry afterwards.
        hold_at_end: stay at the end of a recording, so that it can be played again.
        on_status: called from the reading thread with each new :attr:`status` of a live source.

    Attributes:
        dropped: number of frames of a live source that were replaced before anyone took them.
        loop: whether a recording starts again at its end.
        restarted: whether a recording has started again at its end.
        epoch: of the last frame returned by :meth:`get`; rises when frames do not follow each other.
        position: ``source_time`` of the last frame returned by :meth:`get`.
        error: the failure that ended the reading; raised by :meth:`get` after the last frame.

    Examples:
        >>> import livefan
        >>> with livefan.CaptureThread(livefan.open_source("clip.mp4"), paced=False) as capture:
        ...     print([frame.index for frame in capture])
        [0, 1, 2]
    """

    def __init__(
        self,
        source: Source,
        *,
        paced: bool = True,
        hold_at_end: bool = False,
        on_status: Callable[[str], None] | None = None,
    ) -> None:
        checked_type("source", source, Source)
        self.source = source
        self.dropped = 0
        self.epoch = 0
        self.position = 0.0
        self.loop = False
        self.restarted = False
        self.error: LivefanError | None = None
        self._hold_at_end = hold_at_end and not source.live
        self._max_waiting = 1 if source.photographs else FRAMES_AHEAD
        self._frames: deque[tuple[Frame, int]] = deque()  # each with its epoch
        self._changed = threading.Condition()
        self._stopping = False
        self._at_source_end = False  # the source has no further frame
        self._ended = False
        self._paused = False
        self._release_one = False  # return the next frame at once, paused or not
        self._jump: _Jump | None = None
        self._read_epoch = 0
        self._taken_at = 0.0  # perf_counter of the last frame returned
        self._clock = PlaybackClock() if paced and not source.live else None
        self._arrivals = RateMeter(FPS_WINDOW_S)
        self._thread = threading.Thread(target=self._run, name=f"capture {source.name}", daemon=True)
        if isinstance(source, LiveSource):
            source.on_status = on_status

    def start(self) -> None:
        """Start reading."""
        self._thread.start()

    def stop(self) -> None:
        """Stop reading, within a second; a device that blocks is released when its call returns."""
        with self._changed:
            self._stopping = True
            self._frames.clear()
            self._changed.notify_all()
        self.source.close()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(JOIN_S)

    def get(self, timeout: float | None = None) -> Frame | None:
        """Return the next frame, after waiting for at most ``timeout`` seconds (None: no limit).

        Returns:
            The frame; None after the time limit, or if no frame will follow; :attr:`finished` tells which.

        Raises:
            LivefanError: if the source failed, after its last frame was returned.
        """
        until = None if timeout is None else time.perf_counter() + timeout
        with self._changed:
            while not self.finished:
                now = time.perf_counter()
                due = self._due(now)
                if due is not None and due <= now:
                    return self._take(now)
                waits = [_WAIT_S] + [at - now for at in (due, until) if at is not None]
                if until is not None and until <= now:
                    return None
                self._changed.wait(max(min(waits), 0.0))
            if self.error is not None and not self._stopping:
                raise self.error
            return None

    @property
    def finished(self) -> bool:
        """Whether no frame will follow."""
        return self._stopping or (self._ended and not self._frames)

    @property
    def at_end(self) -> bool:
        """Whether a recording is held at its end: its last frame has been returned."""
        return self._hold_at_end and self._at_source_end and not self._frames and self._jump is None

    @property
    def status(self) -> str:
        """The state to show to the user, such as a lost camera, in one line; empty in normal operation."""
        return self.source.status

    @property
    def fps(self) -> float:
        """Frames a second over the last second: captured if live, returned if recorded; 0 if none."""
        return self._arrivals.rate()

    @property
    def duration(self) -> float | None:
        """Duration of a recording in seconds; None if unknown."""
        return self.source.duration

    @property
    def seekable(self) -> bool:
        """Whether :meth:`seek` and :meth:`step` have an effect."""
        return self.source.seekable

    @property
    def paused(self) -> bool:
        """Whether a recording is paused; set it to pause and to continue, at the end from the start.

        A live source cannot be paused.
        """
        return self._paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        if not paused and self.at_end:
            self.seek(0.0)
        with self._changed:
            self._paused = paused and not self.source.live
            if self._clock is not None:
                self._clock.reset()
            self._changed.notify_all()

    @property
    def speed(self) -> float:
        """Speed of a paced recording, 1.0 for real time; live sources always have real time."""
        return self._clock.speed if self._clock is not None else 1.0

    @speed.setter
    def speed(self, speed: float) -> None:
        if self._clock is None:
            return
        with self._changed:
            self._clock.speed = speed
            self._clock.reset()
            self._changed.notify_all()

    def seek(self, seconds: float) -> None:
        """Go to the frame shown at a time, and return it at once, paused or not."""
        self._request(_Jump(seconds))

    def step(self, frames: int) -> None:
        """Pause the recording, and return the next frame (1) or the frame before the last one (-1)."""
        if not self.seekable:
            return
        with self._changed:
            self._paused = True
            self._release_one = frames > 0
            self._changed.notify_all()
        if frames < 0:
            self._request(_Jump(self.position, before=True))

    def _request(self, jump: _Jump) -> None:
        if not self.seekable:
            return
        with self._changed:
            self._jump = jump
            self._frames.clear()
            self._at_source_end = False
            self._release_one = True
            self._changed.notify_all()

    def _due(self, now: float) -> float | None:
        """Return when the first waiting frame is due, in ``perf_counter`` seconds; None if none waits."""
        if not self._frames or (self._paused and not self._release_one):
            return None
        if self._clock is None:
            return now
        if self._release_one:
            self._clock.reset()
        frame, epoch = self._frames[0]
        if epoch != self.epoch and not self._release_one:
            # After a restart: the last frame stays for its own time, also if it is the only one.
            now = max(now, self._taken_at + 1 / (self.source.fps or DEFAULT_FPS) / self._clock.speed)
        return self._clock.due(frame.source_time, epoch, now)

    def _take(self, now: float) -> Frame:
        frame, self.epoch = self._frames.popleft()
        self._release_one = False
        self._taken_at = now
        self.position = frame.source_time
        if not self.source.live:
            frame = dataclasses.replace(frame, captured_at=now)
            self._arrivals.tick()
        self._changed.notify_all()
        return frame

    def _run(self) -> None:
        """Read until the end; whatever ends the thread, :meth:`get` learns of it."""
        failure: BaseException | None = None
        try:
            try:
                self._read_all()
            finally:
                self.source.close()
        except BaseException as error:  # the reader must not wait for ever
            failure = error
        with self._changed:
            self.error = None if failure is None else self._as_livefan_error(failure)
            self._ended = True
            self._changed.notify_all()

    def _as_livefan_error(self, failure: BaseException) -> LivefanError:
        if isinstance(failure, LivefanError):
            return failure
        reason = str(failure) or type(failure).__name__
        error = LivefanError(f"{self.source.name}: reading failed ({reason}); open it again")
        error.__cause__ = failure
        return error

    def _read_all(self) -> None:
        while not self._stopping:
            self._follow_jump()
            frame = self.source.read()
            if frame is not None:
                self._put(frame)
            elif not self._continues():
                break

    def _follow_jump(self) -> None:
        with self._changed:
            jump, self._jump = self._jump, None
            if jump is None:
                return
            self._read_epoch += 1
        if jump.before:
            self.source.seek_before(jump.seconds)
        else:
            self.source.seek(jump.seconds)

    def _continues(self) -> bool:
        """At the end of the source, start again, wait for a jump, or return False to end."""
        with self._changed:
            if self._hold_at_end and not self._loops():
                self._at_source_end = True
                self._changed.notify_all()
                while self._jump is None and not self._stopping and not self._loops():
                    self._changed.wait(_WAIT_S)
                self._at_source_end = False
            if self._jump is not None:
                return True
            if not self._loops() or self._stopping:
                return False
            self._read_epoch += 1
            self.restarted = True
        self.source.seek(0.0)
        return True

    def _loops(self) -> bool:
        return self.loop and self.seekable

    def _put(self, frame: Frame) -> None:
        """Add a frame for the reader, once there is room; drop it on a jump or a stop."""
        with self._changed:
            if self.source.live:
                self.dropped += len(self._frames)
                self._frames.clear()
                self._arrivals.tick()
            while len(self._frames) >= self._max_waiting and not self._stopping and self._jump is None:
                self._changed.wait()
            if not self._stopping and self._jump is None:
                self._frames.append((frame, self._read_epoch))
                self._changed.notify_all()

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames until the end."""
        while (frame := self.get()) is not None:
            yield frame

    def __enter__(self) -> CaptureThread:
        """Start reading."""
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop reading."""
        self.stop()

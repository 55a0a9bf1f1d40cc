"""Opens a source and reads it in a thread: the newest frame of a live one, every frame of a recording."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType

from livefan.core.errors import LivefanError
from livefan.core.frame import Frame
from livefan.core.rates import RateMeter
from livefan.io.live_source import LiveSource
from livefan.io.source import Source

AHEAD = 8
"""How many frames of a recording are decoded ahead of the reader; of photographs, which are large, one."""
LATE_S = 0.1
"""A reader that is late by less than this is let catch up; beyond it, the playback clock is set back."""
JOIN_S = 0.8
FPS_WINDOW_S = 1.0
_WAIT_S = 0.5  # on Windows, Ctrl+C does not interrupt a wait; so waits are short and repeated


@dataclass(frozen=True)
class _Jump:
    """Where a recording is to go on: at the frame shown at a time, or at the one before it."""

    seconds: float
    before: bool = False


class CaptureThread:
    """Reads a source in the background; :meth:`get` hands out its frames, from one thread.

    A live source leaves its newest frame: one that nobody took is replaced and counted in
    ``dropped``, so nobody ever sees an old one. A recorded source is decoded a few frames ahead,
    and each of its frames is handed out in order.

    Args:
        source: what to read; closed by this thread at its end.
        paced: hand out the frames of a recording at their own times, else as fast as they are taken.
            A slow reader makes playback late, and it does not hurry afterwards.
        hold_at_end: at the end of a recording stay there, so that it can be moved in or played again.
        on_status: called with each new :attr:`status` of a live source, from the reading thread.

    Attributes:
        dropped: how many frames of a live source were replaced before anyone took them.
        loop: whether a recording goes on from its start at its end.
        epoch: of the frame that :meth:`get` returned last; rises whenever frames do not follow on each other.
        position: ``source_time`` of the frame that :meth:`get` returned last.
        error: what ended the reading, if it failed; raised by :meth:`get` after the last frame.
    """

    def __init__(
        self,
        source: Source,
        *,
        paced: bool = True,
        hold_at_end: bool = False,
        on_status: Callable[[str], None] | None = None,
    ) -> None:
        """Prepare; nothing is read before :meth:`start`."""
        self.source = source
        self.dropped = 0
        self.epoch = 0
        self.position = 0.0
        self.loop = False
        self.error: LivefanError | None = None
        self._paced = paced and not source.live
        self._hold_at_end = hold_at_end and not source.live
        self._ahead = 1 if source.photographs else AHEAD
        self._frames: deque[tuple[Frame, int]] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._read_out = False  # the source has no further frame
        self._ended = False
        self._paused = False
        self._single = False  # the next frame is handed out at once, paused or not
        self._jump: _Jump | None = None
        self._read_epoch = 0
        self._origin: float | None = None  # perf_counter at which source time 0 is due
        self._origin_epoch = 0
        self._arrivals = RateMeter(FPS_WINDOW_S)
        self._thread = threading.Thread(target=self._run, name=f"capture {source.name}", daemon=True)
        if isinstance(source, LiveSource):
            source.on_status = on_status

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End it, within a second even if a device blocks; it is then released when it returns."""
        with self._changed:
            self._stopping = True
            self._frames.clear()
            self._changed.notify_all()
        self.source.close()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(JOIN_S)

    def get(self, timeout: float | None = None) -> Frame | None:
        """The next frame, after waiting for it up to ``timeout`` seconds (None: as long as it takes).

        Returns:
            None if the time is up or no frame is left to come; :attr:`finished` tells which.

        Raises:
            LivefanError: if the source failed, once its last frame has been taken.
        """
        until = None if timeout is None else time.perf_counter() + timeout
        with self._changed:
            while not self.finished:
                now = time.perf_counter()
                due = self._due(now)
                if due is not None and due <= now:
                    return self._release(now)
                waits = [_WAIT_S] + [at - now for at in (due, until) if at is not None]
                if until is not None and until <= now:
                    return None
                self._changed.wait(max(min(waits), 0.0))
            if self.error is not None and not self._stopping:
                raise self.error
            return None

    @property
    def finished(self) -> bool:
        """Whether no frame is left to come."""
        return self._stopping or (self._ended and not self._frames)

    @property
    def at_end(self) -> bool:
        """Whether a recording is held at its end: its last frame has been handed out."""
        return self._hold_at_end and self._read_out and not self._frames and self._jump is None

    @property
    def status(self) -> str:
        """What a user should know now, one line: that a camera is lost, say; empty while all is well."""
        return self.source.status

    @property
    def fps(self) -> float:
        """Frames a second over the last second: as captured if live, as handed out if recorded; 0 if none."""
        return self._arrivals.rate()

    @property
    def duration(self) -> float | None:
        """Length of a recording in seconds, where known."""
        return self.source.duration

    @property
    def seekable(self) -> bool:
        """Whether :meth:`seek` and :meth:`step` have an effect."""
        return self.source.seekable

    @property
    def paused(self) -> bool:
        """Whether a recording is held; set it to hold and to go on, at its end from its start.

        A live source cannot be held.
        """
        return self._paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        if not paused and self.at_end:
            self.seek(0.0)
        with self._changed:
            self._paused = paused and not self.source.live
            self._origin = None
            self._changed.notify_all()

    def seek(self, seconds: float) -> None:
        """Go to the frame shown at a time, and hand it out at once, paused or not."""
        self._go(_Jump(seconds))

    def step(self, frames: int) -> None:
        """Hold the recording, and hand out the next frame (1) or the one before the last (-1)."""
        if not self.seekable:
            return
        with self._changed:
            self._paused = True
            self._single = frames > 0
            self._changed.notify_all()
        if frames < 0:
            self._go(_Jump(self.position, before=True))

    def _go(self, jump: _Jump) -> None:
        if not self.seekable:
            return
        with self._changed:
            self._jump = jump
            self._frames.clear()
            self._read_out = False
            self._single = True
            self._changed.notify_all()

    def _due(self, now: float) -> float | None:
        """When the first frame in line is due, in ``perf_counter`` seconds; None if none is in line."""
        if not self._frames or (self._paused and not self._single):
            return None
        if not self._paced:
            return now
        frame, epoch = self._frames[0]
        at = frame.source_time
        late = self._origin is not None and now - (self._origin + at) > LATE_S
        if self._origin is None or late or self._single or epoch != self._origin_epoch:
            self._origin, self._origin_epoch = now - at, epoch
        return self._origin + at

    def _release(self, now: float) -> Frame:
        frame, self.epoch = self._frames.popleft()
        self._single = False
        self.position = frame.source_time
        if not self.source.live:
            frame = dataclasses.replace(frame, captured_at=now)
            self._arrivals.tick()
        self._changed.notify_all()
        return frame

    def _run(self) -> None:
        error = None
        try:
            while not self._stopping:
                self._follow_jump()
                frame = self.source.read()
                if frame is not None:
                    self._put(frame)
                elif not self._goes_on():
                    break
        except LivefanError as failure:
            error = failure
        except Exception as failure:  # whatever it was, the reader has to learn that it is over
            error = LivefanError(f"{self.source.name}: reading failed ({failure}); open it again")
            error.__cause__ = failure
        finally:
            self.source.close()
            with self._changed:
                self.error = error
                self._ended = True
                self._changed.notify_all()

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

    def _goes_on(self) -> bool:
        """What to do where the source has no further frame: begin anew, wait to be moved, or end."""
        with self._changed:
            if self._hold_at_end and not self._may_loop():
                self._read_out = True
                self._changed.notify_all()
                while self._jump is None and not self._stopping and not self._may_loop():
                    self._changed.wait(_WAIT_S)
                self._read_out = False
            if self._jump is not None:
                return True
            if not self._may_loop() or self._stopping:
                return False
            self._read_epoch += 1
        self.source.seek(0.0)
        return True

    def _may_loop(self) -> bool:
        return self.loop and self.seekable

    def _put(self, frame: Frame) -> None:
        """Leave a frame for the reader, once there is room; a jump or a stop makes it void."""
        with self._changed:
            if self.source.live:
                self.dropped += len(self._frames)
                self._frames.clear()
                self._arrivals.tick()
            while len(self._frames) >= self._ahead and not self._stopping and self._jump is None:
                self._changed.wait()
            if not self._stopping and self._jump is None:
                self._frames.append((frame, self._read_epoch))
                self._changed.notify_all()

    def __iter__(self) -> Iterator[Frame]:
        """Frames until the end."""
        while (frame := self.get()) is not None:
            yield frame

    def __enter__(self) -> CaptureThread:
        """Begin to read."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.stop()

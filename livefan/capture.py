"""Opens a source and reads it in a thread: the newest frame of a live one, every frame of a recording."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from livefan.errors import LivefanError
from livefan.frame import Frame
from livefan.live_sources import (
    Camera,
    CameraInfo,
    LiveSource,
    camera_index,
    is_url,
    list_cameras,
    open_url,
    public_name,
)
from livefan.sources import (
    IMAGE_SUFFIXES,
    ImageSource,
    Source,
    VideoSource,
    images_in,
    images_numbered,
    is_image_pattern,
)

__all__ = [
    "CameraInfo",
    "CaptureThread",
    "Source",
    "camera_index",
    "display_name",
    "list_cameras",
    "open_source",
]

AHEAD = 8
"""How many frames of a recording are decoded ahead of the reader."""
LATE_S = 0.1
"""A reader that is late by less than this is let catch up; beyond it, the playback clock is set back."""
JOIN_S = 0.8
FPS_WINDOW_S = 1.0
_WAIT_S = 0.5  # on Windows, Ctrl+C does not interrupt a wait; so waits are short and repeated


def open_source(spec: str | int | Path, *, size: tuple[int, int] | None = None) -> Source:
    """Open what ``spec`` names.

    Args:
        spec: a camera's number (``0`` or ``"0"``) or device (``/dev/video0``), the address of a
            stream, or a video file, an image or a folder of images. A file whose name is a number
            is reached as ``./0``, or as a :class:`~pathlib.Path`.
        size: width and height in pixels to ask of a camera; the others keep their own.

    Raises:
        LivefanError: if it does not exist or cannot be read.
    """
    if isinstance(spec, int):
        return Camera(spec, size)
    if isinstance(spec, str) and is_url(spec):
        return open_url(spec)
    index = camera_index(spec)
    if index is not None:
        return Camera(index, size)
    if not str(spec).strip():
        raise LivefanError("no source given; name a camera, a stream, a video, an image or a folder")
    path = Path(spec).expanduser()
    return _open_recorded(path)


def _open_recorded(path: Path) -> Source:
    if path.is_dir():
        return ImageSource(images_in(path), path.name or str(path))
    if not path.exists() and is_image_pattern(path):
        return ImageSource(images_numbered(path), path.name)
    if not path.exists():
        raise LivefanError(f"{path}: no such file or folder; check the path")
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return ImageSource([path], path.name)
    return VideoSource(f"file:{path}", path.name)


def display_name(spec: str | int | Path) -> str:
    """What to call a source before a user: an address without its password, else as it was given."""
    return public_name(spec) if isinstance(spec, str) and is_url(spec) else str(spec)


class CaptureThread:
    """Reads a source in the background; :meth:`get` hands out its frames, from one thread.

    A live source leaves its newest frame: one that nobody took is replaced and counted in
    ``dropped``, so nobody ever sees an old one. A recorded source is decoded a few frames ahead,
    and each of its frames is handed out in order.

    Args:
        source: what to read; closed by this thread at its end.
        paced: hand out the frames of a recording at their own times, else as fast as they are taken.
            A slow reader makes playback late, and it does not hurry afterwards.
        on_status: called with each new :attr:`status` of a live source, from the reading thread.

    Attributes:
        dropped: how many frames of a live source were replaced before anyone took them.
        error: what ended the reading, if it failed; raised by :meth:`get` after the last frame.
    """

    def __init__(
        self, source: Source, *, paced: bool = True, on_status: Callable[[str], None] | None = None
    ) -> None:
        """Prepare; nothing is read before :meth:`start`."""
        self.source = source
        self.dropped = 0
        self.error: LivefanError | None = None
        self._paced = paced and not source.live
        self._frames: deque[Frame] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._ended = False
        self._paused = False
        self._origin: float | None = None  # perf_counter at which source time 0 is due
        self._arrivals: deque[float] = deque()
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
    def status(self) -> str:
        """What a user should know now, one line: that a camera is lost, say; empty while all is well."""
        return self.source.status

    @property
    def fps(self) -> float:
        """Frames a second over the last second: as captured if live, as handed out if recorded; 0 if none."""
        with self._changed:
            self._forget_arrivals(time.perf_counter())
            if len(self._arrivals) < 2 or self._arrivals[-1] <= self._arrivals[0]:
                return 0.0
            return (len(self._arrivals) - 1) / (self._arrivals[-1] - self._arrivals[0])

    @property
    def paused(self) -> bool:
        """Whether a recording is held; set it to hold and to go on. A live source cannot be held."""
        return self._paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        with self._changed:
            self._paused = paused and not self.source.live
            self._origin = None
            self._changed.notify_all()

    def _due(self, now: float) -> float | None:
        """When the first frame in line is due, in ``perf_counter`` seconds; None if none is in line."""
        if not self._frames or self._paused:
            return None
        if not self._paced:
            return now
        at = self._frames[0].source_time
        if self._origin is None or now - (self._origin + at) > LATE_S:
            self._origin = now - at
        return self._origin + at

    def _release(self, now: float) -> Frame:
        frame = self._frames.popleft()
        if not self.source.live:
            frame = dataclasses.replace(frame, captured_at=now)
            self._arrivals.append(now)
            self._forget_arrivals(now)
        self._changed.notify_all()
        return frame

    def _forget_arrivals(self, now: float) -> None:
        while self._arrivals and self._arrivals[0] < now - FPS_WINDOW_S:
            self._arrivals.popleft()

    def _run(self) -> None:
        error = None
        try:
            for frame in self.source:
                if not self._put(frame):
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

    def _put(self, frame: Frame) -> bool:
        """Leave a frame for the reader; False if there is none any more."""
        with self._changed:
            if self.source.live:
                self.dropped += len(self._frames)
                self._frames.clear()
                self._arrivals.append(frame.captured_at)
                self._forget_arrivals(frame.captured_at)
            while len(self._frames) >= AHEAD and not self._stopping:
                self._changed.wait()
            if self._stopping:
                return False
            self._frames.append(frame)
            self._changed.notify_all()
            return True

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

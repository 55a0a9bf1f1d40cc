"""The base class of all sources of frames."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

from livefan.core.errors import LivefanError
from livefan.core.frame import Frame

DEFAULT_FPS = 25.0
"""Frame rate assumed for folders of images, and for videos that state none."""

PHOTOGRAPH_SECONDS = 2
"""Seconds for which each of several photographs is shown."""

SAME_INSTANT = 1e-6
"""Two times closer than this, in seconds or frames, count as equal."""


@contextmanager
def one_line_errors(name: object) -> Iterator[None]:
    """Turn any error of a decoder into one line that names the source.

    Decoders raise errors of many types for damaged or unusual files.

    Raises:
        LivefanError: instead of another error in the block.
    """
    try:
        yield
    except LivefanError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise LivefanError(f"{name}: reading failed ({reason}); open it again, or convert it") from error


class Source(ABC):
    """A sequence of frames, to be iterated over once and closed; a context manager.

    A subclass implements :meth:`_read_frame`, and where it applies :meth:`_seek` and :meth:`_release`. The
    three never run at the same time.

    Attributes:
        name: name to show to the user.
        live: whether frames arrive on their own, as from a camera or a stream.
        fps: average frames per second; None if unknown.
        n_frames: number of frames; None if unknown; an estimate if the file states only its duration.
        size: width and height of the first frame in pixels, after rotation.
        duration: seconds; None if unknown.
        seekable: whether :meth:`seek` has an effect.
        time_base: of a recording, the unit of its timestamps in seconds.
        rate_assumed: whether the times of the frames are assumed, because the recording states none.
        end: of a recording, the time in seconds at which its last frame ends, on the same clock as its
            timestamps; known after the last frame, None if unknown.
        clock_start: of a recording, the reading of the file's own clock at timestamp zero, in seconds. Only
            MPEG streams have another value than zero.
        pixel_aspect: width of a pixel over its height, after rotation.
        colour_tagged: whether a recording states how its colours are coded.
        photographs: whether the frames are independent photographs.
        warnings: problems that did not stop the reading, one line each; complete after the last frame.
        status: the state to show to the user, one line; empty in normal operation.
    """

    def __init__(self, name: str, *, live: bool = False) -> None:
        self.name = name
        self.live = live
        self.fps: float | None = None
        self.n_frames: int | None = None
        self.size = (0, 0)
        self.duration: float | None = None
        self.seekable = False
        self.time_base = Fraction(1, round(DEFAULT_FPS))
        self.rate_assumed = False
        self.end: Fraction | None = None
        self.clock_start = Fraction(0)
        self.pixel_aspect = Fraction(1)
        self.colour_tagged = False
        self.photographs = False
        self.warnings: list[str] = []
        self.status = ""
        self._closing = threading.Event()
        self._in_use = threading.Lock()

    def read(self) -> Frame | None:
        """Return the next frame, or None at the end or once closed; one thread at a time.

        Raises:
            LivefanError: if reading fails for good.
        """
        with self._use() as is_open, one_line_errors(self.name):
            frame = self._read_frame() if is_open else None
        return None if self._closing.is_set() else frame

    def seek(self, seconds: float) -> None:
        """Move to the frame that is shown at a time: the last one whose ``source_time`` is not after it.

        Raises:
            LivefanError: if the source can no longer be read.
        """
        self._move(seconds, before=False)

    def seek_before(self, seconds: float) -> None:
        """Move to the last frame whose ``source_time`` is before a time; to the first, if there is none.

        Raises:
            LivefanError: if the source can no longer be read.
        """
        self._move(seconds, before=True)

    def _move(self, seconds: float, *, before: bool) -> None:
        with self._use() as is_open:
            if self.seekable and is_open:
                with one_line_errors(self.name):
                    self._seek(seconds, before=before)

    def close(self) -> None:
        """Close the source, from any thread and any number of times, without waiting.

        Files and devices are never released during a read or seek in another thread; that thread releases
        them as soon as its call returns.
        """
        self._closing.set()
        if self._in_use.acquire(blocking=False):
            try:
                self._release()
            finally:
                self._in_use.release()

    @contextmanager
    def _use(self) -> Iterator[bool]:
        """Hold the source and yield whether it is open; release it if it was closed in the meantime."""
        try:
            with self._in_use:
                yield not self._closing.is_set()
        finally:
            if self._closing.is_set():
                self.close()

    @abstractmethod
    def _read_frame(self) -> Frame | None:
        """Return the next frame, or None at the end."""

    def _seek(self, seconds: float, *, before: bool) -> None:
        """Do the work of :meth:`seek`, or with ``before`` that of :meth:`seek_before`."""
        raise NotImplementedError

    def _release(self) -> None:  # noqa: B027  # a source may hold no file or device
        """Release files and devices; may be called more than once."""

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames until the end."""
        while (frame := self.read()) is not None:
            yield frame

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

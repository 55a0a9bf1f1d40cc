"""io.source."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from types import TracebackType

from livefan.core.frame import Frame

IMAGES_PER_SECOND = 25.0
"""Rate given to a folder of images, which has none of its own: an assumption, that of most test sets."""

PHOTOGRAPH_SECONDS = 2
"""How long each photograph is shown, when one is shown after the other."""


class Source(ABC):
    """A sequence of frames; iterate over it once, and close it.

    Attributes:
        name: what to call it before a user.
        live: whether it goes on by itself, whoever reads it (a camera, a stream).
        fps: average frames per second, where known.
        n_frames: how many frames it has, where known; an estimate if the file tells only its length.
        size: width and height of its first frame in pixels, as shown (after rotation).
        duration: length in seconds, where known.
        seekable: whether :meth:`seek` may be called.
        time_base: of a recording, the unit of its timestamps in seconds.
        clock_start: of a recording, what its timestamps are counted from on the file's own clock, in
            seconds. Zero but for MPEG streams, whose clocks begin anywhere.
        pixel_aspect: width of a pixel over its height, as shown (after rotation).
        colour_tagged: whether a recording says how its colours are coded.
        photographs: whether its frames have nothing to do with each other.
        warnings: what went wrong without stopping it, one line each; complete after the end.
        status: what a user should know now, one line; empty while all is well.
    """

    def __init__(self, name: str, *, live: bool = False) -> None:
        """Name it."""
        self.name = name
        self.live = live
        self.fps: float | None = None
        self.n_frames: int | None = None
        self.size = (0, 0)
        self.duration: float | None = None
        self.seekable = False
        self.time_base = Fraction(1, round(IMAGES_PER_SECOND))
        self.clock_start = Fraction(0)
        self.pixel_aspect = Fraction(1)
        self.colour_tagged = False
        self.photographs = False
        self.warnings: list[str] = []
        self.status = ""
        self._closing = threading.Event()
        self._in_use = threading.Lock()

    def read(self) -> Frame | None:
        """The next frame, or None at the end or once closed; one thread at a time.

        Raises:
            LivefanError: if it fails for good.
        """
        with self._in_use:
            frame = None if self._closing.is_set() else self._next()
        if self._closing.is_set():
            self.close()
            return None
        return frame

    def seek(self, seconds: float) -> None:
        """Go to the frame that is shown at a time: the last one whose ``source_time`` is not after it.

        Raises:
            LivefanError: if the source cannot be read any more.
        """
        with self._in_use:
            if self.seekable and not self._closing.is_set():
                self._go(seconds, before=False)

    def seek_before(self, seconds: float) -> None:
        """Go to the last frame whose ``source_time`` is before a time; the first, if there is none.

        Raises:
            LivefanError: if the source cannot be read any more.
        """
        with self._in_use:
            if self.seekable and not self._closing.is_set():
                self._go(seconds, before=True)

    def _go(self, seconds: float, *, before: bool) -> None:
        """What :meth:`seek` does, and with ``before`` :meth:`seek_before`."""
        raise NotImplementedError

    def close(self) -> None:
        """End it, from any thread and any number of times, without waiting.

        A device is never taken from under a read: a read in progress releases it when it returns.
        """
        self._closing.set()
        if self._in_use.acquire(blocking=False):
            try:
                self._release()
            finally:
                self._in_use.release()

    @abstractmethod
    def _next(self) -> Frame | None:
        """The next frame or None at the end; never runs at the same time as ``_release``."""

    def _release(self) -> None:  # noqa: B027  # a source may hold nothing
        """Let go of files and devices; may be called more than once."""

    def __iter__(self) -> Iterator[Frame]:
        """Frames until the end."""
        while (frame := self.read()) is not None:
            yield frame

    def __enter__(self) -> Source:
        """The source itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

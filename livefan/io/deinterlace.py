"""Remove the comb of interlacing from decoded pictures."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import av.error
from av.filter import Graph
from av.video.frame import VideoFrame

_FILTER = "mode=send_frame:deint=interlaced"


def deinterlaced(pictures: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    """Yield decoded pictures without the comb of interlacing; number and timestamps stay the same.

    From the first picture marked as interlaced on, FFmpeg's filter bwdif interpolates the rows of one field
    from the other field and from neighbouring pictures. Unmarked pictures pass unchanged.

    Raises:
        av.error.FFmpegError: if the filter fails.
    """
    deinterlacer: _Deinterlacer | None = None
    for picture in pictures:
        if deinterlacer is not None and not deinterlacer.accepts(picture):
            yield from deinterlacer.finish()
            deinterlacer = None
        if deinterlacer is None and picture.interlaced_frame:
            deinterlacer = _Deinterlacer(picture)
        if deinterlacer is None:
            yield picture
        else:
            yield from deinterlacer.add(picture)
    if deinterlacer is not None:
        yield from deinterlacer.finish()


class _Deinterlacer:
    """The filter for pictures of one size and pixel format."""

    def __init__(self, picture: VideoFrame) -> None:
        self._format = _format(picture)
        # The filter changes the unit of time; each picture gets its own timestamp back.
        self._times: deque[tuple[int | None, Fraction | None, int]] = deque()
        self._graph = Graph()
        source = self._graph.add_buffer(
            width=picture.width,
            height=picture.height,
            format=picture.format,
            time_base=picture.time_base or Fraction(1, 1000),
        )
        filtered, sink = self._graph.add("bwdif", _FILTER), self._graph.add("buffersink")
        source.link_to(filtered)
        filtered.link_to(sink)
        self._graph.configure()

    def accepts(self, picture: VideoFrame) -> bool:
        """Return whether a picture has the size and pixel format of this filter."""
        return _format(picture) == self._format

    def add(self, picture: VideoFrame) -> Iterator[VideoFrame]:
        """Add the next picture, and yield the pictures that are finished."""
        self._times.append((picture.pts, picture.time_base, picture.duration))
        self._graph.push(picture)
        return self._finished()

    def finish(self) -> Iterator[VideoFrame]:
        """Yield the remaining pictures."""
        self._graph.push(None)
        return self._finished()

    def _finished(self) -> Iterator[VideoFrame]:
        while True:
            try:
                picture: Any = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            picture.pts, picture.time_base, picture.duration = self._times.popleft()
            yield picture


def _format(picture: VideoFrame) -> tuple[int, int, str]:
    return picture.width, picture.height, picture.format.name

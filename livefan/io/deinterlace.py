"""Makes whole pictures of those whose odd and even rows were taken one after the other."""

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
    """Decoded pictures, as many as there were and at their times, without the comb of interlacing.

    From the first picture that is marked as interlaced on, FFmpeg's filter bwdif makes the rows of one half
    anew from the other and its neighbours in time; pictures that are not marked pass as they are.
    """
    weaver: _Weaver | None = None
    for picture in pictures:
        if weaver is not None and not weaver.takes(picture):
            yield from weaver.finish()
            weaver = None
        if weaver is None and picture.interlaced_frame:
            weaver = _Weaver(picture)
        if weaver is None:
            yield picture
        else:
            yield from weaver.add(picture)
    if weaver is not None:
        yield from weaver.finish()


class _Weaver:
    """The filter for pictures of one size and format."""

    def __init__(self, picture: VideoFrame) -> None:
        self._kind = _kind(picture)
        # The filter counts time in units of its own; each picture gets back what it came with.
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

    def takes(self, picture: VideoFrame) -> bool:
        """Whether a picture is of the size and format that it was made for."""
        return _kind(picture) == self._kind

    def add(self, picture: VideoFrame) -> Iterator[VideoFrame]:
        """Take the next picture; those that are finished."""
        self._times.append((picture.pts, picture.time_base, picture.duration))
        self._graph.push(picture)
        return self._finished()

    def finish(self) -> Iterator[VideoFrame]:
        """The last pictures."""
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


def _kind(picture: VideoFrame) -> tuple[int, int, str]:
    return picture.width, picture.height, picture.format.name

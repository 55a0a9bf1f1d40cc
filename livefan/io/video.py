"""Read every frame of a video file at its presentation time, and seek in it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction

import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame

from livefan.core.errors import LivefanError
from livefan.core.frame import Damage, Frame
from livefan.io.container import (
    DECODING_TIMES_ALONE,
    DURATION_FROM_ZERO,
    clock_start,
    frame_rate,
    named_errors,
    open_container,
    set_decoder_threads,
    stated_frames,
    stated_seconds,
    states_rate,
    video_stream,
)
from livefan.io.decode import DecodingLosses, decode
from livefan.io.deinterlace import deinterlaced
from livefan.io.source import DEFAULT_FPS, SAME_INSTANT, Source
from livefan.io.timestamps import TimestampClock
from livefan.io.upright import upright_bgr

# fmt: off
RECORDING_SUFFIXES = frozenset({
    ".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".gif", ".h264", ".h265", ".hevc",
    ".ivf", ".m1v", ".m2ts", ".m2v", ".m4v", ".mj2", ".mjpeg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg",
    ".mts", ".mxf", ".nut", ".obu", ".ogg", ".ogm", ".ogv", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv",
    ".y4m",
})
# fmt: on
"""Suffixes by which files of a folder count as videos; a file given by its own path may have any suffix."""
_COLOUR_UNKNOWN = 2  # ISO/IEC 23091-2, MatrixCoefficients
_DEFAULT_TICKS = 90_000  # a second, where a recording states no time base


@dataclass(frozen=True)
class _TimedPicture:
    """A decoded picture and its timestamp, in ticks and in seconds after the first picture."""

    picture: VideoFrame
    tick: int
    seconds: float
    damage: Damage


class VideoSource(Source):
    """Every frame of a video in order, upright, its source time counted from the first frame.

    Damaged packets are skipped; ``warnings`` states the losses after the last frame.

    Args:
        location: FFmpeg's name of the video: ``file:`` and a path, or an address.
        name: name to show to the user.
        container: the opened location; None to open it here.

    Attributes:
        location: FFmpeg's name of the video.

    Raises:
        LivefanError: if no frame can be read.
    """

    def __init__(self, location: str, name: str, container: InputContainer | None = None) -> None:
        super().__init__(name)
        self.location = location
        self._container = container or open_container(location, name)
        try:
            with self._named_errors():
                self._read_header()
                self._losses = DecodingLosses()
                self._next_index = 0
                self._has_seeked = False
                self._first_tick: int | None = None
                self._frames = self._as_frames(self._timed_pictures())
                self._ahead = next(self._frames, None)
            if self._ahead is None:
                raise LivefanError(f"{name}: no frame can be read; the file is damaged, get it anew")
        except BaseException:
            self._container.close()
            raise
        self.size = (self._ahead.image.shape[1], self._ahead.image.shape[0])
        self.pixel_aspect = self._stream.codec_context.sample_aspect_ratio or Fraction(1)
        if self._stream.codec_context.width != self._stream.codec_context.height != self.size[1]:
            self.pixel_aspect = 1 / self.pixel_aspect  # rotated by 90 degrees

    def _read_header(self) -> None:
        self._stream = video_stream(self._container, self.name)
        set_decoder_threads(self._stream)
        self.time_base = self._stream.time_base or Fraction(1, _DEFAULT_TICKS)
        self.clock_start = clock_start(self._container, self.time_base)
        self.colour_tagged = self._stream.codec_context.colorspace != _COLOUR_UNKNOWN
        rate = frame_rate(self._stream)
        self.fps = float(rate) if rate else None
        self.rate_assumed = not (rate and states_rate(self._container, self._stream))
        self._stated_seconds = stated_seconds(self._container, self._stream)
        self.n_frames = self._stated_frames = stated_frames(self._stream)
        if self.n_frames is None and self._stated_seconds and self.fps:
            self.n_frames = round(self._stated_seconds * self.fps)
        counted_seconds = self.n_frames / self.fps if self.n_frames and self.fps else None
        self.duration = self._stated_seconds or counted_seconds
        self.seekable = self.location.startswith("file:")

    def _read_frame(self) -> Frame | None:
        with self._named_errors():
            frame, self._ahead = (self._ahead or next(self._frames, None)), None
        return frame

    def _release(self) -> None:
        self._ahead = None
        self._frames.close()
        self._container.close()

    def _timed_pictures(self) -> Iterator[_TimedPicture]:
        """Yield the pictures from the container's current position on, with their timestamps."""
        period = 1 / self.fps if self.fps else 1 / DEFAULT_FPS
        clock = TimestampClock(self.time_base, period, round(self.clock_start / self.time_base))
        end: float | None = 0.0 if self._first_tick is None else None
        pictures = decode(self._container, self._stream, self._losses)
        if self._container.format.name in DECODING_TIMES_ALONE:
            pictures = _at_times_of_decoding(pictures)
        for picture in deinterlaced(pictures):
            tick = clock.tick(picture)
            if self._first_tick is None:
                self._first_tick = tick
            seconds = (tick - self._first_tick) * self.time_base.numerator / self.time_base.denominator
            damage = self._losses.damage_of(picture, 0.0 if end is None else seconds - end, period)
            unit = picture.time_base
            lasting = (picture.duration or 0) * unit.numerator / unit.denominator if unit else 0.0
            end = seconds + (lasting or period)
            self.end = tick * self.time_base + (
                picture.duration * unit if picture.duration and unit else Fraction(period)
            )
            yield _TimedPicture(picture, tick, seconds, damage)
        if clock.jumps:
            self.seekable = False
        if not self._has_seeked:
            self._report(end or 0.0, period, clock.jumps)

    def _as_frames(self, pictures: Iterator[_TimedPicture]) -> Generator[Frame, None, None]:
        for timed in pictures:
            yield self._frame(timed)

    def _frame(self, timed: _TimedPicture) -> Frame:
        if self._has_seeked:
            at_average_rate = round(timed.seconds * (self.fps or DEFAULT_FPS))
            self._next_index = max(self._next_index, at_average_rate)
        index, self._next_index = self._next_index, self._next_index + 1
        image = upright_bgr(timed.picture)
        timestamp = timed.tick * self.time_base
        return Frame(image, index, time.perf_counter(), timed.seconds, timestamp, timed.damage)

    def _seek(self, seconds: float, *, before: bool) -> None:
        """Decode from the key frame before the time.

        Afterwards, frame indices follow the average frame rate, and count up where two frames would get the
        same. If a wrong index in the file leads to a later frame, decoding starts ever earlier, at last from
        the beginning.
        """
        self._has_seeked = True
        self._next_index = 0
        back = 0.0
        with self._named_errors():
            while True:
                start = max(0.0, seconds - back)
                pictures = self._pictures_from(start)
                found = next(pictures, None)
                if start == 0.0 or (found is not None and not _is_past(found.seconds, seconds, before)):
                    break
                back = 2 * back + 1.0
            following = None
            for timed in pictures:
                if _is_past(timed.seconds, seconds, before):
                    following = timed
                    break
                found = timed
        self._ahead = None
        decoded = [timed for timed in (found, following) if timed is not None]
        self._frames = self._as_frames(itertools.chain(decoded, pictures))

    def _pictures_from(self, seconds: float) -> Iterator[_TimedPicture]:
        """Yield the pictures from the key frame at or before a time."""
        self._frames.close()
        first = self._first_tick or 0
        tick = first + round(seconds / self.time_base) + round(self.clock_start / self.time_base)
        try:
            self._container.seek(tick, stream=self._stream, backward=True)
        except av.error.FFmpegError:
            return self._pictures_from_the_start()
        pictures = self._timed_pictures()
        if seconds > 0.0:
            return pictures
        found = next(pictures, None)
        if found is None or found.tick != first:
            return self._pictures_from_the_start()
        return itertools.chain([found], pictures)

    def _pictures_from_the_start(self) -> Iterator[_TimedPicture]:
        """Yield all pictures; only a newly opened file is certain to start with its first."""
        self._container.close()
        self._container = open_container(self.location, self.name)
        self._stream = video_stream(self._container, self.name)
        set_decoder_threads(self._stream)
        return self._timed_pictures()

    def _report(self, end: float, period: float, jumps: int) -> None:
        """Add warnings for what is missing, given the time in seconds at which the last frame ended."""
        if jumps:
            self.warnings.append(
                f"{self.name}: its timestamps jump back {jumps} times; later frames were moved on"
            )
        if self._container.format.name in DURATION_FROM_ZERO:
            end += float((self._first_tick or 0) * self.time_base)
        # A tolerance of one and a half frames: containers round durations, and some omit that of the last.
        if self._stated_seconds is not None and self._stated_seconds - end > 1.5 * period:
            about = "" if self._stated_frames else "about "  # computed from the duration
            total = f" of {about}{self.n_frames}" if self.n_frames else ""
            self.warnings.append(f"{self.name}: ends early, {self._next_index}{total} frames could be read")
        elif self._losses.errors or self._losses.concealed:
            lost = self._losses.lost_frames(self._stated_frames or 0, self._next_index)
            self.warnings.append(
                f"{self.name}: damaged (frames lost: {lost}, shown with errors: {self._losses.concealed})"
            )

    def _named_errors(self) -> AbstractContextManager[None]:
        return named_errors(self.name, "cannot be decoded", "convert it to H.264 or get it anew")


def _at_times_of_decoding(pictures: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    """Yield pictures with the times of decoding at which they leave the decoder.

    The last pictures leave it at the end of the recording and have no time. A first picture without one, as
    after a seek to the end, keeps FFmpeg's guess.
    """
    is_first = True
    for picture in pictures:
        if picture.dts is not None or not is_first:
            picture.pts = picture.dts
        is_first = False
        yield picture


def _is_past(frame_seconds: float, seconds: float, before: bool) -> bool:
    """Return whether a frame is later than the one that seeking to a time, or to before it, must find."""
    return frame_seconds > (seconds - SAME_INSTANT if before else seconds + SAME_INSTANT)

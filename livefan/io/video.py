"""What can be read, and the recorded kinds of it: video files, images and folders of images.

Cameras and network streams are in :mod:`livefan.io.stream`. Every source is an iterator of
:class:`~livefan.core.frame.Frame` and a context manager::

    with open_source("clip.mp4") as source:
        for frame in source:
            ...
    for line in source.warnings:
        print(line)
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any

import av
import av.error
import cv2
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import SideDataContainer, Type
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from livefan.core.errors import LivefanError
from livefan.core.frame import Damage, Frame, as_bgr
from livefan.io.deinterlace import deinterlaced
from livefan.io.source import IMAGES_PER_SECOND, Source

# fmt: off
RECORDING_SUFFIXES = frozenset({
    ".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".gif", ".h264", ".h265", ".hevc",
    ".ivf", ".m1v", ".m2ts", ".m2v", ".m4v", ".mj2", ".mjpeg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg",
    ".mts", ".mxf", ".nut", ".obu", ".ogg", ".ogm", ".ogv", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv",
    ".y4m",
})
# fmt: on
"""What a file in a folder is taken for a recording by; a file that is named itself may be called anything."""
_DEMUX_ERRORS_IN_A_ROW = 10
_TICKS = 90_000  # a second, where a recording does not tell its own unit
_SMALL_PIXELS = 1280 * 720
_ANY_START = frozenset({"mpegts", "mpeg", "mpegvideo"})
_COLOUR_UNKNOWN = 2  # ISO/IEC 23091-2, MatrixCoefficients
_SAME_INSTANT = 1e-6
"""Two times nearer than this, in seconds or frames, are one."""
_SOON = 64  # frames: an error shows this late at most, after the decoder's threads and reordering


class VideoSource(Source):
    """Every frame of a recording in order, at its presentation time after the first, upright.

    Damaged packets are skipped and counted; what is missing is told in ``warnings`` after the end.

    Args:
        location: what FFmpeg opens: ``file:`` and a path, or an address.
        name: what to call it.
        container: the location, if it has been opened already.

    Raises:
        LivefanError: if no video can be read from it.
    """

    def __init__(self, location: str, name: str, container: InputContainer | None = None) -> None:
        """Decode the first frame."""
        super().__init__(name)
        self._container = container or _open_recording(location, name)
        self._location = location
        try:
            self._stream = video_stream(self._container, name)
            _share_out(self._stream)
            self.time_base = self._stream.time_base or Fraction(1, _TICKS)
            self.clock_start = _clock_start(self._container, self.time_base)
            self.colour_tagged = self._stream.codec_context.colorspace != _COLOUR_UNKNOWN
            rate = self._stream.average_rate or self._stream.guessed_rate
            self.fps = float(rate) if rate else None
            self._seconds = _stated_seconds(self._container, self._stream)
            self.n_frames = self._stream.frames or None
            if self.n_frames is None and self._seconds and self.fps:
                self.n_frames = round(self._seconds * self.fps)
            self._packets = self._errors = self._concealed = self._missing = self._yielded = 0
            self._errors_seen = self._look_for_gap = 0
            self._sought = False
            self._first_tick: int | None = None
            self._frames = self._decode()
            self._ahead = next(self._frames, None)
        except BaseException:
            self._container.close()
            raise
        if self._ahead is None:
            self._container.close()
            raise LivefanError(f"{name}: no frame can be read; the file is damaged, get it anew")
        self.size = (self._ahead.image.shape[1], self._ahead.image.shape[0])
        self.duration = self._seconds or (self.n_frames / self.fps if self.n_frames and self.fps else None)
        self.seekable = location.startswith("file:")
        self.pixel_aspect = self._stream.codec_context.sample_aspect_ratio or Fraction(1)
        if self._stream.codec_context.width != self._stream.codec_context.height != self.size[1]:
            self.pixel_aspect = 1 / self.pixel_aspect  # a quarter turn

    def _next(self) -> Frame | None:
        frame, self._ahead = (self._ahead or next(self._frames, None)), None
        return frame

    def _release(self) -> None:
        self._ahead = None
        self._frames.close()
        self._container.close()

    def _decode(self) -> Generator[Frame, None, None]:
        for timed in self._timed():
            yield self._frame(timed)

    def _timed(self) -> Iterator[_Timed]:
        """The pictures from where the container is, with their times."""
        period = 1 / self.fps if self.fps else 1 / IMAGES_PER_SECOND
        clock = _Clock(self.time_base, period, round(self.clock_start / self.time_base))
        end: float | None = 0.0 if self._first_tick is None else None
        for picture in deinterlaced(self._pictures()):
            tick = clock.tick(picture)
            if self._first_tick is None:
                self._first_tick = tick
            seconds = (tick - self._first_tick) * self.time_base.numerator / self.time_base.denominator
            damage = self._damage(picture, 0.0 if end is None else seconds - end, period)
            unit = picture.time_base
            lasting = (picture.duration or 0) * unit.numerator / unit.denominator if unit else 0.0
            end = seconds + (lasting or period)
            yield _Timed(picture, tick, seconds, damage)
        if clock.jumps:
            self.seekable = False
        if not self._sought:
            self._report(end or 0.0, period, clock.jumps)

    def _frame(self, timed: _Timed) -> Frame:
        if self._sought:
            counted = round(timed.seconds * (self.fps or IMAGES_PER_SECOND))
            self._yielded = max(self._yielded, counted)
        index, self._yielded = self._yielded, self._yielded + 1
        image = upright_bgr(timed.picture)
        timestamp = timed.tick * self.time_base
        return Frame(image, index, time.perf_counter(), timed.seconds, timestamp, timed.damage)

    def _go(self, seconds: float, *, before: bool) -> None:
        """Decode from the key frame before the place; ``index`` is then counted at the average rate,
        and on from there where that would give two frames the same.

        A file whose index leads astray is tried from ever further back, at last from its beginning.
        """
        self._sought = True
        self._yielded = 0
        back = 0.0
        while True:
            start = max(0.0, seconds - back)
            pictures = self._from(start)
            held = next(pictures, None)
            if start == 0.0 or (held is not None and not _is_past(held.seconds, seconds, before)):
                break
            back = 2 * back + 1.0
        following = None
        for timed in pictures:
            if _is_past(timed.seconds, seconds, before):
                following = timed
                break
            held = timed
        self._ahead = None
        self._frames = self._rest([each for each in (held, following) if each is not None], pictures)

    def _from(self, seconds: float) -> Iterator[_Timed]:
        """The pictures from the key frame at or before a time."""
        self._frames.close()
        first = self._first_tick or 0
        tick = first + round(seconds / self.time_base) + round(self.clock_start / self.time_base)
        try:
            self._container.seek(tick, stream=self._stream, backward=True)
        except av.error.FFmpegError:
            return self._from_the_beginning()
        pictures = self._timed()
        if seconds > 0.0:
            return pictures
        held = next(pictures, None)
        if held is None or held.tick != first:
            return self._from_the_beginning()
        return itertools.chain([held], pictures)

    def _from_the_beginning(self) -> Iterator[_Timed]:
        """All pictures; only a file opened anew is sure to begin with its first."""
        self._container.close()
        self._container = _open_recording(self._location, self.name)
        self._stream = video_stream(self._container, self.name)
        _share_out(self._stream)
        return self._timed()

    def _rest(self, held: list[_Timed], pictures: Iterator[_Timed]) -> Generator[Frame, None, None]:
        for timed in itertools.chain(held, pictures):
            yield self._frame(timed)

    def _damage(self, picture: VideoFrame, idle: float, period: float) -> Damage:
        """What is wrong with a picture that begins ``idle`` seconds after the one before it ended."""
        self._concealed += picture.is_corrupt
        if self._errors > self._errors_seen:
            self._errors_seen, self._look_for_gap = self._errors, _SOON
        if self._look_for_gap:
            self._look_for_gap -= 1
            if idle > 0.5 * period:
                self._look_for_gap = 0
                self._missing += max(1, round(idle / period))
                return "gap"
        return "errors" if picture.is_corrupt else ""

    def _pictures(self) -> Iterator[VideoFrame]:
        errors_in_a_row = 0
        while errors_in_a_row < _DEMUX_ERRORS_IN_A_ROW:
            try:
                for packet in self._container.demux(self._stream):
                    errors_in_a_row = 0
                    self._packets += packet.size > 0
                    if packet.is_corrupt:  # cut off by the end of the file: half a picture at best
                        self._errors += 1
                        continue
                    yield from self._decoded(packet)
                return
            except av.error.FFmpegError:
                errors_in_a_row += 1
                self._errors += 1
        yield from self._decoded(None)

    def _decoded(self, packet: av.Packet | None) -> list[VideoFrame]:
        try:
            return self._stream.decode(packet)
        except av.error.FFmpegError:
            self._errors += 1
            return []

    def _report(self, end: float, period: float, jumps: int) -> None:
        """Tell what is missing, given the second at which the last frame ended."""
        if jumps:
            self.warnings.append(
                f"{self.name}: its timestamps jump back {jumps} times; what follows was moved on"
            )
        # One and a half frames of doubt: containers round lengths, and some leave out the last frame's.
        if self._seconds is not None and self._seconds - end > 1.5 * period:
            about = "" if self._stream.frames else "about "  # by its length, not by a count
            of = f" of {about}{self.n_frames}" if self.n_frames else ""
            of = f"{self._yielded}{of} frames"
            self.warnings.append(f"{self.name}: ends early, {of} could be read")
        elif self._errors or self._concealed:
            stated = max(self._packets, self._stream.frames)
            lost = max(self._errors, self._missing, stated - self._yielded)
            self.warnings.append(
                f"{self.name}: damaged (frames lost: {lost}, shown with errors: {self._concealed})"
            )


@dataclass(frozen=True)
class _Timed:
    """A decoded picture with its time: in ticks, and in seconds after the first."""

    picture: VideoFrame
    tick: int
    seconds: float
    damage: Damage


def _is_past(at: float, seconds: float, before: bool) -> bool:
    """Whether a frame comes too late for a place, or for the one right before it."""
    return at > seconds - _SAME_INSTANT if before else at > seconds + _SAME_INSTANT


class _Clock:
    """Presentation timestamps in ticks of a time base; they never stand still or go back.

    Attributes:
        jumps: how often a timestamp lay a second or more before the last.
    """

    def __init__(self, time_base: Fraction, period: float, start: int) -> None:
        """Take the seconds from a picture to the next where no timestamp tells them, and the first tick."""
        self.jumps = 0
        self._time_base = time_base
        self._step = max(1, round(period / time_base))
        self._second = max(1, round(1 / time_base))
        self._shift = -start
        self._last: int | None = None

    def tick(self, picture: VideoFrame) -> int:
        """The timestamp of the next picture."""
        self._last = self._after(self._last, picture)
        return self._last

    def _after(self, last: int | None, picture: VideoFrame) -> int:
        if picture.pts is None or picture.time_base is None:
            return 0 if last is None else last + self._step
        at = picture.pts + self._shift
        if picture.time_base != self._time_base:
            at = round(picture.pts * picture.time_base / self._time_base) + self._shift
        if last is None or at > last:
            return at
        if last - at < self._second:  # pictures in disorder, as damage leaves them
            return last + max(1, self._second // 1000)
        self.jumps += 1  # a clock that starts anew: joined recordings
        self._shift += last + self._step - at
        return last + self._step


def _open_recording(location: str, name: str) -> InputContainer:
    try:
        return av.open(location, mode="r", metadata_errors="replace")
    except av.error.FileNotFoundError as error:
        raise LivefanError(f"{name}: is no longer there; put it back, or choose another file") from error
    except av.error.PermissionError as error:
        raise LivefanError(f"{name}: no permission to read it; change the file's permissions") from error
    except av.error.FFmpegError as error:
        raise LivefanError(
            f"{name}: not a video, or cut off before it was complete; choose a file that plays elsewhere"
        ) from error


def video_stream(container: InputContainer, name: str) -> VideoStream:
    """The first stream of moving pictures; to FFmpeg cover art is a video stream too, and so is some text."""
    if container.format.name == "tty":
        raise LivefanError(f"{name}: a text file, not a video; choose a video or an image")
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            if stream.codec_context is None:
                raise LivefanError(
                    f"{name}: cut off, or its video codec is not known; get it anew or convert it to H.264"
                )
            return stream
    raise LivefanError(f"{name}: has no video in it; choose a file with pictures")


def _share_out(stream: VideoStream) -> None:
    """Have large pictures decoded by several threads; with small ones, handing them around costs more."""
    context = stream.codec_context
    large = context.width * context.height > _SMALL_PIXELS
    context.thread_type = "AUTO" if large else "NONE"


def _clock_start(container: InputContainer, time_base: Fraction) -> Fraction:
    """Where a recording's clock begins, in whole ticks, if its format lets it begin anywhere."""
    if container.format.name not in _ANY_START:
        return Fraction(0)
    starts = [
        stream.start_time * stream.time_base
        for stream in container.streams
        if stream.start_time is not None and stream.time_base
    ]
    return floor(min(starts, default=Fraction(0)) / time_base) * time_base


def _stated_seconds(container: InputContainer, stream: VideoStream) -> float | None:
    """How long the file says its video is, in seconds; None if it does not tell."""
    rate = stream.average_rate
    # MP4 counts frames that its edit list hides; there the duration is the better witness. AVI's
    # duration is made to fit what is left of a cut file, but its count is not.
    if container.format.name == "avi" and stream.frames and rate:
        return float(stream.frames / rate)
    # In Matroska only the tag is the stream's own; FFmpeg gives it the longest stream's duration. It counts
    # from where the recording begins, and pictures may begin later.
    tag = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if tag:
        hours, minutes, seconds = (float(part) for part in tag.groups())
        begins = float((stream.start_time or 0) * (stream.time_base or 0))
        return max(0.0, hours * 3600 + minutes * 60 + seconds - begins)
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if container.duration and len(container.streams) == 1:
        return container.duration / av.time_base
    return None


def upright_bgr(picture: VideoFrame) -> np.ndarray:
    """A decoded picture as ``(height, width, 3)`` uint8 BGR, turned and mirrored as its display matrix says.

    The matrix maps a stored pixel (x, y) to (a x + c y, b x + d y), in 16.16 fixed point
    (ISO/IEC 14496-12, 8.3.2); turns between right angles are taken as the nearest right angle.
    """
    image: np.ndarray = picture.to_ndarray(format="bgr24")
    # Not picture.side_data: the picture would keep it, and it the picture and its decoder, in a cycle that
    # only the garbage collector ends.
    side_data: Any = SideDataContainer(picture)  # type: ignore[call-arg]  # not in PyAV's stub
    if Type.DISPLAYMATRIX in side_data:
        data = side_data[Type.DISPLAYMATRIX]
        a, b, _, c, d = (int(value) for value in np.frombuffer(bytes(data), np.int32)[:5])
        if abs(a) < abs(b):
            image, a, d = cv2.transpose(image), c, b
        if a < 0:
            image = cv2.flip(image, 1)
        if d < 0:
            image = cv2.flip(image, 0)
    return as_bgr(image)

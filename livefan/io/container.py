"""Open video files with FFmpeg, and read the properties that their headers state."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from math import floor
from typing import Any

import av
import av.error
from av.container import InputContainer
from av.format import Flags
from av.stream import Disposition
from av.video.stream import VideoStream

from livefan.core.errors import LivefanError

_NOT_MOVING = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
_STILL_CODECS = frozenset({"bmp", "gif", "mjpeg", "png", "tiff", "webp"})
"""Codecs of pictures, which a file may have beside its recording."""
_SMALL_PIXELS = 1280 * 720
_HIGHEST_RATE = 1000
"""Frames a second; headers that state more are damaged."""
DURATION_FROM_ZERO = frozenset({"asf", "avi", "flv", "nut"})
"""Formats whose durations count from time zero, although their pictures may begin later."""
DECODING_TIMES_ALONE = frozenset({"asf", "avi"})
"""Formats that hold the times of decoding alone. FFmpeg guesses those of presentation, wrongly for H.264."""
_ANY_START = frozenset({"mpegts", "mpeg", "mpegvideo"})
"""Formats whose clocks begin at any time."""


@contextmanager
def named_errors(name: object, failure: str, advice: str) -> Iterator[None]:
    """Turn FFmpeg's errors, which name no file, into errors that do.

    Args:
        name: name of the file in errors.
        failure: what failed, e.g. ``cannot be decoded``.
        advice: what the user can do.

    Raises:
        LivefanError: instead of an error of FFmpeg in the block.
    """
    try:
        yield
    except av.error.FFmpegError as error:
        raise LivefanError(f"{name}: {failure} ({error.strerror}); {advice}") from error


def open_container(location: str, name: str) -> InputContainer:
    """Open a recording.

    Args:
        location: FFmpeg's name of it: ``file:`` and a path, or an address.
        name: its name in errors.

    Raises:
        LivefanError: if the file is missing, not permitted, or no video.
    """
    try:
        container = av.open(location, mode="r", metadata_errors="replace")
        rate = _rate_in_pictures(container)
        if rate is None:
            return container
        container.close()
        return av.open(location, mode="r", options={"framerate": str(rate)}, metadata_errors="replace")
    except av.error.FileNotFoundError as error:
        raise LivefanError(f"{name}: is no longer there; put it back, or choose another file") from error
    except av.error.PermissionError as error:
        raise LivefanError(f"{name}: no permission to read it; change the file's permissions") from error
    except av.error.FFmpegError as error:
        raise LivefanError(
            f"{name}: not a video, or cut off before it was complete; choose a file that plays elsewhere"
        ) from error


def _rate_in_pictures(container: InputContainer) -> Fraction | None:
    """Return the frame rate that the headers of the pictures state, if FFmpeg has taken another one.

    A bare stream, such as ``.h264``, has no timestamps. FFmpeg counts 25 pictures a second in it, unless it
    is opened with another rate.
    """
    if _has_timestamps(container) or not container.streams.video:
        return None
    stream = container.streams.video[0]
    rate = stream.codec_context.framerate if stream.codec_context is not None else None
    if not rate or not 1 <= rate <= _HIGHEST_RATE or rate == stream.average_rate:
        return None
    return rate


def states_rate(container: InputContainer, stream: VideoStream) -> bool:
    """Return whether a recording states the times of its pictures or their rate."""
    context = stream.codec_context
    return _has_timestamps(container) or bool(context.framerate and context.name not in _STILL_CODECS)


def _has_timestamps(container: InputContainer) -> bool:
    flag: Any = Flags.no_timestamps  # PyAV's stub calls the members integers
    # FFmpeg reads images one after another by formats such as jpeg_pipe.
    return not (container.format.flags & flag.value or container.format.name.endswith("_pipe"))


def frame_rate(stream: VideoStream) -> Fraction | None:
    """Return the mean frame rate of a stream; None if it states none.

    Of a raw DV file, FFmpeg gives the ticks of a second as its mean rate; its guess is right.
    """
    average, guessed = stream.average_rate, stream.guessed_rate
    return guessed if average is None or _counts_ticks(stream) else average


def stated_frames(stream: VideoStream) -> int | None:
    """Return the number of frames that a stream states; None if it states none."""
    return None if _counts_ticks(stream) else stream.frames or None


def _counts_ticks(stream: VideoStream) -> bool:
    """Return whether FFmpeg gives ticks for frames, as of a raw DV file."""
    average, guessed = stream.average_rate, stream.guessed_rate
    return bool(average and guessed and average > _HIGHEST_RATE >= guessed)


def video_stream(container: InputContainer, name: str) -> VideoStream:
    """Return the stream of moving pictures.

    FFmpeg also lists cover art, thumbnails and text art as video. Among several streams, those that can be
    decoded come first, then those of more than one picture, then those of a video codec, then the stream
    that the file marks as its default.

    Raises:
        LivefanError: if there is none, or no codec is known.
    """
    if container.format.name == "tty":
        raise LivefanError(f"{name}: a text file, not a video; choose a video or an image")
    streams = [stream for stream in container.streams.video if not stream.disposition & _NOT_MOVING]
    if not streams:
        raise LivefanError(f"{name}: has no video in it; choose a file with pictures")
    chosen = max(streams, key=_preference)
    if chosen.codec_context is None:
        raise LivefanError(
            f"{name}: cut off, or its video codec is not known; get it anew or convert it to H.264"
        )
    return chosen


def _preference(stream: VideoStream) -> tuple[bool, ...]:
    """Return what speaks for a stream; of equal streams, ``max`` returns the first."""
    context = stream.codec_context
    return (
        context is not None,
        stream.frames != 1,
        context is not None and context.name not in _STILL_CODECS,
        bool(stream.disposition & Disposition.default),
    )


def set_decoder_threads(stream: VideoStream) -> None:
    """Decode large pictures with several threads; for small ones, the threads cost more than they save."""
    context = stream.codec_context
    large = context.width * context.height > _SMALL_PIXELS
    context.thread_type = "AUTO" if large else "NONE"


def clock_start(container: InputContainer, time_base: Fraction) -> Fraction:
    """Return the first reading of a recording's clock in seconds, rounded down to a tick.

    Zero for formats whose clocks begin at zero.
    """
    if container.format.name not in _ANY_START:
        return Fraction(0)
    starts = [
        stream.start_time * stream.time_base
        for stream in container.streams
        if stream.start_time is not None and stream.time_base
    ]
    return floor(min(starts, default=Fraction(0)) / time_base) * time_base


def stated_seconds(container: InputContainer, stream: VideoStream) -> float | None:
    """Return the duration of the video that the file states, in seconds; None if it states none."""
    rate = stream.average_rate
    # MP4 counts frames that its edit list hides, so there the duration is more reliable. FFmpeg fits AVI's
    # duration to the data of a truncated file, but not its count of frames.
    if container.format.name == "avi" and stream.frames and rate:
        return float(stream.frames / rate)
    # In Matroska only this tag belongs to the stream; FFmpeg gives every stream the longest duration. The tag
    # counts from the start of the recording, and pictures may begin later.
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

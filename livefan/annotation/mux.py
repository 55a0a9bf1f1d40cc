"""Write the annotated video: the encoded pictures and copies of the other streams of the recording.

Audio and subtitles are copied packet by packet. A damaged packet, or a stream that the container cannot hold,
is left out and reported; the pictures are always kept.
"""

from __future__ import annotations

import errno
import heapq
from collections import Counter
from collections.abc import Collection, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
from av.container import OutputContainer

from livefan.annotation.codecs import CODECS, PictureFormat, VideoFormat
from livefan.annotation.journal import Journal
from livefan.annotation.stream_copy import copied_packets, declare_copies
from livefan.core.errors import LivefanError, StoppedError
from livefan.io.source import Source

_MATROSKA = (".mkv", ".webm")
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
_EXPENDABLE = ("data", "attachment", "subtitle", "video")
"""Types of streams that are left out one after another where the whole cannot be written."""


def mux(journal: Journal, source: Source, location: str | None, path: Path, video: VideoFormat) -> list[str]:
    """Write the encoded video with the other streams of the recording.

    Args:
        journal: holds the packets of all frames.
        source: the opened recording; only its properties are used.
        location: URL of the recording for FFmpeg; None if it has no other streams.
        path: the file to write.

    Returns:
        Streams and packets that were left out, one line each.

    Raises:
        StoppedError: if the disk is full.
        LivefanError: if the file cannot be written.
    """
    try:
        try:
            return _write(journal, source, location, path, video)
        except av.error.FFmpegError as error:
            if location is None or error.errno in _NO_ROOM:
                raise
            return _write_fewer_streams(journal, source, location, path, video)
    except av.error.FFmpegError as error:
        if error.errno in _NO_ROOM:
            raise StoppedError(
                f"{path.parent.parent}: the video cannot be written ({error.strerror}); make room on "
                "the disk and give the same command again; it continues there"
            ) from error
        raise LivefanError(
            f"{path.name}: the video cannot be written ({error.strerror}); choose another container"
        ) from error


def _write_fewer_streams(
    journal: Journal, source: Source, location: str, path: Path, video: VideoFormat
) -> list[str]:
    """Write the video again without streams that may have made it fail, the sound last."""
    left_out: list[str] = []
    for kind in _EXPENDABLE:
        left_out.append(kind)
        try:
            return _write(journal, source, location, path, video, without=left_out)
        except av.error.FFmpegError as error:
            if error.errno in _NO_ROOM:
                raise
    _write(journal, source, None, path, video)
    return [f"{source.name}: its other streams are damaged and were left out"]


def _write(
    journal: Journal,
    source: Source,
    location: str | None,
    path: Path,
    video: VideoFormat,
    *,
    without: Collection[str] = (),
) -> list[str]:
    problems: list[str] = []
    picture = PictureFormat.of(source)
    # Audio in Matroska may begin before zero; FFmpeg would shift all other streams with it.
    exact = {"avoid_negative_ts": "disabled"} if path.suffix.lower() in _MATROSKA else {}
    # Without "file:", FFmpeg takes a name such as 12:30.mp4 for a protocol.
    with av.open(f"file:{path}", "w", container_options=exact) as output:
        stream: Any = output.add_stream(CODECS[video.codec].encoder, rate=picture.rate, options=video.options)
        picture.set_up(stream.codec_context)
        stream.time_base = picture.time_base
        if video.codec == "hevc" and path.suffix.lower() in (".mp4", ".mov"):
            stream.codec_context.codec_tag = "hvc1"  # the tag that Apple's players need
        pictures = _video_packets(journal, stream, picture.time_base)
        if location is None:
            _mux_sorted(output, pictures, iter(()))
            return problems
        with av.open(location, metadata_errors="replace") as recording:
            copies = declare_copies(recording, output, stream, source, problems, without=without)
            lost = _mux_sorted(output, pictures, copied_packets(recording, copies, source.clock_start))
            problems += [
                f"{source.name}: {count} damaged packets of its {kind} were left out"
                for kind, count in lost.items()
            ]
    return problems


def _mux_sorted(
    output: OutputContainer,
    pictures: Iterator[tuple[float, av.Packet]],
    copies: Iterator[tuple[float, av.Packet]],
) -> Counter[str]:
    """Mux packets by time; return the number of copied packets that were refused, by type of stream."""
    output.start_encoding()
    lost: Counter[str] = Counter()
    for _, packet in heapq.merge(pictures, copies, key=lambda timed: timed[0]):
        stream = packet.stream
        try:
            output.mux_one(packet)
        except av.error.FFmpegError as error:
            if stream.index == 0 or error.errno in _NO_ROOM:
                raise
            lost[stream.type] += 1
    return lost


def _video_packets(journal: Journal, stream: Any, time_base: Fraction) -> Iterator[tuple[float, av.Packet]]:
    """Yield the packets of the pictures, each shown until the next; the last keeps its own duration."""
    ahead: av.Packet | None = None
    for encoded in journal.packets():
        packet = av.Packet(encoded.data)
        packet.stream = stream
        packet.time_base = time_base
        packet.pts = packet.dts = encoded.pts
        packet.is_keyframe = encoded.key
        if ahead is not None:
            yield _until(ahead, encoded.pts), ahead
        ahead = packet
    if ahead is not None:
        end = journal.note("end")
        yield _until(ahead, None if end is None else round(Fraction(end) / time_base)), ahead


def _until(packet: av.Packet, end: int | None) -> float:
    """Set the tick at which the picture of a packet ends, and return the second at which it begins."""
    begins = packet.pts or 0
    if end is not None and end > begins:
        packet.duration = end - begins
    return float(begins * (packet.time_base or Fraction(1)))

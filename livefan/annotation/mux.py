"""Write the annotated video: the encoded pictures and copies of the other streams of the recording.

Audio and subtitles are copied packet by packet. A damaged packet, or a stream that the container cannot hold,
is left out and reported; the pictures are always kept.
"""

from __future__ import annotations

import errno
import heapq
import io
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
from av.container import InputContainer, OutputContainer
from av.stream import Disposition

from livefan.annotation.codecs import CODECS, PictureFormat, VideoFormat
from livefan.annotation.journal import Journal
from livefan.core.errors import LivefanError, StoppedError
from livefan.io.source import Source

_MATROSKA = (".mkv", ".webm")
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
_DEMUX_ERRORS_IN_A_ROW = 10
_CHAPTERS_OF_MP4 = "bin_data"
"""FFmpeg's name of the track with chapter titles in MP4; chapters are copied as chapters instead."""


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
            # The header cannot be written if the parameters of another stream are damaged.
            _write(journal, source, None, path, video)
            return [f"{source.name}: its other streams are damaged and were left out"]
    except av.error.FFmpegError as error:
        if error.errno in _NO_ROOM:
            raise StoppedError(
                f"{path.parent.parent}: the video cannot be written ({error.strerror}); make room on "
                "the disk and give the same command again; it continues there"
            ) from error
        raise LivefanError(
            f"{path.name}: the video cannot be written ({error.strerror}); choose another container"
        ) from error


def _write(
    journal: Journal, source: Source, location: str | None, path: Path, video: VideoFormat
) -> list[str]:
    problems: list[str] = []
    picture = PictureFormat.of(source)
    # Audio in Matroska may begin before zero; FFmpeg would shift all other streams with it.
    exact = {"avoid_negative_ts": "disabled"} if path.suffix.lower() in _MATROSKA else {}
    with av.open(str(path), "w", container_options=exact) as output:
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
            copies = _declare_copies(recording, output, stream, source, problems)
            lost = _mux_sorted(output, pictures, _copied_packets(recording, copies, source.clock_start))
            problems += [
                f"{source.name}: {count} damaged packets of its {kind} were left out"
                for kind, count in lost.items()
            ]
    return problems


def _declare_copies(
    recording: InputContainer, output: OutputContainer, video: Any, source: Source, problems: list[str]
) -> dict[int, Any]:
    """Declare copies of all other streams, and copy metadata and chapters of the recording.

    Returns:
        The output's stream for each stream number of the recording that is copied.
    """
    output.metadata.update(recording.metadata)
    chapters = recording.chapters()
    if chapters:
        output.set_chapters(chapters)
    copies: dict[int, Any] = {}
    has_pictures = False
    for stream in recording.streams:
        if stream.type == "video" and not has_pictures and not stream.disposition & Disposition.attached_pic:
            has_pictures = True
            video.metadata.update(_kept_metadata(stream.metadata))
            continue
        if chapters and stream.type == "data" and stream.name == _CHAPTERS_OF_MP4:
            continue
        if not _fits(stream, output.format.name):
            problems.append(
                f"{source.name}: its {stream.type} stream {stream.index} ({stream.name}) does not fit into "
                f"{Path(output.name).suffix} and is left out; another container may hold it"
            )
            continue
        copy = output.add_stream_from_template(stream, opaque=True)
        copy.metadata.update(_kept_metadata(stream.metadata))
        copy.disposition = stream.disposition
        copies[stream.index] = copy
    return copies


def _fits(stream: Any, container: str) -> bool:
    """Return whether a container, by FFmpeg's name, can hold a copy of a stream.

    Some streams are refused only when the header is written, so a trial in memory decides.
    """
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            trial.add_stream_from_template(stream, opaque=True)
            trial.start_encoding()
    except (ValueError, av.error.FFmpegError):
        return False
    return True


def _kept_metadata(metadata: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if key.lower() not in _CODING_METADATA}


_CODING_METADATA = frozenset({"encoder", "duration", "bps", "number_of_frames", "number_of_bytes", "rotate"})
"""Entries of a stream's metadata that describe its old coding."""


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
    for encoded in journal.packets():
        packet = av.Packet(encoded.data)
        packet.stream = stream
        packet.time_base = time_base
        packet.pts = packet.dts = encoded.pts
        packet.is_keyframe = encoded.key
        yield float(encoded.pts * time_base), packet


def _copied_packets(
    recording: InputContainer, copies: dict[int, Any], clock_start: Fraction
) -> Iterator[tuple[float, av.Packet]]:
    """Yield the packets of the copied streams, with increasing timestamps for each stream."""
    clocks = {index: _PacketClock(clock_start) for index in copies}
    errors_in_a_row = 0
    streams = [stream for stream in recording.streams if stream.index in copies]
    while streams and errors_in_a_row < _DEMUX_ERRORS_IN_A_ROW:
        try:
            for packet in recording.demux(streams):
                errors_in_a_row = 0
                if packet.size and packet.time_base:
                    at = clocks[packet.stream_index].set(packet)
                    packet.stream = copies[packet.stream_index]
                    yield at, packet
            return
        except av.error.FFmpegError:
            errors_in_a_row += 1


class _PacketClock:
    """Makes the timestamps of a stream increase."""

    def __init__(self, clock_start: Fraction) -> None:
        self._start = clock_start
        self._shift = 0
        self._last: int | None = None

    def set(self, packet: av.Packet) -> float:
        """Set the timestamps of a packet, and return its time in seconds."""
        time_base = packet.time_base or Fraction(1)
        if self._last is None:
            self._shift = -round(self._start / time_base)
        given = packet.dts if packet.dts is not None else packet.pts
        after = 0 if self._last is None else self._last + max(1, packet.duration or 0)
        at = after if given is None else given + self._shift
        if self._last is not None and at <= self._last:
            if (self._last - at) * time_base >= 1:  # the clock restarts, as in joined recordings
                self._shift += after - at
            at = after if (self._last - at) * time_base >= 1 else self._last + 1
        if packet.pts is not None:
            packet.pts = max(packet.pts + self._shift, at)
        packet.dts = self._last = at
        return float(at * time_base)

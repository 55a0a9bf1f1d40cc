"""The file of the annotated video: its encoded pictures, and all else that the recording holds, as it is.

Sound and subtitles are copied packet for packet. What is damaged in them, or does not fit into the kind of
file, is left out and told; it never costs the pictures.
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

from livefan.annotation.encoder import CODECS, PictureFormat, VideoFormat
from livefan.annotation.journal import Journal
from livefan.core.errors import LivefanError, StoppedError
from livefan.io.source import Source

_MATROSKA = (".mkv", ".webm")
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
_DEMUX_ERRORS_IN_A_ROW = 10
_CHAPTERS_OF_MP4 = "bin_data"
"""What FFmpeg calls the track in which MP4 keeps the titles of its chapters, which are copied as chapters."""


def mux(journal: Journal, source: Source, location: str | None, path: Path, video: VideoFormat) -> list[str]:
    """Write the encoded video with the other streams of the recording.

    Args:
        journal: holds the packets of all frames.
        source: the recording, opened; only what it says of itself is used.
        location: what FFmpeg opens to read its other streams, if it can have any.
        path: the file to write.

    Returns:
        What could not be taken along, one line each.

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
            # A header that cannot be written: parameters of another stream are damaged.
            _write(journal, source, None, path, video)
            return [f"{source.name}: its other streams are damaged and were left out"]
    except av.error.FFmpegError as error:
        if error.errno in _NO_ROOM:
            raise StoppedError(
                f"{path.parent.parent}: the video cannot be written ({error.strerror}); make room on "
                "the disk and give the same command again, it goes on where it was"
            ) from error
        raise LivefanError(
            f"{path.name}: the video cannot be written ({error.strerror}); choose another kind of file"
        ) from error


def _write(
    journal: Journal, source: Source, location: str | None, path: Path, video: VideoFormat
) -> list[str]:
    problems: list[str] = []
    picture = PictureFormat.of(source)
    # Matroska's sound may begin before zero; FFmpeg would move everything else along with it.
    exact = {"avoid_negative_ts": "disabled"} if path.suffix.lower() in _MATROSKA else {}
    with av.open(str(path), "w", container_options=exact) as output:
        stream: Any = output.add_stream(CODECS[video.codec].encoder, rate=picture.rate, options=video.options)
        picture.set_up(stream.codec_context)
        stream.time_base = picture.time_base
        if video.codec == "hevc" and path.suffix.lower() in (".mp4", ".mov"):
            stream.codec_context.codec_tag = "hvc1"  # the name under which Apple's players know it
        pictures = _video_packets(journal, stream, picture.time_base)
        if location is None:
            _mux_sorted(output, pictures, iter(()))
            return problems
        with av.open(location, metadata_errors="replace") as recording:
            copies = _take_along(recording, output, stream, source, problems)
            lost = _mux_sorted(output, pictures, _copied_packets(recording, copies, source.clock_start))
            problems += [
                f"{source.name}: {count} damaged packets of its {kind} were left out"
                for kind, count in lost.items()
            ]
    return problems


def _take_along(
    recording: InputContainer, output: OutputContainer, video: Any, source: Source, problems: list[str]
) -> dict[int, Any]:
    """Declare copies of all other streams, and copy what the recording says of itself.

    Returns:
        The output's stream for each stream number of the recording that is copied.
    """
    output.metadata.update(recording.metadata)
    chapters = recording.chapters()
    if chapters:
        output.set_chapters(chapters)
    copies: dict[int, Any] = {}
    shown = False
    for stream in recording.streams:
        if stream.type == "video" and not shown and not stream.disposition & Disposition.attached_pic:
            shown = True
            video.metadata.update(_lasting(stream.metadata))
            continue
        if chapters and stream.type == "data" and stream.name == _CHAPTERS_OF_MP4:
            continue
        if not _fits(stream, output.format.name):
            problems.append(
                f"{source.name}: its {stream.type} stream {stream.index} ({stream.name}) does not fit into "
                f"{Path(output.name).suffix} and is left out; another kind of file may hold it"
            )
            continue
        copy = output.add_stream_from_template(stream, opaque=True)
        copy.metadata.update(_lasting(stream.metadata))
        copy.disposition = stream.disposition
        copies[stream.index] = copy
    return copies


def _fits(stream: Any, kind_of_file: str) -> bool:
    """Whether a kind of file, by FFmpeg's name, can hold a copy of a stream, as a trial in memory shows.

    Some streams are refused only when the file's header is written, with all others.
    """
    try:
        with av.open(io.BytesIO(), "w", format=kind_of_file) as trial:
            trial.add_stream_from_template(stream, opaque=True)
            trial.start_encoding()
    except (ValueError, av.error.FFmpegError):
        return False
    return True


def _lasting(metadata: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if key.lower() not in _OF_THE_CODING}


_OF_THE_CODING = frozenset({"encoder", "duration", "bps", "number_of_frames", "number_of_bytes", "rotate"})
"""What a stream's metadata says of the old coding, which no longer holds."""


def _mux_sorted(
    output: OutputContainer,
    pictures: Iterator[tuple[float, av.Packet]],
    copies: Iterator[tuple[float, av.Packet]],
) -> Counter[str]:
    """Mux packets by time; returns how many copied ones were refused, by their kind."""
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
        packet.pts = packet.dts = encoded.tick
        packet.is_keyframe = encoded.key
        yield float(encoded.tick * time_base), packet


def _copied_packets(
    recording: InputContainer, copies: dict[int, Any], clock_start: Fraction
) -> Iterator[tuple[float, av.Packet]]:
    """The packets of the streams that are copied, each with timestamps that go on from the last."""
    clocks = {index: _PacketClock(clock_start) for index in copies}
    errors_in_a_row = 0
    wanted = [stream for stream in recording.streams if stream.index in copies]
    while wanted and errors_in_a_row < _DEMUX_ERRORS_IN_A_ROW:
        try:
            for packet in recording.demux(wanted):
                errors_in_a_row = 0
                if packet.size and packet.time_base:
                    at = clocks[packet.stream_index].set(packet)
                    packet.stream = copies[packet.stream_index]
                    yield at, packet
            return
        except av.error.FFmpegError:
            errors_in_a_row += 1


class _PacketClock:
    """Moves the timestamps of a stream's packets where they would stand still or go back."""

    def __init__(self, clock_start: Fraction) -> None:
        self._start = clock_start
        self._shift = 0
        self._last: int | None = None

    def set(self, packet: av.Packet) -> float:
        """Set a packet's timestamps, and return its place in seconds."""
        time_base = packet.time_base or Fraction(1)
        if self._last is None:
            self._shift = -round(self._start / time_base)
        given = packet.dts if packet.dts is not None else packet.pts
        after = 0 if self._last is None else self._last + max(1, packet.duration or 0)
        at = after if given is None else given + self._shift
        if self._last is not None and at <= self._last:
            if (self._last - at) * time_base >= 1:  # a clock that starts anew: joined recordings
                self._shift += after - at
            at = after if (self._last - at) * time_base >= 1 else self._last + 1
        if packet.pts is not None:
            packet.pts = max(packet.pts + self._shift, at)
        packet.dts = self._last = at
        return float(at * time_base)

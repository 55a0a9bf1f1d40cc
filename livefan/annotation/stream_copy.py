"""Copies of the audio, subtitles and other streams of a recording, packet by packet.

A stream that the container cannot hold is left out and reported; it costs no other stream.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
from av.container import InputContainer, OutputContainer

from livefan.core.errors import LivefanError
from livefan.io.container import video_stream
from livefan.io.source import Source

_DEMUX_ERRORS_IN_A_ROW = 10
_CHAPTERS_OF_MP4 = "bin_data"
"""FFmpeg's name of the track with chapter titles in MP4; chapters are copied as chapters instead."""
_TRIAL_PACKETS = 4000
"""Packets that are read at most to find the first of every stream."""


def declare_copies(
    recording: InputContainer,
    output: OutputContainer,
    video: Any,
    source: Source,
    problems: list[str],
    *,
    without: Collection[str] = (),
) -> dict[int, Any]:
    """Declare copies of all other streams, and copy metadata and chapters of the recording.

    Args:
        video: the output's stream for the pictures.
        problems: receives a line for each stream that is left out.
        without: types of streams that are left out, such as ``data``.

    Returns:
        The output's stream for each stream number of the recording that is copied.
    """
    output.metadata.update(recording.metadata)
    chapters = recording.chapters()
    if chapters:
        output.set_chapters(chapters)
    pictures = _pictures_of(recording, source.name)
    if pictures is not None:
        video.metadata.update(_kept_metadata(pictures.metadata))
    others = [
        stream
        for stream in recording.streams
        if stream is not pictures and not _kept_otherwise(stream, has_chapters=bool(chapters))
    ]
    first_packets = _first_packets(recording.name, [stream.index for stream in others])
    copies: dict[int, Any] = {}
    for stream in others:
        packet = first_packets.get(stream.index)
        if stream.type in without or not _fits(stream, packet, output.format.name):
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


def _pictures_of(recording: InputContainer, name: str) -> Any:
    """Return the stream whose pictures are annotated; None if it is not to be found."""
    try:
        chosen = video_stream(recording, name)
    except LivefanError:
        return None
    return recording.streams[chosen.index]


def _kept_otherwise(stream: Any, *, has_chapters: bool) -> bool:
    """Return whether the content of a stream is kept in another place: chapters, and the time code.

    The metadata of the pictures hold the time code, from which a .mov or .mp4 gets a new track.
    """
    is_chapters = has_chapters and stream.name == _CHAPTERS_OF_MP4
    return stream.type == "data" and (is_chapters or "timecode" in stream.metadata)


def _first_packets(location: str, indices: Collection[int]) -> dict[int, av.Packet]:
    """Return the first packet of some streams of a recording, as far as they are found soon."""
    found: dict[int, av.Packet] = {}
    if not indices:
        return found
    try:
        with av.open(location, metadata_errors="replace") as recording:
            streams = [stream for stream in recording.streams if stream.index in indices]
            for number, packet in enumerate(recording.demux(streams)):
                if packet.size:
                    found.setdefault(packet.stream_index, packet)
                if len(found) == len(indices) or number > _TRIAL_PACKETS:
                    break
    except av.error.FFmpegError:  # damage is reported where the packets are copied
        pass
    return found


def _fits(stream: Any, packet: av.Packet | None, container: str) -> bool:
    """Return whether a container, by FFmpeg's name, can hold a copy of a stream.

    Some streams are refused only when the header, the first packet or the end is written. So a trial in
    memory decides.
    """
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            copy = trial.add_stream_from_template(stream, opaque=True)
            trial.start_encoding()
            if packet is not None:
                tried = av.Packet(bytes(packet))
                tried.stream, tried.time_base = copy, packet.time_base
                tried.pts = tried.dts = 0
                tried.duration, tried.is_keyframe = packet.duration, True
                trial.mux_one(tried)
    except (ValueError, av.error.FFmpegError):
        return False
    return True


def _kept_metadata(metadata: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if key.lower() not in _CODING_METADATA}


_CODING_METADATA = frozenset({"encoder", "duration", "bps", "number_of_frames", "number_of_bytes", "rotate"})
"""Entries of a stream's metadata that describe its old coding."""


def copied_packets(
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

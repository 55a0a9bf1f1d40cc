"""Decode the pictures of a recording past damaged packets, and count the losses."""

from __future__ import annotations

from collections.abc import Iterator

import av
import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from livefan.core.frame import Damage

_DEMUX_ERRORS_IN_A_ROW = 10
_DELAY = 64  # frames after which an error has shown at the latest, past the decoder's threads and reordering


class DecodingLosses:
    """Counts of packets and of damage in a recording.

    Attributes:
        packets: packets read that hold data.
        errors: packets that could not be read or decoded.
        missing: frames missing in gaps after an error.
        concealed: pictures decoded with visible errors.
    """

    def __init__(self) -> None:
        self.packets = self.errors = self.missing = self.concealed = 0
        self._errors_seen = self._gap_expected = 0

    def damage_of(self, picture: VideoFrame, idle: float, period: float) -> Damage:
        """Return the damage of a decoded picture and add it to the counts.

        Args:
            picture: the next picture.
            idle: seconds between the end of the last picture and the start of this one.
            period: seconds between two pictures.
        """
        self.concealed += picture.is_corrupt
        if self.errors > self._errors_seen:
            self._errors_seen, self._gap_expected = self.errors, _DELAY
        if self._gap_expected:
            self._gap_expected -= 1
            if idle > 0.5 * period:
                self._gap_expected = 0
                self.missing += max(1, round(idle / period))
                return "gap"
        return "errors" if picture.is_corrupt else ""

    def lost_frames(self, stated: int, read: int) -> int:
        """Return the number of lost frames, given those that the file states and those that were read."""
        return max(self.errors, self.missing, max(self.packets, stated) - read)


def decode(container: InputContainer, stream: VideoStream, losses: DecodingLosses) -> Iterator[VideoFrame]:
    """Yield the pictures of a stream from the container's current position on."""
    errors_in_a_row = 0
    while errors_in_a_row < _DEMUX_ERRORS_IN_A_ROW:
        try:
            for packet in container.demux(stream):
                errors_in_a_row = 0
                if not packet.size and packet.pts is not None:
                    continue  # the last picture is shown further, as in Theora
                losses.packets += packet.size > 0
                if packet.is_corrupt:  # cut off by the end of the file: half a picture at best
                    losses.errors += 1
                    continue
                yield from _decoded(stream, packet, losses)
            return
        except av.error.FFmpegError:
            errors_in_a_row += 1
            losses.errors += 1
    yield from _decoded(stream, None, losses)


def _decoded(stream: VideoStream, packet: av.Packet | None, losses: DecodingLosses) -> list[VideoFrame]:
    try:
        return stream.decode(packet)
    except av.error.FFmpegError:
        losses.errors += 1
        return []

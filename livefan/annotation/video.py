"""The annotated video: frames drawn and encoded at their own timestamps, and what else the recording holds.

Encoded packets go into the journal, some hundred frames at a time, each lot decodable on its own; so a
stopped annotation goes on behind the last lot. At the end they are muxed with the recording's sound and
subtitles, whose packets are copied as they are.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import cv2
import numpy as np
from av.codec.context import Flags
from av.container import InputContainer, OutputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext

from livefan.annotation.journal import EncodedPacket, Journal
from livefan.annotation.records import AnnotatedFrame
from livefan.capture import CaptureThread
from livefan.errors import LivefanError, StoppedError
from livefan.frame import Face
from livefan.overlay import OverlayStyle, draw_faces
from livefan.scheme import LandmarkScheme
from livefan.sinks import fit_image
from livefan.sources import Source

SEGMENT = 512
"""Frames encoded as one lot: what a kill can cost of the encoding."""
_MATROSKA = (".mkv", ".webm")
_BT_601 = 6  # ISO/IEC 23091-2, MatrixCoefficients of the conversion below
_DEMUX_ERRORS_IN_A_ROW = 10


@dataclass(frozen=True)
class Codec:
    """A way to encode video.

    Attributes:
        encoder: FFmpeg's name of it.
        quality: its constant rate factor, unless another is asked for; less is better and larger.
        worst: the largest factor it takes.
        options: its speed.
        suffixes: of the files it is written to.
    """

    encoder: str
    quality: int
    worst: int
    options: dict[str, str]
    suffixes: tuple[str, ...] = (".mp4", ".mov", ".mkv")


CODECS = {
    "h264": Codec("libx264", 20, 51, {"preset": "veryfast"}),
    "hevc": Codec("libx265", 24, 51, {"preset": "veryfast", "x265-params": "log-level=error"}),
    "vp9": Codec(
        "libvpx-vp9", 31, 63, {"deadline": "realtime", "cpu-used": "6", "b": "0"}, (".webm", ".mkv", ".mp4")
    ),
    "av1": Codec("libsvtav1", 32, 63, {"preset": "9"}, (".mp4", ".mkv", ".webm")),
}


@dataclass(frozen=True)
class VideoFormat:
    """How the video is encoded: a key of :data:`CODECS`, and its rate factor (None: the codec's own)."""

    codec: str = "h264"
    quality: int | None = None

    @property
    def options(self) -> dict[str, str]:
        """The encoder's options."""
        codec = CODECS[self.codec]
        return {**codec.options, "crf": str(codec.quality if self.quality is None else self.quality)}


@dataclass(frozen=True)
class _Picture:
    """What an encoder has to know of the pictures: even size, time, rate, shape and coding of pixels."""

    size: tuple[int, int]
    time_base: Fraction
    rate: Fraction
    pixel_aspect: Fraction
    colour_tagged: bool

    @classmethod
    def of(cls, source: Source) -> _Picture:
        width, height = source.size
        rate = Fraction(source.fps or 25).limit_denominator(1001)
        return cls(
            (width + width % 2, height + height % 2),
            source.time_base,
            max(rate, Fraction(1, 1000)),
            source.pixel_aspect,
            source.colour_tagged,
        )

    def set_up(self, context: VideoCodecContext) -> None:
        context.width, context.height = self.size
        context.pix_fmt = "yuv420p"
        context.time_base = self.time_base
        context.framerate = self.rate
        context.sample_aspect_ratio = self.pixel_aspect
        context.gop_size = SEGMENT // 2
        # Without frames that refer to later ones, packets come in the order of their timestamps.
        context.max_b_frames = 0
        if self.colour_tagged:
            context.colorspace = _BT_601


class VideoStage:
    """Draws and encodes the frames of a recording, into the journal.

    Args:
        source: the recording from its beginning.
        journal: takes the packets; frames that it holds as packets already are passed over.
        path: of the video, for errors.
    """

    def __init__(
        self,
        source: Source,
        journal: Journal,
        path: Path,
        scheme: LandmarkScheme,
        style: OverlayStyle,
        video: VideoFormat,
    ) -> None:
        self._picture = _Picture.of(source)
        self._journal = journal
        self._path = path
        self._scheme = scheme
        self._style = style
        self._video = video
        self._done = journal.n_encoded
        self._frames = CaptureThread(source, paced=False)
        self._frames.start()
        self._context: VideoCodecContext | None = None
        self._packets: list[EncodedPacket] = []

    def write(self, annotated: AnnotatedFrame) -> None:
        """Draw and encode the next frame.

        Raises:
            LivefanError: if it cannot be read again or encoded.
        """
        index = annotated.moment.index
        frame = self._frames.get()
        if frame is None:
            raise LivefanError(f"{self._path}: the recording changed while it was read; begin anew")
        if index < self._done:
            return
        image = frame.image
        draw_faces(image, [as_face(face) for face in annotated.faces], self._scheme, self._style)
        self._encode(image, annotated.moment.tick)
        if (index + 1) % SEGMENT == 0:
            self._end_segment(index + 1)

    def finish(self, n_frames: int) -> None:
        """Encode what is still in the encoder."""
        if self._context is not None:
            self._end_segment(n_frames)

    def close(self) -> None:
        """Let go of the recording."""
        self._frames.stop()

    def _encode(self, image: np.ndarray, tick: int) -> None:
        if self._context is None:
            self._context = self._new_context()
        fitted = fit_image(image, self._picture.size)
        # By OpenCV: FFmpeg's own conversion rounds down, and darkens every picture by some levels.
        yuv: Any = cv2.cvtColor(fitted, cv2.COLOR_BGR2YUV_I420)
        picture = av.VideoFrame.from_ndarray(yuv, format="yuv420p")
        picture.pts, picture.time_base = tick, self._picture.time_base
        self._keep(picture)

    def _keep(self, picture: av.VideoFrame | None) -> None:
        assert self._context is not None
        try:
            packets = self._context.encode(picture)
        except av.error.FFmpegError as error:
            raise self._refused(error) from error
        self._packets += [
            EncodedPacket(packet.pts or 0, packet.is_keyframe, bytes(packet))
            for packet in packets
            if packet.pts is not None
        ]

    def _new_context(self) -> VideoCodecContext:
        encoder = CODECS[self._video.codec].encoder
        context: Any = av.CodecContext.create(encoder, "w")
        self._picture.set_up(context)
        context.options = self._video.options
        context.flags |= Flags.global_header
        try:
            context.open()
        except av.error.FFmpegError as error:
            raise self._refused(error) from error
        return context

    def _end_segment(self, end: int) -> None:
        self._keep(None)
        self._journal.add_segment(self._packets, end)
        self._context, self._packets = None, []

    def _refused(self, error: av.error.FFmpegError) -> LivefanError:
        width, height = self._picture.size
        return LivefanError(
            f"{self._path}: {self._video.codec} cannot encode {width} x {height} pictures "
            f"({error.strerror}); choose another --codec, or --no-video"
        )


def as_face(face: Any) -> Face:
    """An annotated face as the overlay draws it."""
    return Face(
        track_id=face.track_id, box_px=face.box_px, points_px=face.points_px, confidence=face.confidence
    )


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
        LivefanError: if the file cannot be written.
    """
    problems: list[str] = []
    picture = _Picture.of(source)
    try:
        # Matroska's sound may begin before zero; FFmpeg would move everything else along with it.
        exact = {"avoid_negative_ts": "disabled"} if path.suffix.lower() in _MATROSKA else {}
        with av.open(str(path), "w", container_options=exact) as output:
            stream: Any = output.add_stream(
                CODECS[video.codec].encoder, rate=picture.rate, options=video.options
            )
            picture.set_up(stream.codec_context)
            stream.time_base = picture.time_base
            if video.codec == "hevc" and path.suffix.lower() in (".mp4", ".mov"):
                stream.codec_context.codec_tag = "hvc1"  # the name under which Apple's players know it
            if location is None:
                _mux_sorted(output, [_video_packets(journal, stream, picture.time_base)])
                return problems
            with av.open(location, metadata_errors="replace") as recording:
                copies = _take_along(recording, output, stream, source, problems)
                _mux_sorted(
                    output,
                    [
                        _video_packets(journal, stream, picture.time_base),
                        _copied_packets(recording, copies, source.clock_start),
                    ],
                )
    except av.error.FFmpegError as error:
        raise StoppedError(
            f"{path.parent.parent}: the video cannot be written ({error.strerror}); make room on the disk "
            "and give the same command again, it goes on where it was"
        ) from error
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
        try:
            copy = output.add_stream_from_template(stream, opaque=True)
        except (ValueError, av.error.FFmpegError):
            kind = stream.codec_context.name if stream.codec_context else stream.type
            problems.append(
                f"{source.name}: its {stream.type} stream {stream.index} ({kind}) does not fit into "
                f"{Path(output.name).suffix} and is left out; another kind of file may hold it"
            )
            continue
        copy.metadata.update(_lasting(stream.metadata))
        copy.disposition = stream.disposition
        copies[stream.index] = copy
    return copies


def _lasting(metadata: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if key.lower() not in _OF_THE_CODING}


_OF_THE_CODING = frozenset({"encoder", "duration", "bps", "number_of_frames", "number_of_bytes", "rotate"})
"""What a stream's metadata says of the old coding, which no longer holds."""


def _mux_sorted(output: OutputContainer, packets: list[Iterator[tuple[float, av.Packet]]]) -> None:
    output.start_encoding()
    for _, packet in heapq.merge(*packets, key=lambda timed: timed[0]):
        output.mux_one(packet)


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

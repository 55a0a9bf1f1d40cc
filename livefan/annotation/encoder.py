"""The pictures of the annotated video: drawn, and encoded at their own timestamps.

Encoded packets go into the journal, some hundred frames at a time, each lot decodable on its own; so a
stopped annotation goes on behind the last lot. :mod:`livefan.annotation.mux` makes a file of them.
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import cv2
import numpy as np
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext

from livefan.annotation.journal import EncodedPacket, Journal
from livefan.core.errors import LivefanError
from livefan.core.frame import Face
from livefan.core.landmarks import LandmarkScheme
from livefan.drawing.faces import OverlayStyle, draw_faces
from livefan.formats.records import AnnotatedFrame
from livefan.io.capture_thread import CaptureThread
from livefan.io.source import Source
from livefan.io.video_writer import fit_image

SEGMENT = 512
"""Frames encoded as one lot: what a kill can cost of the encoding."""
_WAITING = 4
"""Drawn frames that may wait for the encoder."""
_BT_601 = 6  # ISO/IEC 23091-2, MatrixCoefficients of the conversion below


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
    # With the bits spent where later frames profit: a third less time than veryfast, and an eighth more bits
    # for pictures as near.
    "h264": Codec("libx264", 20, 51, {"preset": "superfast", "x264-params": "mbtree=1:rc-lookahead=10"}),
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
class PictureFormat:
    """What an encoder has to know of the pictures: even size, time, rate, shape and coding of pixels."""

    size: tuple[int, int]
    time_base: Fraction
    rate: Fraction
    pixel_aspect: Fraction
    colour_tagged: bool

    @classmethod
    def of(cls, source: Source) -> PictureFormat:
        """That of a recording's pictures."""
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
        """Tell an encoder."""
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
    """Draws the frames of a recording, and encodes them into the journal in a thread of its own.

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
        self._path = path
        self._scheme = scheme
        self._style = style
        self._done = journal.n_encoded
        self._frames = CaptureThread(source, paced=False)
        self._frames.start()
        self._encoder = _Encoder(PictureFormat.of(source), video, journal, path)
        self._thread = ThreadPoolExecutor(1, "livefan-encode")
        self._encoding: deque[Future[None]] = deque()

    def write(self, annotated: AnnotatedFrame) -> None:
        """Draw the next frame, and encode it soon.

        Raises:
            LivefanError: if it cannot be read again, or an earlier one not be encoded.
        """
        index = annotated.info.index
        frame = self._frames.get()
        if frame is None:
            raise LivefanError(f"{self._path}: the recording changed while it was read; begin anew")
        if index < self._done:
            return
        image = frame.image
        draw_faces(image, [as_face(face) for face in annotated.faces], self._scheme, self._style)
        self._encoding.append(self._thread.submit(self._encoder.add, image, annotated.info.pts))
        if (index + 1) % SEGMENT == 0:
            self._encoding.append(self._thread.submit(self._encoder.end_segment, index + 1))
        while len(self._encoding) > _WAITING:
            self._encoding.popleft().result()

    def finish(self, n_frames: int) -> None:
        """Encode all that is left."""
        self._encoding.append(self._thread.submit(self._encoder.end_segment, n_frames))
        while self._encoding:
            self._encoding.popleft().result()

    def close(self) -> None:
        """Let go of the recording."""
        self._frames.stop()
        self._thread.shutdown(cancel_futures=True)


class _Encoder:
    """Encodes pictures, and puts them into the journal in lots that decode on their own."""

    def __init__(self, picture: PictureFormat, video: VideoFormat, journal: Journal, path: Path) -> None:
        self._picture = picture
        self._video = video
        self._journal = journal
        self._path = path
        self._context: VideoCodecContext | None = None
        self._packets: list[EncodedPacket] = []

    def add(self, image: np.ndarray, tick: int) -> None:
        """Encode a ``(height, width, 3)`` uint8 BGR image.

        Raises:
            LivefanError: if that cannot be.
        """
        if self._context is None:
            self._context = self._new_context()
        fitted = fit_image(image, self._picture.size)
        # By OpenCV: FFmpeg's own conversion rounds down, and darkens every picture by some levels.
        yuv: Any = cv2.cvtColor(fitted, cv2.COLOR_BGR2YUV_I420)
        picture = av.VideoFrame.from_ndarray(yuv, format="yuv420p")
        picture.pts, picture.time_base = tick, self._picture.time_base
        self._encode(self._context, picture)

    def end_segment(self, end: int) -> None:
        """Put what was encoded into the journal: the frames up to ``end``."""
        if self._context is not None:
            self._encode(self._context, None)
            self._journal.add_segment(self._packets, end)
        self._context, self._packets = None, []

    def _encode(self, context: VideoCodecContext, picture: av.VideoFrame | None) -> None:
        try:
            packets = context.encode(picture)
        except av.error.FFmpegError as error:
            raise self._rejected(error) from error
        self._packets += [
            EncodedPacket(packet.pts, packet.is_keyframe, bytes(packet))
            for packet in packets
            if packet.pts is not None
        ]

    def _new_context(self) -> VideoCodecContext:
        encoder = CODECS[self._video.codec].encoder
        os.environ.setdefault("SVT_LOG", "1")  # else libsvtav1 tells of its settings
        context: Any = av.CodecContext.create(encoder, "w")
        self._picture.set_up(context)
        context.options = self._video.options
        context.flags |= Flags.global_header
        context.thread_count = max(1, (os.cpu_count() or 1) // 2)  # the network needs the others
        try:
            context.open()
        except av.error.FFmpegError as error:
            raise self._rejected(error) from error
        return context

    def _rejected(self, error: av.error.FFmpegError) -> LivefanError:
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

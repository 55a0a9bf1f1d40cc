"""The encoder of the annotated video.

The journal stores the packets in segments of some hundred frames. Each segment decodes on its own, so a
stopped annotation continues after the last one. :mod:`livefan.annotation.mux` writes the video file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import av
import av.error
import cv2
import numpy as np
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext

from livefan.annotation.codecs import CODECS, PictureFormat, VideoFormat
from livefan.annotation.journal import EncodedPacket, Journal
from livefan.core.errors import LivefanError
from livefan.io.video_writer import fit_image

_MOST_THREADS = 4
"""More threads take memory, and limit the vertical motion that x264 can use."""


class SegmentEncoder:
    """Encodes pictures into segments and adds them to the journal.

    Args:
        picture: format of the pictures.
        video: codec and quality.
        journal: receives the segments.
        path: path of the video, for errors.

    Raises:
        LivefanError: if the codec cannot encode pictures of this size.
    """

    def __init__(self, picture: PictureFormat, video: VideoFormat, journal: Journal, path: Path) -> None:
        self._picture = picture
        self._video = video
        self._journal = journal
        self._path = path
        # Opened at once: a codec that does not take such pictures is an error before the work.
        self._context: VideoCodecContext | None = self._new_context()
        self._packets: list[EncodedPacket] = []

    def add(self, image: np.ndarray, pts: int) -> None:
        """Encode a ``(height, width, 3)`` uint8 BGR image.

        Raises:
            LivefanError: if the codec cannot encode pictures of this size.
        """
        if self._context is None:
            self._context = self._new_context()
        fitted = fit_image(image, self._picture.size)
        # By OpenCV: FFmpeg's own conversion rounds down and darkens every picture by some levels.
        yuv: Any = cv2.cvtColor(fitted, cv2.COLOR_BGR2YUV_I420)
        picture = av.VideoFrame.from_ndarray(yuv, format="yuv420p")
        picture.pts, picture.time_base = pts, self._picture.time_base
        self._encode(self._context, picture)

    def end_segment(self, end: int) -> None:
        """Add the segment to the journal; it holds the frames before ``end``."""
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
        os.environ.setdefault("SVT_LOG", "1")  # else libsvtav1 prints its settings
        context: Any = av.CodecContext.create(encoder, "w")
        self._picture.set_up(context)
        context.options = self._video.options
        context.flags |= Flags.global_header
        # By frames, x264 gives the same pictures as on one core; slices would need more bits.
        context.thread_count, context.thread_type = min(os.cpu_count() or 1, _MOST_THREADS), "FRAME"
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

"""Renderers: they draw annotated frames, as a video or as a single image."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from livefan.annotation import codecs
from livefan.annotation.codecs import PictureFormat, VideoFormat
from livefan.annotation.encoder import SegmentEncoder
from livefan.annotation.frame_buffer import FrameBuffer
from livefan.annotation.journal import Journal
from livefan.core.errors import LivefanError
from livefan.core.frame import Face
from livefan.core.landmarks import LandmarkScheme
from livefan.drawing.faces import OverlayStyle, draw_faces, draw_unsure_faces
from livefan.formats.records import AnnotatedFace, AnnotatedFrame
from livefan.io.capture_thread import CaptureThread
from livefan.io.source import Source

_WAITING = 4
"""Drawn frames that may wait for the encoder."""


class Renderer(Protocol):
    """Draws annotated frames, given in order."""

    def write(self, annotated: AnnotatedFrame) -> None:
        """Draw the next frame."""

    def finish(self, n_frames: int) -> None:
        """Write everything that remains; ``n_frames`` were drawn."""

    def close(self) -> None:
        """Close the recording."""


class ImageRenderer:
    """Draws a recording of one frame as an image.

    Args:
        source: the recording from its beginning.
        path: the image to write.
    """

    def __init__(self, source: Source, path: Path, scheme: LandmarkScheme, style: OverlayStyle) -> None:
        self._source, self._path, self._scheme, self._style = source, path, scheme, style

    def write(self, annotated: AnnotatedFrame) -> None:
        """Draw the frame and write the image.

        Raises:
            LivefanError: if the recording has a second frame, or the image cannot be encoded.
        """
        frame = self._source.read()
        if frame is None or annotated.info.index:
            raise LivefanError(
                f"{self._path.name}: the source has several frames; name a video for the output"
            )
        _draw(frame.image, annotated, self._scheme, self._style)
        encoded, data = cv2.imencode(self._path.suffix, frame.image)
        if not encoded:
            raise LivefanError(f"{self._path.name}: the image could not be encoded; choose .png or .jpg")
        self._path.write_bytes(data.tobytes())

    def finish(self, n_frames: int) -> None:
        """Do nothing: :meth:`write` has written the image."""

    def close(self) -> None:
        """Close the recording."""
        self._source.close()


class VideoRenderer:
    """Draws the frames of a recording, and encodes them in a thread of its own.

    Args:
        source: the recording; read from its beginning if there is no buffer, else only its properties count.
        journal: receives the packets; frames that it holds as packets are only decoded.
        path: path of the video, for errors.
        buffer: the frames of the recording in order, to be drawn on; None to read the recording again.
    """

    def __init__(
        self,
        source: Source,
        journal: Journal,
        path: Path,
        scheme: LandmarkScheme,
        style: OverlayStyle,
        video: VideoFormat,
        buffer: FrameBuffer | None = None,
    ) -> None:
        self._path = path
        self._scheme = scheme
        self._style = style
        self._n_encoded = journal.n_encoded
        self._frames: FrameBuffer | CaptureThread
        if buffer is None:
            self._frames = CaptureThread(source, paced=False)
            self._frames.start()
        else:
            self._frames = buffer
        self._encoder = SegmentEncoder(PictureFormat.of(source), video, journal, path)
        self._thread = ThreadPoolExecutor(1, "livefan-encode")
        self._encoding: deque[Future[None]] = deque()

    def write(self, annotated: AnnotatedFrame) -> None:
        """Draw the next frame and queue it for the encoder.

        Raises:
            LivefanError: if the frame cannot be read again, or an earlier frame could not be encoded.
        """
        index = annotated.info.index
        frame = self._frames.get()
        if frame is None:
            raise LivefanError(f"{self._path}: the recording changed during the annotation; start again")
        if index < self._n_encoded:
            return
        image = frame.image
        _draw(image, annotated, self._scheme, self._style)
        self._encoding.append(self._thread.submit(self._encoder.add, image, annotated.info.pts))
        if (index + 1) % codecs.SEGMENT == 0:
            self._encoding.append(self._thread.submit(self._encoder.end_segment, index + 1))
        while len(self._encoding) > _WAITING:
            self._encoding.popleft().result()

    def finish(self, n_frames: int) -> None:
        """Encode all frames that remain."""
        self._encoding.append(self._thread.submit(self._encoder.end_segment, n_frames))
        while self._encoding:
            self._encoding.popleft().result()

    def close(self) -> None:
        """Close the recording and end the threads."""
        self._frames.stop()
        self._thread.shutdown(cancel_futures=True)


def _draw(image: np.ndarray, annotated: AnnotatedFrame, scheme: LandmarkScheme, style: OverlayStyle) -> None:
    """Draw the faces of a frame onto its image."""
    unsure = [_as_face(face) for face in annotated.faces if face.found == "unsure"]
    draw_faces(image, [_as_face(face) for face in annotated.faces if face.found != "unsure"], scheme, style)
    draw_unsure_faces(image, unsure, style)


def _as_face(face: AnnotatedFace) -> Face:
    """Return an annotated face as the overlay draws it."""
    return Face(
        track_id=face.track_id,
        box_px=face.box_px,
        points_px=face.points_px,
        confidence=face.confidence,
        gaze=face.gaze,
        pupils_px=face.pupils_px,
        occluded=face.occluded,
    )

"""Measure a recording: decode it, follow its faces forwards and back, and write that into the journal."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from livefan.annotation.appearance import look_of
from livefan.annotation.journal import Journal
from livefan.annotation.observations import AppearanceSample, Observation
from livefan.core.boxes import bounding_box, iou
from livefan.core.crop import upright_crop
from livefan.core.frame import Face, Frame
from livefan.formats.records import FrameInfo
from livefan.io.capture_thread import CaptureThread
from livefan.io.source import Source
from livefan.tracking.landmarker import locate
from livefan.tracking.lookahead import LookingAhead
from livefan.tracking.pipeline import Pipeline
from livefan.tracking.track import MIN_FACE_SCORE

BATCH = 32
"""Frames between two entries in the journal: what a kill can lose."""
REACH = 60
"""How many frames back a face is followed at most from where it was found."""
REACH_BYTES = 192 << 20
"""Memory that the frames within reach may take; of those larger than 720p fewer than ``REACH`` are kept."""
LOOK_EVERY = 8
"""Frames from one look at a face to the next."""
_SAME_FACE_IOU = 0.4


@dataclass
class _Recent:
    """A frame still within reach: its picture, and the landmarks of the faces on it by track."""

    index: int
    image: np.ndarray
    faces: dict[int, np.ndarray] = field(default_factory=dict)


class _Reach:
    """The last frames, as many as there is memory for."""

    def __init__(self) -> None:
        self._frames: deque[_Recent] = deque()
        self._n_bytes = 0

    def remember(self, here: _Recent) -> None:
        self._frames.append(here)
        self._n_bytes += here.image.nbytes
        while len(self._frames) > 1 and (len(self._frames) > REACH or self._n_bytes > REACH_BYTES):
            self._n_bytes -= self._frames.popleft().image.nbytes

    def backwards(self) -> Iterator[_Recent]:
        return reversed(self._frames)

    @property
    def last_faces(self) -> dict[int, np.ndarray]:
        """The landmarks on the last frame, by track."""
        return self._frames[-1].faces if self._frames else {}


def follow(
    source: Source,
    pipeline: LookingAhead,
    journal: Journal,
    on_frame: Callable[[Frame], None] = lambda _: None,
) -> None:
    """Measure what the journal does not hold yet of a recording, until its end.

    Args:
        source: the recording from its beginning; frames that the journal holds are only decoded.
        pipeline: one that does not smooth; it is brought to the state in which the journal was left.
        on_frame: called after each frame, those that the journal held included.

    Raises:
        LivefanError: if the recording or the journal fails.
    """
    done = journal.n_frames
    if state := journal.note("state"):
        pipeline.restore(state)
    reach = _Reach()
    with CaptureThread(source, paced=False) as capture:
        frames = iter(capture)
        for number, frame in enumerate(itertools.islice(frames, done)):
            if number >= done - REACH:
                faces = {face.track: face.points_px for face in journal.faces(number, number + 1)}
                reach.remember(_Recent(number, frame.image, faces))
            on_frame(frame)
        batch = _Batch()
        for number, (frame, found) in enumerate(pipeline.process_all(frames), done):
            batch.add(number, frame, found, source, pipeline, reach)
            if len(batch.moments) == BATCH:
                journal.add(batch.moments, batch.faces, batch.looks, pipeline.state())
                batch = _Batch()
            on_frame(frame)
    if batch.moments:
        journal.add(batch.moments, batch.faces, batch.looks, pipeline.state())
    journal.finish(source.warnings)


@dataclass
class _Batch:
    """What goes into the journal next."""

    moments: list[FrameInfo] = field(default_factory=list)
    faces: list[Observation] = field(default_factory=list)
    looks: list[AppearanceSample] = field(default_factory=list)

    def add(
        self,
        number: int,
        frame: Frame,
        found: list[Face],
        source: Source,
        pipeline: Pipeline,
        reach: _Reach,
    ) -> None:
        """Take in the next frame, and follow back those of its faces that the last one did not have."""
        self.moments.append(_moment(number, frame, source))
        before = reach.last_faces
        for face in found:
            self.faces.append(_measured(number, face))
            if number % LOOK_EVERY == 0 or face.track_id not in before:
                colours = look_of(frame.image, face.points_px, pipeline.scheme)
                self.looks.append(AppearanceSample(number, face.track_id, colours))
            if face.track_id not in before:
                self.faces += _follow_back(face, reach, pipeline)
        reach.remember(_Recent(number, frame.image, {face.track_id: face.points_px for face in found}))


def _measured(number: int, face: Face) -> Observation:
    sigma_px = np.zeros(len(face.points_px)) if face.sigma_px is None else face.sigma_px
    return Observation(number, face.track_id, face.points_px, face.confidence, sigma_px)


def _moment(number: int, frame: Frame, source: Source) -> FrameInfo:
    height, width = frame.image.shape[:2]
    time, base = frame.timestamp or Fraction(0), source.time_base
    tick = time.numerator * base.denominator // (time.denominator * base.numerator)
    return FrameInfo(number, tick, frame.source_time, frame.damage, width, height)


def _follow_back(face: Face, reach: _Reach, pipeline: Pipeline) -> list[Observation]:
    """Where a face was before the frame on which it was found, as far back as it can be seen."""
    measured = []
    points_px = face.points_px
    for earlier in reach.backwards():
        if face.track_id in earlier.faces or len(earlier.faces) >= pipeline.max_faces:
            break
        (located,) = locate(pipeline.runtime, earlier.image, [upright_crop(points_px, pipeline.scheme)])
        points_px, confidence = located.points_px, located.confidence
        box = bounding_box(points_px)
        taken = any(iou(box, bounding_box(other)) > _SAME_FACE_IOU for other in earlier.faces.values())
        if confidence.mean() < MIN_FACE_SCORE or taken:
            break
        earlier.faces[face.track_id] = points_px
        measured.append(
            Observation(earlier.index, face.track_id, points_px, confidence, located.sigma_px, backwards=True)
        )
    return measured

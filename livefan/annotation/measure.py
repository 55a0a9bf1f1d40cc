"""Measure a recording: decode it, track its faces forwards and back, and fill the journal."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from livefan.annotation.appearance import describe
from livefan.annotation.journal import Journal
from livefan.annotation.observations import AppearanceSample, Observation
from livefan.core.boxes import bounding_box, iou
from livefan.core.crop import upright_crop
from livefan.core.frame import Face, Frame
from livefan.formats.metadata import recording_name
from livefan.formats.records import FrameInfo
from livefan.io.capture_thread import CaptureThread
from livefan.io.source import Source
from livefan.tracking.landmarker import MIN_FACE_SCORE, locate
from livefan.tracking.lookahead import LookingAhead
from livefan.tracking.pipeline import Pipeline

BATCH = 32
"""Frames of one journal entry. A kill costs at most one entry."""
REACH = 60
"""Largest number of frames that a face is tracked back from its first detection."""
REACH_BYTES = 192 << 20
"""Memory for the frames within reach. Of frames larger than 720p fewer than ``REACH`` are kept."""
SAMPLE_EVERY = 8
"""Frames between two appearance samples of a face."""
_SAME_FACE_IOU = 0.4


@dataclass
class _RecentFrame:
    """A frame within reach.

    Attributes:
        index: number of the frame.
        image: its pixels.
        cut: whether a cut lies right before it.
        faces: the landmarks of its faces, by track.
        unsure: face scores of uncertain faces, by track; tracking back may improve them.
    """

    index: int
    image: np.ndarray
    cut: bool
    faces: dict[int, np.ndarray] = field(default_factory=dict)
    unsure: dict[int, float] = field(default_factory=dict)

    def add(self, observations: Iterable[Observation]) -> None:
        """Add the observations of the frame."""
        for face in observations:
            if face.is_sure or face.backwards:
                self.faces[face.track] = face.points_px
            else:
                self.unsure[face.track] = face.face_score


class _RecentFrames:
    """The last frames, limited by :data:`REACH` and :data:`REACH_BYTES`."""

    def __init__(self) -> None:
        self._frames: deque[_RecentFrame] = deque()
        self._n_bytes = 0

    def append(self, frame: _RecentFrame) -> None:
        self._frames.append(frame)
        self._n_bytes += frame.image.nbytes
        while len(self._frames) > 1 and (len(self._frames) > REACH or self._n_bytes > REACH_BYTES):
            self._n_bytes -= self._frames.popleft().image.nbytes

    def backwards(self) -> Iterator[_RecentFrame]:
        return reversed(self._frames)

    @property
    def last_faces(self) -> dict[int, np.ndarray]:
        """The landmarks on the last frame, by track."""
        return self._frames[-1].faces if self._frames else {}


def measure(
    source: Source,
    pipeline: LookingAhead,
    journal: Journal,
    on_frame: Callable[[Frame], None] = lambda _: None,
) -> None:
    """Measure the frames of a recording that the journal does not hold yet.

    Args:
        source: the recording from its beginning; frames that the journal holds are only decoded.
        pipeline: a pipeline that does not smooth; its state is restored from the journal.
        on_frame: called after each frame, those that the journal held included.

    Raises:
        LivefanError: if the recording cannot be read or the journal cannot be written.
    """
    n_measured = journal.n_frames
    if state := journal.note("state"):
        pipeline.restore(state)
    recent = _RecentFrames()
    with CaptureThread(source, paced=False) as capture:
        frames = iter(capture)
        for index, frame in enumerate(itertools.islice(frames, n_measured)):
            if index >= n_measured - REACH:
                (info,) = journal.frames(index, index + 1)
                earlier = _RecentFrame(index, frame.image, info.cut)
                earlier.add(journal.faces(index, index + 1))
                recent.append(earlier)
            on_frame(frame)
        batch = _Batch()
        for index, (frame, found) in enumerate(pipeline.process_all(frames), n_measured):
            batch.add(index, frame, found, source, pipeline, recent)
            if len(batch.frames) == BATCH:
                batch.flush(journal, pipeline)
                batch = _Batch()
            on_frame(frame)
    if batch.frames:
        batch.flush(journal, pipeline)
    journal.finish(source.warnings, source.end)


def measure_photographs(
    source: Source,
    pipeline: Pipeline,
    journal: Journal,
    on_frame: Callable[[Frame], None] = lambda _: None,
) -> None:
    """Measure photographs that the journal does not hold yet, each by itself.

    Every face of every photograph gets a track of its own. The parameters are those of :func:`measure`.
    """
    n_measured = journal.n_frames
    n_faces = int(journal.note("state") or 0)
    with CaptureThread(source, paced=False) as capture:
        for index, frame in enumerate(capture):
            if index >= n_measured:
                batch = _Batch([_frame_info(index, frame, source)])
                for face in pipeline.process_image(frame.image):
                    n_faces += 1
                    batch.faces.append(replace(_observation(index, face), track=n_faces))
                journal.add(batch.frames, batch.faces, [], str(n_faces))
            on_frame(frame)
    journal.finish(source.warnings, source.end)


@dataclass
class _Batch:
    """The next entry of the journal."""

    frames: list[FrameInfo] = field(default_factory=list)
    faces: list[Observation] = field(default_factory=list)
    samples: list[AppearanceSample] = field(default_factory=list)

    def add(
        self,
        index: int,
        frame: Frame,
        found: list[Face],
        source: Source,
        pipeline: Pipeline,
        recent: _RecentFrames,
    ) -> None:
        """Add the next frame, and track its new faces back in time."""
        self.frames.append(_frame_info(index, frame, source, cut=pipeline.cut))
        before = recent.last_faces
        here = _RecentFrame(index, frame.image, pipeline.cut)
        observed = [_observation(index, face) for face in [*found, *pipeline.unsure]]
        here.add(observed)
        self.faces += observed
        for face in found:
            if index % SAMPLE_EVERY == 0 or face.track_id not in before:
                descriptor = describe(frame.image, face.points_px, pipeline.scheme)
                self.samples.append(AppearanceSample(index, face.track_id, descriptor))
            if face.track_id not in before and not pipeline.cut:
                self.faces += _track_back(face, frame.image.shape, recent, pipeline)
        recent.append(here)

    def flush(self, journal: Journal, pipeline: Pipeline) -> None:
        """Add the entry to the journal, with the state of the pipeline after it."""
        journal.add(self.frames, self.faces, self.samples, pipeline.state())


def _observation(index: int, face: Face) -> Observation:
    width_px = np.zeros(len(face.points_px)) if face.width_px is None else face.width_px
    return Observation(
        index,
        face.track_id,
        face.points_px,
        face.confidence,
        width_px,
        face.face_score,
        expressions=face.expressions,
        pupils_px=face.pupils_px,
        occluded=face.occluded,
        presence=face.presence,
    )


def _frame_info(index: int, frame: Frame, source: Source, *, cut: bool = False) -> FrameInfo:
    height, width = frame.image.shape[:2]
    time, base = frame.timestamp or Fraction(0), source.time_base
    pts = time.numerator * base.denominator // (time.denominator * base.numerator)
    name = " ".join(recording_name(frame.image_name).splitlines())
    return FrameInfo(index, pts, frame.source_time, frame.damage, width, height, name, cut)


def _track_back(
    face: Face, shape: tuple[int, ...], recent: _RecentFrames, pipeline: Pipeline
) -> list[Observation]:
    """Return the observations of a face on the frames before its first detection."""
    observations = []
    points_px = face.points_px
    for earlier in recent.backwards():
        if earlier.image.shape != shape:
            break  # the pixels of another size are other places
        if face.track_id in earlier.faces or len(earlier.faces) >= pipeline.max_faces:
            break
        (located,) = locate(pipeline.runtime, earlier.image, [upright_crop(points_px, pipeline.scheme)])
        points_px = located.points_px
        box = bounding_box(points_px)
        taken = any(iou(box, bounding_box(other)) > _SAME_FACE_IOU for other in earlier.faces.values())
        if located.face_score < MIN_FACE_SCORE or taken:
            break
        if located.face_score > earlier.unsure.get(face.track_id, 0.0):
            observation = Observation(
                earlier.index,
                face.track_id,
                points_px,
                pipeline.runtime.calibrated_confidence(located.heatmap_confidence),
                located.width_px,
                located.face_score,
                backwards=True,
                expressions=located.expressions,
                pupils_px=located.pupils_px,
                occluded=located.occluded,
                presence=located.presence,
            )
            earlier.add([observation])
            observations.append(observation)
        if earlier.cut:
            break
    return observations

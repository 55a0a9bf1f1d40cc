"""Measure a recording: decode it, follow its faces forwards and back, and write that into the journal."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from livefan.annotation.journal import Journal
from livefan.annotation.looks import look_of
from livefan.annotation.records import Look, Measured, Moment
from livefan.capture import CaptureThread
from livefan.crop import upright_crop
from livefan.detect import iou
from livefan.frame import Face, Frame
from livefan.inference import locate
from livefan.pipeline import Pipeline
from livefan.sources import Source
from livefan.tracking import PRESENCE, bounding_box

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


def follow(
    source: Source, pipeline: Pipeline, journal: Journal, on_frame: Callable[[Frame], None] = lambda _: None
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
    recent: deque[_Recent] = deque()
    moments: list[Moment] = []
    faces: list[Measured] = []
    looks: list[Look] = []
    with CaptureThread(source, paced=False) as frames:
        for number, frame in enumerate(frames):
            here = _Recent(number, frame.image)
            if number < done:
                if number >= done - REACH:
                    here.faces = {face.track: face.points_px for face in journal.faces(number, number + 1)}
            else:
                found = pipeline.process(frame)
                here.faces = {face.track_id: face.points_px for face in found}
                moments.append(_moment(number, frame, source))
                faces += [_measured(number, face) for face in found]
                before = recent[-1].faces if recent else {}
                looks += [
                    Look(number, face.track_id, look_of(frame.image, face.points_px, pipeline.scheme))
                    for face in found
                    if number % LOOK_EVERY == 0 or face.track_id not in before
                ]
                for face in found:
                    if face.track_id not in before:
                        faces += _follow_back(face, recent, pipeline)
            _remember(recent, here)
            if len(moments) == BATCH:
                journal.add(moments, faces, looks, pipeline.state())
                moments, faces, looks = [], [], []
            on_frame(frame)
    if moments:
        journal.add(moments, faces, looks, pipeline.state())
    journal.finish(source.warnings)


def _measured(number: int, face: Face) -> Measured:
    spread_px = np.zeros(len(face.points_px)) if face.spread_px is None else face.spread_px
    return Measured(number, face.track_id, face.points_px, face.confidence, spread_px)


def _moment(number: int, frame: Frame, source: Source) -> Moment:
    height, width = frame.image.shape[:2]
    tick = 0 if frame.timestamp is None else int(frame.timestamp / source.time_base)
    return Moment(number, tick, frame.source_time, frame.damage, width, height)


def _remember(recent: deque[_Recent], here: _Recent) -> None:
    recent.append(here)
    while len(recent) > 1 and (
        len(recent) > REACH or sum(entry.image.nbytes for entry in recent) > REACH_BYTES
    ):
        recent.popleft()


def _follow_back(face: Face, recent: deque[_Recent], pipeline: Pipeline) -> list[Measured]:
    """Where a face was before the frame on which it was found, as far back as it can be seen."""
    measured = []
    points_px = face.points_px
    for earlier in reversed(recent):
        if face.track_id in earlier.faces:
            break
        (located,) = locate(pipeline.runtime, earlier.image, [upright_crop(points_px, pipeline.scheme)])
        points_px, confidence = located.points_px, located.confidence
        box = bounding_box(points_px)
        taken = any(iou(box, bounding_box(other)) > _SAME_FACE_IOU for other in earlier.faces.values())
        if confidence.mean() < PRESENCE or taken:
            break
        earlier.faces[face.track_id] = points_px
        measured.append(
            Measured(earlier.index, face.track_id, points_px, confidence, located.spread_px, backwards=True)
        )
    return measured

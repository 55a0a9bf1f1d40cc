"""From what was measured to what a recording is annotated with: who is who, gaps, smoothing, pose.

Works its way through the journal in chunks of frames, a few seconds behind the measuring, with some frames
of context on either side of each; so memory does not grow with the recording, and what comes out of a
journal depends on its content alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from livefan.annotation.cast import Cast
from livefan.annotation.follow import REACH
from livefan.annotation.journal import Journal
from livefan.annotation.openings import openings
from livefan.annotation.pose import head_pose
from livefan.annotation.records import AnnotatedFace, AnnotatedFrame, Found, Measured, Moment
from livefan.scheme import LandmarkScheme
from livefan.smooth import DEFAULT_STRENGTH, KalmanSmoother, Step, smooth_steps
from livefan.tracking import bounding_box

CHUNK = 64
"""Frames that are annotated at a time."""
CONTEXT = 48
"""Frames before and after a chunk that smoothing takes into account, and the longest gap it can bridge."""


def annotated_frames(
    journal: Journal, scheme: LandmarkScheme, *, strength: float = DEFAULT_STRENGTH, longest_gap: float = 0.5
) -> Iterator[list[AnnotatedFrame]]:
    """All frames of a recording, in order and in chunks, as far behind the measuring as needed.

    Args:
        journal: what was measured; may still be growing in another thread.
        strength: of the smoothing, from 0, none, to 1.
        longest_gap: fill gaps up to so many seconds from one frame with the face to the next.

    Raises:
        InterruptedError: if the journal is closed before it is complete.
    """
    cast = Cast()
    smoothers: dict[int, _Smoother] = {}
    start = 0
    while True:
        available = journal.wait_for(start + CHUNK + CONTEXT + REACH)
        if start >= available:
            return
        first, end = max(0, start - CONTEXT), min(available, start + CHUNK + CONTEXT)
        moments = journal.moments(first, end)
        faces = journal.faces(first, end)
        cast.meet(faces, journal.looks(first, end), moments)
        core = range(start, min(available, start + CHUNK))
        found: dict[int, list[AnnotatedFace]] = {index: [] for index in core}
        for track_id, seen in _by_face(faces, cast).items():
            smoother = smoothers.setdefault(track_id, _Smoother(strength))
            points_px = smoother.smooth(seen, moments)
            for moment, face in _annotate(track_id, seen, points_px, moments, scheme, longest_gap, core):
                found[moment.index].append(face)
        smoothers = {key: smoother for key, smoother in smoothers.items() if smoother.last_frame >= first}
        yield [AnnotatedFrame(moments[index - first], tuple(found[index])) for index in core]
        start += CHUNK


def _by_face(faces: list[Measured], cast: Cast) -> dict[int, dict[int, Measured]]:
    """What was measured in a window, by face in the order of the ids and then by frame."""
    by_face: dict[int, dict[int, Measured]] = {}
    for face in faces:
        by_face.setdefault(cast.track_id(face.track), {})[face.frame] = face
    return dict(sorted(by_face.items()))


class _Smoother:
    """Smooths one face over the recording: forwards once, backwards over each window anew."""

    def __init__(self, strength: float) -> None:
        self._filter = KalmanSmoother(strength=strength)
        self._steps: dict[int, Step] = {}
        self.last_frame = -1

    def smooth(self, seen: dict[int, Measured], moments: list[Moment]) -> dict[int, np.ndarray]:
        """``(n, 2)`` landmarks for each frame of a window on which the face was seen."""
        first = moments[0].index
        last, self.last_frame = self.last_frame, max(self.last_frame, *seen)
        if self._filter.strength <= 0:
            return {frame: face.points_px for frame, face in seen.items()}
        for frame, face in seen.items():
            if frame > last:
                self._filter.update(face.points_px, face.spread_px, moments[frame - first].seconds)
                assert self._filter.step is not None
                self._steps[frame] = self._filter.step
        self._steps = {frame: step for frame, step in self._steps.items() if frame >= first}
        return dict(zip(self._steps, smooth_steps(list(self._steps.values())), strict=True))


def _annotate(
    track_id: int,
    seen: dict[int, Measured],
    points_px: dict[int, np.ndarray],
    moments: list[Moment],
    scheme: LandmarkScheme,
    longest_gap: float,
    core: range,
) -> Iterator[tuple[Moment, AnnotatedFace]]:
    """A face on each frame of the core on which it was seen or can be filled in."""
    first = moments[0].index
    nothing = np.full((scheme.n_points, 2), np.nan), np.zeros(scheme.n_points)
    for index, points in _without_gaps(points_px, moments, longest_gap):
        if index not in core:
            continue
        moment, measured = moments[index - first], seen.get(index)
        raw, confidence = nothing if measured is None else (measured.points_px, measured.confidence)
        yield (
            moment,
            AnnotatedFace(
                track_id=track_id,
                found=_found(measured),
                box_px=bounding_box(points),
                points_px=points,
                raw_points_px=raw,
                confidence=confidence,
                pose=head_pose(points, scheme, moment.width, moment.height),
                openings=openings(points, scheme),
            ),
        )


def _without_gaps(
    points_px: dict[int, np.ndarray], moments: list[Moment], longest_gap: float
) -> Iterator[tuple[int, np.ndarray]]:
    """Landmarks by frame; those of frames in short gaps lie on straight lines between their neighbours."""
    first = moments[0].index
    before: int | None = None
    for frame, points in points_px.items():
        if before is not None:
            begin, end = moments[before - first].seconds, moments[frame - first].seconds
            for between in range(before + 1, frame if end - begin <= longest_gap else 0):
                share = (moments[between - first].seconds - begin) / (end - begin)
                yield between, (1 - share) * points_px[before] + share * points
        yield frame, points
        before = frame


def _found(seen: Measured | None) -> Found:
    if seen is None:
        return "filled"
    return "backwards" if seen.backwards else "forwards"

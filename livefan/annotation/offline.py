"""From what was measured to what a recording is annotated with: who is who, gaps, smoothing, pose.

Works its way through the journal in chunks of frames, a few seconds behind the measuring, with some frames
of context on either side of each; so memory does not grow with the recording, and what comes out of a
journal depends on its content alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from livefan.annotation.cast import Cast
from livefan.annotation.follow import REACH
from livefan.annotation.journal import Journal
from livefan.annotation.openings import openings
from livefan.annotation.pose import head_pose
from livefan.annotation.records import AnnotatedFace, AnnotatedFrame, Found, Measured, Moment
from livefan.pipeline import bounding_box
from livefan.scheme import LandmarkScheme

CHUNK = 64
"""Frames that are annotated at a time."""
CONTEXT = 48
"""Frames before and after a chunk that smoothing takes into account, and the longest gap it can bridge."""


@dataclass(frozen=True)
class _Run:
    """One face over consecutive frames, none of them further than a short gap from one it was seen on.

    Attributes:
        track_id: of the face.
        moments: its ``t`` frames.
        measured: for each frame, what was measured, or None.
    """

    track_id: int
    moments: list[Moment]
    measured: list[Measured | None]


def annotated_frames(
    journal: Journal, scheme: LandmarkScheme, *, smoothing: bool = True, longest_gap: float = 0.5
) -> Iterator[list[AnnotatedFrame]]:
    """All frames of a recording, in order and in chunks, as far behind the measuring as needed.

    Args:
        journal: what was measured; may still be growing in another thread.
        smoothing: smooth the landmarks over time.
        longest_gap: fill gaps up to so many seconds from one frame with the face to the next.

    Raises:
        InterruptedError: if the journal is closed before it is complete.
    """
    cast = Cast()
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
        for run in _runs(faces, moments, cast, longest_gap):
            for moment, face in _annotate(run, scheme, smoothing=smoothing, core=core):
                found[moment.index].append(face)
        yield [
            AnnotatedFrame(
                moments[index - first], tuple(sorted(found[index], key=lambda face: face.track_id))
            )
            for index in core
        ]
        start += CHUNK


def _runs(faces: list[Measured], moments: list[Moment], cast: Cast, longest_gap: float) -> Iterator[_Run]:
    """The faces of a window, each cut where it was not seen for longer than a short gap."""
    first = moments[0].index
    by_face: dict[int, dict[int, Measured]] = {}
    for face in faces:
        by_face.setdefault(cast.track_id(face.track), {})[face.frame] = face
    for track_id, seen in sorted(by_face.items()):
        frames = sorted(seen)
        cuts = [0] + [
            place
            for place in range(1, len(frames))
            if moments[frames[place] - first].seconds - moments[frames[place - 1] - first].seconds
            > longest_gap
            and frames[place] - frames[place - 1] > 1
        ]
        for begin, end in zip(cuts, [*cuts[1:], len(frames)], strict=True):
            span = range(frames[begin], frames[end - 1] + 1)
            yield _Run(
                track_id, [moments[index - first] for index in span], [seen.get(index) for index in span]
            )


def _annotate(
    run: _Run, scheme: LandmarkScheme, *, smoothing: bool, core: range
) -> Iterator[tuple[Moment, AnnotatedFace]]:
    unseen = np.full((scheme.n_points, 2), np.nan), np.zeros(scheme.n_points)
    raw = np.stack([unseen[0] if seen is None else seen.points_px for seen in run.measured])
    confidence = np.stack([unseen[1] if seen is None else seen.confidence for seen in run.measured])
    times = np.array([moment.seconds for moment in run.moments])
    points_px = _smooth(times, raw, confidence) if smoothing else _fill(times, raw)
    for place, (moment, seen) in enumerate(zip(run.moments, run.measured, strict=True)):
        if moment.index not in core:
            continue
        points = points_px[place]
        yield (
            moment,
            AnnotatedFace(
                track_id=run.track_id,
                found=_found(seen),
                box_px=bounding_box(points),
                points_px=points,
                raw_points_px=raw[place],
                confidence=confidence[place],
                pose=head_pose(points, scheme, moment.width, moment.height),
                openings=openings(points, scheme),
            ),
        )


def _found(seen: Measured | None) -> Found:
    if seen is None:
        return "filled"
    return "backwards" if seen.backwards else "forwards"


def _fill(times: np.ndarray, points_px: np.ndarray) -> np.ndarray:
    """``(t, n, 2)`` landmarks with frames that are NaN put on straight lines between their neighbours."""
    seen = np.isfinite(points_px[:, 0, 0])
    if seen.all():
        return points_px
    flat = points_px.reshape(len(points_px), -1)
    filled = np.stack([np.interp(times, times[seen], column[seen]) for column in flat.T], axis=1)
    return filled.reshape(points_px.shape)


def _smooth(times: np.ndarray, points_px: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    return _fill(times, points_px)

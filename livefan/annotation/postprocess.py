"""From what was measured to what a recording is annotated with: who is who, gaps, smoothing, pose.

Works its way through the journal in chunks of frames, a few seconds behind the measuring, with some frames
of context on either side of each; so memory does not grow with the recording, and what comes out of a
journal depends on its content alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from livefan.annotation.identities import IdentityAssigner
from livefan.annotation.journal import Journal
from livefan.annotation.measure import REACH
from livefan.annotation.observations import Observation
from livefan.core.boxes import bounding_box
from livefan.core.landmarks import LandmarkScheme
from livefan.formats.records import AnnotatedFace, AnnotatedFrame, Found, FrameInfo
from livefan.measures.aspect_ratios import aspect_ratios
from livefan.measures.head_pose import head_pose
from livefan.tracking.kalman import DEFAULT_STRENGTH, KalmanSmoother, Step, smooth_steps

CHUNK = 64
"""Frames that are annotated at a time."""
CONTEXT = 48
"""Frames before and after a chunk that smoothing takes into account; more where longer gaps are filled."""


def annotated_frames(
    journal: Journal,
    scheme: LandmarkScheme,
    *,
    strength: float = DEFAULT_STRENGTH,
    longest_gap: float = 0.5,
    fps: float | None = None,
    pixel_aspect: float = 1.0,
) -> Iterator[list[AnnotatedFrame]]:
    """All frames of a recording, in order and in chunks, as far behind the measuring as needed.

    Args:
        journal: what was measured; may still be growing in another thread.
        strength: of the smoothing, from 0, none, to 1.
        longest_gap: fill gaps up to so many seconds from one frame with the face to the next.
        fps: frames a second on average; a gap that has many more of them than this says is left open.
        pixel_aspect: width of a pixel over its height; pose and openings are those of the face as shown.

    Raises:
        InterruptedError: if the journal is closed before it is complete.
    """
    cast = IdentityAssigner()
    smoothers: dict[int, _Smoother] = {}
    context = max(CONTEXT, math.ceil(longest_gap * (fps or 0)) + 1)
    chunk = max(CHUNK, context)
    start = 0
    while True:
        available = journal.wait_for(start + chunk + context + REACH)
        if start >= available:
            return
        first, end = max(0, start - context), min(available, start + chunk + context)
        moments = journal.moments(first, end)
        faces = journal.faces(first, end)
        cast.meet(faces, journal.looks(first, end), moments)
        core = range(start, min(available, start + chunk))
        found: dict[int, list[AnnotatedFace]] = {index: [] for index in core}
        for track_id, seen in _by_face(faces, cast).items():
            smoother = smoothers.setdefault(track_id, _Smoother(strength))
            points_px = dict(_without_gaps(smoother.smooth(seen, moments), moments, longest_gap, context))
            for index in core:
                if index in points_px:
                    moment, measured = moments[index - first], seen.get(index)
                    face = _annotate(track_id, measured, points_px[index], moment, scheme, pixel_aspect)
                    found[index].append(face)
        smoothers = {key: smoother for key, smoother in smoothers.items() if smoother.last_frame >= first}
        yield [AnnotatedFrame(moments[index - first], tuple(found[index])) for index in core]
        start += chunk


def _by_face(faces: list[Observation], cast: IdentityAssigner) -> dict[int, dict[int, Observation]]:
    """What was measured in a window, by face in the order of the ids and then by frame."""
    by_face: dict[int, dict[int, Observation]] = {}
    for face in faces:
        by_face.setdefault(cast.track_id(face.track), {})[face.frame] = face
    return dict(sorted(by_face.items()))


class _Smoother:
    """Smooths one face over the recording: forwards once, backwards over each window anew."""

    def __init__(self, strength: float) -> None:
        self._filter = KalmanSmoother(strength=strength)
        self._steps: dict[int, Step] = {}
        self.last_frame = -1

    def smooth(self, seen: dict[int, Observation], moments: list[FrameInfo]) -> dict[int, np.ndarray]:
        """``(n, 2)`` landmarks for each frame of a window on which the face was seen."""
        first = moments[0].index
        last, self.last_frame = self.last_frame, max(self.last_frame, *seen)
        if self._filter.strength <= 0:
            return {frame: face.points_px for frame, face in seen.items()}
        for frame, face in seen.items():
            if frame > last:
                self._filter.update(face.points_px, face.sigma_px, moments[frame - first].seconds)
                assert self._filter.step is not None
                self._steps[frame] = self._filter.step
        self._steps = {frame: step for frame, step in self._steps.items() if frame >= first}
        return dict(zip(self._steps, smooth_steps(list(self._steps.values())), strict=True))


def _annotate(
    track_id: int,
    measured: Observation | None,
    points_px: np.ndarray,
    moment: FrameInfo,
    scheme: LandmarkScheme,
    pixel_aspect: float,
) -> AnnotatedFace:
    """A face on a frame on which it was measured or is filled in."""
    shown = points_px if pixel_aspect == 1.0 else points_px * (pixel_aspect, 1.0)
    return AnnotatedFace(
        track_id=track_id,
        found=_found(measured),
        box_px=bounding_box(points_px),
        points_px=points_px,
        raw_points_px=np.full((scheme.n_points, 2), np.nan) if measured is None else measured.points_px,
        confidence=np.zeros(scheme.n_points) if measured is None else measured.confidence,
        pose=head_pose(shown, scheme, moment.width * pixel_aspect, moment.height),
        aspect_ratios=aspect_ratios(shown, scheme),
    )


def _without_gaps(
    points_px: dict[int, np.ndarray], moments: list[FrameInfo], longest_gap: float, most_frames: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Landmarks by frame; those of frames in short gaps lie on straight lines between their neighbours.

    No gap of more than ``most_frames`` is filled: each chunk would see another part of it.
    """
    first = moments[0].index
    before: int | None = None
    for frame, points in points_px.items():
        if before is not None:
            begin, end = moments[before - first].seconds, moments[frame - first].seconds
            short = end - begin <= longest_gap and frame - before <= most_frames
            for between in range(before + 1, frame if short else 0):
                share = (moments[between - first].seconds - begin) / (end - begin)
                yield between, (1 - share) * points_px[before] + share * points
        yield frame, points
        before = frame


def _found(seen: Observation | None) -> Found:
    if seen is None:
        return "filled"
    return "backwards" if seen.backwards else "forwards"

"""Annotate the observations of a recording: identities, gaps, smoothing, head pose and aspect ratios.

The journal is processed in chunks of frames, some seconds behind the measurement, with frames of context on
either side. So memory does not grow with the recording, and the result depends on the journal alone.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np

from livefan.annotation.identities import IdentityAssigner
from livefan.annotation.journal import Journal
from livefan.annotation.measure import REACH
from livefan.annotation.observations import Observation
from livefan.core.boxes import bounding_box
from livefan.core.face_measures import Blink
from livefan.core.landmarks import LandmarkScheme
from livefan.formats.records import AnnotatedFace, AnnotatedFrame, Found, FrameInfo
from livefan.measures.aspect_ratios import aspect_ratios
from livefan.measures.blinks import LEFT, LONGEST_BLINK_S, RIGHT, find_blinks
from livefan.measures.expressions import NeutralFaces
from livefan.measures.gaze import gaze
from livefan.measures.head_pose import head_pose
from livefan.tracking.coefficient_smoother import (
    CoefficientSmoother,
    as_coefficients,
    from_coefficients,
    smooth_coefficients,
)
from livefan.tracking.coefficient_smoother import Step as CoefficientStep
from livefan.tracking.kalman import DEFAULT_STRENGTH, KalmanSmoother, Step
from livefan.tracking.rts import smooth_steps

CHUNK = 64
"""Frames that are annotated at a time."""
CONTEXT = 48
"""Frames before and after a chunk that the smoothing uses; more if longer gaps are filled."""


def annotated_frames(
    journal: Journal,
    scheme: LandmarkScheme,
    *,
    time_base: Fraction,
    strength: float = DEFAULT_STRENGTH,
    longest_gap: float = 0.5,
    fps: float | None = None,
    pixel_aspect: float = 1.0,
    photographs: bool = False,
    with_measures: bool = True,
    neutral: bool = False,
) -> Iterator[list[AnnotatedFrame]]:
    """Yield all frames of a recording, in order and in chunks.

    Args:
        journal: the observations; another thread may still add frames.
        time_base: seconds per unit of the frames' ``pts``.
        strength: strength of the smoothing, from 0 (none) to 1.
        longest_gap: fill gaps up to this many seconds between two observations of a face.
        fps: mean frame rate; a gap of many more frames than it implies is not filled.
        pixel_aspect: width of a pixel over its height; head pose and aspect ratios are those of the face as
            displayed.
        photographs: whether the frames are independent photographs: nothing is smoothed, filled or joined.
        with_measures: whether the faces get their expressions, pupils, gaze and blinks.
        neutral: whether expressions are measured from the first second of each face; not in photographs.

    Raises:
        InterruptedError: if the journal is closed before it is complete.
    """
    if photographs:
        strength = longest_gap = 0.0
    identities = IdentityAssigner(join=not photographs)
    neutral_faces = NeutralFaces(automatic=neutral and not photographs)
    runs = _Runs()
    smoothers: dict[tuple[int, int], _Smoother] = {}
    chunk, context = window_sizes(longest_gap, fps)
    start = 0
    while True:
        available = journal.wait_for(start + chunk + context + REACH)
        if start >= available:
            return
        first, end = max(0, start - context), min(available, start + chunk + context)
        frames, faces = journal.frames(first, end), journal.faces(first, end)
        identities.update(faces, journal.samples(first, end), frames)
        core = range(start, min(available, start + chunk))
        annotated: dict[int, list[AnnotatedFace]] = {index: [] for index in core}
        runs.add(frames, faces)
        for (track_id, run), observed in _by_identity(faces, identities, runs).items():
            smoother = smoothers.setdefault((track_id, run), _Smoother(strength, scheme))
            sure = {index: face for index, face in observed.items() if face.is_sure}
            points_px = dict(_fill_gaps(smoother.smooth(sure, frames), frames, longest_gap, context))
            measured = sure if with_measures else {}
            coefficients = dict(
                _fill_gaps(smoother.smooth_coefficients(measured, frames), frames, longest_gap, context)
            )
            blinks = smoother.blinks(coefficients, frames, core, time_base)
            shown = {index: sure.get(index) for index in points_px}
            for index in observed.keys() - points_px.keys():  # uncertain, and in no gap that is filled
                shown[index], points_px[index] = observed[index], observed[index].points_px
            for index in core:
                if index in shown:
                    info = frames[index - first]
                    face = _annotate(track_id, shown[index], points_px[index], info, scheme, pixel_aspect)
                    if index in coefficients:
                        face = _with_measures(face, coefficients[index], info, scheme, pixel_aspect)
                        face = _from_neutral(face, neutral_faces, info)
                    annotated[index].append(replace(face, blink=blinks.get(index)))
        smoothers = {key: smoother for key, smoother in smoothers.items() if smoother.last_frame >= first}
        yield [AnnotatedFrame(frames[index - first], tuple(annotated[index])) for index in core]
        start += chunk


def window_sizes(longest_gap: float, fps: float | None) -> tuple[int, int]:
    """Return the numbers of frames of a chunk, and of the context on either side of it."""
    context = max(CONTEXT, math.ceil(max(longest_gap, LONGEST_BLINK_S) * (fps or 0)) + 1)
    return max(CHUNK, context), context


class _Runs:
    """The runs of frames of one size without a cut; nothing is smoothed or filled across their borders.

    A cut between the same faces starts no run, nor does a cut from or to a frame without a face:
    it may be a change of the light, a fast motion, or a face that is covered for a moment.
    """

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._size: tuple[int, int] | None = None
        self._next = 0

    def add(self, frames: list[FrameInfo], faces: list[Observation]) -> None:
        """Add the next window, which may overlap with the last window."""
        tracks: dict[int, set[int]] = {}
        for face in faces:
            tracks.setdefault(face.frame, set()).add(face.track)
        for frame in frames[max(0, self._next - frames[0].index) :]:
            before, now = tracks.get(frame.index - 1), tracks.get(frame.index)
            other_faces = frame.cut and before is not None and now is not None and before != now
            if (frame.width, frame.height) != self._size or other_faces:
                self._starts.append(frame.index)
                self._size = (frame.width, frame.height)
            self._next = frame.index + 1

    def run_of(self, index: int) -> int:
        """Return the first frame of the run of a frame."""
        return self._starts[bisect_right(self._starts, index) - 1]


def _by_identity(
    faces: list[Observation], identities: IdentityAssigner, runs: _Runs
) -> dict[tuple[int, int], dict[int, Observation]]:
    """Return the observations of a window by identity and run, in order, and then by frame."""
    by_identity: dict[tuple[int, int], dict[int, Observation]] = {}
    for face in faces:
        key = (identities.track_id(face.track, face.frame), runs.run_of(face.frame))
        by_frame = by_identity.setdefault(key, {})
        assert face.frame not in by_frame, "two faces of one identity"
        by_frame[face.frame] = face
    return dict(sorted(by_identity.items()))


class _Smoother:
    """Smooths one face over the recording: forwards once, backwards again in each window. Finds blinks."""

    def __init__(self, strength: float, scheme: LandmarkScheme) -> None:
        self._filter = KalmanSmoother(strength=strength)
        self._steps: dict[int, Step] = {}
        self._coefficients = CoefficientSmoother(strength)
        self._coefficient_steps: dict[int, CoefficientStep] = {}
        self._scheme = scheme
        self._last_blink: Blink | None = None
        self.last_frame = -1

    def smooth(self, observed: dict[int, Observation], frames: list[FrameInfo]) -> dict[int, np.ndarray]:
        """Return ``(n, 2)`` landmarks for each frame of a window with an observation of the face."""
        first = frames[0].index
        last, self.last_frame = self.last_frame, max([self.last_frame, *observed])
        if self._filter.strength <= 0:
            return {index: face.points_px for index, face in observed.items()}
        for index, face in observed.items():
            if index > last:
                self._filter.update(face.points_px, face.width_px, frames[index - first].seconds)
                assert self._filter.step is not None
                self._steps[index] = self._filter.step
        self._steps = {index: step for index, step in self._steps.items() if index >= first}
        if not self._steps:
            return {}
        return dict(zip(self._steps, smooth_steps(list(self._steps.values())), strict=True))

    def smooth_coefficients(
        self, observed: dict[int, Observation], frames: list[FrameInfo]
    ) -> dict[int, np.ndarray]:
        """Return the ``(k + 4,)`` smoothed values of :func:`as_coefficients` for the frames of a window.

        The dictionary is empty if the weights have no expression head.
        """
        first = frames[0].index
        last = max(self._coefficient_steps, default=-1)
        for index, face in observed.items():
            if index > last and face.expressions is not None and face.pupils_px is not None:
                measured = as_coefficients(face.expressions, face.pupils_px, face.points_px, self._scheme)
                self._coefficients.update(measured, frames[index - first].seconds)
                assert self._coefficients.step is not None
                self._coefficient_steps[index] = self._coefficients.step
        steps = {index: step for index, step in self._coefficient_steps.items() if index >= first}
        self._coefficient_steps = steps
        if not steps:
            return {}
        return dict(zip(steps, smooth_coefficients(list(steps.values())), strict=True))

    def blinks(
        self, coefficients: dict[int, np.ndarray], frames: list[FrameInfo], core: range, time_base: Fraction
    ) -> dict[int, Blink]:
        """Return the blinks on the frames of a chunk, by frame.

        A blink is measured in the chunk of its first frame. A later chunk repeats it.

        Args:
            coefficients: values of :meth:`smooth_coefficients` for the frames of a window, in order.
            frames: the frames of the window.
            core: the frames of the chunk.
        """
        if not coefficients:
            return {}
        seconds = {frame.index: float(frame.pts * time_base) for frame in frames}
        times = np.array([seconds[index] for index in coefficients])
        lids = np.clip(list(coefficients.values()), 0, 1)[:, (RIGHT, LEFT)]
        begin = seconds.get(core.start - 1, -math.inf)
        found = [] if self._last_blink is None else [self._last_blink]
        for blink in find_blinks(times, lids[:, 0], lids[:, 1]):
            is_new = begin < blink.start_s <= seconds[core[-1]]
            if is_new and not (found and blink.start_s < found[-1].end_s):
                found.append(blink)
        self._last_blink = found[-1] if found else None
        return {
            index: blink
            for blink in found
            for index in core
            if blink.start_s <= seconds[index] <= blink.end_s
        }


def _annotate(
    track_id: int,
    observation: Observation | None,
    points_px: np.ndarray,
    info: FrameInfo,
    scheme: LandmarkScheme,
    pixel_aspect: float,
) -> AnnotatedFace:
    """Return a face on a frame; it is filled in if there is no observation."""
    displayed = points_px if pixel_aspect == 1.0 else points_px * (pixel_aspect, 1.0)
    unknown = np.full((scheme.n_points, 2), np.nan)
    return AnnotatedFace(
        track_id=track_id,
        found=_found(observation),
        box_px=bounding_box(points_px),
        points_px=points_px,
        raw_points_px=unknown if observation is None else observation.points_px,
        confidence=np.zeros(scheme.n_points) if observation is None else observation.confidence,
        pose=head_pose(displayed, scheme, info.width * pixel_aspect, info.height),
        aspect_ratios=aspect_ratios(displayed, scheme),
        occluded=None if observation is None else observation.occluded,
        presence=None if observation is None else observation.presence,
    )


def _with_measures(
    face: AnnotatedFace,
    coefficients: np.ndarray,
    info: FrameInfo,
    scheme: LandmarkScheme,
    pixel_aspect: float,
) -> AnnotatedFace:
    """Return a face with its expressions, pupils and gaze."""
    expressions, pupils_px = from_coefficients(coefficients, face.points_px, scheme)
    square = (pixel_aspect, 1.0)
    looks = gaze(
        pupils_px * square,
        face.points_px * square,
        face.pose,
        scheme,
        info.width * pixel_aspect,
        info.height,
    )
    return replace(face, expressions=expressions, pupils_px=pupils_px, gaze=looks)


def _from_neutral(face: AnnotatedFace, neutral_faces: NeutralFaces, info: FrameInfo) -> AnnotatedFace:
    """Return a face with expressions that are measured from its neutral expression, if this is known."""
    assert face.expressions is not None
    expressions = neutral_faces.from_neutral(face.track_id, face.expressions, info.seconds)
    return replace(face, expressions=expressions)


def _fill_gaps(
    points_px: dict[int, np.ndarray], frames: list[FrameInfo], longest_gap: float, most_frames: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield landmarks by frame; short gaps are filled by linear interpolation in time.

    A gap of more than ``most_frames`` is not filled, because each chunk would contain another part of it.
    """
    first = frames[0].index
    before: int | None = None
    for index, points in points_px.items():
        if before is not None:
            begin, end = frames[before - first].seconds, frames[index - first].seconds
            is_short = end - begin <= longest_gap and index - before <= most_frames
            for between in range(before + 1, index if is_short else 0):
                share = (frames[between - first].seconds - begin) / (end - begin)
                yield between, (1 - share) * points_px[before] + share * points
        yield index, points
        before = index


def _found(observation: Observation | None) -> Found:
    if observation is None:
        return "filled"
    if not observation.is_sure:
        return "unsure"
    return "backwards" if observation.backwards else "forwards"

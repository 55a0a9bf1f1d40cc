"""Agreement of two models on the same frames: distance of their landmarks by region, and jitter.

All lengths are NMEs in percent of the distance between the outer eye corners of the second model's face. To
compare a student with its teacher, let the teacher be the second model.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from livefan.core.boxes import iou, square_box
from livefan.core.common_landmarks import CommonLandmarks, common_landmarks
from livefan.core.frame import Face, Frame
from livefan.core.landmarks import LandmarkScheme
from livefan.core.metrics import inter_ocular

OTHER_REGION = "face"
REGIONS = ("jaw", "brows", "nose", "eyes", "mouth", OTHER_REGION)
"""Regions of the face; the last one holds the landmarks of none of the others, as on cheeks and forehead."""
_REGION_OF_PART = {
    "jaw": "jaw",
    "chin": "jaw",
    "brow": "brows",
    "nos": "nose",
    "eye": "eyes",
    "pupil": "eyes",
    "iris": "eyes",
    "mouth": "mouth",
    "lip": "mouth",
}
"""Region of a landmark, by the first of these parts that its name contains."""
_SAME_FACE_IOU = 0.3
_RECENT_STEPS = 32
_LONGEST_STEP = 1.75
"""Longest time between two frames that give jitter, relative to the median of the recent ones. Where a frame
is lost, the time is twice as long."""


@cache
def regions(scheme: LandmarkScheme) -> dict[str, np.ndarray]:
    """Return the landmark indices of each region that a scheme has; every landmark is in one region."""
    found: dict[str, list[int]] = {region: [] for region in REGIONS}
    for index, name in enumerate(scheme.point_names):
        region = next((region for part, region in _REGION_OF_PART.items() if part in name), OTHER_REGION)
        found[region].append(index)
    return {region: np.array(indices) for region, indices in found.items() if indices}


@dataclass(frozen=True)
class Disagreement:
    """Distance of two models, or of a model from the truth, on one face of one frame.

    Attributes:
        frame: index of the frame.
        time_s: time of the frame in the source, in seconds.
        track_id: id of the face by the first model.
        points: ``(n,)`` distance of each landmark, in percent of the inter-ocular distance.
    """

    frame: int
    time_s: float
    track_id: int
    points: np.ndarray

    @property
    def overall(self) -> float:
        """Mean over the landmarks: the NME of one model against the other."""
        return float(self.points.mean())

    def by_region(self, scheme: LandmarkScheme) -> dict[str, float]:
        """Return the mean over the landmarks of each region."""
        return {name: float(self.points[indices].mean()) for name, indices in regions(scheme).items()}


def pair_faces(ours: list[Face], theirs: list[Face]) -> list[tuple[Face, Face]]:
    """Return pairs of faces of two models that show the same face: the pairs with the largest overlap."""
    overlaps = [(iou(a.box_px, b.box_px), i, j) for i, a in enumerate(ours) for j, b in enumerate(theirs)]
    pairs: list[tuple[Face, Face]] = []
    free_ours, free_theirs = set(range(len(ours))), set(range(len(theirs)))
    for overlap, i, j in sorted(overlaps, reverse=True):
        if overlap >= _SAME_FACE_IOU and i in free_ours and j in free_theirs:
            pairs.append((ours[i], theirs[j]))
            free_ours.remove(i)
            free_theirs.remove(j)
    return pairs


def disagree_faces(
    ours: list[Face], theirs: list[Face], common: CommonLandmarks, frame: Frame
) -> list[Disagreement]:
    """Return the distance of two models' common landmarks on each face of a frame that both found."""
    return [
        disagree(a.points_px, b.points_px, common.scheme, frame, a.track_id)
        for a, b in pair_common(ours, theirs, common)
    ]


def pair_common(ours: list[Face], theirs: list[Face], common: CommonLandmarks) -> list[tuple[Face, Face]]:
    """Return the pairs of :func:`pair_faces`, by their common landmarks and with these only."""
    if common.same:
        return pair_faces(ours, theirs)
    return pair_faces(
        [_having(face, common.ours) for face in ours], [_having(face, common.theirs) for face in theirs]
    )


def _having(face: Face, indices: np.ndarray) -> Face:
    """Return a face with some of its landmarks, and a square around them: they may be on one line."""
    points_px = face.points_px[indices]
    return replace(
        face, box_px=square_box(points_px), points_px=points_px, confidence=face.confidence[indices]
    )


def disagree(
    points_px: np.ndarray, reference_px: np.ndarray, scheme: LandmarkScheme, frame: Frame, track_id: int
) -> Disagreement:
    """Return the distance of ``(n, 2)`` landmarks from others of the same face, in the same pixels."""
    eyes = max(float(inter_ocular(reference_px[None], scheme)[0]), 1e-6)
    distances = np.linalg.norm(points_px - reference_px, axis=-1)
    return Disagreement(frame.index, frame.source_time, track_id, 100.0 * distances / eyes)


class Jitter:
    """Jitter of a model's landmarks, independent of the motion of the face.

    The landmarks of each frame are compared with those interpolated in time between the frames before and
    after. The difference is zero for a face at rest or in even motion. Frames beside a gap give none.

    Args:
        scheme: scheme of the landmarks whose jitter counts.
        indices: ``(n,)`` their indices in the landmarks of a face; None for all.
    """

    def __init__(self, scheme: LandmarkScheme, indices: np.ndarray | None = None) -> None:
        self._scheme = scheme
        self._indices = indices
        self._last: dict[int, list[np.ndarray]] = {}
        self._times: deque[float] = deque(maxlen=_RECENT_STEPS + 1)
        self.values: list[float] = []

    def add(self, faces: list[Face], time: float | None = None) -> None:
        """Add the faces of the next frame.

        Args:
            time: time of the frame in the source, in seconds; None if it is not exact: the frames then count
                as evenly spaced.
        """
        if time is None:
            time = self._times[-1] + 1.0 if self._times else 0.0
        self._times.append(time)
        share = self._share()
        now: dict[int, list[np.ndarray]] = {}
        for face in faces:
            points_px = face.points_px if self._indices is None else face.points_px[self._indices]
            before = self._last.get(face.track_id, [])
            if len(before) == 2 and share is not None:
                eyes = max(float(inter_ocular(before[1][None], self._scheme)[0]), 1e-6)
                bend = before[1] - (1 - share) * before[0] - share * points_px
                self.values.append(100.0 * float(np.linalg.norm(bend, axis=-1).mean()) / eyes)
            now[face.track_id] = [*before, points_px][-2:]
        self._last = now

    def _share(self) -> float | None:
        """Return when the middle of the last three frames was, from 0 (first) to 1 (last); None at a gap."""
        if len(self._times) < 3:
            return None
        steps = np.diff(self._times)
        before, after = steps[-2:].tolist()
        if min(before, after) <= 0 or max(before, after) > _LONGEST_STEP * np.median(steps):
            return None
        return float(before / (before + after))

    @property
    def median(self) -> float:
        """Median over all frames and faces, in percent of the inter-ocular distance; NaN for none."""
        return float(np.median(self.values)) if self.values else float("nan")


@dataclass
class Side:
    """Results of one of the two models.

    Attributes:
        label: name of the model.
        seconds: processing time of each frame.
        n_faces: number of faces over all frames.
        jitter: jitter of the landmarks.
        errors: distance from the truth, for each face whose truth is known.
    """

    label: str
    jitter: Jitter
    seconds: list[float] = field(default_factory=list)
    n_faces: int = 0
    errors: list[Disagreement] = field(default_factory=list)

    @property
    def latency_ms(self) -> float:
        """Median time for a frame in milliseconds; NaN before the first."""
        return 1000.0 * float(np.median(self.seconds)) if self.seconds else float("nan")


@dataclass(frozen=True)
class Seen:
    """Faces that a model found on a frame, and the processing time in seconds."""

    faces: list[Face]
    seconds: float


class Comparison:
    """Comparison of two models on the same frames, frame by frame.

    Distances, jitter and errors are those of the landmarks that both models have.

    Args:
        schemes: landmark schemes of the two models.
        labels: names of the two models.
        photographs: whether the frames are independent photographs, which have no jitter.
        truth: landmark scheme of the true landmarks, if they are known.

    Attributes:
        scheme: scheme of the landmarks that both models have.
        sides: the two models.
        disagreements: distances for each face that both models found, in the order of frames.
        n_frames: number of frames.
        n_alone: for each model, number of faces that the other did not find.
        warnings: problems of the source that did not end the comparison, one line each.
    """

    def __init__(
        self,
        schemes: tuple[LandmarkScheme, LandmarkScheme],
        labels: tuple[str, str],
        *,
        photographs: bool = False,
        truth: LandmarkScheme | None = None,
    ) -> None:
        self._common = common_landmarks(*schemes)
        self.scheme = self._common.scheme
        self._to_truth = None if truth is None else common_landmarks(self.scheme, truth)
        self.photographs = photographs
        self.sides = (
            Side(labels[0], Jitter(self.scheme, self._common.ours)),
            Side(labels[1], Jitter(self.scheme, self._common.theirs)),
        )
        self.disagreements: list[Disagreement] = []
        self.n_frames = 0
        self.n_alone = [0, 0]
        self.warnings: list[str] = []

    @property
    def truth_scheme(self) -> LandmarkScheme:
        """Scheme of the landmarks that both models and the truth have."""
        return self.scheme if self._to_truth is None else self._to_truth.scheme

    def add(
        self, frame: Frame, ours: Seen, theirs: Seen, truth_px: list[np.ndarray] | None = None
    ) -> list[Disagreement]:
        """Add the results of both models on a frame.

        Args:
            truth_px: ``(n, 2)`` true landmarks of the frame's faces, where they are known.

        Returns:
            The disagreements on this frame.
        """
        self.n_frames += 1
        for side, seen, indices in zip(
            self.sides, (ours, theirs), (self._common.ours, self._common.theirs), strict=True
        ):
            side.seconds.append(seen.seconds)
            side.n_faces += len(seen.faces)
            if not self.photographs:
                side.jitter.add(seen.faces, frame.source_time)
            if (to_truth := self._to_truth) is not None:
                compared = [_having(face, indices[to_truth.ours]) for face in seen.faces]
                truth = [points[to_truth.theirs] for points in truth_px or []]
                side.errors += _errors(frame, compared, truth, to_truth.scheme)
        new = disagree_faces(ours.faces, theirs.faces, self._common, frame)
        self.n_alone[0] += len(ours.faces) - len(new)
        self.n_alone[1] += len(theirs.faces) - len(new)
        self.disagreements += new
        return new


def _errors(
    frame: Frame, faces: list[Face], truth_px: list[np.ndarray], scheme: LandmarkScheme
) -> Iterator[Disagreement]:
    """Yield the error of each found face whose truth is known, by the overlap of squares around both."""
    for points in truth_px:
        box = square_box(points)
        face = max(faces, key=lambda face: iou(face.box_px, box), default=None)
        if face is not None and iou(face.box_px, box) >= _SAME_FACE_IOU:
            yield disagree(face.points_px, points, scheme, frame, face.track_id)

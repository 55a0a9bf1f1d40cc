"""Two models on the same frames: how far their landmarks are apart, where, and how steady each is.

What is compared always belongs to one frame. All lengths are NMEs: shares of the distance between the
outer eye corners of the second model's face, in percent; with teacher and student, let the teacher be
the second.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from livefan.core.boxes import iou
from livefan.core.errors import LivefanError
from livefan.core.frame import Face, Frame
from livefan.core.landmarks import LandmarkScheme
from livefan.core.metrics import inter_ocular

REGIONS = ("jaw", "brows", "nose", "eyes", "mouth")
_REGION_OF_PART = {
    "jaw": "jaw",
    "chin": "jaw",
    "brow": "brows",
    "nos": "nose",
    "eye": "eyes",
    "pupil": "eyes",
    "mouth": "mouth",
    "lip": "mouth",
}
"""Which region a landmark belongs to, by the first part that its name mentions."""
_SAME_FACE_IOU = 0.3


@cache
def regions(scheme: LandmarkScheme) -> dict[str, np.ndarray]:
    """The landmark indices of each of :data:`REGIONS` that a scheme has; every landmark is in one."""
    found: dict[str, list[int]] = {region: [] for region in REGIONS}
    for index, name in enumerate(scheme.point_names):
        region = next(region for part, region in _REGION_OF_PART.items() if part in name)
        found[region].append(index)
    return {region: np.array(indices) for region, indices in found.items() if indices}


@dataclass(frozen=True)
class Disagreement:
    """How far two models are apart on one face of one frame, or one model from the truth.

    Attributes:
        frame: index of the frame.
        time_s: its place in the source.
        track_id: the face, as the first model counts.
        points: ``(n,)`` distance of each landmark, in percent of the inter-ocular distance.
    """

    frame: int
    time_s: float
    track_id: int
    points: np.ndarray

    @property
    def overall(self) -> float:
        """Mean over the landmarks: the NME of one against the other."""
        return float(self.points.mean())

    def by_region(self, scheme: LandmarkScheme) -> dict[str, float]:
        """Mean over the landmarks of each region."""
        return {name: float(self.points[indices].mean()) for name, indices in regions(scheme).items()}


def pair_faces(ours: list[Face], theirs: list[Face]) -> list[tuple[Face, Face]]:
    """Which faces of two models are the same: those that overlap most, each once."""
    overlaps = [(iou(a.box_px, b.box_px), i, j) for i, a in enumerate(ours) for j, b in enumerate(theirs)]
    pairs: list[tuple[Face, Face]] = []
    free_ours, free_theirs = set(range(len(ours))), set(range(len(theirs)))
    for overlap, i, j in sorted(overlaps, reverse=True):
        if overlap >= _SAME_FACE_IOU and i in free_ours and j in free_theirs:
            pairs.append((ours[i], theirs[j]))
            free_ours.remove(i)
            free_theirs.remove(j)
    return pairs


def disagree(
    points_px: np.ndarray, reference_px: np.ndarray, scheme: LandmarkScheme, frame: Frame, track_id: int
) -> Disagreement:
    """How far ``(n, 2)`` landmarks are from others of the same face, in the same pixels."""
    eyes = max(float(inter_ocular(reference_px[None], scheme)[0]), 1e-6)
    distances = np.linalg.norm(points_px - reference_px, axis=-1)
    return Disagreement(frame.index, frame.source_time, track_id, 100.0 * distances / eyes)


class Jitter:
    """How much a model's landmarks shake from frame to frame, whatever the face does.

    Of three frames in a row, the middle one's landmarks are compared with the mean of the other two: a
    face at rest or in even motion leaves only the shaking.
    """

    def __init__(self, scheme: LandmarkScheme) -> None:
        self._scheme = scheme
        self._last: dict[int, list[np.ndarray]] = {}
        self.values: list[float] = []

    def add(self, faces: list[Face]) -> None:
        """Take in the faces of the next frame."""
        now: dict[int, list[np.ndarray]] = {}
        for face in faces:
            before = self._last.get(face.track_id, [])
            if len(before) == 2:
                eyes = max(float(inter_ocular(before[1][None], self._scheme)[0]), 1e-6)
                bend = before[1] - (before[0] + face.points_px) / 2
                self.values.append(100.0 * float(np.linalg.norm(bend, axis=-1).mean()) / eyes)
            now[face.track_id] = [*before, face.points_px][-2:]
        self._last = now

    @property
    def median(self) -> float:
        """Median over all frames and faces, in percent of the inter-ocular distance; NaN for none."""
        return float(np.median(self.values)) if self.values else float("nan")


@dataclass
class Side:
    """One of the two models, and what was seen of it.

    Attributes:
        label: what to call it.
        seconds: time the pipeline took for each frame.
        n_faces: faces found, over all frames.
        jitter: how steady it is.
        errors: its distance from the truth, for each face of each frame whose truth is known.
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
    """What a model made of a frame: its faces, and how long it took in seconds."""

    faces: list[Face]
    seconds: float


class Comparison:
    """The running account of two models on the same frames.

    Args:
        scheme: of both.
        labels: what to call the two.
        photographs: the frames have nothing to do with each other, so that there is no jitter.

    Attributes:
        sides: the two models.
        disagreements: one for each face that both found, in the order of frames.
        n_frames: frames compared.
        n_alone: for each side, faces that only it found.
        warnings: what went wrong with the source without stopping it, one line each.
    """

    def __init__(self, scheme: LandmarkScheme, labels: tuple[str, str], *, photographs: bool = False) -> None:
        self.scheme = scheme
        self.photographs = photographs
        self.sides = (Side(labels[0], Jitter(scheme)), Side(labels[1], Jitter(scheme)))
        self.disagreements: list[Disagreement] = []
        self.n_frames = 0
        self.n_alone = [0, 0]
        self.warnings: list[str] = []

    def add(
        self, frame: Frame, ours: Seen, theirs: Seen, truth_px: list[np.ndarray] | None = None
    ) -> list[Disagreement]:
        """Take in what both models made of a frame.

        Args:
            truth_px: ``(n, 2)`` true landmarks of the frame's faces, where they are known.

        Returns:
            The disagreements on this frame.
        """
        self.n_frames += 1
        for side, seen in zip(self.sides, (ours, theirs), strict=True):
            side.seconds.append(seen.seconds)
            side.n_faces += len(seen.faces)
            if not self.photographs:
                side.jitter.add(seen.faces)
            side.errors += _errors(frame, seen.faces, truth_px or [], self.scheme)
        pairs = pair_faces(ours.faces, theirs.faces)
        self.n_alone[0] += len(ours.faces) - len(pairs)
        self.n_alone[1] += len(theirs.faces) - len(pairs)
        new = [disagree(a.points_px, b.points_px, self.scheme, frame, a.track_id) for a, b in pairs]
        self.disagreements += new
        return new


def _errors(
    frame: Frame, faces: list[Face], truth_px: list[np.ndarray], scheme: LandmarkScheme
) -> Iterator[Disagreement]:
    """The error of each found face whose truth is known."""
    for points in truth_px:
        box = np.concatenate([points.min(axis=0), points.max(axis=0)])
        face = max(faces, key=lambda face: iou(face.box_px, box), default=None)
        if face is not None and iou(face.box_px, box) >= _SAME_FACE_IOU:
            yield disagree(face.points_px, points, scheme, frame, face.track_id)


def check_schemes(ours: LandmarkScheme, theirs: LandmarkScheme) -> None:
    """Raise a LivefanError if two models have different landmarks."""
    if ours != theirs:
        raise LivefanError(
            f"one model has landmarks of {ours.name}, the other of {theirs.name}; "
            "compare models of one scheme"
        )

"""Tracking benchmark: how often a tracker shows a face in a wrong place, misses it, or invents one.

Photographs with known landmarks are moved by the scenes of :mod:`livefan.benchmark.face_motions`. livefan and
MediaPipe's FaceLandmarker track the same frames.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from livefan.benchmark.baselines import MEDIAPIPE
from livefan.benchmark.face_motions import FACE_PX, Photograph, Shot, empty_scene, render, scenes
from livefan.core.errors import LivefanError
from livefan.core.frame import Frame
from livefan.core.landmarks import IBUG_68
from livefan.core.metrics import inter_ocular
from livefan.datasets import load_300w
from livefan.detection.detector import FaceDetector
from livefan.external_models.mediapipe_finder import MediaPipeFinder
from livefan.runtimes.base import Runtime
from livefan.tracking.pipeline import Pipeline

WRONG = 0.1
"""Mean error in distances of the outer eye corners above which a face is wrong."""
_SMALLEST_PX = 120


@dataclass(frozen=True)
class Shown:
    """A face that a tracker returns: its id, 0 if the tracker has none, and its ``(68, 2)`` landmarks."""

    track_id: int
    points_px: np.ndarray


class Tracker(Protocol):
    """A program that tracks faces."""

    def start(self) -> None:
        """Forget all faces: a new recording starts."""

    def track(self, image: np.ndarray, time: float) -> list[Shown]:
        """Return the faces of the next frame."""


@dataclass
class Tally:
    """Counts of one row of the table; ``wrong_id`` counts faces with an id of another person."""

    frames: int = 0
    wrong: int = 0
    missed: int = 0
    false: int = 0
    wrong_id: int = 0

    def cells(self) -> list[str]:
        """Return the shares in percent as text: wrong, missed, false, wrong id."""
        counts = self.wrong, self.missed, self.false, self.wrong_id
        return [f"{100 * count / max(self.frames, 1):.1f}" for count in counts]


def benchmark_tracking(
    root: Path, runtime: Runtime, n_faces: int = 8, log: Callable[[str], None] = lambda text: None
) -> dict[str, dict[str, Tally]]:
    """Return the tallies by program and row.

    Args:
        root: folder with 300W's image sets; its validation split is tracked.
        runtime: the network of livefan.
        n_faces: number of photographs.
        log: receives the progress.

    Raises:
        LivefanError: if the photographs cannot be read, or too few are suitable.
    """
    photographs = _photographs(root, n_faces)
    results: dict[str, dict[str, Tally]] = {}
    with closing(LivefanTracker(runtime)) as own, closing(MediaPipeTracker()) as mediapipe:
        trackers: dict[str, Tracker] = {"livefan": own, MEDIAPIPE: mediapipe}
        for name, tracker in trackers.items():
            log(name)
            results[name] = measure(tracker, photographs)
    return results


def as_table(results: dict[str, dict[str, Tally]]) -> list[str]:
    """Return the lines of a Markdown table; shares in percent of the frames of each row."""
    columns = [f"{name}: {figure}" for name in results for figure in ("wrong", "missed", "false", "wrong id")]
    lines = ["| scene | frames | " + " | ".join(columns) + " |", "| --- | --- |" + " --- |" * len(columns)]
    for row, tally in next(iter(results.values())).items():
        cells = [cell for rows in results.values() for cell in rows[row].cells()]
        lines.append(f"| {row} | {tally.frames} | " + " | ".join(cells) + " |")
    return lines


def measure(tracker: Tracker, photographs: list[Photograph]) -> dict[str, Tally]:
    """Return the tallies of a tracker, by row, over all scenes of all photographs."""
    tallies: dict[str, Tally] = {}
    for person in range(len(photographs)):
        other = (person + 1) % len(photographs)
        for shots in scenes(person, other):
            _run_scene(tracker, shots, photographs, tallies)
    return tallies


def _run_scene(
    tracker: Tracker, shots: list[Shot], photographs: list[Photograph], tallies: dict[str, Tally]
) -> None:
    tracker.start()
    persons: dict[int, int] = {}
    for shot in shots:
        truth = None
        if shot.person < 0:
            image = empty_scene(-1 - shot.person)
        else:
            image, truth = render(photographs[shot.person], shot.placement)
        shown = tracker.track(image, shot.time)
        best = None if truth is None else min(shown, key=lambda face: _error(face, truth), default=None)
        if shot.row:
            _count(tallies.setdefault(shot.row, Tally()), shown, best, truth)
        if best is not None and best.track_id:
            owner = persons.setdefault(best.track_id, shot.person)
            if shot.row and owner != shot.person:
                tallies[shot.row].wrong_id += 1


def _count(tally: Tally, shown: list[Shown], best: Shown | None, truth: np.ndarray | None) -> None:
    tally.frames += 1
    tally.false += len(shown) - (best is not None)
    if truth is not None:
        tally.missed += best is None
        tally.wrong += best is not None and _error(best, truth) > WRONG


def _error(face: Shown, truth: np.ndarray) -> float:
    eyes = float(inter_ocular(truth[None], IBUG_68)[0])
    return float(np.linalg.norm(face.points_px - truth, axis=-1).mean()) / eyes


class LivefanTracker:
    """livefan's pipeline without smoothing."""

    def __init__(self, runtime: Runtime) -> None:
        self._pipeline = Pipeline(runtime, smoothing=0.0)

    def start(self) -> None:
        """Forget all faces."""
        self._pipeline.reset()

    def track(self, image: np.ndarray, time: float) -> list[Shown]:
        """Return the faces of the next frame."""
        faces = self._pipeline.process(Frame(image, source_time=time))
        return [Shown(face.track_id, face.points_px) for face in faces]

    def close(self) -> None:
        """Release the pipeline."""
        self._pipeline.close()


class MediaPipeTracker:
    """MediaPipe's FaceLandmarker, its landmarks mapped to 300W's 68 points."""

    def __init__(self) -> None:
        self._finder = MediaPipeFinder()

    def start(self) -> None:
        """Forget all faces."""
        self._finder.reset()

    def track(self, image: np.ndarray, time: float) -> list[Shown]:
        """Return the faces of the next frame."""
        return [Shown(0, face.points_px) for face in self._finder.find(image, time, max_faces=1)]

    def close(self) -> None:
        """Release MediaPipe."""
        self._finder.close()


def _photographs(root: Path, count: int) -> list[Photograph]:
    """Return validation photographs with one large, upright face."""
    faces = load_300w(root, "validation").faces
    found: list[Photograph] = []
    with FaceDetector() as detector:
        for index in np.random.default_rng(1).permutation(len(faces)):
            points_px = faces[index].points_px
            eyes = points_px[45] - points_px[36]
            if np.ptp(points_px, axis=0).max() < _SMALLEST_PX or abs(eyes[1]) > 0.3 * abs(eyes[0]):
                continue
            photograph = _reduced(Photograph(faces[index].read_image(), points_px))
            if len(detector.detect(photograph.image)) == 1:
                found.append(photograph)
            if len(found) == count:
                return found
    raise LivefanError(f"{root}: {len(found)} suitable faces, {count} needed; name the folder of all of 300W")


def _reduced(photograph: Photograph) -> Photograph:
    """Return a photograph without more pixels than the scenes need."""
    factor = 2.0 * FACE_PX / float(np.ptp(photograph.points_px, axis=0).max())
    if factor >= 1.0:
        return photograph
    image = cv2.resize(photograph.image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    scale = np.array(image.shape[1::-1]) / photograph.image.shape[1::-1]
    return Photograph(image, (photograph.points_px + 0.5) * scale - 0.5)

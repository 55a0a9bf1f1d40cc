"""Face detection with MediaPipe's bundled BlazeFace models; no download, nothing leaves the machine."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from livefan.crop import crop_from_landmarks

SHORT_RANGE, FULL_RANGE = "short-range", "full-range"
"""BlazeFace's two models: faces within about two metres, and smaller ones."""

_DUPLICATE_IOU = 0.3
_LARGEST = 1280
"""Longer images are halved until they are not: the models see 128 and 192 pixels of them anyway."""
_FARTHEST = 0.4
"""A detection this many crop sides from the landmarks of a face is of somebody else."""
_STDERR = threading.Lock()


@dataclass(frozen=True)
class Detection:
    """A face as the detector sees it.

    Attributes:
        model: the model that found it, :data:`SHORT_RANGE` or :data:`FULL_RANGE`.
        box_px: ``(4,)`` float64: left, top, right, bottom in image pixels.
        keypoints_px: ``(6, 2)`` float64 in image pixels: the subject's right eye, left eye, nose
            tip, mouth centre, right and left ear.
        score: confidence in [0, 1].
    """

    model: str
    box_px: np.ndarray
    keypoints_px: np.ndarray
    score: float


def match_detection(points_px: np.ndarray, detections: list[Detection]) -> Detection | None:
    """The detection that belongs to the face of ``(n, 2)`` landmarks: the nearest, when near enough."""
    crop = crop_from_landmarks(points_px)

    def distance(detection: Detection) -> float:
        centre = (detection.box_px[:2] + detection.box_px[2:]) / 2
        return float(np.linalg.norm(centre - crop.centre_px)) / crop.side_px

    nearest = min(detections, key=distance, default=None)
    return nearest if nearest is not None and distance(nearest) < _FARTHEST else None


def iou(box: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes given as left, top, right, bottom."""
    overlap = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
    if (overlap <= 0).any():
        return 0.0
    shared = float(overlap.prod())
    areas = float((box[2:] - box[:2]).prod() + (other[2:] - other[:2]).prod())
    return shared / (areas - shared)


class FaceDetector:
    """Finds the faces of an image; both models look, and a face that both see counts once.

    Not safe to share between threads.

    Args:
        min_score: detections below it are not reported.
    """

    def __init__(self, min_score: float = 0.5) -> None:
        # MediaPipe logs its start-up from C++, past Python's logging, on the first frame too.
        with silent_stderr():
            os.environ.setdefault("GLOG_minloglevel", "3")
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
            from mediapipe.python.solutions.face_detection import FaceDetection

            self._graphs: dict[str, Any] = {
                model: FaceDetection(model_selection=selection, min_detection_confidence=min_score)
                for selection, model in enumerate((SHORT_RANGE, FULL_RANGE))
            }
            for graph in self._graphs.values():
                graph.process(np.zeros((64, 64, 3), np.uint8))

    def detect(self, image: np.ndarray) -> list[Detection]:
        """All faces of a ``(height, width, 3)`` uint8 BGR image, the surest first."""
        # The short-range model frames a face more exactly, so where both see one, its word counts.
        by_model = self.detect_by_model(image)
        kept: list[Detection] = []
        for detection in (*by_model[SHORT_RANGE], *by_model[FULL_RANGE]):
            if all(iou(detection.box_px, other.box_px) < _DUPLICATE_IOU for other in kept):
                kept.append(detection)
        return sorted(kept, key=lambda detection: -detection.score)

    def detect_by_model(self, image: np.ndarray) -> dict[str, list[Detection]]:
        """What each of the two models finds on its own, the surest first."""
        rgb = cv2.cvtColor(_reduced(image), cv2.COLOR_BGR2RGB)
        return {
            model: sorted(
                _read(graph.process(rgb).detections or [], model, image.shape),
                key=lambda detection: -detection.score,
            )
            for model, graph in self._graphs.items()
        }

    def close(self) -> None:
        """Release MediaPipe's graphs."""
        for graph in self._graphs.values():
            graph.close()
        self._graphs = {}

    def __enter__(self) -> FaceDetector:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _reduced(image: np.ndarray) -> np.ndarray:
    """The image, halved until its longer side is at most 1280 pixels; each pixel is averaged in once."""
    longer, factor = max(image.shape[:2]), 1
    while longer > _LARGEST * factor:
        factor *= 2
    if factor == 1:
        return image
    size = max(1, image.shape[1] // factor), max(1, image.shape[0] // factor)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _read(detections: list[Any], model: str, shape: tuple[int, ...]) -> Iterator[Detection]:
    """MediaPipe's relative coordinates, whose origin is the image's corner, in pixel centres."""
    size = np.array([shape[1], shape[0]], np.float64)
    for detection in detections:
        location = detection.location_data
        box = location.relative_bounding_box
        corners = np.array([(box.xmin, box.ymin), (box.xmin + box.width, box.ymin + box.height)])
        keypoints = np.array([(point.x, point.y) for point in location.relative_keypoints])
        yield Detection(
            model=model,
            box_px=(corners * size).ravel() - 0.5,
            keypoints_px=keypoints * size - 0.5,
            score=float(detection.score[0]),
        )


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Send what native code writes to standard error to nowhere; one thread at a time."""
    with _STDERR:
        yield from _redirected_stderr()


def _redirected_stderr() -> Iterator[None]:
    sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # no standard error, as under pythonw
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)

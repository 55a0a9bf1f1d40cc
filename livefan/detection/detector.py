"""Face detection with the two BlazeFace models that MediaPipe's wheel has; nothing leaves the machine."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from livefan.core.boxes import iou
from livefan.core.crop import crop_from_landmarks
from livefan.detection.blazeface import FULL_RANGE_MODEL, SHORT_RANGE_MODEL, BlazeFace, FoundBox

SHORT_RANGE, FULL_RANGE = "short-range", "full-range"
"""BlazeFace's two models: faces within about two metres, and smaller ones."""

_DUPLICATE_IOU = 0.3
_LARGEST = 1280
"""Longer images are halved until they are not: the models see 128 and 192 pixels of them anyway."""
_FARTHEST = 0.4
"""A detection this many crop sides from the landmarks of a face is of somebody else."""


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


class FaceDetector:
    """Finds the faces of an image; both models look, and a face that both see counts once.

    The full-range model is loaded when it looks for the first time. Not safe to share between threads.

    Raises:
        LivefanError: if MediaPipe's models are not there, or OpenVINO is not installed.
    """

    def __init__(self) -> None:
        self._models = {SHORT_RANGE: BlazeFace(SHORT_RANGE_MODEL)}

    def detect(self, image: np.ndarray, enough: int | None = None) -> list[Detection]:
        """The faces of a ``(height, width, 3)`` uint8 BGR image, the surest first.

        Args:
            enough: where the short-range model finds so many, the other does not look.
        """
        small = _reduced(image)
        # The short-range model frames a face more exactly, so where both see one, its word counts.
        kept = self._find(SHORT_RANGE, small, image)
        if enough is None or len(kept) < enough:
            for detection in self._find(FULL_RANGE, small, image):
                if all(iou(detection.box_px, other.box_px) < _DUPLICATE_IOU for other in kept):
                    kept.append(detection)
        return sorted(kept, key=lambda detection: -detection.score)

    def detect_by_model(self, image: np.ndarray) -> dict[str, list[Detection]]:
        """What each of the two models finds on its own, the surest first."""
        small = _reduced(image)
        return {name: self._find(name, small, image) for name in (SHORT_RANGE, FULL_RANGE)}

    def _find(self, name: str, small: np.ndarray, image: np.ndarray) -> list[Detection]:
        """What a model finds on a reduced image, in pixels of the whole one."""
        if name not in self._models:
            self._models[name] = BlazeFace(FULL_RANGE_MODEL)
        scale = np.array([image.shape[1] / small.shape[1], image.shape[0] / small.shape[0]])
        return [_in_pixels(found, name, scale) for found in self._models[name].find(small)]

    def close(self) -> None:
        """Release the models."""
        self._models = {}

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


def _in_pixels(found: FoundBox, model: str, scale: np.ndarray) -> Detection:
    """What was found on an image, ``scale`` times larger and with pixel centres at integers."""
    points = found.points * scale - 0.5
    return Detection(model, points[:2].ravel(), points[2:], found.score)

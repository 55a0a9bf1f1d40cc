"""Face detection with MediaPipe's two BlazeFace models, on this machine."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from livefan.core.boxes import iou
from livefan.core.crop import crop_from_landmarks
from livefan.detection.blazeface import FULL_RANGE_MODEL, SHORT_RANGE_MODEL, BlazeFace, FoundBox

SHORT_RANGE, FULL_RANGE = "short-range", "full-range"
"""The two models: for faces within about two metres, and for smaller faces."""

_LEAST_SCORES = {SHORT_RANGE: SHORT_RANGE_MODEL.least_score, FULL_RANGE: FULL_RANGE_MODEL.least_score}
"""Scores below which a detection is faint."""

_DUPLICATE_IOU = 0.3
_LARGEST = 1280
"""Largest side in pixels; larger images are halved, as the inputs of the models have 128 and 192 pixels."""
_FARTHEST = 0.4
"""Distance from the landmarks of a face, in crop sides, from which a detection belongs to another face."""


@dataclass(frozen=True)
class Detection:
    """A detected face.

    Attributes:
        model: model of the detection, :data:`SHORT_RANGE` or :data:`FULL_RANGE`.
        box_px: ``(4,)`` float64 bounding box: left, top, right, bottom in image pixels.
        keypoints_px: ``(6, 2)`` float64 in image pixels: the subject's right eye, left eye, nose
            tip, mouth centre, right and left ear.
        score: confidence in [0, 1].
    """

    model: str
    box_px: np.ndarray
    keypoints_px: np.ndarray
    score: float


def match_detection(points_px: np.ndarray, detections: list[Detection]) -> Detection | None:
    """Return the detection nearest to the face with ``(n, 2)`` landmarks, or None if none is near."""
    crop = crop_from_landmarks(points_px)

    def distance(detection: Detection) -> float:
        centre = (detection.box_px[:2] + detection.box_px[2:]) / 2
        return float(np.linalg.norm(centre - crop.centre_px)) / crop.side_px

    nearest = min(detections, key=distance, default=None)
    return nearest if nearest is not None and distance(nearest) < _FARTHEST else None


def load_detectors() -> None:
    """Load both models, so that the detectors made later have them at once.

    Raises:
        LivefanError: if a model file is missing, or OpenVINO is not installed.
    """
    for model in (FULL_RANGE_MODEL, SHORT_RANGE_MODEL):
        BlazeFace(model)


class FaceDetector:
    """Detects the faces of an image with both models; a face that both models find counts once.

    The full-range model is loaded on first use. Not safe to share between threads.

    Raises:
        LivefanError: if a model file is missing, or OpenVINO is not installed.
    """

    def __init__(self) -> None:
        self._models = {SHORT_RANGE: BlazeFace(SHORT_RANGE_MODEL)}

    def detect(self, image: np.ndarray, enough: int | None = None, *, faint: bool = False) -> list[Detection]:
        """Return the faces of an image, most confident first.

        Args:
            image: ``(height, width, 3)`` uint8 BGR.
            enough: number of faces from which the detections of the short-range model suffice; None to run
                both models always.
            faint: also return faces with a low confidence, such as covered faces. Many of them are no faces.
        """
        small = _reduced(image)
        # The boxes of the short-range model are more accurate, so its detection of a face is kept.
        found = self._find(SHORT_RANGE, small, image, faint)
        if enough is None or len(found) < enough:
            found += self._find(FULL_RANGE, small, image, faint)
        kept: list[Detection] = []
        for detection in sorted(found, key=lambda each: each.score < _LEAST_SCORES[each.model]):
            others = [other for other in kept if other.model != detection.model]
            if all(iou(detection.box_px, other.box_px) < _DUPLICATE_IOU for other in others):
                kept.append(detection)
        return sorted(kept, key=lambda detection: -detection.score)

    def detect_by_model(self, image: np.ndarray) -> dict[str, list[Detection]]:
        """Return the detections of each model by its name, most confident first."""
        small = _reduced(image)
        return {name: self._find(name, small, image) for name in (SHORT_RANGE, FULL_RANGE)}

    def _find(self, name: str, small: np.ndarray, image: np.ndarray, faint: bool = False) -> list[Detection]:
        """Return the detections of a model on a reduced image, in pixels of the whole image."""
        if name not in self._models:
            self._models[name] = BlazeFace(FULL_RANGE_MODEL)
        scale = np.array([image.shape[1] / small.shape[1], image.shape[0] / small.shape[0]])
        return [_in_pixels(found, name, scale) for found in self._models[name].find(small, faint=faint)]

    def close(self) -> None:
        """Release the models."""
        self._models = {}

    def __enter__(self) -> FaceDetector:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _reduced(image: np.ndarray) -> np.ndarray:
    """Return the image, halved by averaging until its longer side is at most 1280 pixels."""
    longer, factor = max(image.shape[:2]), 1
    while longer > _LARGEST * factor:
        factor *= 2
    if factor == 1:
        return image
    size = max(1, image.shape[1] // factor), max(1, image.shape[0] // factor)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _in_pixels(found: FoundBox, model: str, scale: np.ndarray) -> Detection:
    """Return a detection in the pixels of an image ``scale`` times larger, pixel centres at integers."""
    points = found.points * scale - 0.5
    return Detection(model, points[:2].ravel(), points[2:], found.score)

"""Detection of faces that are rotated by a quarter or a half turn, on rotated copies of the image.

The detector finds faces that lean by up to about 45 degrees. A phone held sideways, or a person who lies
down, needs a rotated image.
"""

from __future__ import annotations

import cv2
import numpy as np

from livefan.detection.detector import Detection, FaceDetector

_LONGEST_SIDE = 480
"""Longer side in pixels of the rotated image; the input of the detector is smaller."""

_ROTATIONS = {1: cv2.ROTATE_90_CLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_COUNTERCLOCKWISE}


def detect_rotated(detector: FaceDetector, image: np.ndarray, quarters: int) -> list[Detection]:
    """Return the faces of an image that are upright in a rotated copy, in pixels of the image itself.

    Args:
        detector: the face detector.
        image: ``(height, width, 3)`` uint8 BGR.
        quarters: clockwise rotation of the copy in quarter turns: 1, 2 or 3.
    """
    height, width = image.shape[:2]
    scale = min(1.0, _LONGEST_SIDE / max(height, width))
    small_size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(image, small_size, interpolation=cv2.INTER_AREA)
    found = detector.detect(cv2.rotate(small, _ROTATIONS[quarters]))
    return [_rotate_back(detection, quarters, small_size, (width, height)) for detection in found]


def _rotate_back(
    detection: Detection, quarters: int, small_size: tuple[int, int], size: tuple[int, int]
) -> Detection:
    """Map a detection from the small rotated image to the image; both sizes are width and height."""

    def to_image(points: np.ndarray) -> np.ndarray:
        x, y = points[:, 0], points[:, 1]
        right, bottom = small_size[0] - 1, small_size[1] - 1
        upright = {1: (y, bottom - x), 2: (right - x, bottom - y), 3: (right - y, x)}[quarters]
        # Pixel centres are at integers: the image extends half a pixel beyond the outermost centres.
        return (np.column_stack(upright) + 0.5) * (np.array(size) / small_size) - 0.5

    corners = to_image(detection.box_px.reshape(2, 2))
    return Detection(
        model=detection.model,
        box_px=np.concatenate([corners.min(axis=0), corners.max(axis=0)]),
        keypoints_px=to_image(detection.keypoints_px),
        score=detection.score,
    )

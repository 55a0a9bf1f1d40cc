"""Detection of faces that lie on their side or stand on their head, by turning the image.

The detector sees faces that lean by up to about 45 degrees. A phone held sideways, or somebody lying
down, is seen when the image is turned by quarters.
"""

from __future__ import annotations

import cv2
import numpy as np

from livefan.detection.detector import Detection, FaceDetector

_LONGEST_SIDE = 480
"""Long side in pixels of the image that is turned; the detector's own input is smaller still."""

_TURNS = {1: cv2.ROTATE_90_CLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_COUNTERCLOCKWISE}


def detect_rotated(detector: FaceDetector, image: np.ndarray, quarters: int) -> list[Detection]:
    """The faces of an image that is turned clockwise by some quarters first; in the image's own pixels.

    Args:
        image: ``(height, width, 3)`` uint8 BGR.
        quarters: 1, 2 or 3.
    """
    height, width = image.shape[:2]
    scale = min(1.0, _LONGEST_SIDE / max(height, width))
    small_size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(image, small_size, interpolation=cv2.INTER_AREA)
    found = detector.detect(cv2.rotate(small, _TURNS[quarters]))
    return [_turn_back(detection, quarters, small_size, (width, height)) for detection in found]


def _turn_back(
    detection: Detection, quarters: int, small_size: tuple[int, int], size: tuple[int, int]
) -> Detection:
    """A detection on the small turned image as one on the image; both sizes are widths and heights."""

    def to_image(points: np.ndarray) -> np.ndarray:
        x, y = points[:, 0], points[:, 1]
        right, bottom = small_size[0] - 1, small_size[1] - 1
        upright = {1: (y, bottom - x), 2: (right - x, bottom - y), 3: (right - y, x)}[quarters]
        # Pixel centres are at integers, so half a pixel lies beyond the outermost on either side.
        return (np.column_stack(upright) + 0.5) * (np.array(size) / small_size) - 0.5

    corners = to_image(detection.box_px.reshape(2, 2))
    return Detection(
        model=detection.model,
        box_px=np.concatenate([corners.min(axis=0), corners.max(axis=0)]),
        keypoints_px=to_image(detection.keypoints_px),
        score=detection.score,
    )

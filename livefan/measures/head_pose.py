"""Pose of a head, from its landmarks and a generic face (perspective-n-point)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from livefan.core.face_measures import UNKNOWN_POSE, HeadPose
from livefan.core.landmarks import COFW_29, IBUG_68, WFLW_98, LandmarkScheme

# The parts of a face that its expression moves least, in millimetres: x to the image's right, y down,
# z away from the camera, the origin between the eyes, whose outer corners lie 90 mm apart. Medians over
# 400 near-frontal faces of 300W's training set, each given depth by MediaPipe's face mesh at its labelled
# points, aligned by similarity (generalised Procrustes analysis) and made symmetric. Turned so that the
# chin lies 10 mm behind the bridge of the nose, as on a head that is held level.
_MIDDLE = {
    "bridge_top": (0.0, -4.8, -20.5),
    "bridge_upper": (0.0, 7.3, -29.0),
    "bridge_lower": (0.0, 18.7, -39.3),
    "nose_tip": (0.0, 31.1, -44.9),
    "nose_base": (0.0, 45.3, -31.0),
    "chin": (0.0, 115.6, -10.5),
}
_LEFT = {
    "eye_outer": (45.0, 0.0, 0.0),
    "eye_inner": (19.5, 1.2, -4.2),
    "nostril_inner": (7.6, 43.2, -29.1),
    "nostril_outer": (14.8, 41.0, -25.6),
    "mouth_corner": (28.5, 66.9, -9.1),
}


@dataclass(frozen=True)
class _Anchors:
    """Landmarks of a scheme for the parts of the generic face: ``middle``, and of the sides (right, left)."""

    middle: dict[str, int]
    sides: dict[str, tuple[int, int]]

    def indices(self) -> list[int]:
        """Return the ``k`` landmarks."""
        return [*self.middle.values(), *(index for pair in self.sides.values() for index in pair)]

    def places_mm(self) -> np.ndarray:
        """Return the ``(k, 3)`` float64 places of the parts, in the order of :meth:`indices`."""
        places = [_MIDDLE[part] for part in self.middle]
        for part in self.sides:
            x, y, z = _LEFT[part]
            places += [(-x, y, z), (x, y, z)]
        return np.array(places)


_ANCHORS = {
    IBUG_68.name: _Anchors(
        {
            "bridge_top": 27,
            "bridge_upper": 28,
            "bridge_lower": 29,
            "nose_tip": 30,
            "nose_base": 33,
            "chin": 8,
        },
        {
            "eye_outer": (36, 45),
            "eye_inner": (39, 42),
            "nostril_inner": (32, 34),
            "nostril_outer": (31, 35),
            "mouth_corner": (48, 54),
        },
    ),
    WFLW_98.name: _Anchors(
        {
            "bridge_top": 51,
            "bridge_upper": 52,
            "bridge_lower": 53,
            "nose_tip": 54,
            "nose_base": 57,
            "chin": 16,
        },
        {
            "eye_outer": (60, 72),
            "eye_inner": (64, 68),
            "nostril_inner": (56, 58),
            "nostril_outer": (55, 59),
            "mouth_corner": (76, 82),
        },
    ),
    COFW_29.name: _Anchors(
        {"nose_tip": 20, "nose_base": 21, "chin": 28},
        {"eye_outer": (8, 9), "eye_inner": (10, 11), "nostril_outer": (18, 19), "mouth_corner": (22, 23)},
    ),
}
_PLACES_MM = {name: anchors.places_mm() for name, anchors in _ANCHORS.items()}
_INDICES = {name: anchors.indices() for name, anchors in _ANCHORS.items()}


def head_pose(points_px: np.ndarray, scheme: LandmarkScheme, width: float, height: float) -> HeadPose:
    """Return the pose that projects the generic face nearest to the landmarks, in least squares.

    Solved by SQPnP (Terzakis and Lourakis, ECCV 2020), then refined by Levenberg and Marquardt's method.
    The turn is ``Ry(-yaw) Rx(-pitch) Rz(roll)`` in OpenCV's camera axes.

    Args:
        points_px: ``(n, 2)`` landmarks of ``scheme`` in pixels that are square.
        width, height: of the image in such pixels.

    Returns:
        The pose; all NaN if the landmarks coincide, or the generic face lacks the landmarks of the scheme.
    """
    if scheme.name not in _PLACES_MM:
        return UNKNOWN_POSE
    places = _PLACES_MM[scheme.name]
    seen = np.ascontiguousarray(points_px[_INDICES[scheme.name]], np.float64)
    focal = float(max(width, height))
    camera: Any = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
    undistorted: Any = None
    try:
        solved, turn, shift = cv2.solvePnP(places, seen, camera, undistorted, flags=cv2.SOLVEPNP_SQPNP)
        if not solved:
            return UNKNOWN_POSE
        turn, shift = cv2.solvePnPRefineLM(places, seen, camera, undistorted, turn, shift)
        projected, _ = cv2.projectPoints(places, turn, shift, camera, undistorted)
    except cv2.error:
        return UNKNOWN_POSE
    residual = float(np.sqrt(((projected[:, 0] - seen) ** 2).sum(axis=1).mean()))
    matrix = cv2.Rodrigues(turn)[0]
    if not (np.isfinite(matrix).all() and np.isfinite(shift).all() and np.isfinite(residual)):
        return UNKNOWN_POSE
    yaw = math.atan2(-matrix[0, 2], matrix[2, 2])
    pitch = math.asin(float(np.clip(matrix[1, 2], -1, 1)))
    roll = math.atan2(matrix[1, 0], matrix[1, 1])
    x, y, z = (float(value) for value in shift.ravel())
    return HeadPose(math.degrees(yaw), math.degrees(pitch), math.degrees(roll), (x, y, z), residual)

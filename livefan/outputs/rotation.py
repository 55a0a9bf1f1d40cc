"""Rotations of a head in the axes of other programs.

livefan's axes are OpenCV's: x to the right of the image, y down, z away from the camera. The axes of the head
are the same while it faces the camera, so a rotation of zero is a frontal face.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from livefan.core.face_measures import HeadPose


def rotation_matrix(pose: HeadPose) -> np.ndarray:
    """Return the ``(3, 3)`` rotation of a head to the camera: ``Ry(-yaw) Rx(-pitch) Rz(roll)``."""
    yaw, pitch, roll = (math.radians(angle) for angle in (pose.yaw, pose.pitch, pose.roll))
    turns = ((0.0, -yaw, 0.0), (-pitch, 0.0, 0.0), (0.0, 0.0, roll))
    across, up, around = (cv2.Rodrigues(np.array(turn))[0] for turn in turns)
    return across @ up @ around


def quaternion(matrix: np.ndarray) -> np.ndarray:
    """Return the unit quaternion ``(x, y, z, w)`` of a ``(3, 3)`` rotation matrix, with ``w`` at least 0."""
    vector = cv2.Rodrigues(matrix)[0].ravel()
    angle = float(np.linalg.norm(vector))
    axis = vector / angle if angle > 0 else vector
    return np.array([*(axis * math.sin(angle / 2)), math.cos(angle / 2)])


def root_of(turn: np.ndarray, share: float) -> np.ndarray:
    """Return the unit quaternion of a share of a rotation, about the same axis.

    Args:
        turn: unit quaternion ``(x, y, z, w)``, ``w`` at least 0.
        share: from 0 (no rotation) to 1 (the rotation itself).
    """
    sine = float(np.linalg.norm(turn[:3]))
    half = math.atan2(sine, float(turn[3]))
    axis = turn[:3] / sine if sine > 0 else turn[:3]
    return np.array([*(axis * math.sin(share * half)), math.cos(share * half)])

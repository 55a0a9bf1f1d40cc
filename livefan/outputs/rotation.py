"""Rotations as quaternions."""

from __future__ import annotations

import math

import cv2
import numpy as np


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

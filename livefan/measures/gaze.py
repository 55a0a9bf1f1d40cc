"""Direction of the eyes, from the pupils, the corners of the eyes and the pose of the head."""

from __future__ import annotations

import math

import cv2
import numpy as np

from livefan.core.face_measures import Gaze, HeadPose
from livefan.core.landmarks import LandmarkScheme

_RADIUS_MM = 10.5
"""Distance of the pupil from the centre of rotation of the eye (Fry and Hill, 1962: about 13 mm from the
cornea's apex, 3 mm in front of the pupil)."""
_DEPTH_MM = 6.5
"""Distance of that centre behind the middle of the corners of the eye."""
_RAISED_MM = 2.0
"""Height of that centre above the middle of the corners of the eye."""
_STEEPEST = 0.95
"""Largest sine of the angle between the gaze and the direction to the camera. A pupil beyond it is hidden."""


def gaze(
    pupils_px: np.ndarray,
    points_px: np.ndarray,
    pose: HeadPose,
    scheme: LandmarkScheme,
    width: float,
    height: float,
) -> Gaze | None:
    """Return the direction of both eyes in the axes of the camera; None if the pose is unknown.

    An eye is a sphere behind the middle of its corners; the pupil lies on it. Distance and focal length are
    those of the pose.

    Args:
        pupils_px: ``(2, 2)`` centres of the irises in pixels that are square, the person's right eye first.
        points_px: ``(n, 2)`` landmarks in such pixels.
        pose: pose of the head on the same image.
        scheme: scheme of the landmarks.
        width, height: of the image in such pixels.
    """
    distance = pose.translation_mm[2]
    if not (math.isfinite(pose.yaw) and distance > 0):
        return None
    behind_mm = rotation(pose) @ (0.0, -_RAISED_MM, _DEPTH_MM)
    centre_px = np.array([(width - 1) / 2, (height - 1) / 2])
    focal = max(width, height)
    angles: list[float] = []
    for pupil, eye in zip(pupils_px, (scheme.right_eye, scheme.left_eye), strict=True):
        middle = _ray((_middle_of_corners(points_px[list(eye)]) - centre_px) / focal)
        direction = _from_sphere(_ray((pupil - centre_px) / focal), middle * distance + behind_mm)
        x, y, z = direction.tolist()
        angles += [math.degrees(math.atan2(x, -z)), math.degrees(math.asin(max(-1.0, min(1.0, -y))))]
    return Gaze(*angles)


def _ray(place: np.ndarray) -> np.ndarray:
    """Return the ``(3,)`` ray of a place on the plane at distance 1 in front of the camera."""
    return np.array([place[0], place[1], 1.0])


def _from_sphere(ray: np.ndarray, centre_mm: np.ndarray) -> np.ndarray:
    """Return the unit vector from the centre of an eye to the point where a ray enters its sphere.

    A ray that misses the sphere is moved to its edge.
    """
    ray = ray / np.linalg.norm(ray)
    nearest = ray * (ray @ centre_mm) - centre_mm
    missed = float(np.linalg.norm(nearest))
    if missed > _STEEPEST * _RADIUS_MM:
        nearest, missed = nearest * (_STEEPEST * _RADIUS_MM / missed), _STEEPEST * _RADIUS_MM
    return (nearest - ray * math.sqrt(_RADIUS_MM**2 - missed**2)) / _RADIUS_MM


def rotation(pose: HeadPose) -> np.ndarray:
    """Return the ``(3, 3)`` rotation of a head to the camera: ``Ry(-yaw) Rx(-pitch) Rz(roll)``."""
    yaw, pitch, roll = (math.radians(angle) for angle in (pose.yaw, pose.pitch, pose.roll))
    turns = ((0.0, -yaw, 0.0), (-pitch, 0.0, 0.0), (0.0, 0.0, roll))
    across, up, around = (cv2.Rodrigues(np.array(turn))[0] for turn in turns)
    return across @ up @ around


def _middle_of_corners(eye_px: np.ndarray) -> np.ndarray:
    """Return the middle of the two landmarks of an eye that are farthest apart."""
    first = int(((eye_px - eye_px.mean(axis=0)) ** 2).sum(axis=1).argmax())
    second = int(((eye_px - eye_px[first]) ** 2).sum(axis=1).argmax())
    return (eye_px[first] + eye_px[second]) / 2

"""Gaze from pupils, corners of the eyes and head pose."""

import math

import numpy as np
import pytest

# Private: the model of the eye, which a test must project to know the true gaze.
from livefan.core.face_measures import UNKNOWN_POSE, HeadPose
from livefan.core.landmarks import IBUG_68
from livefan.measures.gaze import _DEPTH_MM, _RADIUS_MM, _RAISED_MM, gaze, rotation

WIDTH, HEIGHT = 640, 480
CENTRE = np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])


def looking(pose: HeadPose, yaw: float, pitch: float) -> tuple[np.ndarray, np.ndarray]:
    """Return pupils and landmarks of a head whose eyes look in a direction of the camera's axes."""
    points_px, pupils_px = np.zeros((68, 2)), np.zeros((2, 2))
    a, b = math.radians(yaw), math.radians(pitch)
    direction = np.array([math.sin(a) * math.cos(b), -math.sin(b), -math.cos(a) * math.cos(b)])
    for side, (eye, x) in enumerate(((IBUG_68.right_eye, -32.0), (IBUG_68.left_eye, 32.0))):
        middle = np.array([x, 0.0, pose.translation_mm[2]])
        across = 13 * rotation(pose)[:, 0]
        points_px[list(eye)] = project(middle)
        points_px[eye[0]], points_px[eye[3]] = project(middle - across), project(middle + across)
        centre = middle + rotation(pose) @ (0.0, -_RAISED_MM, _DEPTH_MM)
        pupils_px[side] = project(centre + _RADIUS_MM * direction)
    return pupils_px, points_px


def project(place_mm: np.ndarray) -> np.ndarray:
    return place_mm[:2] / place_mm[2] * WIDTH + CENTRE


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (20, 0), (-25, 5), (5, 15), (0, -20)])
@pytest.mark.parametrize("turn", [(0, 0, 0), (15, -5, 10)])
def test_gaze_of_a_projected_eye_is_recovered(yaw: float, pitch: float, turn: tuple[float, float, float]):
    pose = HeadPose(*map(float, turn), (0.0, 0.0, 600.0), 1.0)
    pupils_px, points_px = looking(pose, yaw, pitch)
    found = gaze(pupils_px, points_px, pose, IBUG_68, WIDTH, HEIGHT)
    assert (found.right_yaw, found.left_yaw) == pytest.approx((yaw, yaw), abs=1.5)
    assert (found.right_pitch, found.left_pitch) == pytest.approx((pitch, pitch), abs=1.5)


def test_signs_and_limits_of_the_gaze():
    pose = HeadPose(0.0, 0.0, 0.0, (0.0, 0.0, 600.0), 1.0)
    pupils_px, points_px = looking(pose, 0, 0)
    right = gaze(pupils_px + np.array([3, 0]), points_px, pose, IBUG_68, WIDTH, HEIGHT)
    up = gaze(pupils_px - np.array([0, 3]), points_px, pose, IBUG_68, WIDTH, HEIGHT)
    assert right.right_yaw > 10
    assert right.left_yaw > 10
    assert up.right_pitch > 10
    far = gaze(pupils_px + np.array([100, 0]), points_px, pose, IBUG_68, WIDTH, HEIGHT)
    assert 55 < far.left_yaw < 90
    assert gaze(pupils_px, points_px, UNKNOWN_POSE, IBUG_68, WIDTH, HEIGHT) is None

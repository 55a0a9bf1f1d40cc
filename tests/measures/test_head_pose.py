"""Head pose from landmarks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import livefan
from livefan.core.landmarks import COFW_29, IBUG_68, WFLW_98, LandmarkScheme

# Private: the generic face, which a test must project to know the true pose.
from livefan.measures.head_pose import _INDICES, _PLACES_MM, head_pose


def projected(scheme: LandmarkScheme, yaw: float, pitch: float, roll: float, place: np.ndarray) -> np.ndarray:
    """Project the rotated generic face to landmarks of a 640 x 480 picture."""
    a, b, c = np.radians([-yaw, -pitch, roll])
    turn = (
        np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
        @ np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
        @ np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    )
    before = _PLACES_MM[scheme.name] @ turn.T + place
    points = np.zeros((scheme.n_points, 2))
    points[_INDICES[scheme.name]] = before[:, :2] / before[:, 2:] * 640 + [319.5, 239.5]
    return points


@given(
    st.sampled_from([IBUG_68, WFLW_98, COFW_29]),
    st.floats(-60, 60),
    st.floats(-40, 40),
    st.floats(-80, 80),
    st.tuples(st.floats(-100, 100), st.floats(-80, 80), st.floats(300, 1500)),
)
@settings(max_examples=60)
def test_pose_of_a_projected_head_is_recovered(
    scheme: LandmarkScheme, yaw: float, pitch: float, roll: float, place: tuple[float, float, float]
):
    pose = head_pose(projected(scheme, yaw, pitch, roll, np.array(place)), scheme, 640, 480)
    assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx((yaw, pitch, roll), abs=0.2)
    assert pose.translation_mm == pytest.approx(place, abs=2)
    assert pose.residual_px < 0.01


def test_signs_of_the_pose_are_as_documented():
    straight = projected(IBUG_68, 0, 0, 0, np.array([0, 0, 600.0]))
    nose, chin, between = 30, 8, (straight[36] + straight[45]) / 2
    right = projected(IBUG_68, 20, 0, 0, np.array([0, 0, 600.0]))
    assert right[nose, 0] > straight[nose, 0] + 5
    up = projected(IBUG_68, 0, 20, 0, np.array([0, 0, 600.0]))
    assert up[nose, 1] < straight[nose, 1] - 5
    leaning = projected(IBUG_68, 0, 0, 20, np.array([0, 0, 600.0]))
    assert leaning[chin, 0] < between[0] - 5  # clockwise: the chin goes to the left


def test_residual_is_large_for_random_points_and_degenerate_points_raise_nothing():
    random = np.random.default_rng(0).uniform(0, 400, (68, 2))
    assert not head_pose(random, IBUG_68, 640, 480).residual_px < 20
    head_pose(np.full((68, 2), 50.0), IBUG_68, 640, 480)
    head_pose(np.full((68, 2), 1e9), IBUG_68, 640, 480)


def test_mirrored_face_has_opposite_yaw_and_roll(pipeline: livefan.Pipeline, photo: np.ndarray):
    (face,) = pipeline.process_image(photo)
    (mirrored,) = pipeline.process_image(photo[:, ::-1])
    height, width = photo.shape[:2]
    one = head_pose(face.points_px, pipeline.scheme, width, height)
    other = head_pose(mirrored.points_px, pipeline.scheme, width, height)
    assert one.yaw < -10  # the woman of the bundled clip looks to the left of the picture
    assert (other.yaw, other.roll) == pytest.approx((-one.yaw, -one.roll), abs=5)
    assert other.pitch == pytest.approx(one.pitch, abs=5)

"""What is said of a face beside its landmarks: who it is, where the head points, what is open."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import moved, shrunk, write_recording
from hypothesis import given, settings
from hypothesis import strategies as st

import livefan
from livefan.annotation import postprocess
from livefan.annotation.annotate import annotate
from livefan.annotation.appearance import SAME_PERSON, describe, distance
from livefan.annotation.outputs import Outputs
from livefan.core.landmarks import COFW_29, IBUG_68, SCHEMES, WFLW_98, LandmarkScheme
from livefan.io.video import VideoSource
from livefan.measures.aspect_ratios import aspect_ratios
from livefan.measures.head_pose import _INDICES, _PLACES_MM, head_pose


def seen(scheme: LandmarkScheme, yaw: float, pitch: float, roll: float, place: np.ndarray) -> np.ndarray:
    """The generic face turned by some degrees, put before a camera, as landmarks of a 640 x 480 picture."""
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
def test_the_pose_of_a_known_head_is_found(
    scheme: LandmarkScheme, yaw: float, pitch: float, roll: float, place: tuple[float, float, float]
):
    pose = head_pose(seen(scheme, yaw, pitch, roll, np.array(place)), scheme, 640, 480)
    assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx((yaw, pitch, roll), abs=0.2)
    assert pose.translation_mm == pytest.approx(place, abs=2)
    assert pose.residual_px < 0.01


def test_the_signs_of_the_pose_are_as_documented():
    straight = seen(IBUG_68, 0, 0, 0, np.array([0, 0, 600.0]))
    nose, chin, between = 30, 8, (straight[36] + straight[45]) / 2
    right = seen(IBUG_68, 20, 0, 0, np.array([0, 0, 600.0]))
    assert right[nose, 0] > straight[nose, 0] + 5
    up = seen(IBUG_68, 0, 20, 0, np.array([0, 0, 600.0]))
    assert up[nose, 1] < straight[nose, 1] - 5
    leaning = seen(IBUG_68, 0, 0, 20, np.array([0, 0, 600.0]))
    assert leaning[chin, 0] < between[0] - 5  # clockwise: the chin goes to the left


def test_the_residual_tells_a_face_from_none_and_nonsense_is_no_error():
    random = np.random.default_rng(0).uniform(0, 400, (68, 2))
    assert not head_pose(random, IBUG_68, 640, 480).residual_px < 20
    head_pose(np.full((68, 2), 50.0), IBUG_68, 640, 480)
    head_pose(np.full((68, 2), 1e9), IBUG_68, 640, 480)


def test_a_mirrored_face_looks_the_other_way(pipeline: livefan.Pipeline, photo: np.ndarray):
    (face,) = pipeline.process_image(photo)
    (mirrored,) = pipeline.process_image(photo[:, ::-1])
    height, width = photo.shape[:2]
    one = head_pose(face.points_px, pipeline.scheme, width, height)
    other = head_pose(mirrored.points_px, pipeline.scheme, width, height)
    assert one.yaw < -10  # the woman of the bundled clip looks to the left of the picture
    assert (other.yaw, other.roll) == pytest.approx((-one.yaw, -one.roll), abs=5)
    assert other.pitch == pytest.approx(one.pitch, abs=5)


@pytest.mark.parametrize("scheme", list(SCHEMES.values()), ids=list(SCHEMES))
def test_openings_are_ratios_of_height_to_width(scheme: LandmarkScheme):
    """Eyes 30 wide and 9 high, a mouth 40 wide and 10 high, at any size and turn."""
    points = np.zeros((scheme.n_points, 2))
    eyes = {
        "300w-68": ((36, 39, (37, 38), (41, 40)), (42, 45, (43, 44), (47, 46))),
        "wflw-98": ((60, 64, (61, 62, 63), (67, 66, 65)), (68, 72, (69, 70, 71), (75, 74, 73))),
        "cofw-29": ((8, 10, (12,), (13,)), (9, 11, (14,), (15,))),
    }[scheme.name]
    mouth = {
        "300w-68": (60, 64, (61, 62, 63), (67, 66, 65)),
        "wflw-98": (88, 92, (89, 90, 91), (95, 94, 93)),
        "cofw-29": (22, 23, (25,), (26,)),
    }[scheme.name]
    for (first, last, upper, lower), width, height, x, y in (
        (eyes[0], 30, 9, 10, 20),
        (eyes[1], 30, 3, 70, 20),
        (mouth, 40, 10, 35, 80),
    ):
        points[first], points[last] = (x, y), (x + width, y)
        for number, (above, below) in enumerate(zip(upper, lower, strict=True), start=1):
            at = x + width * number / (len(upper) + 1)
            points[above], points[below] = (at, y - height / 2), (at, y + height / 2)
    turn = 2.5 * np.array([[0.8, -0.6], [0.6, 0.8]])
    opened = aspect_ratios(points @ turn.T + 100, scheme)
    assert (opened.right_eye, opened.left_eye, opened.mouth) == pytest.approx((0.3, 0.1, 0.25))


def test_looks_tell_people_apart_and_know_one_again(pipeline: livefan.Pipeline, photo: np.ndarray):
    (face,) = pipeline.process_image(photo)
    look = describe(photo, face.points_px, pipeline.scheme)
    smaller = shrunk(photo, 480, 270)
    (again,) = pipeline.process_image(smaller)
    assert distance(look, describe(smaller, again.points_px, pipeline.scheme)) < SAME_PERSON
    (stranger,) = pipeline.process_image(recoloured(photo))
    assert distance(look, describe(recoloured(photo), stranger.points_px, pipeline.scheme)) > 2 * SAME_PERSON


def recoloured(photo: np.ndarray) -> np.ndarray:
    """The same woman with other skin and hair."""
    lab = cv2.cvtColor(photo, cv2.COLOR_BGR2LAB).astype(int)
    lab += [-25, 8, 18]
    return cv2.cvtColor(np.clip(lab, 0, 255).astype(np.uint8), cv2.COLOR_LAB2BGR)


def test_a_face_that_comes_back_elsewhere_is_known_again_and_another_is_not(
    tmp_path: Path, photo: np.ndarray
):
    """She goes, comes back four seconds later on the other side; then somebody else is there."""
    small = shrunk(photo, 320, 180)
    empty = np.full_like(small, 40)
    left, right = np.hstack([small, empty]), np.hstack([empty, small])
    other = np.hstack([recoloured(small), empty])
    nobody = np.hstack([empty, empty])
    shown = [left] * 8 + [nobody] + [right] * 8 + [nobody] + [other] * 8
    times = [40 * n for n in range(8)] + [400] + [5000 + 40 * n for n in range(8)] + [5400]
    times += [10000 + 40 * n for n in range(8)]
    pictures = [moved(picture, n / 4) for n, picture in enumerate(shown)]
    clip = write_recording(tmp_path / "in.mkv", pictures, milliseconds=times)
    outputs = Outputs(tmp_path / "out", None)
    assert annotate(clip, outputs).n_faces == 2
    ids = livefan.load_annotations(outputs.tables[0])["track_id"].to_pylist()
    assert ids == [1] * 8 + [None] + [1] * 8 + [None] + [2] * 8


def test_smoothing_sees_what_comes_after_and_chunks_leave_no_seams(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
):
    """A recording annotated in chunks, with context on either side, is as good as smoothed in one piece."""
    part = tmp_path / "part.mkv"
    with VideoSource(str(clip), clip.name) as source:
        pictures = [shrunk(frame.image, 320, 180) for frame, _ in zip(source, range(120), strict=False)]
    write_recording(part, pictures)
    whole = Outputs(tmp_path / "whole", None, (".parquet",))
    with monkeypatch.context() as patch:
        patch.setattr(postprocess, "CHUNK", 1000)
        annotate(part, whole)
    monkeypatch.setattr(postprocess, "CHUNK", 16)
    chunked = Outputs(tmp_path / "chunked", None, (".parquet",))
    annotate(part, chunked)
    one, other = (livefan.load_annotations(outputs.tables[0]) for outputs in (whole, chunked))
    for name in ("nose_bridge_3_x", "inner_lip_6_y", "right_eye_1_y"):
        np.testing.assert_allclose(other[name].to_numpy(), one[name].to_numpy(), atol=0.05)
    raw, smooth = (one[f"jaw_4{part}"].to_numpy() for part in ("_raw_x", "_x"))
    assert np.abs(np.diff(smooth, 2)).mean() < 0.9 * np.abs(np.diff(raw, 2)).mean()

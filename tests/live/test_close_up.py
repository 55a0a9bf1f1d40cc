"""Close-up: position and magnification of the followed face."""

from dataclasses import replace

import numpy as np
import pytest

from livefan.core.frame import Face, Frame
from livefan.core.landmarks import IBUG_68
from livefan.live.close_up import CloseUp
from livefan.live.pane import frame_to_pane
from livefan.live.result import Result
from livefan.live.view_state import View

PANE = (400, 500)
CLOSE = View(close_up=True)


def result_of(photo: np.ndarray, faces: list[Face], index: int, epoch: int = 0) -> Result:
    frame = Frame(photo, index, captured_at=float(index), source_time=index / 25)
    return Result(frame, faces, IBUG_68, "a", "openvino", 0.5, 0.0, 0.01, 0.0, epoch)


def moved(face: Face, by: float, track_id: int = 1) -> Face:
    return replace(face, points_px=face.points_px + by, box_px=face.box_px + by, track_id=track_id)


def on_pane(view: View, photo: np.ndarray, face: Face) -> np.ndarray:
    """``(2, 2)`` upper left and lower right corner of a face in the pane."""
    matrix = frame_to_pane(photo.shape, view, *PANE)
    return np.sort(face.box_px.reshape(2, 2) @ matrix[:, :2].T + matrix[:, 2], axis=0)


@pytest.mark.parametrize("mirror", [False, True])
def test_face_is_centred_and_fills_most_of_the_pane(photo: np.ndarray, face: Face, mirror: bool):
    close_up = CloseUp()
    assert close_up.applied(CLOSE, photo.shape, PANE) is CLOSE  # no face yet
    close_up.follow(result_of(photo, [face], 0))
    assert close_up.applied(View(), photo.shape, PANE) == View()
    corners = on_pane(close_up.applied(replace(CLOSE, mirror=mirror), photo.shape, PANE), photo, face)
    assert np.max(corners[1] - corners[0]) == pytest.approx(0.72 * min(PANE), rel=0.01)
    assert corners.mean(axis=0)[0] == pytest.approx(PANE[0] / 2, abs=2)
    assert np.all(corners[0] >= 0)  # as near to the middle as the frame's edge allows
    assert np.all(corners[1] <= PANE)


def test_view_follows_smoothly_and_jumps_at_a_new_epoch(photo: np.ndarray, face: Face):
    close_up = CloseUp()
    close_up.follow(result_of(photo, [face], 0))
    begin = close_up.applied(CLOSE, photo.shape, PANE).centre[0]
    aside = moved(face, -30.0, face.track_id)
    close_up.follow(result_of(photo, [aside], 1))
    first = close_up.applied(CLOSE, photo.shape, PANE).centre[0]
    close_up.follow(result_of(photo, [aside], 1))
    assert close_up.applied(CLOSE, photo.shape, PANE).centre[0] == first  # the same frame again
    for index in range(2, 60):
        close_up.follow(result_of(photo, [aside], index))
    settled = close_up.applied(CLOSE, photo.shape, PANE).centre[0]
    whole = -30.0 / photo.shape[1]
    assert 0 > first - begin > 0.3 * whole
    assert settled - begin == pytest.approx(whole, rel=0.01)
    close_up.follow(result_of(photo, [face], 0, epoch=1))
    assert close_up.applied(CLOSE, photo.shape, PANE).centre[0] == pytest.approx(begin)


def test_lost_face_is_replaced_by_the_largest(photo: np.ndarray, face: Face):
    close_up = CloseUp()
    near, far = moved(face, 0.0, 1), moved(face, -40.0, 2)
    far = replace(far, box_px=far.box_px + np.array([-20, -20, 20, 20]))
    close_up.follow(result_of(photo, [near], 0))
    before = close_up.applied(CLOSE, photo.shape, PANE)
    close_up.follow(result_of(photo, [near, far], 1))
    assert close_up.applied(CLOSE, photo.shape, PANE).centre == pytest.approx(before.centre)
    close_up.follow(result_of(photo, [], 2))
    assert close_up.applied(CLOSE, photo.shape, PANE).centre == pytest.approx(before.centre)
    close_up.follow(result_of(photo, [far], 3))
    after = close_up.applied(CLOSE, photo.shape, PANE)
    assert after.centre[0] < before.centre[0]
    assert after.zoom < before.zoom
    close_up.forget()
    assert close_up.applied(CLOSE, photo.shape, PANE) is CLOSE
    close_up.follow(result_of(photo, [far], 3))  # another source with the same frame index
    assert close_up.applied(CLOSE, photo.shape, PANE).zoom == pytest.approx(after.zoom)


def test_chosen_face_is_followed_also_on_the_same_frame(photo: np.ndarray, face: Face):
    close_up = CloseUp()
    first, second = moved(face, 0.0, 1), moved(face, -40.0, 2)
    close_up.follow(result_of(photo, [first, second], 0))
    close_up.choose(2)
    close_up.follow(result_of(photo, [first, second], 0))
    corners = on_pane(close_up.applied(CLOSE, photo.shape, PANE), photo, second)
    assert corners.mean(axis=0)[0] == pytest.approx(PANE[0] / 2, abs=2)

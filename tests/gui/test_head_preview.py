"""The drawn head that shows the face as it is sent."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from windows import Driven, paused_at_end

from livefan.core.boxes import bounding_box
from livefan.core.frame import Face, Frame
from livefan.core.landmarks import IBUG_68
from livefan.gui.head_shape import head_shape, moved_landmarks
from livefan.outputs.face_model import FACE_MODEL_MM
from livefan.outputs.frame_result import FrameResult


def face_turned(yaw: float) -> FrameResult:
    """Return the result of a frame with the rigid face, turned to the right of the image."""
    points_mm = FACE_MODEL_MM @ cv2.Rodrigues(np.radians([0.0, -yaw, 0.0]))[0].T + (0, 0, 600)
    points_px = 640 * points_mm[:, :2] / points_mm[:, 2:] + (319.5, 239.5)
    face = Face(1, bounding_box(points_px), points_px, np.ones(68))
    return FrameResult(Frame(np.zeros((480, 640, 3), np.uint8)), (face,), IBUG_68, 0.0)


@pytest.mark.parametrize(
    ("coefficients", "points", "move"),
    [
        ({"jawOpen": 1.0}, [57, 66, 8], (0.0, 1.0)),  # lower lip and chin go down
        ({"mouthSmileLeft": 1.0}, [54], (1.0, -1.0)),  # the person's left is the image's right
        ({"mouthPucker": 1.0}, [54], (-1.0, 0.0)),
        ({"browInnerUp": 1.0}, [21, 22], (0.0, -1.0)),
        ({"eyeBlinkRight": 1.0}, [37, 38], (0.0, 1.0)),
    ],
)
def test_landmarks_move_as_the_coefficient_says(coefficients: dict, points: list[int], move: tuple):
    moved = moved_landmarks(coefficients) - FACE_MODEL_MM
    for axis, direction in enumerate(move):
        if direction:
            assert (direction * moved[points, axis] > 2).all()
    others = [index for index in range(17, 48) if index not in points]
    if "jawOpen" in coefficients:
        assert np.abs(moved[others]).max() == 0


def test_head_turns_with_the_person():
    (frontal,), (turned,) = face_turned(0).measured, face_turned(25).measured
    nose = head_shape(turned).nose[0][-1, 0] - head_shape(frontal).nose[0][-1, 0]
    assert nose > 10
    assert abs(head_shape(frontal).nose[0][-1, 0]) < 2


def test_menu_shows_the_head_of_the_session(drive: Driven, images: Path):
    window = drive.open()
    window.outputs.aboutToShow.emit()
    entry = next(each for each in window.outputs.actions() if each.isCheckable() and "head" in each.text())
    entry.trigger()
    assert window.outputs.head.isVisible()
    window.player.watch(str(images))
    drive.until(lambda: window.outputs.head.shape is not None)
    picture = window.outputs.head.grab().toImage()
    middle = picture.pixelColor(picture.width() // 2, picture.height() * 2 // 5)
    assert middle.red() > middle.blue() + 20  # skin
    window.outputs.head.close()
    assert not window.player.outputs.previewed


def test_head_that_opens_on_a_paused_frame_shows_its_face(drive: Driven, images: Path):
    window = paused_at_end(drive, images)
    window.outputs.head.show()
    drive.until(lambda: window.outputs.head.shape is not None)
    drive.until(lambda: window.player.outputs.newest.faces[0].expressions is not None)
    window.player.close_source()
    window.outputs.head.refresh()
    assert window.outputs.head.shape is None

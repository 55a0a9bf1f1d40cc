"""Faces drawn on images."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from livefan.core.errors import LivefanError
from livefan.core.frame import Face, as_bgr
from livefan.core.landmarks import IBUG_68
from livefan.drawing.faces import OverlayStyle, draw_faces, draw_unsure_faces, face_size


@pytest.fixture
def face() -> Face:
    points = np.random.default_rng(0).uniform(40, 90, (68, 2))
    box = np.concatenate([points.min(axis=0), points.max(axis=0)])
    return Face(3, box, points, np.linspace(0, 1, 68))


def test_points_are_drawn_at_the_landmarks_and_nowhere_else(face: Face):
    image = np.zeros((130, 130, 3), np.uint8)
    draw_faces(image, [face], IBUG_68, OverlayStyle(outlines=False, boxes=False, ids=False))
    for x, y in face.points_px:
        assert image[round(y), round(x)].any()
    far = np.ones((130, 130), bool)
    for x, y in face.points_px:
        far[max(0, int(y) - 4) : int(y) + 6, max(0, int(x) - 4) : int(x) + 6] = False
    assert not image[far].any()


def test_covered_landmark_is_a_ring(face: Face):
    points = face.points_px.copy()
    points[0], points[1:] = (20, 20), (100, 100)
    occluded = np.zeros(68, np.float32)
    occluded[0] = 0.9
    style = OverlayStyle(outlines=False, boxes=False, ids=False, confidence=False)
    image = np.zeros((130, 130, 3), np.uint8)
    draw_faces(image, [replace(face, points_px=points, occluded=occluded)], IBUG_68, style)
    assert not image[20, 20].any()
    assert image[16:25, 16:25].any()
    assert image[100, 100].any()


def test_lines_keep_their_thickness_while_the_mouth_opens():
    points = np.stack([np.linspace(100, 520, 68), np.linspace(100, 520, 68)], axis=1)
    points[list(IBUG_68.normaliser)] = (170, 200), (450, 200)
    sizes = []
    for chin in (520, 600):
        points[8] = 300, chin
        box = np.concatenate([points.min(axis=0), points.max(axis=0)])
        sizes.append(face_size(Face(1, box, points.copy(), np.ones(68)), IBUG_68))
    assert sizes == [pytest.approx(420)] * 2  # the longer side of the neutral face


def test_each_part_can_be_switched_off(face: Face):
    def drawn(**style: bool) -> int:
        image = np.zeros((130, 130, 3), np.uint8)
        draw_faces(image, [face], IBUG_68, OverlayStyle(**style))
        return int((image > 0).any(axis=2).sum())

    nothing = {"outlines": False, "points": False, "boxes": False, "ids": False}
    assert drawn(**nothing) == 0
    assert all(drawn(**(nothing | {part: True})) > 20 for part in nothing)


def read_only(image: np.ndarray) -> np.ndarray:
    image.setflags(write=False)
    return image


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.zeros((130, 130), np.uint8),
        lambda: np.zeros((130, 130, 1), np.uint8),
        lambda: np.zeros((130, 130, 4), np.uint8),
        lambda: np.zeros((130, 130, 4), np.uint8)[..., :3],
        lambda: np.zeros((130, 130, 3), np.uint8)[..., ::-1],
        lambda: np.zeros((130, 130, 3), np.uint8)[::-1],
        lambda: np.zeros((130, 260, 3), np.uint8)[:, ::2],
        lambda: np.zeros((130, 130, 3), np.uint8).transpose(1, 0, 2),
        lambda: np.zeros((130, 130, 3), np.uint16),
        lambda: read_only(np.zeros((130, 130, 3), np.uint8)),
    ],
)
def test_image_that_opencv_would_copy_gives_one_line_error_with_the_mend(
    make: Callable[[], np.ndarray], face: Face
):
    image = make()
    mend = r"draw on livefan\.core\.frame\.as_bgr\(image\)\.copy\(\)"
    for faces in ([face], []):
        with pytest.raises(LivefanError, match=mend) as caught:
            draw_faces(image, faces, IBUG_68)
        assert "\n" not in str(caught.value)
    drawn = as_bgr(image).copy()
    draw_faces(drawn, [face], IBUG_68)
    assert drawn.any()


def test_slice_of_an_image_is_drawn_on_in_place(face: Face):
    image = np.zeros((260, 200, 3), np.uint8)
    draw_faces(image[0:260:2, 20:150], [face], IBUG_68, OverlayStyle(numbers=True, mesh=True))
    assert image[::2, 20:150].any()
    assert not image[1::2].any()
    assert not image[:, :20].any()


def test_face_partly_or_wholly_outside_the_image_is_no_error(face: Face):
    for shift in (-70.0, 1e6, -1e9):
        away = Face(1, face.box_px + shift, face.points_px + shift, face.confidence)
        draw_faces(np.zeros((60, 60, 3), np.uint8), [away], IBUG_68)


def test_id_of_a_face_outside_the_image_is_not_drawn(face: Face):
    image = np.zeros((360, 640, 3), np.uint8)
    outside = replace(face, points_px=face.points_px + 2000, box_px=face.box_px + 2000)
    draw_faces(image, [outside], IBUG_68)
    assert not image.any()


def test_landmarks_without_confidence_have_a_colour_of_their_own():
    points, confidence = np.full((68, 2), 60.0), np.ones(68)
    points[0], confidence[0] = 20.0, np.nan
    face = Face(1, np.array([20.0, 20.0, 60.0, 60.0]), points, confidence)
    style = OverlayStyle(outlines=False, boxes=False, ids=False)
    image = np.zeros((80, 80, 3), np.uint8)
    draw_faces(image, [face], IBUG_68, style)
    assert tuple(image[20, 20]) == style.unknown
    assert tuple(image[60, 60]) == style.sure


def test_unsure_face_is_a_dashed_box_without_landmarks(face: Face):
    image = np.zeros((400, 400, 3), np.uint8)
    draw_unsure_faces(image, [face], OverlayStyle(ids=False))
    drawn = image.any(axis=2)
    left, top, right, bottom = face.box_px.round().astype(int)
    assert 0.3 < drawn[top, left:right].mean() < 0.95
    assert 0.3 < drawn[top:bottom, right].mean() < 0.95
    drawn[top - 3 : top + 4] = drawn[bottom - 3 : bottom + 4] = False
    drawn[:, left - 3 : left + 4] = drawn[:, right - 3 : right + 4] = False
    assert not drawn.any()
    draw_unsure_faces(image, [face], OverlayStyle(boxes=False))
    assert image[: top - 4].any()  # the id

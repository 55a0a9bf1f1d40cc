"""Mouths that open synthetically."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from livefan.core.frame import Face
from livefan.core.landmarks import COFW_29, IBUG_68
from livefan.measures.aspect_ratios import aspect_ratios
from livefan.training.augmentation.mouth import open_mouth

CHIN, UNDER_LIP, LIP_CENTRE = 8, 57, 66
INNER_UPPER = [60, 61, 62, 63, 64]


def test_opened_mouth_moves_jaw_and_lower_lip_with_their_landmarks(photo: np.ndarray, face: Face):
    marked = cv2.copyMakeBorder(photo, 0, 200, 0, 0, cv2.BORDER_REPLICATE)
    for x, y in face.points_px[[CHIN, UNDER_LIP]].round().astype(int):
        marked[y - 1 : y + 2, x - 1 : x + 2] = (0, 255, 0)
    before = aspect_ratios(face.points_px, IBUG_68).mouth
    for seed in range(4):
        image, points_px = open_mouth(marked, face.points_px, IBUG_68, np.random.default_rng(seed))
        assert aspect_ratios(points_px, IBUG_68).mouth > before + 0.05
        fixed = [*INNER_UPPER, *range(17, 55)]
        np.testing.assert_array_equal(points_px[fixed], face.points_px[fixed])
        assert points_px[LIP_CENTRE, 1] > face.points_px[LIP_CENTRE, 1]
        for x, y in points_px[[CHIN, UNDER_LIP]].round().astype(int):
            blue, green, red = image[y - 1 : y + 2, x - 1 : x + 2].mean(axis=(0, 1))
            assert green > max(blue, red) + 60
        eyes = slice(0, int(face.points_px[33, 1]))
        np.testing.assert_array_equal(image[eyes], marked[eyes])


def test_open_mouths_and_unknown_schemes_stay(photo: np.ndarray, face: Face):
    opened = face.points_px.copy()
    opened[[65, 66, 67], 1] += 0.5 * np.linalg.norm(opened[64] - opened[60])
    rng = np.random.default_rng(0)
    image, points_px = open_mouth(photo, opened, IBUG_68, rng)
    assert image is photo
    assert points_px is opened
    own = replace(COFW_29, name="own")
    assert open_mouth(photo, opened[:29], own, rng)[0] is photo


@pytest.mark.parametrize("angle", [0.5, np.pi])
def test_mouth_opens_in_rotated_faces(photo: np.ndarray, face: Face, angle: float):
    centre = np.array(photo.shape[1::-1]) / 2
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = (face.points_px - centre) @ turn.T + centre
    _, opened = open_mouth(photo, turned, IBUG_68, np.random.default_rng(1))
    _, upright = open_mouth(photo, face.points_px, IBUG_68, np.random.default_rng(1))
    np.testing.assert_allclose(opened, (upright - centre) @ turn.T + centre, atol=1e-6)

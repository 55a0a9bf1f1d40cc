import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livefan.core.crop import CROP_MARGIN, Crop, crop_from_landmarks, roll_angle, upright_crop
from livefan.core.landmarks import IBUG_68

crops = st.builds(
    Crop,
    centre_px=st.tuples(st.floats(-500, 4000), st.floats(-500, 4000)),
    side_px=st.floats(2, 4000),
    angle=st.floats(-math.pi, math.pi),
    size=st.sampled_from([64, 256]),
)


@given(crops, st.lists(st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)), min_size=1, max_size=5))
def test_forward_and_inverse_transform_give_the_identity(crop: Crop, points: list[tuple[float, float]]):
    points_px = np.array(points)
    assert np.allclose(crop.to_image(crop.to_crop(points_px)), points_px, atol=1e-6)


@given(crops)
def test_centre_of_the_square_is_the_centre_of_the_crop(crop: Crop):
    middle = (crop.size - 1) / 2
    assert np.allclose(crop.to_crop(np.array(crop.centre_px)), (middle, middle), atol=1e-6)


@given(crops)
def test_lengths_scale_by_the_size_over_the_side(crop: Crop):
    points = crop.to_crop(np.array([crop.centre_px, (crop.centre_px[0] + 10, crop.centre_px[1])]))
    assert math.dist(points[0], points[1]) == pytest.approx(10 * crop.size / crop.side_px, rel=1e-6)


def test_square_of_the_crop_size_is_copied_exactly():
    image = np.random.default_rng(0).integers(0, 256, (80, 100, 3), np.uint8)
    crop = Crop(centre_px=(10 + 31.5, 5 + 31.5), side_px=64, size=64)
    assert np.array_equal(crop.cut(image), image[5:69, 10:74])


@pytest.mark.parametrize("side", [64.0, 150.0, 430.0, 900.0])
@pytest.mark.parametrize("angle", [0.0, 0.6, -2.5])
def test_cut_pixels_lie_where_the_transform_maps_them(side: float, angle: float):
    """A blob drawn in the image is found in the crop at its mapped place, to a tenth of a pixel."""
    blob_px = np.array([500.0 + 0.12 * side, 400.0 - 0.1 * side])
    ys, xs = np.mgrid[0:800, 0:1000]
    reach = side / 25
    image = 255 * np.exp(-((xs - blob_px[0]) ** 2 + (ys - blob_px[1]) ** 2) / (2 * reach**2))
    crop = Crop((500.0, 400.0), side, angle, 128)
    cut = crop.cut(image.astype(np.uint8)[..., None].repeat(3, axis=2))[..., 0].astype(float)
    rows, columns = np.mgrid[0:128, 0:128]
    found = np.array([(cut * columns).sum(), (cut * rows).sum()]) / cut.sum()
    assert np.allclose(found, crop.to_crop(blob_px), atol=0.15)


def test_strong_reduction_averages_pixels():
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    cut = Crop((255.5, 255.5), 512, size=64).cut(stripes)
    assert abs(cut.astype(int) - 127).max() <= 2


def test_pixels_outside_the_image_are_black():
    image = np.full((50, 50, 3), 200, np.uint8)
    assert not Crop((1000, 1000), 64, size=64).cut(image).any()
    assert not Crop((5000, 5000), 1640, size=64).cut(image).any()


def test_crop_of_landmarks_is_their_box_times_the_margin():
    points = np.array([[10.0, 20.0], [110.0, 60.0], [50.0, 40.0]])
    crop = crop_from_landmarks(points)
    assert crop.centre_px == (60.0, 40.0)
    assert crop.side_px == CROP_MARGIN * 100


def test_smaller_crops_show_the_middle_and_the_smallest_the_same_with_fewer_pixels():
    crop = Crop((60.0, 40.0), 512.0, 0.3)
    sides = {size: crop.sized(size).side_px for size in (256, 224, 192, 64)}
    assert sides == {256: 512.0, 224: 448.0, 192: 448.0, 64: 448.0}
    assert crop.sized(192).sized(256) == crop
    assert crop.sized(192).sized(64) == crop.sized(64)


@given(st.floats(-3.1, 3.1))
def test_rotated_face_is_upright_in_its_crop(angle: float):
    rng = np.random.default_rng(1)
    face = rng.uniform(-50, 50, (68, 2))
    face[list(IBUG_68.right_eye)] += (-60, -30)
    face[list(IBUG_68.left_eye)] += (60, -30)
    face[list(IBUG_68.mouth)] += (0, 50)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    upright, turned = (
        upright_crop(points, IBUG_68).to_crop(points) for points in (face + 300, face @ turn.T + 300)
    )
    assert np.allclose(upright, turned, atol=1e-6)


def test_roll_of_a_profile_comes_from_eyes_and_mouth():
    eye, mouth = np.array([100.0, 100.0]), np.array([100.0, 150.0])
    assert roll_angle(eye, eye, mouth) == pytest.approx(0.0)


def test_crop_equals_warp_affine_of_opencv(photo: np.ndarray):
    crop = Crop((320, 180), 200, 0.3)
    assert np.array_equal(crop.cut(photo), cv2.warpAffine(photo, crop.matrix, (256, 256)))

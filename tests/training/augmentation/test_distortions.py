"""What is done to pictures before they are trained on: pixels change as named, and no landmark but lids'."""

import cv2
import numpy as np
import pytest
import torch

from livefan.core.frame import Face
from livefan.core.landmarks import COFW_29, IBUG_68, SCHEMES, WFLW_98, LandmarkScheme
from livefan.datasets import LabelledFace
from livefan.measures.aspect_ratios import aspect_ratios
from livefan.training.augmentation import distortions
from livefan.training.augmentation.augment import TrainingFaces
from livefan.training.augmentation.eyelids import close_eyes
from livefan.training.config import TrainConfig

ALL = [
    distortions.motion_blur,
    distortions.defocus,
    distortions.compress,
    distortions.side_light,
    distortions.darken,
    distortions.shrink,
    distortions.cover,
]
each = pytest.mark.parametrize("distort", ALL, ids=lambda distort: distort.__name__)


@pytest.fixture
def picture(photo: np.ndarray) -> np.ndarray:
    return cv2.resize(photo[:, 140:500], (256, 256), interpolation=cv2.INTER_AREA)


@each
def test_distortion_depends_only_on_the_seed(picture: np.ndarray, distort: distortions.Distortion):
    before = picture.copy()
    first, same, other = (distort(picture, np.random.default_rng(seed)) for seed in (4, 4, 5))
    assert (first.shape, first.dtype) == (picture.shape, np.uint8)
    assert np.array_equal(picture, before)
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, picture)


@pytest.mark.parametrize("distort", [distortions.motion_blur, distortions.defocus, distortions.shrink])
def test_blur_keeps_the_position_of_an_edge(distort: distortions.Distortion):
    """The brightest row and column of a cross stay: a blur that shifts would move every landmark."""
    cross = np.zeros((256, 256, 3), np.uint8)
    cross[126:130] = cross[:, 126:130] = 255
    for seed in range(10):
        blurred = distort(cross, np.random.default_rng(seed))[..., 0].astype(float)
        for axis in (0, 1):
            profile = blurred.mean(axis=axis) - blurred.mean(axis=axis).min() + 1e-9
            assert (profile * np.arange(256)).sum() / profile.sum() == pytest.approx(127.5, abs=1.5)


def test_darkness_lowers_the_brightness_and_covering_keeps_most_pixels(picture: np.ndarray):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        assert distortions.darken(picture, rng).mean() < 0.5 * picture.mean()
        changed = (np.abs(distortions.cover(picture, rng).astype(int) - picture) > 8).any(-1).mean()
        assert 0.005 < changed < 0.7


def test_disabled_settings_change_nothing_and_enabled_ones_change_only_pixels(
    tmp_path_factory: pytest.TempPathFactory, photo: np.ndarray
):
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    cv2.imwrite(str(path), photo)
    points = np.random.default_rng(0).uniform((200, 60), (420, 300), (68, 2))
    faces = [LabelledFace(path, points, "clip")]
    plain = TrainingFaces(faces, IBUG_68, TrainConfig())
    for setting in ("motion_blur", "defocus", "compression", "side_light", "darkness", "covering"):
        always = TrainingFaces(faces, IBUG_68, TrainConfig(**{setting: 1.0}))
        for key in range(3):
            assert torch.equal(plain[key][1], always[key][1])
            assert not torch.equal(plain[key][0], always[key][0])


def lids(scheme: LandmarkScheme) -> list[int]:
    """Landmarks of the upper lids between the corners."""
    return {IBUG_68: [37, 38, 43, 44], WFLW_98: [61, 62, 63, 69, 70, 71], COFW_29: [12, 14]}[scheme]


def test_eyes_are_closed_with_the_landmarks_of_the_upper_lids(photo: np.ndarray, face: Face):
    rng = np.random.default_rng(0)
    before = aspect_ratios(face.points_px, IBUG_68)
    least = 1.0
    for _ in range(30):
        pixels, points = close_eyes(photo, face.points_px, IBUG_68, rng)
        now = aspect_ratios(points, IBUG_68)
        assert -1e-6 < now.right_eye <= before.right_eye
        assert -1e-6 < now.left_eye <= before.left_eye
        assert now.mouth == before.mouth
        moved = np.flatnonzero((points != face.points_px).any(axis=1))
        assert set(moved) <= set(lids(IBUG_68))
        assert len(moved) in (2, 4)  # a wink, or both
        changed = np.argwhere((pixels != photo).any(axis=2))[:, ::-1]
        eyes = face.points_px[36:48]
        width = np.linalg.norm(eyes[3] - eyes[0])
        assert (changed >= eyes.min(axis=0) - 0.5 * width).all()
        assert (changed <= eyes.max(axis=0) + 0.5 * width).all()
        least = min(least, now.right_eye)
    assert least < 0.05 * before.right_eye + 0.02


def test_closed_eye_shows_skin_in_place_of_the_iris(photo: np.ndarray, face: Face):
    for seed in range(20):
        pixels, points = close_eyes(photo, face.points_px, IBUG_68, np.random.default_rng(seed))
        if aspect_ratios(points, IBUG_68).right_eye > 0.04:
            continue
        x, y = face.points_px[36:42].mean(axis=0).round().astype(int)
        skin = photo[y - 8, x].astype(int)  # of the lid
        assert np.abs(pixels[y, x] - skin).max() < np.abs(photo[y, x] - skin).max()
        return
    pytest.fail("no eye was shut")


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=lambda scheme: scheme.name)
@pytest.mark.parametrize("turn", [0.0, 2.0, np.pi])
def test_eyes_of_every_scheme_are_closed_for_any_rotation(scheme: LandmarkScheme, turn: float):
    points = np.random.default_rng(0).uniform(-90, 90, (scheme.n_points, 2))
    for eye, x in ((scheme.right_eye, -50.0), (scheme.left_eye, 50.0)):
        around = np.linspace(np.pi, 3 * np.pi, len(eye), endpoint=False)
        outline = np.column_stack([x + 20 * np.cos(around), -40 + 8 * np.sin(around)])
        points[list(eye)] = outline
    if scheme == COFW_29:  # corners first, then top and bottom
        points[[8, 12, 10, 13]], points[[11, 14, 9, 15]] = (
            np.array([(x - 20, -40), (x, -48), (x + 20, -40), (x, -32)]) for x in (-50.0, 50.0)
        )
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = points @ matrix.T + 128
    image = np.random.default_rng(1).integers(0, 256, (256, 256, 3), np.uint8)
    rng = np.random.default_rng(2)
    for _ in range(10):
        pixels, moved = close_eyes(image, points, scheme, rng)
        assert not np.array_equal(pixels, image)
        which = np.flatnonzero((moved != points).any(axis=1))
        assert len(which) > 0
        assert set(which) <= set(lids(scheme))
        assert ((moved - points)[which] @ matrix[:, 1] > 0).all()  # down, as the head has it


def test_eye_that_cannot_be_closed_is_unchanged(photo: np.ndarray, face: Face):
    rng = np.random.default_rng(0)
    outside = face.points_px + 5000
    for points in (np.full((68, 2), 7.0), face.points_px * 0.05, outside):
        pixels, moved = close_eyes(photo, points, IBUG_68, rng)
        assert np.array_equal(pixels, photo)
        assert np.isfinite(moved).all()

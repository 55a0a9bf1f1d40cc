"""What spoils a picture changes pixels as named, and never which landmark is where."""

import cv2
import numpy as np
import pytest
import torch

from livefan.datasets import LabelledFace
from livefan.scheme import IBUG_68
from livefan.training import distortions
from livefan.training.augment import TrainingFaces
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
def test_it_changes_the_picture_by_its_seed_alone(picture: np.ndarray, distort: distortions.Distortion):
    before = picture.copy()
    first, same, other = (distort(picture, np.random.default_rng(seed)) for seed in (4, 4, 5))
    assert (first.shape, first.dtype) == (picture.shape, np.uint8)
    assert np.array_equal(picture, before)
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, picture)


@pytest.mark.parametrize("distort", [distortions.motion_blur, distortions.defocus, distortions.shrink])
def test_blur_leaves_an_edge_in_its_place(distort: distortions.Distortion):
    """The brightest row and column of a cross stay: a blur that shifts would move every landmark."""
    cross = np.zeros((256, 256, 3), np.uint8)
    cross[126:130] = cross[:, 126:130] = 255
    for seed in range(10):
        blurred = distort(cross, np.random.default_rng(seed))[..., 0].astype(float)
        for axis in (0, 1):
            profile = blurred.mean(axis=axis) - blurred.mean(axis=axis).min() + 1e-9
            assert (profile * np.arange(256)).sum() / profile.sum() == pytest.approx(127.5, abs=1.5)


def test_darkness_is_dark_and_covering_leaves_most_of_the_picture(picture: np.ndarray):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        assert distortions.darken(picture, rng).mean() < 0.5 * picture.mean()
        changed = (np.abs(distortions.cover(picture, rng).astype(int) - picture) > 8).any(-1).mean()
        assert 0.005 < changed < 0.7


def test_settings_that_are_off_change_nothing_and_on_change_pixels_but_no_point(
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

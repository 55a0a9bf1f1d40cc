"""Faces that two sets share are found by perceptual hashes."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from livefan.datasets import load_training
from livefan.datasets.duplicates import perceptual_hash
from livefan.io.pts_file import write_pts


def recompressed(image: np.ndarray, quality: int) -> np.ndarray:
    decoded = cv2.imdecode(
        cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR
    )
    assert decoded is not None
    return decoded


@pytest.mark.parametrize(
    "copy",
    [
        lambda image: recompressed(image, 20),
        lambda image: cv2.resize(image, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA),
        lambda image: cv2.resize(image, None, fx=1.7, fy=1.7, interpolation=cv2.INTER_CUBIC),
        lambda image: cv2.convertScaleAbs(image, alpha=0.8, beta=-10),
        lambda image: cv2.GaussianBlur(image, (0, 0), 2.0),
    ],
    ids=["recompressed", "smaller", "larger", "darker", "blurred"],
)
def test_hash_of_a_copy_differs_in_at_most_seven_bits(
    copy: Callable[[np.ndarray], np.ndarray], photo: np.ndarray
):
    face = photo[40:320, 180:460]
    assert np.sum(perceptual_hash(face) != perceptual_hash(copy(face))) <= 7


def test_hash_of_another_image_differs_in_more_bits(photo: np.ndarray):
    face = photo[40:320, 180:460]
    for other in (face[:, ::-1], face[::-1], photo[120:400, 180:460]):
        assert np.sum(perceptual_hash(face) != perceptual_hash(np.ascontiguousarray(other))) > 14


def test_hash_is_that_of_opencv_img_hash():
    """The expected bits come from ``cv2.img_hash.pHash`` of opencv-contrib-python 4.11."""
    noise = np.random.default_rng(5).integers(0, 256, (12, 12, 3), np.uint8)
    image = cv2.resize(noise, (128, 128), interpolation=cv2.INTER_NEAREST)
    assert np.packbits(perceptual_hash(image), bitorder="little").tobytes().hex() == "a69a5f1e957fc741"


def test_training_leaves_out_photographs_of_the_test_set(tmp_path: Path, photo: np.ndarray):
    """A copy that is smaller, darker and compressed is left out; another face and another crop stay."""
    points = np.random.default_rng(0).uniform((200, 60), (420, 300), (68, 2))
    half = (points + 0.5) / 2 - 0.5
    darker = cv2.convertScaleAbs(photo, alpha=0.8, beta=-10)
    pictures = {
        "lfpw/trainset/same": (cv2.resize(darker, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), half),
        "lfpw/trainset/other": (
            photo[:, ::-1],
            photo.shape[1] - 1 - points * (1, -1) - (0, photo.shape[1] - 1),
        ),
        "lfpw/trainset/elsewhere": (photo, points * 0.6),
        "ibug/test": (photo, points),
    }
    for name, (picture, marks) in pictures.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / f"{name}.jpg"), picture)
        write_pts(tmp_path / f"{name}.pts", marks)
    training, validation = load_training("300w", tmp_path)
    assert [face.image_path.stem for face in training.faces] == ["elsewhere", "other"]
    assert validation.faces == []
    (line,) = training.duplicates
    assert "same.jpg" in line
    assert "ibug/test.jpg" in line

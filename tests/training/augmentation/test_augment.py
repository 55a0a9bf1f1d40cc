"""Augmented crops of labelled faces."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from marked_faces import SMALL, marked_faces

from livefan.core.landmarks import IBUG_68
from livefan.datasets import FaceSet, LabelledFace
from livefan.training.augmentation.augment import EvaluationFaces, TrainingFaces, kept_margin
from livefan.training.config import TrainConfig
from livefan.training.preview import draw_preview


def test_augmented_points_stay_on_the_dots_that_they_mark(tmp_path: Path):
    config = TrainConfig(seed=3, photometric=0.0)
    dataset = TrainingFaces(marked_faces(tmp_path, 2).faces, IBUG_68, config)
    for key in range(40):
        size = 256 if key % 2 else 192
        pixels, points = (value.numpy() for value in dataset.sample(key, size))
        assert pixels.shape == (size, size, 3)
        inside = points[((points > 1) & (points < size - 2)).all(axis=1)].round().astype(int)
        assert len(inside) > 30
        assert (pixels[inside[:, 1], inside[:, 0], 0] > 120).all()


def test_mirrored_labels_keep_their_offset(tmp_path: Path):
    faces = marked_faces(tmp_path, 2).faces
    exact, offset = (TrainingFaces(faces, IBUG_68, TrainConfig(mirror_offset=share)) for share in (0.0, 0.05))
    moved = np.array([(offset[key][1] - exact[key][1]).mean(0).tolist() for key in range(40)])
    plain = np.isclose(moved, (0.0, 0.0), atol=1e-3).all(axis=1)
    mirrored = np.isclose(moved, (2 * 12.8, 0.0), atol=1e-3).all(axis=1)
    assert (plain | mirrored).all()
    assert plain.any()
    assert mirrored.any()


def test_augmentation_varies_and_is_reproducible_by_seed(tmp_path: Path):
    faces = marked_faces(tmp_path, 2).faces
    first, same, other = (TrainingFaces(faces, IBUG_68, TrainConfig(seed=seed)) for seed in (0, 0, 1))
    assert torch.equal(first[1][0], same[1][0])
    assert not torch.equal(first[1][0], other[1][0])
    assert not torch.equal(first[1][1], first[3][1])  # the same face in the next epoch


def test_large_image_reduced_in_memory_gives_the_same_points(tmp_path: Path):
    (face,) = marked_faces(tmp_path, 1).faces
    large = cv2.resize(face.read_image(), None, fx=6, fy=6, interpolation=cv2.INTER_LINEAR)
    cv2.imwrite(str(tmp_path / "large.png"), large)
    points = (face.points_px + 0.5) * 6 - 0.5
    config = TrainConfig(rotation_probability=0, scale=1.0, shift=0)
    crops = [
        TrainingFaces([one], IBUG_68, config)[0][1]
        for one in (face, LabelledFace(tmp_path / "large.png", points, "marked"))
    ]
    assert torch.allclose(crops[0], crops[1], atol=0.05)


@pytest.mark.parametrize(
    "settings",
    [
        TrainConfig(scale=2.0, shift=0.3, rotation=180.0, rotation_probability=1.0),
        TrainConfig(scale=4.0, rotation_probability=0.0),
        TrainConfig(shift=1.0),
    ],
)
def test_crops_far_from_the_face_still_show_the_image(tmp_path: Path, settings: TrainConfig):
    """In the middle of a white picture there is nothing black, whatever is cut of it."""
    (face,) = marked_faces(tmp_path, 1).faces
    middle = face.points_px.mean(axis=0)
    cv2.imwrite(str(tmp_path / "white.png"), np.full((1200, 1200, 3), 255, np.uint8))
    white = LabelledFace(tmp_path / "white.png", face.points_px + 600 - middle, "white")
    dataset = TrainingFaces([white], IBUG_68, replace(settings, photometric=0.0))
    assert min(int(dataset[key][0].min()) for key in range(200)) == 255


def test_memory_holds_no_more_than_the_image(tmp_path: Path):
    (face,) = marked_faces(tmp_path, 1).faces
    dataset = TrainingFaces([face], IBUG_68, TrainConfig(scale=10.0, shift=1.0))
    # Private: no public attribute shows the memory of an image.
    assert dataset._kept[0][0].nbytes < 2 * face.read_image().nbytes
    assert kept_margin(TrainConfig()) == 2.4  # what the shipped weights saw stays as it was


def test_unreadable_images_are_skipped_and_listed(tmp_path: Path):
    faces = marked_faces(tmp_path, 3).faces
    faces[1].image_path.write_bytes(b"broken")
    for dataset in (TrainingFaces(faces, IBUG_68, SMALL), EvaluationFaces(faces)):
        assert len(dataset) == 2
        assert "1.png" in dataset.skipped[0]


def test_share_of_the_crops_shows_no_face(tmp_path: Path):
    """White dots mark the landmarks of a face in a corner; the rest of the image is grey."""
    (face,) = marked_faces(tmp_path, 1).faces
    image = np.full((900, 900, 3), 77, np.uint8)
    image[:320, :320] = face.read_image()
    cv2.imwrite(str(face.image_path), image)
    config = replace(SMALL, without_face=0.3, photometric=0.0)
    dataset = TrainingFaces([face], IBUG_68, config)
    samples = [dataset.sample(key, 96) for key in range(200)]
    empty = [pixels for pixels, points in samples if torch.isnan(points).all()]
    assert len(empty) + sum(bool(torch.isfinite(points).all()) for _, points in samples) == 200
    assert 40 < len(empty) < 80
    assert sum(bool((pixels == 77).float().mean() > 0.3) for pixels in empty) > 20, "surroundings"
    assert any(bool((pixels == 77).float().mean() < 0.01) for pixels in empty), "computed"
    draw_preview(FaceSet(IBUG_68, [face]), replace(config, without_face=1.0), tmp_path / "sheet.png")
    assert cv2.imread(str(tmp_path / "sheet.png")) is not None

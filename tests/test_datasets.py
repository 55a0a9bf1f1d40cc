from pathlib import Path

import cv2
import numpy as np
import pytest

from livefan.datasets import load_300w, read_pts
from livefan.errors import LivefanError


def write_pts(path: Path, points_px: np.ndarray) -> None:
    """Write points in the official form, which counts pixels from one."""
    lines = "\n".join(f"{x + 1:.3f} {y + 1:.3f}" for x, y in points_px)
    path.write_text(f"version: 1\nn_points: {len(points_px)}\n{{\n{lines}\n}}\n")


def add_face(folder: Path, name: str, suffix: str = ".jpg") -> np.ndarray:
    """Write an image and its points."""
    folder.mkdir(parents=True, exist_ok=True)
    seed = sum(map(ord, f"{folder.name}{name}"))
    points = np.random.default_rng(seed).uniform(20, 80, (68, 2)).round(3)
    cv2.imwrite(str(folder / f"{name}{suffix}"), np.full((100, 100, 3), 128, np.uint8))
    write_pts(folder / f"{name}.pts", points)
    return points


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The official layout with a hundred training faces, and lfpw's test set alone of the test sets."""
    for index in range(60):
        add_face(tmp_path / "lfpw/trainset", f"image_{index:04d}", ".png")
    for index in range(30):
        add_face(tmp_path / "helen/trainset", f"{1000 + index}_1")
    for index in range(10):
        add_face(tmp_path / "afw", f"77{index // 2}_{1 + index % 2}")
    for index in range(5):
        add_face(tmp_path / "lfpw/testset", f"image_{index:04d}", ".png")
    return tmp_path


def test_points_move_from_one_based_to_zero_based_pixels(tmp_path: Path):
    points = add_face(tmp_path, "face")
    assert np.allclose(read_pts(tmp_path / "face.pts", 68), points)
    (tmp_path / "one.pts").write_text("version: 1\nn_points: 1\n{\n1.0 1.0\n}")
    assert read_pts(tmp_path / "one.pts", 1).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version: 1\nn_points: 2\n{\n1 2\n3 4\n}", "2 points, expected 68"),
        ("version: 1\nn_points: 68\n", "no { }"),
        ("{\n1 2\n3\n}", "not a .pts"),
        ("{\none two\n}", "not a .pts"),
        ("{\n" + "nan 1\n" * 68 + "}", "not finite"),
        ("", "no { }"),
    ],
)
def test_a_damaged_pts_is_named(tmp_path: Path, text: str, said: str):
    path = tmp_path / "bad.pts"
    path.write_text(text)
    with pytest.raises(LivefanError, match=said) as error:
        read_pts(path, 68)
    assert str(path) in str(error.value)


def test_train_and_validation_divide_the_training_images(root: Path):
    train, validation = (load_300w(root, split).faces for split in ("train", "validation"))
    names = [{face.image_path for face in faces} for faces in (train, validation)]
    assert not names[0] & names[1]
    assert len(names[0] | names[1]) == 100
    held_out = {
        subset: sum(face.subset == subset for face in validation)
        for subset in ("lfpw/trainset", "helen/trainset", "afw")
    }
    assert held_out == {"lfpw/trainset": 6, "helen/trainset": 3, "afw": 2}


def test_faces_of_one_photograph_stay_on_one_side(root: Path):
    photographs = [
        {face.image_path.stem.split("_")[0] for face in load_300w(root, split).faces if face.subset == "afw"}
        for split in ("train", "validation")
    ]
    assert not photographs[0] & photographs[1]


def test_the_division_is_the_same_every_time_and_wherever_the_folder_lies(root: Path, tmp_path: Path):
    before = [face.image_path.name for face in load_300w(root, "validation").faces]
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("lfpw", "helen", "afw"):
        (root / name).rename(moved / name)
    assert [face.image_path.name for face in load_300w(moved, "validation").faces] == before


def test_an_absent_image_set_is_named_and_the_others_used(root: Path):
    faces = load_300w(root, "full")
    assert len(faces.faces) == 5
    assert faces.absent == [root / "helen/testset", root / "ibug"]


def test_a_folder_without_the_layout_is_refused_with_the_first_missing_path(tmp_path: Path):
    with pytest.raises(LivefanError) as error:
        load_300w(tmp_path, "challenging")
    assert str(tmp_path / "ibug") in str(error.value)


def test_unusable_files_are_passed_over_and_listed(root: Path):
    (root / "ibug").mkdir()
    add_face(root / "ibug", "good")
    add_face(root / "ibug", "imageless")
    (root / "ibug/imageless.jpg").unlink()
    write_pts(root / "ibug/short.pts", np.ones((5, 2)))
    (root / "ibug/short.jpg").write_bytes(b"")
    faces = load_300w(root, "challenging")
    assert [face.image_path.name for face in faces.faces] == ["good.jpg"]
    assert len(faces.skipped) == 2


def test_an_unreadable_image_is_one_line(root: Path):
    face = load_300w(root, "common").faces[0]
    face.image_path.write_bytes(b"not an image")
    with pytest.raises(LivefanError, match="cannot be read"):
        face.read_image()

"""Folders of images with ``.pts`` files beside them."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from labelled import add_face

from livefan.core.errors import LivefanError
from livefan.core.landmarks import COFW_29
from livefan.datasets import load
from livefan.io.images import IMAGE_SUFFIXES
from livefan.io.pts_file import write_pts


def test_suffixes_in_capitals_are_found(tmp_path: Path):
    for name in ("IMG_1", "IMG_2", "img_3"):
        add_face(tmp_path, name)
    (tmp_path / "IMG_1.jpg").rename(tmp_path / "IMG_1.JPG")
    (tmp_path / "IMG_2.jpg").rename(tmp_path / "IMG_2.Jpeg")
    (tmp_path / "IMG_2.pts").rename(tmp_path / "IMG_2.PTS")
    add_face(tmp_path, "IMG_1", ".png")  # of two images the .png is used
    faces = load("pts", tmp_path, "all")
    assert [face.image_path.name for face in faces.faces] == ["IMG_1.png", "IMG_2.Jpeg", "img_3.jpg"]
    assert faces.skipped == []
    (tmp_path / "img_3.pts").unlink()
    (tmp_path / "IMG_1.pts").unlink()
    assert [face.image_path.name for face in load("pts", tmp_path, "all").faces] == ["IMG_2.Jpeg"]


def test_every_readable_image_format_may_lie_beside_its_points(tmp_path: Path):
    for number, suffix in enumerate(sorted(IMAGE_SUFFIXES)):
        add_face(tmp_path, f"{number}", suffix)
    place = sorted(IMAGE_SUFFIXES).index(".tif")
    (tmp_path / f"{place}.tif").rename(tmp_path / f"{place}.TIF")
    add_face(tmp_path, "both", ".tiff")
    add_face(tmp_path, "both", ".webp")
    faces = load("pts", tmp_path, "all")
    assert faces.skipped == []
    assert len(faces.faces) == len(IMAGE_SUFFIXES) + 1
    assert all(face.read_image().shape == (100, 100, 3) for face in faces.faces)
    assert faces.faces[-1].image_path.suffix == ".webp"


def test_scheme_is_that_of_most_files(tmp_path: Path):
    for index in range(3):
        picture = np.full((100, 100, 3), 128, np.uint8)
        for folder, count in ((tmp_path, 29), (tmp_path / "day two", 29)):
            folder.mkdir(exist_ok=True)
            cv2.imwrite(str(folder / f"{index}.png"), picture)
            points = np.random.default_rng(index).uniform(20, 80, (count, 2))
            write_pts(folder / f"{index}.pts", points)
    write_pts(tmp_path / "0.pts", np.ones((68, 2)))
    faces = load("pts", tmp_path, "all")
    assert faces.scheme == COFW_29
    assert [face.subset for face in faces.faces] == [".", ".", "day two", "day two", "day two"]
    assert faces.skipped == [f"{tmp_path / '0.pts'}: holds 68 points, expected 29"]


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (None, "holds no .pts"),
        (
            5,
            r"b.pts: holds 5 points a face; known are 68 .*; or define them in .*/scheme\.toml, see docs",
        ),
    ],
)
def test_folder_without_usable_pts_is_an_error(tmp_path: Path, points: int | None, message: str):
    if points:
        for name, count in (("a", 68), ("b", points), ("c", points)):
            write_pts(tmp_path / f"{name}.pts", np.ones((count, 2)))
    with pytest.raises(LivefanError, match=message):
        load("pts", tmp_path, "all")

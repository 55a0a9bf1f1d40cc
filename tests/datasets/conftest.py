from pathlib import Path

import cv2
import numpy as np
import pytest
from labelled import add_face, wflw_line


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """300W with a hundred training faces; of the test sets only that of LFPW exists."""
    for index in range(60):
        add_face(tmp_path / "lfpw/trainset", f"image_{index:04d}", ".png")
    for index in range(30):
        add_face(tmp_path / "helen/trainset", f"{1000 + index}_1")
    for index in range(10):
        add_face(tmp_path / "afw", f"77{index // 2}_{1 + index % 2}")
    for index in range(5):
        add_face(tmp_path / "lfpw/testset", f"image_{index:04d}", ".png")
    return tmp_path


@pytest.fixture
def wflw(tmp_path: Path) -> Path:
    """WFLW with two events; one test image holds two faces, and one is missing."""
    points = np.random.default_rng(0).uniform(20, 80, (98, 2)).round(6)
    for event in ("0--Parade", "1--Handshaking"):
        (tmp_path / "WFLW_images" / event).mkdir(parents=True)
        for index in range(10):
            picture = np.full((100, 100, 3), 10 * index, np.uint8)
            cv2.imwrite(str(tmp_path / "WFLW_images" / event / f"{index}.jpg"), picture)
    lists = tmp_path / "WFLW_annotations/list_98pt_rect_attr_train_test"
    lists.mkdir(parents=True)
    (lists / "list_98pt_rect_attr_test.txt").write_text(
        wflw_line(points, "1 0 0 0 0 1", "0--Parade/1.jpg")
        + wflw_line(points + 1, "0 0 0 0 0 0", "0--Parade/1.jpg")
        + wflw_line(points, "0 0 1 0 0 0", "0--Parade/gone.jpg")
        + "1.0 2.0 3.0\n"
    )
    (lists / "list_98pt_rect_attr_train.txt").write_text(
        "".join(
            wflw_line(points, "0 1 0 1 1 0", f"{event}/{index}.jpg")
            for event in ("0--Parade", "1--Handshaking")
            for index in range(10)
        )
    )
    return tmp_path

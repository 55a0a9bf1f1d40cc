from pathlib import Path

import cv2
import numpy as np
import pytest

from livefan.benchmark.empty_pictures import FalseFaces, as_lines, benchmark_empty, count_false_faces
from livefan.benchmark.face_motions import empty_scene
from livefan.core.errors import LivefanError
from livefan.runtimes.base import Runtime


def test_pictures_with_a_face_are_counted_once_and_named(tmp_path: Path):
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((8, 8, 3), number, np.uint8))
    (tmp_path / "3.png").write_bytes(b"no image")
    counted = count_false_faces(
        tmp_path, lambda image: [1] * int(image[0, 0, 0] == 1), lambda image: [1] * int(image[0, 0, 0] > 0)
    )
    assert (counted.n_pictures, counted.photographs, counted.recordings) == (3, ["1.png"], ["1.png", "2.png"])
    assert as_lines({"program": counted})[:3] == [
        "program: false faces in 2 of 3 pictures",
        "  1.png",
        "  2.png",
    ]
    assert "3.png" in as_lines({"program": counted})[3]


def test_missing_folder_is_named_with_the_mend(tmp_path: Path):
    with pytest.raises(LivefanError, match="gone: No such file or directory; check the path"):
        count_false_faces(tmp_path / "gone", lambda image: [])


@pytest.mark.slow
@pytest.mark.usefixtures("mediapipe")
def test_livefan_finds_no_face_in_textures_and_one_in_a_photograph(
    tmp_path: Path, photo: np.ndarray, runtime: Runtime
):
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"{number}.png"), empty_scene(number))
    cv2.imwrite(str(tmp_path / "face.png"), photo)
    counted = benchmark_empty(tmp_path, runtime)["livefan"]
    assert counted == FalseFaces(3, ["face.png"], ["face.png"])

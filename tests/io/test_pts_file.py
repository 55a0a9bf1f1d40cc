"""Landmarks in iBUG's ``.pts`` files."""

from pathlib import Path

import numpy as np
import pytest

from livefan.core.errors import LivefanError
from livefan.io.pts_file import read_pts, write_pts


def test_pixels_are_counted_from_one_in_the_file_and_from_zero_in_memory(tmp_path: Path):
    path = tmp_path / "one.pts"
    path.write_text("version: 1\nn_points: 1\n{\n1.0 1.0\n}")
    assert read_pts(path, 1).tolist() == [[0.0, 0.0]]


def test_written_points_are_read_back(tmp_path: Path):
    points = np.random.default_rng(0).uniform(20, 80, (68, 2)).round(3)
    write_pts(tmp_path / "face.pts", points)
    np.testing.assert_allclose(read_pts(tmp_path / "face.pts", 68), points)
    np.testing.assert_allclose(read_pts(tmp_path / "face.pts"), points)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 1\nn_points: 2\n{\n1 2\n3 4\n}", "2 points, expected 68"),
        ("version: 1\nn_points: 68\n", "no { }"),
        ("{\n1 2\n3\n}", "not a .pts"),
        ("{\none two\n}", "not a .pts"),
        ("{\n" + "nan 1\n" * 68 + "}", "not finite"),
        ("", "no { }"),
    ],
)
def test_error_for_a_damaged_file_names_the_file(tmp_path: Path, text: str, message: str):
    path = tmp_path / "bad.pts"
    path.write_text(text)
    with pytest.raises(LivefanError, match=message) as error:
        read_pts(path, 68)
    assert str(path) in str(error.value)


def test_error_for_a_missing_file_names_the_file(tmp_path: Path):
    with pytest.raises(LivefanError, match=r"gone\.pts: cannot be read"):
        read_pts(tmp_path / "gone.pts", 68)

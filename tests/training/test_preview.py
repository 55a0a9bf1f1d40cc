"""Sheets of augmented faces."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from marked_faces import SMALL, marked_faces, write_faces

from livefan.cli.main import main
from livefan.training.preview import draw_preview


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_sheet_takes_any_file_name(tmp_path: Path):
    """A name that is not UTF-8 ends the process in OpenCV's own functions for files."""
    sheet = tmp_path / "\udcfc.png"
    draw_preview(marked_faces(tmp_path, 1), SMALL, sheet, rows=1, samples=1)
    size = SMALL.input_sizes[0]
    assert cv2.imdecode(np.fromfile(sheet, np.uint8), cv2.IMREAD_COLOR).shape == (size, 2 * size, 3)


@pytest.mark.slow
@pytest.mark.parametrize("size", [256, 96])
def test_sheet_shows_each_face_plain_and_augmented(
    tmp_path: Path, size: int, capsys: pytest.CaptureFixture[str]
):
    root = tmp_path / "own"
    write_faces(root, 3)
    sheet, settings = tmp_path / "sheet.png", tmp_path / "run.toml"
    settings.write_text(f"input_sizes = [{size}]\ncovering = 1.0\nrotation_probability = 1.0\n")
    arguments = ["preview", "--dataset", "pts", "--root", root, "--config", settings, "--faces", 2]
    arguments += ["--samples", 3, "-o", sheet]
    assert main([str(argument) for argument in arguments]) == 0
    drawn = cv2.imread(str(sheet))
    assert drawn.shape == (2 * size, 4 * size, 3)
    tiles = drawn.reshape(2, size, 4, size, 3).swapaxes(1, 2).reshape(8, -1)
    assert len(np.unique(tiles, axis=0)) == 8  # no two are the same
    before = sheet.read_bytes()
    assert main([str(argument) for argument in arguments]) == 0
    assert sheet.read_bytes() == before
    write_faces(tmp_path / "more", 2)
    assert main([*map(str, arguments), "--extra", str(tmp_path / "more"), "--faces", "9"]) == 0
    assert cv2.imread(str(sheet)).shape[0] == (2 + 3) * size
    assert main([str(argument) for argument in (*arguments[:-1], tmp_path / "gone/sheet.png")]) == 2
    assert "gone: no such folder" in capsys.readouterr().err
    assert main([str(argument) for argument in (*arguments[:-1], tmp_path / "sheet.txt")]) == 2
    assert "end the name in .png" in capsys.readouterr().err

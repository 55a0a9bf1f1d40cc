"""The map from detections to crops, fitted to labelled faces."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from livefan.cli.main import main
from livefan.core.frame import Face
from livefan.datasets import load
from livefan.detection.detection_to_crop import VARIABLE, load_detection_to_crop
from livefan.detection.detector import FULL_RANGE, SHORT_RANGE
from livefan.io.pts_file import write_pts


def write_faces(folder: Path, photo: np.ndarray, face: Face, count: int) -> None:
    """The same face, somewhat moved and scaled in each picture."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        matrix = np.hstack([np.eye(2) * rng.uniform(0.8, 1.1), rng.uniform(-20, 20, (2, 1))])
        cv2.imwrite(str(folder / f"{number}.png"), cv2.warpAffine(photo, matrix, photo.shape[1::-1]))
        write_pts(folder / f"{number}.pts", face.points_px @ matrix[:, :2].T + matrix[:, 2])


@pytest.mark.slow
def test_map_of_each_detector_model_fits_with_a_small_residual(
    tmp_path: Path, photo: np.ndarray, face: Face, monkeypatch: pytest.MonkeyPatch
):
    write_faces(tmp_path / "faces", photo, face, 20)
    out = tmp_path / "framing.json"
    assert main(["calibrate", "--dataset", "pts", "--root", str(tmp_path / "faces"), "-o", str(out)]) == 0
    assert load_detection_to_crop(out).coefficients.keys() == {SHORT_RANGE, FULL_RANGE}
    bundled = load_detection_to_crop().coefficients[SHORT_RANGE]
    monkeypatch.setenv(VARIABLE, str(out))
    own = load_detection_to_crop().coefficients[SHORT_RANGE]
    assert np.array_equal(own, load_detection_to_crop(out).coefficients[SHORT_RANGE])
    assert not np.array_equal(own, bundled)
    for model in json.loads(out.read_text())["models"].values():
        assert model["validation"]["n_faces"] == 2
        assert model["validation"]["side_percent_after"] < 5
        assert max(model["validation"][f"centre_{axis}_after"] for axis in "xy") < 0.05


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "said"),
    [
        (10, "pts train: the detector's short-range model finds 9 of its 9 faces, but 16 are needed"),
        (18, "pts validation: the detector's short-range model finds 0 of its 2 faces, but 2 are needed"),
    ],
)
def test_detector_model_with_too_few_faces_gives_one_line_error(
    tmp_path: Path, photo: np.ndarray, face: Face, count: int, said: str, capsys: pytest.CaptureFixture[str]
):
    root = tmp_path / "faces"
    write_faces(root, photo, face, count)
    if "validation" in said:
        for held_out in load("pts", root, "validation").faces:
            cv2.imwrite(str(held_out.image_path), np.full_like(photo, 90))
    out = tmp_path / "framing.json"
    assert main(["calibrate", "--dataset", "pts", "--root", str(root), "-o", str(out)]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"livefan: {said}")
    assert err.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize("option", [[], ["--mediapipe"]], ids=["detector", "mesh"])
def test_wrong_output_is_named_before_faces_are_read(
    tmp_path: Path, option: list[str], capsys: pytest.CaptureFixture[str]
):
    missing = tmp_path / "missing"
    for out, said in (
        (missing / "out.json", f"{missing}: no such folder; create it first"),
        (tmp_path, f"{tmp_path}: is a folder; name a file for the output"),
    ):
        given = ["--dataset", "pts", "--root", str(tmp_path / "no faces"), "-o", str(out)]
        assert main(["calibrate", *given, *option]) == 2
        assert capsys.readouterr().err == f"livefan: {said}\n"

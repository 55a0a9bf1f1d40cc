"""The descriptions in docs/compare.md work with the files that they name."""

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from livefan.core.common_landmarks import common_landmarks
from livefan.core.frame import Face, Frame
from livefan.core.landmarks import IBUG_68
from livefan.core.resources import bundled_folder
from livefan.tracking.model_spec import ModelChoice

DOCUMENT = Path(__file__).parents[2] / "docs" / "compare.md"


def example(network: str, folder: Path) -> Path:
    """Write the documented description of a network; return its path."""
    blocks = re.findall(r"^```toml\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    (text,) = (block for block in blocks if f'model = "{network}"' in block)
    path = (folder / network).with_suffix(".toml")
    path.write_text(text)
    return path


def check(path: Path, photo: np.ndarray, face: Face, tolerance: float) -> None:
    """Run a described network twice; compare it with itself, and its landmarks with those of a face."""
    results = []
    for _ in range(2):
        model = ModelChoice(str(path), raw=True).pipeline()
        (alone,) = model.process_image(photo)
        (tracked,) = model.process(Frame(photo, 0, 0.0, 0.0))
        model.close()
        results.append(np.array([alone.points_px, tracked.points_px]))
    assert np.array_equal(*results)
    common = common_landmarks(model.scheme, IBUG_68)
    eyes = np.linalg.norm(face.points_px[36] - face.points_px[45])
    apart = np.linalg.norm(results[0][0][common.ours] - face.points_px[common.theirs], axis=1) / eyes
    assert apart.mean() < tolerance


@pytest.mark.slow
def test_mediapipes_landmark_network(tmp_path: Path, photo: np.ndarray, face: Face):
    with zipfile.ZipFile(bundled_folder("assets") / "face_landmarker.task") as bundle:
        bundle.extract("face_landmarks_detector.tflite", tmp_path)
    check(example("face_landmarks_detector.tflite", tmp_path), photo, face, 0.05)


@pytest.mark.slow
def test_exported_network(tmp_path: Path, photo: np.ndarray, face: Face):
    from livefan.cli.main import main

    network = tmp_path / "mobilefan.onnx"
    assert main(["export", "mobilefan-half-300w", "--format", "onnx", "-o", str(network)]) == 0
    check(example("mobilefan.onnx", tmp_path), photo, face, 0.03)

"""Calibration in a weight file and the files beside it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from livefan.cli.main import main
from livefan.core.crop import upright_crop
from livefan.core.errors import LivefanError
from livefan.core.frame import Face
from livefan.core.landmarks import IBUG_68
from livefan.core.resources import find_weights
from livefan.export.calibrated import Original, adapt_files, write_calibration
from livefan.networks.checkpoint import load_weights, read_tensors, save_weights, write_info
from livefan.networks.checkpoint_info import read_weight_file
from livefan.networks.confidence_calibration import ConfidenceCalibration
from livefan.networks.sigma_calibration import EXPECTED_ERROR, SigmaCalibration
from livefan.runtimes.base import RuntimeChoice
from livefan.runtimes.selection import open_runtime
from livefan.tracking.landmarker import locate


@pytest.mark.slow
def test_calibration_changes_sigma_and_no_landmark(tmp_path: Path, photo: np.ndarray, face: Face):
    source = find_weights("mobilefan-half-300w")
    path = tmp_path / "own.safetensors"
    shutil.copy(source, path)
    info = read_weight_file(source).info
    write_info(path, replace(info, sigma=None, confidence=None))
    weights = read_weight_file(path)
    beside = tmp_path / "own.precisions.json"
    beside.write_text(json.dumps({"weights_sha256": weights.sha256, "nme": {"float32": 3.0}}))
    choice = RuntimeChoice("openvino", "float32")
    crop = upright_crop(face.points_px, IBUG_68)
    runtime = open_runtime(path, choice)
    (before,) = locate(runtime, photo, [crop])
    assert runtime.calibrated_confidence(before.heatmap_confidence) is before.heatmap_confidence

    confidence = ConfidenceCalibration(-1.0, 2.0)
    write_calibration(weights, SigmaCalibration(1.0, np.full(68, 2.0)), confidence)
    calibrated = read_weight_file(path)
    assert json.loads(beside.read_text())["weights_sha256"] == calibrated.sha256 != weights.sha256
    (tensors, _), (others, _) = read_tensors(path), read_tensors(source)
    assert all((tensors[name] == value).all() for name, value in others.items())
    runtime = open_runtime(path, choice)
    (after,) = locate(runtime, photo, [crop])
    assert np.array_equal(after.points_px, before.points_px)
    assert np.array_equal(after.width_px, before.width_px)  # the filter's measurement noise
    assert after.face_score == before.face_score  # the tracker's thresholds
    stated = runtime.calibrated_confidence(after.heatmap_confidence)
    assert np.array_equal(stated, confidence.confidence(before.heatmap_confidence))
    assert before.sigma_px is not None
    assert np.allclose(after.sigma_px, 2 * before.width_px)
    assert np.array_equal(before.sigma_px, before.width_px)

    write_info(path, replace(calibrated.info, sigma={"exponent": 1.0, "scale": [1.0]}))
    with pytest.raises(LivefanError, match="run calibrate-sigma again"):
        read_weight_file(path)


def test_measured_precisions_go_to_equal_landmark_networks_alone(
    graphless: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("livefan.export.calibrated.export_graph", lambda path: None)
    weights, original = load_weights(graphless), Original.read(graphless)
    graphless.with_suffix(".precisions.json").write_text(json.dumps({"weights_sha256": original.sha256}))
    for half in (False, True):
        out = tmp_path / f"{half}.safetensors"
        save_weights(out, weights.model, replace(weights.info, training={"data": "x"}), half=half)
        adapt_files(original, out)
        assert out.with_suffix(".precisions.json").exists() != half


@pytest.mark.parametrize(
    ("scale", "slope", "message"),
    [
        (2.0, -0.2, "confidences of faces are not above those of crops without a face; train"),
        (2.0, 0.00001, "confidences of faces are not above those of crops without a face; train"),
        (np.inf, 2.0, r"sigma calibration of shape \(98,\), expected 98 numbers above 0; train"),
    ],
)
def test_calibration_that_cannot_be_read_again_is_not_written(
    graphless: Path, scale: float, slope: float, message: str
):
    weights, before = read_weight_file(graphless), graphless.read_bytes()
    sigma = SigmaCalibration(1.0, np.full(98, scale))
    with pytest.raises(LivefanError, match=f"graphless.safetensors: not written: {message}"):
        write_calibration(weights, sigma, ConfidenceCalibration(-1.0, slope))
    assert graphless.read_bytes() == before


@pytest.mark.parametrize("name", ["300w", "half-300w", "fast-300w", "wflw", "cofw"])
def test_bundled_weights_are_calibrated(name: str):
    info = read_weight_file(f"mobilefan-{name}").info
    assert info.sigma is not None
    assert info.sigma["of"] == EXPECTED_ERROR
    confidence = ConfidenceCalibration.read(info.confidence)
    assert confidence is not None
    empty, clear = confidence.confidence(np.array([0.15, 0.95]))  # no crop without a face has more
    assert empty < 0.1
    assert clear > 0.95


def test_weights_in_a_read_only_folder_are_refused_before_faces_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "own.safetensors"
    shutil.copy(find_weights("mobilefan-half-300w"), path)
    monkeypatch.setattr("os.access", lambda *given: False)
    assert main(["calibrate-sigma", str(path), "--dataset", "pts", "--root", str(tmp_path / "gone")]) == 2
    assert f"{tmp_path}: folder is not writable" in capsys.readouterr().err

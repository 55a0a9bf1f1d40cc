"""The summary at the beginning of a run, and the figures of its epochs."""

from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from marked_faces import SMALL, marked_faces, new_folder

from livefan.networks.checkpoint import load_weights
from livefan.training.optimisation import learning_rate_factor
from livefan.training.preview import SHEET_NAME
from livefan.training.train import train


@pytest.mark.slow
def test_run_begins_with_a_summary_and_logs_rate_norm_and_speed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    faces = marked_faces(new_folder(tmp_path / "f"), 9)
    progress = train(faces, faces, replace(SMALL, precision="float32"), tmp_path / "r")
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "faces      9 for training, 9 for validation",
        "steps      2 an epoch of 4 faces, 2 epochs",
        "network    mobilefan, width 0.5, 0.70 M parameters, crops of 96 pixels",
    ]
    assert lines[3].startswith("device     cpu, ")
    assert lines[4:7] == [
        "precision  float32 (setting: float32)",
        "init       random weights",
        "teacher    none",
    ]
    assert lines[7].startswith("time       about ")
    assert "learning rate" in lines[8]
    first = progress.history[0]
    factors = [learning_rate_factor(step, 2, SMALL) for step in range(2)]
    assert first["learning_rate"] == pytest.approx(SMALL.learning_rate * sum(factors) / 2)
    assert first["gradient_norm"] > 0
    assert first["images_per_second"] > 0
    assert cv2.imread(str(tmp_path / "r" / SHEET_NAME)).shape == (4 * 96, 5 * 96, 3)


@pytest.mark.slow
def test_resumed_run_names_the_learning_rate_of_its_schedule(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    faces = marked_faces(new_folder(tmp_path / "f"), 4)
    config = replace(SMALL, precision="float32", epochs=1)
    train(faces, faces, config, tmp_path / "r", quiet=True)
    train(faces, faces, replace(config, epochs=2), tmp_path / "r")
    assert "resumed    after epoch 1 of 2, at learning rate 0.0005" in capsys.readouterr().out


@pytest.mark.slow
def test_run_without_validation_keeps_the_latest_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    faces = marked_faces(new_folder(tmp_path / "f"), 4)
    progress = train(faces, None, replace(SMALL, precision="float32"), tmp_path / "r")
    out = capsys.readouterr().out
    assert "4 for training, none for validation" in out
    assert "NME" not in out
    assert "validation_nme" not in progress.history[-1]
    training = load_weights(tmp_path / "r/best.safetensors").info.training
    assert training["validation"] == "none; trained on all faces"
    assert training["epoch"] == "2 of 2"

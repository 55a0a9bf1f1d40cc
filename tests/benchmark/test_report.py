import json
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from livefan.benchmark import baselines
from livefan.benchmark.report import as_numbers, as_table, draw_plot
from livefan.benchmark.suite import (
    Report,
)


def test_report_as_table_json_and_plot(report: Report, tmp_path: Path):
    table = "\n".join(as_table(report))
    assert "livefan takes 0.50 x the time, 0.33 x the CPU time of MediaPipe FaceLandmarker" in table
    assert "livefan, half takes 0.25 x the time, 0.20 x the CPU time" in table
    assert "end to end" in table
    assert "640 x 480" in table
    assert "200 MiB" in table
    assert "note: a note" in table
    read = json.loads(json.dumps(as_numbers(report)))
    assert read["ratios"] == {
        "livefan": {baselines.MEDIAPIPE: {"time": 0.5, "processor": pytest.approx(1 / 3)}},
        "livefan, half": {baselines.MEDIAPIPE: {"time": 0.25, "processor": pytest.approx(0.2)}},
    }
    assert "livefan, half: half.safetensors, torch float32" in table
    assert read["programs"]["livefan, half"] == {
        "weights": "half.safetensors",
        "weights_sha256": "23cd",
        "runtime": "torch",
        "precision": "float32",
    }
    assert read["faces"][1]["frame"]["median"] == 4.0
    assert "CPU time of each step" in table
    assert "CPU time of each step" not in "\n".join(as_table(replace(report, threads=2, budget={})))
    draw_plot(report, tmp_path / "report.png")
    assert cv2.imread(str(tmp_path / "report.png")).shape[1] == 1400

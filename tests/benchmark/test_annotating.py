"""The speed of annotation, measured beside MediaPipe's face mesh."""

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from clips import shrunk, write_recording

from livefan.annotation.outputs import Outputs
from livefan.benchmark import annotating
from livefan.benchmark.annotating import DATA_ONLY, WITH_VIDEO, as_lines, benchmark_annotate
from livefan.benchmark.baselines import MEDIAPIPE


def test_first_run_which_loads_networks_does_not_count(
    tmp_path: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    made: list[Outputs] = []
    monkeypatch.setattr(annotating, "annotate", lambda clip, outputs, *given, **named: made.append(outputs))
    monkeypatch.setattr(annotating, "mediapipe_face_landmarker", lambda: nullcontext(lambda image: []))
    talk = write_recording(tmp_path / "talk.mkv", [shrunk(photo)])
    benchmark_annotate(talk, repeats=1)
    uncounted, counted = made[:2], made[2:]
    assert uncounted == counted
    assert uncounted[0] != uncounted[1]


@pytest.mark.usefixtures("mediapipe")
@pytest.mark.slow
def test_benchmark_reports_the_speed_of_each_way(tmp_path: Path, photo: np.ndarray):
    talk = write_recording(tmp_path / "talk.mkv", [shrunk(photo)] * 4)
    speed = benchmark_annotate(talk, repeats=1)
    assert (speed.clip, speed.frames) == ("talk.mkv", 4)
    assert speed.clip_seconds == pytest.approx(0.16, abs=0.01)
    assert list(speed.seconds) == [WITH_VIDEO, DATA_ONLY, MEDIAPIPE]
    assert speed.real_time(DATA_ONLY) == speed.clip_seconds / speed.seconds[DATA_ONLY]
    assert len(list(as_lines(speed))) == 5

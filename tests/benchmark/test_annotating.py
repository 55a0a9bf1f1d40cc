"""The speed of annotation, measured beside MediaPipe's face mesh."""

from pathlib import Path

import numpy as np
import pytest
from clips import shrunk, write_recording

from livefan.benchmark.annotating import DATA_ONLY, WITH_VIDEO, as_lines, benchmark_annotate
from livefan.benchmark.baselines import MEDIAPIPE


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

"""Reading annotations back, and what is measured of making them."""

from pathlib import Path

import numpy as np
import pytest
from clips import shrunk, write_recording

import livefan
from livefan.annotation.annotate import annotate
from livefan.annotation.outputs import Outputs
from livefan.benchmark.annotating import DATA_ONLY, WITH_VIDEO, as_lines, benchmark_annotate
from livefan.benchmark.baselines import MEDIAPIPE
from livefan.core.errors import LivefanError
from livefan.formats.writers import TABLES


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory, photo: np.ndarray) -> Path:
    return write_recording(tmp_path_factory.mktemp("talk") / "talk.mkv", [shrunk(photo)] * 4)


def test_what_is_missing_or_damaged_is_named(tmp_path: Path, talk: Path):
    outputs = Outputs(tmp_path / "out", None, tuple(TABLES))
    annotate(talk, outputs)
    for path in outputs.tables:
        if path.is_file():
            path.write_bytes(path.read_bytes()[:-400])
            with pytest.raises(LivefanError, match=path.name):
                livefan.load_annotations(path)
    (tmp_path / "out.pts/frame_000002_face_1.pts").write_text("version: 1")
    with pytest.raises(LivefanError, match=r"out\.pts"):
        livefan.load_annotations(tmp_path / "out.pts")
    (tmp_path / "out.livefan.json").unlink()
    for name, said in (
        ("out.csv", "out.livefan.json: missing"),
        ("none.csv", "no such file"),
        ("notes.txt", "not a name for data"),
    ):
        (tmp_path / "notes.txt").touch()
        with pytest.raises(LivefanError, match=said):
            livefan.load_annotations(tmp_path / name)


def test_the_benchmark_tells_of_each_way_how_fast_it_is(talk: Path):
    speed = benchmark_annotate(talk, repeats=1)
    assert (speed.clip, speed.frames) == ("talk.mkv", 4)
    assert speed.clip_seconds == pytest.approx(0.16, abs=0.01)
    assert list(speed.seconds) == [WITH_VIDEO, DATA_ONLY, MEDIAPIPE]
    assert speed.real_time(DATA_ONLY) == speed.clip_seconds / speed.seconds[DATA_ONLY]
    assert len(list(as_lines(speed))) == 5

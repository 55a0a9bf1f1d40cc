from pathlib import Path

import pytest

from livefan.benchmark import growth
from livefan.benchmark.growth import benchmark_growth
from livefan.core.resources import DEFAULT_WEIGHTS
from livefan.runtimes.base import RuntimeChoice


def test_annotation_gets_threads_and_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    given: list[str] = []
    monkeypatch.setattr(growth, "output_of", lambda what, command: given.extend(command) or "[2.0, 100.0]")
    choice = RuntimeChoice("openvino", "float32", 2, "gpu")
    # Private: the public function measures for minutes.
    assert growth._annotate([tmp_path / "a.mp4"], tmp_path / "out", DEFAULT_WEIGHTS, choice) == (2.0, 100.0)
    assert " --threads 2 --device gpu" in " ".join(given)


@pytest.mark.slow
def test_growth_measures_faces_sizes_lengths_and_recordings(clip: Path, monkeypatch: pytest.MonkeyPatch):
    given: list[tuple[int, tuple[str, ...]]] = []

    def annotate(
        recordings: list[Path], out: Path, weights: str, choice: RuntimeChoice, *options: str, name: str = ""
    ):
        assert all(path.stat().st_size for path in recordings)
        given.append((len(recordings), options))
        return 2.0, 100.0

    # Private: a real annotation takes as long as the recordings.
    monkeypatch.setattr(growth, "_annotate", annotate)
    monkeypatch.setattr(growth, "find_spec", lambda name: None)
    monkeypatch.setattr(growth, "FACES", (1, 3))
    monkeypatch.setattr(growth, "SIZES", ((320, 240),))
    monkeypatch.setattr(growth, "RECORDINGS", (2,))
    monkeypatch.setattr(growth, "_LARGE", (320, 240))  # private: drawing and encoding take a second
    rows = benchmark_growth(str(clip), DEFAULT_WEIGHTS, RuntimeChoice(), count=12, minutes=[0.02])
    assert [(row.grows, row.value) for row in rows] == [
        ("faces on 1280 x 720", "1"),
        ("faces on 1280 x 720", "3"),
        ("frame size, one face", "320 x 240"),
        ("video and data, with start-up", "4 s"),
        ("video and data, with start-up", "10 s of 320 x 240 at 30"),
        ("length, data only", "0.02 min"),
        ("recordings of 10 s, 1 jobs", "2"),
        ("recordings of 10 s, 2 jobs", "2"),
    ]
    assert rows[1].note == "3.0 found"
    assert given[:6] == [(1, ())] * 6
    assert given[7:] == [(2, ("--no-video", "--jobs", "1")), (2, ("--no-video", "--jobs", "2"))]

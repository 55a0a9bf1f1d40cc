from pathlib import Path

import pytest

from livefan.benchmark import baselines, footprint
from livefan.benchmark.footprint import footprints
from livefan.core.resources import DEFAULT_WEIGHTS
from livefan.runtimes.base import RuntimeChoice

OPENVINO = RuntimeChoice("openvino", "int8")


def test_process_gets_threads_and_device(clip: Path, monkeypatch: pytest.MonkeyPatch):
    given: list[str] = []
    monkeypatch.setattr(footprint, "output_of", lambda what, command: given.extend(command) or "[2.0, 100.0]")
    monkeypatch.setattr(footprint, "mediapipe_problem", lambda: "left out")
    footprints(clip, {"livefan": DEFAULT_WEIGHTS}, RuntimeChoice("openvino", "float32", 2, "gpu"))
    assert given[-5:] == [DEFAULT_WEIGHTS, "openvino", "float32", "2", "gpu"]


@pytest.mark.usefixtures("mediapipe")
@pytest.mark.slow
def test_footprints_of_livefan_and_mediapipe(clip: Path, monkeypatch: pytest.MonkeyPatch):
    # Private: a figure needs so many frames, a test does not.
    monkeypatch.setattr("livefan.benchmark.footprint._FRAMES", 2)
    half, peer = footprints(clip, {"livefan, half": "mobilefan-half-300w"}, OPENVINO)
    assert half.name == "livefan, half"
    assert peer.name == baselines.MEDIAPIPE
    for each in (half, peer):
        assert each.start_seconds > 0
        assert each.peak_mebibytes is None or 30 < each.peak_mebibytes < 2000

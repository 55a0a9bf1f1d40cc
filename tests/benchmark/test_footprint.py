from pathlib import Path

import pytest

from livefan.benchmark import baselines
from livefan.benchmark.footprint import footprints
from livefan.runtimes.base import RuntimeChoice

OPENVINO = RuntimeChoice("openvino", "int8")


@pytest.mark.usefixtures("mediapipe")
@pytest.mark.slow
def test_footprints_of_livefan_and_mediapipe(clip: Path, monkeypatch: pytest.MonkeyPatch):
    # Private: a figure needs so many frames, a test does not.
    monkeypatch.setattr("livefan.benchmark.footprint._FRAMES", 2)
    half, peer = footprints(clip, {"livefan, half": "mobilefan-half-300w"}, OPENVINO)
    assert half.name == "livefan, half"
    assert peer.name == baselines.MEDIAPIPE
    for footprint in (half, peer):
        assert footprint.start_seconds > 0
        assert footprint.peak_mebibytes is None or 30 < footprint.peak_mebibytes < 2000

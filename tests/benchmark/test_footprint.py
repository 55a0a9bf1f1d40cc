from pathlib import Path

import pytest

from livefan.benchmark import baselines
from livefan.benchmark.footprint import footprints
from livefan.core.resources import DEFAULT_WEIGHTS
from livefan.runtimes.base import RuntimeChoice

OPENVINO = RuntimeChoice("openvino", "int8")


@pytest.mark.usefixtures("mediapipe")
@pytest.mark.slow
def test_footprints_of_livefan_and_mediapipe(clip: Path):
    weights = {"livefan": DEFAULT_WEIGHTS, "livefan, half": "mobilefan-half-300w"}
    own, half, peer = footprints(clip, weights, OPENVINO)
    assert own.name == "livefan"
    assert half.name == "livefan, half"
    assert peer.name == baselines.MEDIAPIPE
    for footprint in (own, half, peer):
        assert footprint.start_seconds > 0
        assert footprint.peak_mebibytes is None or 30 < footprint.peak_mebibytes < 2000

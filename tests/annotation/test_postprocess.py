"""Smoothing of a recording in chunks."""

from pathlib import Path

import numpy as np
import pytest
from clips import shrunk, write_recording

import livefan
from livefan.annotation import postprocess
from livefan.annotation.annotate import annotate
from livefan.annotation.outputs import Outputs
from livefan.io.video import VideoSource


@pytest.mark.slow
def test_smoothing_in_chunks_equals_smoothing_in_one_piece(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
):
    """Chunks have context on either side, so their borders are not visible."""
    part = tmp_path / "part.mkv"
    with VideoSource(str(clip), clip.name) as source:
        pictures = [shrunk(frame.image, 320, 180) for frame, _ in zip(source, range(64), strict=False)]
    write_recording(part, pictures)
    whole = Outputs(tmp_path / "whole", None, (".parquet",))
    with monkeypatch.context() as patch:
        patch.setattr(postprocess, "CHUNK", 1000)
        annotate(part, whole)
    monkeypatch.setattr(postprocess, "CHUNK", 16)
    chunked = Outputs(tmp_path / "chunked", None, (".parquet",))
    annotate(part, chunked)
    one, other = (livefan.load_annotations(outputs.tables[0]) for outputs in (whole, chunked))
    for name in ("nose_bridge_3_x", "inner_lip_6_y", "right_eye_1_y"):
        np.testing.assert_allclose(other[name].to_numpy(), one[name].to_numpy(), atol=0.05)
    raw, smooth = (one[f"jaw_4{part}"].to_numpy() for part in ("_raw_x", "_x"))
    assert np.abs(np.diff(smooth, 2)).mean() < 0.9 * np.abs(np.diff(raw, 2)).mean()

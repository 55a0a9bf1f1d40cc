"""Measuring a recording."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pytest
from clips import (
    write_recording,
)

import livefan
from livefan.annotation.annotate import AnnotationResult, annotate
from livefan.annotation.outputs import Outputs
from livefan.annotation.settings import AnnotationSettings


def run(recording: Path, base: Path, *formats: str, **settings: object) -> tuple[AnnotationResult, pa.Table]:
    """Annotate a recording as data only, and load the data."""
    outputs = Outputs(base, None, formats or (".parquet",))
    done = annotate(recording, outputs, AnnotationSettings(**settings))  # type: ignore[arg-type]
    return done, livefan.load_annotations(outputs.tables[0])


@pytest.mark.slow
def test_late_detection_is_tracked_back_to_the_first_frame(tmp_path: Path, small: np.ndarray):
    """While a face is tracked, the detector runs once a second; tracking back recovers the frames between."""
    alone = np.hstack([small, np.full_like(small, 90)])
    both = np.hstack([small, small[:, ::-1]])
    clip = write_recording(tmp_path / "in.mkv", [alone] * 6 + [both] * 24)
    _, table = run(clip, tmp_path / "out")
    second = table.filter(pa.compute.equal(table["track_id"], 2))
    assert second["frame"].to_pylist() == list(range(6, 30))
    found = second["found"].to_pylist()
    assert set(found[:15]) == {"backwards"}
    assert found[-1] == "forwards"

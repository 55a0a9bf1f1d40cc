"""Writers refuse frames that do not belong into the table."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from livefan.formats.registry import format_of


def test_faces_of_a_model_without_confidence_are_written(tmp_path: Path, suffix: str, frames, metadata):
    face = replace(frames[0].faces[0], confidence=np.full(68, np.nan))
    path = tmp_path / f"out{suffix}"
    with format_of(path).writer(path, metadata) as writer:
        writer.write([replace(frames[0], faces=(face,))])
    metadata.write(tmp_path / "out.livefan.json")
    table = format_of(path).read(path)
    assert table["jaw_8_confidence"].null_count == 1


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_name_that_is_not_utf_8_is_written_and_read(tmp_path: Path, suffix: str, frames, metadata):
    folder = tmp_path / "\udcfc"
    folder.mkdir()
    path = folder / f"out{suffix}"
    with format_of(path).writer(path, metadata) as writer:
        writer.write(frames)
    metadata.write(folder / "out.livefan.json")
    assert len(format_of(path).read(path)) == 5


def test_missing_or_repeated_frames_are_refused(tmp_path: Path, suffix: str, frames, metadata):
    path = tmp_path / f"out{suffix}"
    for wrong in (frames[1:], frames[:1] * 2):
        with pytest.raises(ValueError, match="is next"), format_of(path).writer(path, metadata) as writer:
            writer.write(wrong)
        if path.is_dir():
            (path / "frames.csv").unlink()
            path.rmdir()


def test_landmarks_of_another_scheme_are_refused(tmp_path: Path, suffix: str, frames, metadata):
    path = tmp_path / f"out{suffix}"
    face = frames[0].faces[0]
    for name in ("points_px", "raw_points_px", "confidence"):
        short = replace(face, **{name: getattr(face, name)[:29]})
        writer = format_of(path).writer(path, metadata)
        with pytest.raises(ValueError, match="of shape"):
            writer.write([replace(frames[0], faces=(short,))])

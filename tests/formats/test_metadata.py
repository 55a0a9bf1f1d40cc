"""Metadata: schema version, units, and names of recordings."""

import json
import os
from pathlib import Path

import pyarrow.parquet
import pytest

import livefan
from livefan.core.errors import LivefanError
from livefan.formats.metadata import SCHEMA_VERSION, UNITS, recording_name


def test_every_format_states_the_schema_version(tmp_path: Path, write):
    write(tmp_path / "out")
    beside = json.loads((tmp_path / "out.livefan.json").read_text())
    assert (next(iter(beside)), beside["schema_version"]) == ("schema_version", SCHEMA_VERSION)
    parquet = pyarrow.parquet.read_schema(tmp_path / "out.parquet").metadata[b"livefan"]
    assert json.loads(parquet)["schema_version"] == SCHEMA_VERSION
    info = json.loads((tmp_path / "out.coco.json").read_text())["info"]
    assert (info["version"], info["livefan"]["schema_version"]) == ("4", 4)
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert [json.loads(line)["schema_version"] for line in lines] == [4] * 4


def test_newer_schema_is_refused_in_one_line(tmp_path: Path, write, suffix: str, monkeypatch):
    (path,) = write(tmp_path / "out", [suffix])
    monkeypatch.setattr("livefan.formats.metadata.SCHEMA_VERSION", SCHEMA_VERSION - 1)
    with pytest.raises(LivefanError, match=r"schema version 4, this livefan reads up to 3; update livefan$"):
        livefan.load_annotations(path)


@pytest.mark.skipif(os.name == "nt", reason="file names are Unicode on Windows")
def test_name_that_is_not_utf_8_becomes_readable():
    assert recording_name(Path(os.fsdecode(b"/videos/caf\xe9.mp4"))) == "caf?.mp4"


def test_units_describe_the_columns_of_a_frame_and_a_face():
    described = ", ".join(UNITS)
    for column in ("recording", "frame_width", "pts", "time_s", "track_id", "found", "yaw_deg", "x_mm"):
        assert column in described

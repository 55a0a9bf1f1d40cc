"""Metadata: schema version, units, and names of recordings."""

import json
import os
from pathlib import Path

import pyarrow.parquet
import pytest

import livefan
from livefan.core.errors import LivefanError
from livefan.core.landmarks import IBUG_68
from livefan.formats.columns import MEASURES, POINT_PARTS, table_schema
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


def test_units_describe_every_column():
    names = table_schema(IBUG_68.point_names, measures=tuple(MEASURES)).names
    described: list[str] = []
    for key in UNITS:
        first, _, last = key.partition(" to ")
        described += names[names.index(first) : names.index(last) + 1] if last else key.split(", ")
    points = [f"{name}_{part}" for name in IBUG_68.point_names for part in POINT_PARTS]
    occluded = [f"{name}_occluded" for name in IBUG_68.point_names]
    assert {"points", "confidence", "LANDMARK_occluded"} <= set(described)
    assert set(names) - set(points) - set(occluded) <= set(described)

"""The columns of a table: documented, typed, and nullable where a frame has no face."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet
import pytest

import livefan
from livefan.core.landmarks import IBUG_68
from livefan.formats import columns
from livefan.formats.columns import MEASURES, POINT_PARTS, table_schema


def test_documentation_lists_every_column():
    documented = re.findall(r"``(\w+)``", "".join(re.findall(r"^\| (``[^|]+) \|", columns.__doc__, re.M)))
    names = [
        name.replace("nose_bridge_3", "LANDMARK")
        for name in table_schema(IBUG_68.point_names, measures=MEASURES).names
    ]
    kept = [name for name in names if not name.startswith(IBUG_68.point_names)]
    assert documented == [name for name in kept if name not in MEASURES["expressions"]]


def test_tidy_table_has_one_row_for_each_landmark(tmp_path: Path, write, frames):
    (path,) = write(tmp_path / "out", [".parquet"])
    wide, table = livefan.load_annotations(path), livefan.load_annotations(path, tidy=True)
    assert table.schema.names == [
        *(
            "frame",
            "pts",
            "time_s",
            "damage",
            "frame_width",
            "frame_height",
            "recording",
            "image",
            "track_id",
            "found",
        ),
        *("landmark", *POINT_PARTS),
    ]
    assert len(table) == 4 * 68  # two faces, one and one
    assert set(table["frame"].to_pylist()) == {0, 2, 3}
    chin = table.filter(pa.compute.equal(table["landmark"], "jaw_8"))
    assert chin["track_id"].to_pylist() == [1, 2, 1, 1]
    for part in POINT_PARTS:
        expected = wide.filter(wide["track_id"].is_valid())[f"jaw_8_{part}"].to_pylist()
        assert chin[part].to_pylist() == expected
    assert chin["raw_x"][2].as_py() is None
    assert table["landmark"][:68].to_pylist() == list(IBUG_68.point_names)


def test_tidy_table_without_faces_is_empty(tmp_path: Path, write, frames):
    frames[:] = [replace(frames[1], info=replace(frames[1].info, index=0))]
    (path,) = write(tmp_path / "out", [".csv"])
    table = livefan.load_annotations(path, tidy=True)
    assert (len(table), table["landmark"].type.value_type) == (0, pa.string())


def test_integers_stay_integers_where_a_face_is_missing(tmp_path: Path, write, suffix: str):
    (path,) = write(tmp_path / "out", [suffix])
    table = livefan.load_annotations(path)
    for name in ("frame", "pts", "frame_width", "frame_height", "track_id"):
        assert table.schema.field(name).type == pa.int64(), name
    assert table["track_id"].null_count == 1
    (described,) = json.loads(table.schema.metadata[b"pandas"])["columns"]
    assert (described["name"], described["numpy_type"]) == ("track_id", "Int64")


def test_data_frames_have_nullable_integers(tmp_path: Path, write):
    pandas = pytest.importorskip("pandas")
    (path,) = write(tmp_path / "out", [".parquet"])
    for frame in (livefan.load_annotations(path).to_pandas(), pandas.read_parquet(path)):
        assert str(frame["track_id"].dtype) == "Int64"
        assert str(frame["frame"].dtype) == "int64"
        assert frame["track_id"].isna().tolist() == [False, False, True, False, False]


def test_numbers_are_rounded_and_unknown_ones_are_null(tmp_path: Path, write, suffix: str):
    if suffix == ".pts":
        pytest.skip("holds landmarks only")
    (path,) = write(tmp_path / "out", [suffix])
    table = livefan.load_annotations(path)
    assert table["yaw_deg"].to_pylist() == [-12.346, -12.346, None, -12.346, -12.346]
    assert table["right_eye_opening"][0].as_py() == 0.3123
    assert table["nose_bridge_3_raw_x"].is_valid().to_pylist() == [True, True, False, False, True]
    assert table["nose_bridge_3_confidence"][3].as_py() == 0.0
    x = table["jaw_0_x"].drop_null().to_numpy()
    np.testing.assert_array_equal(x, np.round(x, 3))

"""Every registered format writes frames and reads them back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import livefan
from livefan.core.errors import LivefanError
from livefan.core.face_measures import EXPRESSION_NAMES as NAMES
from livefan.core.face_measures import Blink, Gaze
from livefan.core.landmarks import IBUG_68
from livefan.formats.columns import FRAME_COLUMNS, MEASURES, table_schema
from livefan.formats.metadata import Metadata
from livefan.formats.records import AnnotatedFrame, FrameInfo
from livefan.formats.registry import FORMATS, SUFFIXES, format_of


def test_all_formats_hold_the_same_numbers(tmp_path: Path, write):
    paths = write(tmp_path / "out")
    tables = {path.suffix: livefan.load_annotations(path) for path in paths}
    expected = tables.pop(".parquet")
    points = tables.pop(".pts")
    for table in tables.values():
        assert table.equals(expected)
    kept = [name for name in expected.schema.names if name.endswith(("_x", "_y")) and "raw" not in name]
    kept += [*FRAME_COLUMNS, "track_id", "left", "top", "right", "bottom"]
    assert points.select(kept).equals(expected.select(kept))
    assert points["yaw_deg"].null_count == len(points)


def test_values_survive_the_round_trip(tmp_path: Path, write, suffix: str, frames):
    (path,) = write(tmp_path / "out", [suffix])
    table = livefan.load_annotations(path)
    assert table.schema.equals(table_schema(IBUG_68.point_names))
    assert table["frame"].to_pylist() == [0, 0, 1, 2, 3]
    assert table["pts"].to_pylist() == [0, 0, 40, 80, 200]
    assert table["time_s"].to_pylist() == [0.0, 0.0, 0.04, 0.08, 0.2]
    assert table["damage"].to_pylist() == ["", "", "", "errors", "gap"]
    assert table["frame_width"].to_pylist() == [160] * 4 + [80]
    assert table["frame_height"].to_pylist() == [120] * 4 + [60]
    assert table["recording"].to_pylist() == ["talk.mkv"] * 5
    assert table["track_id"].to_pylist() == [1, 2, None, 1, 1]
    x = frames[0].faces[1].points_px[30, 0]
    assert table["nose_bridge_3_x"][1].as_py() == pytest.approx(x, abs=5e-4)


def test_measures_have_columns_in_every_format(tmp_path: Path, write, frames):
    random = np.random.default_rng(0)
    face = replace(
        frames[3].faces[0],
        expressions=random.uniform(0, 1, len(NAMES)).astype(np.float32),
        pupils_px=random.uniform(0, 100, (2, 2)),
        gaze=Gaze(1.5, -2.25, 3.0, 4.0),
        blink=Blink(0.125, 0.2, 0.9, 0.1),
    )
    frames[3] = replace(frames[3], faces=(face,))
    tables = [
        livefan.load_annotations(path)
        for path in write(tmp_path / "out", [*SUFFIXES[:4]], measures=("expressions", "gaze", "blinks"))
    ]
    assert all(table.equals(tables[0]) for table in tables)
    assert tables[0].schema.names[-62:-12] == list(NAMES)
    row = tables[0].slice(4).to_pylist()[0]
    assert row["jawOpen"] == pytest.approx(float(face.expressions[NAMES.index("jawOpen")]), abs=5e-5)
    assert row["left_iris_y"] == pytest.approx(face.pupils_px[1, 1], abs=5e-4)
    assert (row["right_gaze_yaw_deg"], row["left_gaze_pitch_deg"]) == (1.5, 4.0)
    assert (row["blink_start_s"], row["blink_duration_s"], row["blink_right_depth"]) == (0.125, 0.2, 0.9)
    assert tables[0]["jawOpen"].null_count == tables[0]["blink_start_s"].null_count == 4
    (gaze_only,) = write(tmp_path / "gaze", [".csv"], measures=("gaze",))
    assert livefan.load_annotations(gaze_only).schema.names[-8:] == list(MEASURES["gaze"])


def test_formats_hold_occlusion_and_presence(tmp_path: Path, write, frames):
    occluded = np.linspace(0, 1, 68).astype(np.float32)
    frames[3] = replace(frames[3], faces=(replace(frames[3].faces[0], occluded=occluded, presence=0.97),))
    tables = [
        livefan.load_annotations(path)
        for path in write(tmp_path / "out", [*SUFFIXES[:4]], measures=("occlusion",))
    ]
    assert all(table.equals(tables[0]) for table in tables)
    row = tables[0].slice(4).to_pylist()[0]
    assert row["presence"] == 0.97
    assert row["jaw_1_occluded"] == pytest.approx(float(occluded[1]), abs=5e-5)
    assert tables[0]["jaw_1_occluded"].null_count == tables[0]["presence"].null_count == 4
    tidy = livefan.load_annotations(tmp_path / "out.csv", tidy=True)
    assert tidy["occluded"].to_numpy()[-67] == pytest.approx(float(occluded[1]), abs=5e-5)


@pytest.mark.parametrize("recording", ['a, b "c".mkv', "two\nlines.mkv", "Gesichter ä.mkv", ""])
def test_any_name_of_a_recording_is_kept(tmp_path: Path, write, suffix: str, recording: str):
    (path,) = write(tmp_path / "out", [suffix], recording)
    table = livefan.load_annotations(path)
    assert table["recording"].to_pylist() == [recording] * 5
    assert table["damage"].to_pylist() == ["", "", "", "errors", "gap"]


def test_line_ends_in_the_names_of_many_images_are_kept(tmp_path: Path, metadata: Metadata):
    """A CSV file of more than a megabyte is read in blocks."""
    names = [("a\nb" * 20) + f"{index}.png" for index in range(9000)]
    infos = [FrameInfo(index, index, 0.0, "", 9, 9, name) for index, name in enumerate(names)]
    with FORMATS["csv"].writer(tmp_path / "out.csv", metadata) as writer:
        writer.write([AnnotatedFrame(info, ()) for info in infos])
    metadata.write(tmp_path / "out.livefan.json")
    assert livefan.load_annotations(tmp_path / "out.csv")["image"].to_pylist() == names


def test_suffix_decides_the_format_in_any_case():
    for name, each in FORMATS.items():
        assert format_of(Path("talk" + each.suffix.upper())).name == name
    with pytest.raises(LivefanError, match=r"notes\.txt: not a name for data; end it in \.csv, \.jsonl"):
        format_of(Path("notes.txt"))
    assert SUFFIXES == (".csv", ".jsonl", ".parquet", ".coco.json", ".pts")

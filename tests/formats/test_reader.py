"""``load_annotations``: one file, a folder of recordings, older files, and errors of one line."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import livefan
from livefan.core.errors import LivefanError
from livefan.core.landmarks import IBUG_68, SCHEMES
from livefan.formats.columns import table_schema
from livefan.formats.registry import format_of

SCHEMA_1 = Path(__file__).parent / "schema_1"


def test_files_of_schema_version_1_load(suffix: str):
    """``schema_1`` was written by livefan 0.1.0: three frames, the second without a face."""
    table = livefan.load_annotations(SCHEMA_1 / f"talk{suffix}")
    assert table["frame"].to_pylist() == [0, 1, 2]
    assert table["recording"].to_pylist() == ["talk.mkv"] * 3
    assert table["frame_width"].to_pylist() == [160] * 3
    assert table["frame_height"].to_pylist() == [120] * 3
    assert table["track_id"].to_pylist() == [1, None, 1]
    assert table["nose_bridge_3_x"][0].as_py() == pytest.approx(74.0, abs=40)
    same = livefan.load_annotations(SCHEMA_1 / "talk.parquet")
    assert table["jaw_8_y"].equals(same["jaw_8_y"])


def test_folder_is_one_table_of_all_recordings(tmp_path: Path, write):
    write(tmp_path / "b", [".csv", ".parquet"], "b.mkv")
    write(tmp_path / "a", [".pts", ".jsonl"], "a.mkv")
    (tmp_path / "notes.csv").write_text("not annotations")
    table = livefan.load_annotations(tmp_path)
    assert table["recording"].to_pylist() == ["a.mkv"] * 5 + ["b.mkv"] * 5
    assert table["yaw_deg"].null_count == 2  # from the complete format, not from .pts
    metadata = json.loads(table.schema.metadata[b"livefan"])
    assert [each["recording"] for each in metadata] == ["a.mkv", "b.mkv"]
    assert len(livefan.load_annotations(tmp_path, tidy=True)) == 2 * 4 * 68


def test_recordings_with_equal_names_are_named_after_their_data_files(tmp_path: Path, write):
    for name in ("x", "y"):
        write(tmp_path / name, [".csv"], "same.mkv")
    write(tmp_path / "z", [".csv"], "other.mkv")
    table = livefan.load_annotations(tmp_path)
    assert table["recording"].to_pylist() == ["x"] * 5 + ["y"] * 5 + ["other.mkv"] * 5


def test_folder_mixes_schema_versions(tmp_path: Path, write):
    write(tmp_path / "new", [".csv"])
    for name in ("talk.csv", "talk.livefan.json"):
        shutil.copy(SCHEMA_1 / name, tmp_path)
    table = livefan.load_annotations(tmp_path)
    assert table["recording"].to_pylist() == ["new"] * 5 + ["talk"] * 3


def test_folder_without_annotations_or_with_two_schemes_is_refused(tmp_path: Path, write):
    with pytest.raises(LivefanError, match="no annotations in this folder"):
        livefan.load_annotations(tmp_path)
    write(tmp_path / "a", [".csv"])
    write(tmp_path / "b", [".csv"])
    for path in (tmp_path / "b.csv", tmp_path / "b.livefan.json"):
        path.write_text(path.read_text().replace("jaw_8", "chin"))
    with pytest.raises(LivefanError, match="different landmark schemes; load them one by one"):
        livefan.load_annotations(tmp_path)


def test_recordings_of_a_folder_may_have_different_measures(tmp_path: Path, write):
    write(tmp_path / "a", [".csv"], "a.mkv", measures=("blinks", "occlusion"))
    write(tmp_path / "b", [".csv"], "b.mkv", measures=("gaze",))
    write(tmp_path / "c", [".csv"], "c.mkv")
    table = livefan.load_annotations(tmp_path)
    expected = table_schema(IBUG_68.point_names, measures=("blinks", "gaze", "occlusion"))
    assert table.schema.equals(expected)
    assert table["blink_start_s"].null_count == len(table) == 15
    assert table["track_id"].to_pylist()[:5] == [1, 2, None, 1, 1]
    assert len(livefan.load_annotations(tmp_path, tidy=True)) == 3 * 4 * 68


def test_landmarks_of_a_users_scheme_are_read_where_the_scheme_is_unknown(
    tmp_path: Path, suffix: str, frames, metadata, monkeypatch: pytest.MonkeyPatch
):
    own = replace(IBUG_68, name="own-68", point_names=tuple(f"own_{number}" for number in range(68)))
    path, named = tmp_path / f"out{suffix}", replace(metadata, scheme=own.name)
    with monkeypatch.context() as patch:
        patch.setitem(SCHEMES, own.name, own)
        with format_of(path).writer(path, named) as writer:
            writer.write(frames)
        named.write(tmp_path / "out.livefan.json")
    table = livefan.load_annotations(path)
    assert table["own_8_x"][0].as_py() == pytest.approx(frames[0].faces[0].points_px[8, 0], abs=5e-4)


def test_missing_or_damaged_files_give_one_line_errors(tmp_path: Path, write):
    for path in write(tmp_path / "out"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:-400])
            with pytest.raises(LivefanError, match=path.name):
                livefan.load_annotations(path)
    (tmp_path / "out.pts/frame_000003_face_1.pts").write_text("version: 1")
    with pytest.raises(LivefanError, match=r"out\.pts"):
        livefan.load_annotations(tmp_path / "out.pts")
    (tmp_path / "out.livefan.json").unlink()
    (tmp_path / "notes.txt").touch()
    for name, message in (
        ("out.csv", "out.livefan.json: missing"),
        ("none.csv", "no such file"),
        ("notes.txt", "not a name for data"),
    ):
        with pytest.raises(LivefanError, match=message):
            livefan.load_annotations(tmp_path / name)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_table_that_is_cut_after_a_whole_row_is_refused(tmp_path: Path, write, suffix: str):
    """Such a file is valid; only the metadata beside it state how many frames there were."""
    (path,) = write(tmp_path / "out", [suffix])
    rows = path.read_text().splitlines(keepends=True)
    path.write_text("".join(rows[:-1]))
    with pytest.raises(LivefanError, match=rf"out{suffix}: frames found: 3, by its metadata: 4; copy"):
        livefan.load_annotations(path)
    with pytest.raises(LivefanError, match=rf"out{suffix}: frames found"):
        livefan.load_annotations(tmp_path)  # of all recordings in the folder
    description = tmp_path / "out.livefan.json"
    values = json.loads(description.read_text())
    del values["n_frames"], values["n_faces"]
    description.write_text(json.dumps(values))
    assert livefan.load_annotations(path)["frame"].to_pylist()[-1] == 2


def test_table_that_is_cut_between_two_faces_of_a_frame_is_refused(tmp_path: Path, write):
    (path,) = write(tmp_path / "out", [".csv"])
    rows = path.read_text().splitlines(keepends=True)
    of_two = [
        number for number, row in enumerate(rows) if row.split(",")[0] == rows[number - 1].split(",")[0]
    ]
    del rows[of_two[-1]]
    path.write_text("".join(rows))
    with pytest.raises(LivefanError, match=r"out\.csv: faces found: \d, by its metadata: \d; copy"):
        livefan.load_annotations(path)


@pytest.mark.parametrize("lost", ["frame_000001.pts", "frame_000003_face_1.pts", "last row of frames.csv"])
def test_pts_folder_without_the_files_of_a_frame_is_refused(tmp_path: Path, write, lost: str):
    (folder,) = write(tmp_path / "out", [".pts"])
    if lost.endswith(".pts"):
        (folder / lost).unlink()
        message = rf"out\.pts: frame {int(lost[6:12])} has no file, such as {lost[:12]}\.pts; copy"
    else:
        frames = folder / "frames.csv"
        frames.write_text("".join(frames.read_text().splitlines(keepends=True)[:-1]))
        message = r"out\.pts: frames found: 3, by its metadata: 4"
    with pytest.raises(LivefanError, match=message):
        livefan.load_annotations(folder)


def test_empty_path_is_not_the_current_folder(tmp_path: Path, write, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    assert livefan.load_annotations(".").num_rows
    with pytest.raises(LivefanError, match="no annotations given"):
        livefan.load_annotations("")

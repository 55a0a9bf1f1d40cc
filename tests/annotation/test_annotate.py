"""Annotating one recording: every frame has a row with its own timestamp."""

import io
import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute
import pytest
from clips import (
    Coding,
    moved,
    read_packets,
    read_pictures,
    shrunk,
    write_recording,
)

import livefan
from livefan.annotation import postprocess
from livefan.annotation.annotate import AnnotationResult, annotate, heads_to_run
from livefan.annotation.journal import Journal, reserved
from livefan.annotation.outputs import Outputs
from livefan.annotation.settings import AnnotationSettings
from livefan.core.errors import LivefanError, StoppedError
from livefan.core.landmarks import IBUG_68
from livefan.core.resources import DEFAULT_WEIGHTS
from livefan.drawing.faces import OverlayStyle
from livefan.formats.registry import SUFFIXES
from livefan.measures.aspect_ratios import aspect_ratios
from livefan.measures.head_pose import head_pose


@pytest.fixture(scope="module")
def walk(small: np.ndarray) -> list[np.ndarray]:
    """A face that moves, is absent for three frames, and returns."""
    empty = np.full_like(small, 90)
    return (
        [moved(small, 2 * n) for n in range(4)] + [empty] * 3 + [moved(small, 14 + 2 * n) for n in range(4)]
    )


def run(recording: Path, base: Path, *formats: str, **settings: object) -> tuple[AnnotationResult, pa.Table]:
    """Annotate a recording as data only, and load the data."""
    outputs = Outputs(base, None, formats or (".parquet",))
    done = annotate(recording, outputs, AnnotationSettings(**settings))  # type: ignore[arg-type]
    return done, livefan.load_annotations(outputs.tables[0])


@pytest.mark.slow
def test_every_frame_has_a_row_with_or_without_a_face(tmp_path: Path, walk: list[np.ndarray]):
    clip = write_recording(tmp_path / "walk.mkv", walk)
    done, table = run(clip, tmp_path / "out", longest_gap=0.0)
    assert (done.n_frames, done.n_with_face, done.n_faces, done.problems) == (11, 8, 1, [])
    assert table["frame"].to_pylist() == list(range(11))
    assert table["track_id"].to_pylist() == [1] * 4 + [None] * 3 + [1] * 4
    assert table["time_s"].to_pylist() == [0.04 * n for n in range(11)]
    assert set(table["damage"].to_pylist()) == {""}


def test_short_gap_is_filled_and_marked(tmp_path: Path, walk: list[np.ndarray]):
    clip = write_recording(tmp_path / "walk.mkv", walk)
    _, table = run(clip, tmp_path / "out", longest_gap=0.5)
    found = table["found"].to_pylist()
    assert found == ["forwards"] * 4 + ["filled"] * 3 + ["forwards"] * 4
    x = table["nose_bridge_3_x"].to_numpy()
    assert np.all(np.diff(x) > 0)  # the face moves on in the gap
    assert table["nose_bridge_3_raw_x"].to_pylist()[4:7] == [None] * 3  # not measured there
    assert table["nose_bridge_3_confidence"].to_pylist()[4:7] == [0.0] * 3


@pytest.mark.parametrize(("longest_gap", "filled"), [(0.5, 8), (0.3, 0)])
def test_gap_is_filled_completely_or_not_at_all(
    tmp_path: Path, small: np.ndarray, monkeypatch: pytest.MonkeyPatch, longest_gap: float, filled: int
):
    """Also a gap that is longer than the context of the smoothing."""
    for name in ("CHUNK", "CONTEXT", "REACH"):
        monkeypatch.setattr(postprocess, name, 4)
    empty = np.full_like(small, 90)
    clip = write_recording(tmp_path / "clip.mkv", [small] * 4 + [empty] * 8 + [small] * 4)
    _, table = run(clip, tmp_path / "out", longest_gap=longest_gap)
    assert table["found"].to_pylist().count("filled") == filled


def test_all_formats_hold_the_same_annotation(tmp_path: Path, walk: list[np.ndarray]):
    clip = write_recording(tmp_path / "walk.mp4", walk)
    outputs = Outputs(tmp_path / "out", None, SUFFIXES)
    annotate(clip, outputs, AnnotationSettings(longest_gap=0.1))
    tables = {end: livefan.load_annotations(path) for end, path in zip(SUFFIXES, outputs.tables, strict=True)}
    expected = tables.pop(".parquet")
    assert expected.num_rows == 11
    points = tables.pop(".pts")
    for table in tables.values():
        assert table.equals(expected)
    kept = [name for name in expected.schema.names if name.endswith(("_x", "_y")) and "raw" not in name]
    kept += ["frame", "pts", "time_s", "damage", "track_id", "left", "top", "right", "bottom"]
    assert points.select(kept).equals(expected.select(kept))
    assert points["yaw_deg"].null_count == 11


def test_data_are_the_landmarks_of_the_pipeline(
    tmp_path: Path, photo: np.ndarray, pipeline: livefan.Pipeline
):
    cv2.imwrite(str(tmp_path / "in.png"), photo)
    _, table = run(tmp_path / "in.png", tmp_path / "out", weights=DEFAULT_WEIGHTS)
    (face,) = pipeline.process_image(photo)
    names = pipeline.scheme.point_names
    for part, column in (("x", face.points_px[:, 0]), ("raw_y", face.points_px[:, 1])):
        written = [table[f"{name}_{part}"][0].as_py() for name in names]
        np.testing.assert_allclose(written, column, atol=6e-4)
    confidence = [table[f"{name}_confidence"][0].as_py() for name in names]
    np.testing.assert_allclose(confidence, face.confidence, atol=6e-5)
    box = [table[side][0].as_py() for side in ("left", "top", "right", "bottom")]
    np.testing.assert_allclose(box, face.box_px, atol=6e-4)


def test_metadata_describe_recording_model_and_units(tmp_path: Path, small: np.ndarray):
    clip = write_recording(tmp_path / "clip.mp4", [small] * 2)
    _, table = run(clip, tmp_path / "out", ".csv")
    header = json.loads((tmp_path / "out.livefan.json").read_text())
    assert header["livefan"] == livefan.__version__
    assert (header["recording"], header["width"], header["height"]) == ("clip.mp4", 320, 180)
    assert (header["scheme"], len(header["landmarks"])) == ("300w-68", 68)
    assert header["model"]["weights"] == "mobilefan-half-300w"
    assert len(header["model"]["sha256"]) == 64
    assert "method" in header["smoothing"]
    assert header["n_frames"] == 2
    assert Fraction(header["time_base"]) * table["pts"][1].as_py() == Fraction(1, 25)
    described = ", ".join(header["units"])
    for column in ("pts", "time_s", "track_id", "found", "yaw_deg", "x_mm", "mouth_opening", "confidence"):
        assert column in described
    assert json.loads(table.schema.metadata[b"livefan"]) == header


KINDS = {
    "plain.mp4": Coding(),
    "hevc.mp4": Coding("libx265", options={"x265-params": "log-level=error"}),
    "ten-bit.mkv": Coding("libx265", "yuv420p10le", {"x265-params": "log-level=error"}),
    "vp9.webm": Coding("libvpx-vp9", options={"deadline": "realtime", "cpu-used": "8"}),
    "interlaced.avi": Coding("mpeg2video", options={"flags": "+ildct+ilme", "b": "4M"}),
    "animated.gif": Coding("gif", "bgr8", {}),
}


@pytest.mark.parametrize("name", KINDS)
def test_codecs_and_containers_that_ffmpeg_reads(tmp_path: Path, small: np.ndarray, name: str):
    clip = write_recording(tmp_path / name, [moved(small, 2 * n) for n in range(4)], coding=KINDS[name])
    outputs = Outputs(tmp_path / "out")
    done = annotate(clip, outputs)
    assert (done.n_frames, done.n_with_face, done.problems) == (4, 4, [])
    pictures, times = read_pictures(outputs.picture or clip)
    assert times == read_pictures(clip)[1]
    table = livefan.load_annotations(outputs.tables[0])
    assert table["time_s"].to_pylist() == [float(time) for time in times]
    assert np.abs(pictures[0].astype(int) - small).mean() > 0.5  # something was drawn


def test_odd_sizes_grow_by_a_row_and_rotated_video_is_upright(tmp_path: Path, small: np.ndarray):
    odd = write_recording(tmp_path / "odd.mkv", [small[:-1, :-1]], coding=Coding("ffv1", "bgr0", {}))
    turned = write_recording(
        tmp_path / "turned.mp4",
        [np.ascontiguousarray(np.rot90(small, k=-1))] * 2,
        coding=Coding(turn=lambda stream: stream.set_display_rotation(90)),
    )
    for clip in (odd, turned):
        outputs = Outputs(tmp_path / clip.stem / "out")
        outputs.base.parent.mkdir()
        assert annotate(clip, outputs).n_with_face > 0
        pictures, _ = read_pictures(outputs.picture or clip)
        assert pictures[0].shape == (180, 320, 3)


def test_pose_and_aspect_ratios_use_displayed_pixels(tmp_path: Path, photo: np.ndarray):
    """The pixels of the recording are 1.5 times as wide as high, as on wide DVDs."""

    def wide(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(3, 2)

    clip = write_recording(tmp_path / "in.mkv", [shrunk(photo, 320, 270)] * 2, coding=Coding(turn=wide))
    _, table = run(clip, tmp_path / "out")
    columns = [[table[f"{name}_{axis}"][0].as_py() for axis in "xy"] for name in IBUG_68.point_names]
    shown = np.array(columns) * (1.5, 1.0)
    assert table["mouth_opening"][0].as_py() == pytest.approx(aspect_ratios(shown, IBUG_68).mouth, abs=1e-3)
    pose = head_pose(shown, IBUG_68, 480, 270)
    for column, expected in (
        ("yaw_deg", pose.yaw),
        ("roll_deg", pose.roll),
        ("z_mm", pose.translation_mm[2]),
    ):
        assert table[column][0].as_py() == pytest.approx(expected, abs=0.02 * max(1, abs(expected) / 10)), (
            column
        )


@pytest.mark.parametrize(
    ("picture", "settings", "heads"),
    [
        (None, {}, set()),
        (".png", {}, {"reliability"}),
        (".png", {"style": OverlayStyle(points=False)}, set()),
        (".png", {"style": OverlayStyle(points=False, gaze=True)}, {"expressions"}),
        (None, {"style": OverlayStyle(gaze=True), "measures": ("occlusion",)}, {"reliability"}),
        (None, {"measures": ("expressions", "occlusion")}, {"expressions", "reliability"}),
    ],
)
def test_only_the_heads_that_are_written_or_drawn_run(picture, settings, heads, tmp_path: Path):
    outputs = Outputs(tmp_path / "out", picture, () if picture else (".csv",))
    assert heads_to_run(outputs, AnnotationSettings(**settings)) == heads


def test_image_is_annotated_as_an_image(tmp_path: Path, photo: np.ndarray):
    cv2.imwrite(str(tmp_path / "in.png"), photo)
    outputs = Outputs(tmp_path / "out", ".png")
    annotate(tmp_path / "in.png", outputs)
    drawn = cv2.imread(str(outputs.picture))
    assert drawn.shape == photo.shape
    assert np.abs(drawn.astype(int) - photo).mean() > 0.5
    clip = write_recording(tmp_path / "in.mp4", [shrunk(photo)] * 2)
    with pytest.raises(LivefanError, match="several frames"):
        annotate(clip, Outputs(tmp_path / "no", ".png"))


@pytest.mark.parametrize("spec", ["", "frame_%03d.png"])
def test_image_sequence_marks_an_unreadable_image_as_a_gap(tmp_path: Path, small: np.ndarray, spec: str):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(4):
        cv2.imwrite(str(folder / f"frame_{number:03}.png"), small)
    (folder / "frame_002.png").write_bytes(b"no image")
    outputs = Outputs(tmp_path / "out")
    done = annotate(folder / spec, outputs, AnnotationSettings(sequence=True))
    assert done.n_frames == 3
    (problem,) = done.problems
    assert "frame_002.png" in problem
    table = livefan.load_annotations(outputs.tables[0])
    assert table["time_s"].to_pylist() == [0.0, 0.04, 0.12]
    assert table["damage"].to_pylist() == ["", "", "gap"]
    assert read_pictures(outputs.picture or folder)[1] == [0, Fraction(1, 25), Fraction(3, 25)]


def test_standard_input_is_annotated(tmp_path: Path, small: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    clip = write_recording(tmp_path / "in.mkv", [small] * 3, sound=True)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(clip.read_bytes())))
    outputs = Outputs(tmp_path / "out", ".mkv")
    done = annotate("-", outputs)
    assert (done.recording, done.n_frames, done.problems) == ("standard input", 3, [])
    assert read_packets(outputs.picture or clip, "audio") == read_packets(clip, "audio")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("in.mkv", "out.csv", "out.livefan.json", "out.mkv")
    ]


@pytest.mark.parametrize("state", ["reading", "measuring"])
def test_standard_input_of_a_running_annotation_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
):
    outputs = Outputs(tmp_path / "out")
    outputs.work.mkdir()
    copy, journal = outputs.work / "standard-input", outputs.work / "journal.sqlite"
    copy.write_bytes(b"read by the other")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"new")))
    with reserved(journal) if state == "reading" else Journal(journal, "other"):
        with pytest.raises(StoppedError, match="another livefan is at work on this output"):
            annotate("-", outputs)
        assert copy.read_bytes() == b"read by the other"

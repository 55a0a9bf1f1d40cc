import csv
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from livefan.annotate import annotate
from livefan.errors import LivefanError
from livefan.frame import Face, Frame
from livefan.overlay import OverlayStyle, draw_faces
from livefan.pipeline import Pipeline
from livefan.scheme import IBUG_68
from livefan.sinks import CsvSink, ImageSink, VideoSink


def write_clip(path: Path, pictures: list[np.ndarray], times: list[float]) -> None:
    with VideoSink(path) as sink:
        for picture, time in zip(pictures, times, strict=True):
            sink.write(picture, time)


def read_clip(path: Path) -> tuple[list[np.ndarray], list[float]]:
    with av.open(str(path)) as container:
        decoded = list(container.decode(video=0))
    return [frame.to_ndarray(format="bgr24") for frame in decoded], [frame.time for frame in decoded]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def face() -> Face:
    points = np.random.default_rng(0).uniform(40, 90, (68, 2))
    box = np.concatenate([points.min(axis=0), points.max(axis=0)])
    return Face(3, box, points, np.linspace(0, 1, 68))


def test_a_video_keeps_every_frame_and_its_uneven_times(tmp_path: Path):
    times = [0.0, 0.04, 0.05, 0.3, 0.35, 1.0]
    pictures = [np.full((48, 64, 3), 40 * i, np.uint8) for i in range(6)]
    write_clip(tmp_path / "clip.mp4", pictures, times)
    read, read_times = read_clip(tmp_path / "clip.mp4")
    assert read_times == pytest.approx(times, abs=1e-4)
    assert [int(picture.mean()) for picture in read] == pytest.approx([40 * i for i in range(6)], abs=4)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_odd_sizes_grow_by_a_row_of_black(tmp_path: Path, suffix: str):
    path = tmp_path / f"odd{suffix}"
    write_clip(path, [np.full((33, 47, 3), 200, np.uint8)] * 3, [0, 0.1, 0.2])
    read, _ = read_clip(path)
    assert read[0].shape == (34, 48, 3)
    assert abs(int(read[0][:32, :46].mean()) - 200) < 6


def test_frames_of_another_size_are_fitted(tmp_path: Path):
    pictures = [np.full((48, 64, 3), 200, np.uint8), np.full((100, 40, 3), 200, np.uint8)]
    write_clip(tmp_path / "clip.mp4", pictures, [0, 0.1])
    read, _ = read_clip(tmp_path / "clip.mp4")
    assert read[1].shape == (48, 64, 3)
    assert read[1][:, 28:36].mean() > 180
    assert read[1][:, :20].mean() < 20


def test_an_interrupted_output_leaves_nothing_and_keeps_what_was_there(tmp_path: Path, face: Face):
    class StoppedError(Exception):
        pass

    video, table, image = tmp_path / "v.mp4", tmp_path / "t.csv", tmp_path / "i.png"
    table.write_text("before")
    with (  # noqa: PT012
        pytest.raises(StoppedError),
        VideoSink(video) as pictures,
        CsvSink(table, IBUG_68) as out,
    ):
        pictures.write(np.zeros((32, 32, 3), np.uint8), 0.0)
        out.write(Frame(np.zeros((32, 32, 3), np.uint8), 0, 0.0, 0.0), [face])
        raise StoppedError
    with pytest.raises(StoppedError), ImageSink(image):
        raise StoppedError
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]
    assert table.read_text() == "before"


def test_an_output_without_a_single_frame_is_an_error(tmp_path: Path):
    for sink in (VideoSink(tmp_path / "v.mp4"), ImageSink(tmp_path / "i.png")):
        with pytest.raises(LivefanError, match="no frames"), sink:
            pass
    assert not list(tmp_path.iterdir())


def test_the_table_has_a_row_for_every_face_and_for_a_frame_without_one(tmp_path: Path, face: Face):
    picture = np.zeros((8, 8, 3), np.uint8)
    with CsvSink(tmp_path / "t.csv", IBUG_68) as table:
        table.write(Frame(picture, 0, 0.0, 0.0), [face, face])
        table.write(Frame(picture, 1, 0.0, 1 / 24), [])
    first, second, empty = rows(tmp_path / "t.csv")
    assert (first["frame"], first["face_id"], empty["frame"]) == ("0", "3", "1")
    assert first == second
    assert empty["time_s"] == "0.041667"
    assert set(empty.values()) == {"1", "0.041667", ""}
    assert float(first["jaw_8_x"]) == pytest.approx(face.points_px[8, 0], abs=6e-4)
    assert float(first["inner_lip_7_confidence"]) == 1.0
    assert len(first) == 7 + 3 * 68


def test_the_overlay_is_drawn_at_the_landmarks(face: Face):
    image = np.zeros((130, 130, 3), np.uint8)
    draw_faces(image, [face], IBUG_68, OverlayStyle(outlines=False, boxes=False, ids=False))
    for x, y in face.points_px:
        assert image[round(y), round(x)].any()
    far = np.ones((130, 130), bool)
    for x, y in face.points_px:
        far[max(0, int(y) - 4) : int(y) + 6, max(0, int(x) - 4) : int(x) + 6] = False
    assert not image[far].any()


def test_each_part_of_the_overlay_can_be_left_out(face: Face):
    def drawn(**style: bool) -> int:
        image = np.zeros((130, 130, 3), np.uint8)
        draw_faces(image, [face], IBUG_68, OverlayStyle(**style))
        return int((image > 0).any(axis=2).sum())

    nothing = {"outlines": False, "points": False, "boxes": False, "ids": False}
    assert drawn(**nothing) == 0
    assert all(drawn(**(nothing | {part: True})) > 20 for part in nothing)


def test_a_face_partly_or_wholly_outside_the_image_is_drawn_without_error(face: Face):
    for shift in (-70.0, 1e6, -1e9):
        away = Face(1, face.box_px + shift, face.points_px + shift, face.confidence)
        draw_faces(np.zeros((60, 60, 3), np.uint8), [away], IBUG_68)


def test_a_clip_becomes_a_video_and_a_table(tmp_path: Path, pipeline: Pipeline, photo: np.ndarray):
    blank = np.full_like(photo, 90)
    times = [0.0, 0.05, 0.2, 0.21]
    write_clip(tmp_path / "in.mp4", [photo, photo, blank, photo], times)
    done = annotate(tmp_path / "in.mp4", tmp_path / "out.mp4", tmp_path / "out.csv", pipeline, quiet=True)
    assert (done.n_frames, done.n_with_face, done.problems) == (4, 3, [])
    read, read_times = read_clip(tmp_path / "out.mp4")
    assert read_times == pytest.approx(times, abs=1e-4)
    assert np.abs(read[0].astype(int) - photo).mean() > 0.5  # something was drawn
    assert np.abs(read[2].astype(int) - blank).mean() < 3  # nothing was drawn
    table = rows(tmp_path / "out.csv")
    assert [row["face_id"] for row in table] == ["1", "1", "", "1"]
    assert [float(row["time_s"]) for row in table] == pytest.approx(times, abs=1e-4)


def test_an_image_becomes_an_image(tmp_path: Path, pipeline: Pipeline, photo: np.ndarray):
    cv2.imwrite(str(tmp_path / "in.png"), photo)
    annotate(tmp_path / "in.png", tmp_path / "out.png", tmp_path / "out.csv", pipeline, quiet=True)
    assert cv2.imread(str(tmp_path / "out.png")).shape == photo.shape
    (row,) = rows(tmp_path / "out.csv")
    (face,) = pipeline.process_image(photo)
    assert float(row["nose_bridge_3_x"]) == pytest.approx(face.points_px[30, 0], abs=1e-2)


def test_no_face_at_all_is_reported_and_the_rows_are_there(tmp_path: Path, pipeline: Pipeline):
    cv2.imwrite(str(tmp_path / "in.png"), np.full((90, 90, 3), 128, np.uint8))
    done = annotate(tmp_path / "in.png", tmp_path / "out.png", tmp_path / "out.csv", pipeline, quiet=True)
    assert "no face" in done.problems[0]
    assert len(rows(tmp_path / "out.csv")) == 1


def test_outputs_that_cannot_be_are_refused_before_any_work(
    tmp_path: Path, pipeline: Pipeline, photo: np.ndarray
):
    source = tmp_path / "in.png"
    cv2.imwrite(str(source), photo)
    taken = tmp_path / "taken.png"
    taken.write_bytes(b"precious")
    for output, table, said in (
        (source, tmp_path / "t.csv", "is the input"),
        (taken, tmp_path / "t.csv", "--overwrite"),
        (tmp_path / "same.png", tmp_path / "same.png", "different names"),
        (tmp_path / "out.xyz", tmp_path / "t.csv", "end the name"),
        (tmp_path / "none" / "out.png", tmp_path / "t.csv", "no such folder"),
    ):
        with pytest.raises(LivefanError, match=said):
            annotate(source, output, table, pipeline, quiet=True)
    assert taken.read_bytes() == b"precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.png", "taken.png"]


def test_several_frames_do_not_fit_an_image(tmp_path: Path, pipeline: Pipeline, photo: np.ndarray):
    write_clip(tmp_path / "in.mp4", [photo] * 2, [0, 0.1])
    with pytest.raises(LivefanError, match="several frames"):
        annotate(tmp_path / "in.mp4", tmp_path / "out.png", tmp_path / "out.csv", pipeline, quiet=True)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]

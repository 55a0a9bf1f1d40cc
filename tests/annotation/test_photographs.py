"""Images that are no recording: each is annotated by itself, and named in every format."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import moved, shrunk

import livefan
from livefan.annotation.annotate import annotate
from livefan.annotation.outputs import Outputs
from livefan.annotation.settings import AnnotationSettings
from livefan.cli.main import main
from livefan.core.errors import LivefanError
from livefan.core.landmarks import IBUG_68
from livefan.core.resources import DEFAULT_WEIGHTS
from livefan.formats.registry import SUFFIXES

NAMES = ["1, a.jpg", "2.png", "10.jpg"]


@pytest.fixture
def album(tmp_path: Path, photo: np.ndarray) -> Path:
    """A folder of three photographs of different sizes, and a broken one."""
    folder = tmp_path / "album"
    folder.mkdir()
    small = shrunk(photo, 320, 240)
    for name, image in zip(NAMES, (small, cv2.flip(small, 1), moved(small, 9)[:, 20:]), strict=True):
        (folder / name).write_bytes(cv2.imencode(Path(name).suffix, image)[1].tobytes())
    (folder / "5.jpg").write_bytes(b"not a jpeg")
    return folder


def test_each_photograph_is_measured_by_itself(tmp_path: Path, album: Path, pipeline: livefan.Pipeline):
    done = annotate(album, Outputs(tmp_path / "out", None), AnnotationSettings(DEFAULT_WEIGHTS))
    table = livefan.load_annotations(tmp_path / "out.csv")
    assert (done.n_frames, done.n_faces) == (3, 3)
    assert table["track_id"].to_pylist() == [1, 2, 3]
    assert table["damage"].to_pylist() == ["", "", ""]
    for row, name in enumerate(NAMES):
        image = cv2.imdecode(np.fromfile(album / name, np.uint8), cv2.IMREAD_COLOR)
        (face,) = pipeline.process_image(image)
        chin_x, raw_x = (table[f"{IBUG_68.point_names[8]}_{part}"][row].as_py() for part in ("x", "raw_x"))
        assert chin_x == pytest.approx(face.points_px[8, 0], abs=0.51)
        assert chin_x == raw_x
        assert (table["frame_width"][row].as_py(), table["frame_height"][row].as_py()) == image.shape[1::-1]


def test_every_format_names_every_photograph(tmp_path: Path, album: Path):
    annotate(album, Outputs(tmp_path / "out", None, SUFFIXES))
    for suffix in SUFFIXES:
        table = livefan.load_annotations(tmp_path / f"out{suffix}")
        assert table["image"].to_pylist() == NAMES, suffix
    coco = json.loads((tmp_path / "out.coco.json").read_text())
    assert [image["file_name"] for image in coco["images"]] == NAMES


def test_broken_photograph_is_listed_and_not_the_end(
    tmp_path: Path, album: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["annotate", str(album), "-o", str(tmp_path / "out.csv")]) == 2
    assert "album/5.jpg: not an image, or damaged" in capsys.readouterr().err
    assert len(livefan.load_annotations(tmp_path / "out.csv")) == 3


@pytest.mark.slow
def test_folder_as_output_gets_a_row_and_a_picture_for_each(
    tmp_path: Path, album: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "out").mkdir()
    assert main(["annotate", str(album), "-o", str(tmp_path / "out"), "--jobs", "1"]) == 2
    rows = capsys.readouterr().out.splitlines()[1:]
    assert [row.split("  ")[0] for row in rows] == ["1, a.jpg", "2.png", "5.jpg", "10.jpg"]
    assert rows[2].endswith("failed")
    pictures = sorted(path.name for path in (tmp_path / "out").glob("*.png"))
    assert pictures == ["1, a.png", "10.png", "2.png"]


def test_several_images_go_into_one_table(tmp_path: Path, album: Path):
    given = [str(album / name) for name in NAMES[:2]]
    assert main(["annotate", *given, "-o", str(tmp_path / "two.csv")]) == 0
    table = livefan.load_annotations(tmp_path / "two.csv")
    assert table["image"].to_pylist() == NAMES[:2]
    assert set(table["recording"].to_pylist()) == {"album"}


def test_sequence_is_one_recording(tmp_path: Path, album: Path):
    (album / "5.jpg").unlink()
    assert main(["annotate", str(album), "-o", str(tmp_path / "out.csv"), "--sequence"]) == 0
    table = livefan.load_annotations(tmp_path / "out.csv")
    assert table["image"].to_pylist() == NAMES
    assert table["time_s"].to_pylist() == pytest.approx([0, 0.04, 0.08])


def test_stopped_photographs_continue_with_new_tracks(tmp_path: Path, album: Path):
    outputs = Outputs(tmp_path / "out", None)

    def stop(done: int, seconds: float, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        annotate(album, outputs, on_progress=stop)
    annotate(album, outputs)
    assert livefan.load_annotations(tmp_path / "out.csv")["track_id"].to_pylist() == [1, 2, 3]


def test_photographs_are_shown_in_a_video(tmp_path: Path, album: Path):
    outputs = Outputs(tmp_path / "out", ".mp4")
    annotate(album, outputs, AnnotationSettings())
    with livefan.open_source(tmp_path / "out.mp4") as source:
        assert [frame.source_time for frame in source] == pytest.approx([0, 2, 6])
        assert source.duration == pytest.approx(8, abs=0.1)


def test_folder_of_points_that_holds_the_input_is_not_replaced(tmp_path: Path, small: np.ndarray):
    picture = tmp_path / "faces.pts" / "a.png"
    picture.parent.mkdir()
    cv2.imwrite(str(picture), small)
    with pytest.raises(LivefanError, match="holds the input"):
        annotate(picture, Outputs(tmp_path / "faces", None, (".pts",)), overwrite=True)
    assert picture.is_file()

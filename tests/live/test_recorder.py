"""Recorder: the video, its timestamps, and its data files."""

import errno
import json
import threading
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from clips import moved, read_pictures
from waiting import PATIENCE_S, wait_for

import livefan
from livefan.core.errors import LivefanError
from livefan.core.frame import Face, Frame
from livefan.core.landmarks import IBUG_68
from livefan.io.video_writer import VideoWriter
from livefan.live import recorder as recording
from livefan.live.recorder import Recorded, Recorder
from livefan.live.result import Result
from livefan.tracking.model_spec import ModelChoice
from livefan.tracking.pipeline import Pipeline

MEDIAPIPE = ModelChoice("mediapipe")


def result_of(image: np.ndarray, index: int, seconds: float, epoch: int = 0, faces=()) -> Result:
    frame = Frame(image, index, 0.0, seconds)
    return Result(frame, list(faces), IBUG_68, "a model", "openvino int8", 0.5, 0.0, 0.01, 0.0, epoch)


class Ends:
    """Keeps the arguments of ``on_end``."""

    def __init__(self) -> None:
        self.values: list[Recorded | LivefanError] = []

    def __call__(self, end: Recorded | LivefanError) -> None:
        self.values.append(end)


def record(path: Path, results: list[Result], model: ModelChoice | None = None) -> Recorded | LivefanError:
    ends = Ends()
    recorder = Recorder(path, model=model, on_end=ends)
    recorder.start()
    for result in results:
        # Otherwise a slow encoder would drop frames; the queue has no public length.
        wait_for(lambda: recorder._waiting.qsize() < recording.MAX_WAITING)
        recorder.add(result, result.frame.image)
    recorder.stop()
    recorder.join(PATIENCE_S)
    (end,) = ends.values
    return end


def test_every_frame_is_in_the_video_at_its_own_time(tmp_path: Path, photo: np.ndarray):
    times = [5.0, 5.04, 5.08, 5.5, 5.52, 7.0]
    results = [result_of(moved(photo, 4 * n), n, at) for n, at in enumerate(times)]
    end = record(tmp_path / "a.mp4", results)
    assert end == Recorded(tmp_path / "a.mp4", 6, pytest.approx(2.0), 0)
    pictures, seen_at = read_pictures(tmp_path / "a.mp4")
    assert [float(at) for at in seen_at] == pytest.approx([at - 5.0 for at in times], abs=1e-4)
    for picture, result in zip(pictures, results, strict=True):
        assert np.abs(picture.astype(int) - result.frame.image).mean() < 4
    assert list(tmp_path.iterdir()) == [tmp_path / "a.mp4"]


def test_jump_in_the_source_is_cut_out(tmp_path: Path, photo: np.ndarray):
    places = [(0, 10.0), (0, 10.04), (1, 2.0), (1, 2.04), (2, 50.0)]
    recorder = Recorder(tmp_path / "a.mkv")
    recorder.start()
    for n, (epoch, at) in enumerate(places):
        recorder.add(result_of(photo, n, at, epoch), photo)
    cut = 0.04 + 1 / 30
    wait_for(lambda: recorder.seconds == pytest.approx(2 * cut, abs=2e-3))
    recorder.stop()
    recorder.join(PATIENCE_S)
    _, seen_at = read_pictures(tmp_path / "a.mkv")
    assert [float(at) for at in seen_at] == pytest.approx([0, 0.04, cut, cut + 0.04, 2 * cut], abs=2e-3)


def test_data_files_are_an_annotation_of_the_video(tmp_path: Path, photo: np.ndarray, pipeline: Pipeline):
    images = [photo, moved(photo, 6), np.zeros_like(photo), photo]
    results = []
    for n, image in enumerate(images):
        faces = pipeline.process(Frame(image, n, 0.0, n * 0.04))
        results.append(result_of(image, n + 100, 3 + n * 0.04, faces=faces))
    end = record(tmp_path / "clean.mp4", results, ModelChoice())
    assert isinstance(end, Recorded)
    table = livefan.load_annotations(tmp_path / "clean.csv").to_pydict()
    assert table["frame"] == [0, 1, 2, 3]
    assert table["found"] == ["forwards", "forwards", None, "forwards"]
    _, seen_at = read_pictures(tmp_path / "clean.mp4")
    assert table["time_s"] == pytest.approx([float(at) for at in seen_at], abs=1e-6)
    for row, result in ((0, results[0]), (1, results[1])):
        (face,) = result.faces
        name = IBUG_68.point_names[36]
        assert table[f"{name}_x"][row] == pytest.approx(face.points_px[36, 0], abs=1e-3)
        assert face.raw_points_px is not None
        assert table[f"{name}_raw_y"][row] == pytest.approx(face.raw_points_px[36, 1], abs=1e-3)
        assert abs(table["yaw_deg"][row]) < 30
    assert table[f"{name}_x"][2] is None
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "clean.csv",
        "clean.livefan.json",
        "clean.mp4",
    ]


def test_data_of_a_model_without_confidence_has_nulls(tmp_path: Path, photo: np.ndarray, face: Face):
    unsure = replace(face, confidence=np.full(68, np.nan), sigma_px=None)
    record(tmp_path / "a.mp4", [result_of(photo, n, n * 0.04, faces=[unsure]) for n in range(2)], MEDIAPIPE)
    table = livefan.load_annotations(tmp_path / "a.csv").to_pydict()
    assert table["jaw_0_confidence"] == [None, None]
    assert table["jaw_0_x"][0] == pytest.approx(face.points_px[0, 0], abs=1e-3)
    model = json.loads((tmp_path / "a.livefan.json").read_text())["model"]
    assert (model["weights"], model["architecture"]) == ("mediapipe", "foreign")
    assert len(model["sha256"]) == 64


def test_frames_beyond_the_queue_are_dropped_and_counted(
    tmp_path: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    go_on = threading.Event()
    write = VideoWriter.write
    monkeypatch.setattr(VideoWriter, "write", lambda *args: (go_on.wait(PATIENCE_S), write(*args)))
    ends = Ends()
    recorder = Recorder(tmp_path / "a.mp4", on_end=ends)
    recorder.start()
    recorder.add(result_of(photo, 0, 0.0), photo)
    wait_for(lambda: recorder._waiting.qsize() == 0)  # the encoder has the first frame
    for n in range(1, recording.MAX_WAITING + 8):
        recorder.add(result_of(photo, n, n * 0.04), photo)
    recorder.stop()
    go_on.set()
    recorder.join(PATIENCE_S)
    (end,) = ends.values
    assert isinstance(end, Recorded)
    assert (end.n_frames, end.left_out) == (recording.MAX_WAITING + 1, 7)


def test_full_disk_gives_a_one_line_error_and_leaves_no_file(
    tmp_path: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    write = VideoWriter.write

    def until_full(writer: VideoWriter, image: np.ndarray, at: float) -> None:
        if at > 0.1:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(writer, image, at)

    monkeypatch.setattr(VideoWriter, "write", until_full)
    end = record(tmp_path / "a.mp4", [result_of(photo, n, n * 0.04) for n in range(8)], ModelChoice())
    assert isinstance(end, LivefanError)
    assert "a.mp4" in str(end)
    assert "No space left" in str(end)
    assert "\n" not in str(end)
    assert list(tmp_path.iterdir()) == []


def test_unexpected_exception_ends_the_recording_with_an_error(
    tmp_path: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    def fail(writer: VideoWriter, image: np.ndarray, at: float) -> None:
        raise ValueError("odd size")

    monkeypatch.setattr(VideoWriter, "write", fail)
    end = record(tmp_path / "a.mp4", [result_of(photo, 0, 0.0)], ModelChoice())
    assert isinstance(end, LivefanError)
    assert str(end) == f"{tmp_path}/a.mp4: cannot be written (internal error: ValueError: odd size)"
    assert list(tmp_path.iterdir()) == []


def test_recording_without_frames_is_an_error(tmp_path: Path):
    end = record(tmp_path / "a.mp4", [])
    assert "play the source" in str(end)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.avi", "a.png", "a", "none/a.mp4", "folder.mp4"])
def test_unwritable_path_is_an_error_at_the_start(tmp_path: Path, name: str):
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(LivefanError, match=str(tmp_path)):
        Recorder(tmp_path / name)


def test_existing_data_files_are_not_replaced(tmp_path: Path):
    (tmp_path / "a.csv").write_text("mine")
    with pytest.raises(LivefanError, match=r"a\.csv: exists already"):
        Recorder(tmp_path / "a.mp4", model=ModelChoice())


def test_recording_without_data_leaves_existing_data_files_alone(tmp_path: Path, photo: np.ndarray):
    data = [tmp_path / "a.csv", tmp_path / "a.livefan.json"]
    for path in data:
        path.write_text("mine")
    assert isinstance(record(tmp_path / "a.mp4", [result_of(photo, 0, 0.0)]), Recorded)
    assert [path.read_text() for path in data] == ["mine", "mine"]
    with pytest.raises(LivefanError, match=r"a\.mp4: exists already; choose another name"):
        Recorder(tmp_path / "a.mp4")


@pytest.mark.slow
def test_unfinished_video_can_be_played(tmp_path: Path, photo: np.ndarray):
    """A crash loses the last group of pictures only."""
    writer = VideoWriter(tmp_path / "a.mp4", fragmented=True)
    with pytest.raises(KeyboardInterrupt), writer:  # noqa: PT012
        for n in range(600):
            writer.write(photo[::4, ::4], n / 30)
        (partial,) = tmp_path.iterdir()
        with av.open(str(partial)) as container:
            n_frames = sum(1 for _ in container.decode(video=0))
        raise KeyboardInterrupt
    assert n_frames >= 250


@pytest.mark.parametrize("neutral", [True, False])
def test_metadata_state_whether_expressions_are_measured_from_neutral_ones(
    neutral: bool, tmp_path: Path, photo: np.ndarray
):
    results = [replace(result_of(photo, n, n * 0.04), neutral=neutral and n > 0) for n in range(2)]
    record(tmp_path / "a.mp4", results, MEDIAPIPE)
    assert json.loads((tmp_path / "a.livefan.json").read_text())["neutral"] is neutral

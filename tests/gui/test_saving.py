"""Tests of snapshots and recordings."""

import errno
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import av
import cv2
import numpy as np
import pytest
from PyQt6.QtCore import QObject, pyqtSignal
from PyQt6.QtGui import QDesktopServices
from PyQt6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from windows import RAW, Driven, full_size, index, paused_at_end, shows

import livefan
from livefan.core.frame import Face, Frame
from livefan.core.landmarks import IBUG_68
from livefan.gui.action_context import Action, ActionContext
from livefan.gui.actions.saving import CopyPicture, Record, Snapshot
from livefan.gui.messages import Messages
from livefan.gui.recordings import RecordingKind, Recordings
from livefan.gui.session_config import CliOverrides
from livefan.gui.start_up import StartUp
from livefan.gui.view import FrameView
from livefan.io.video_writer import VideoWriter
from livefan.live.recorder import Recorded
from livefan.live.result import Result
from livefan.live.view_state import Layout, View
from livefan.tracking.model_spec import ModelChoice


class Pictures(QObject):
    painted = pyqtSignal()


def test_only_picture_of_a_photograph_is_saved_and_copied(qtbot: QtBot, tmp_path: Path):
    ran: list[Action] = []
    pictures = Pictures()
    player = SimpleNamespace(running=True, pictures=pictures, view=View(), messages=Messages())
    context = cast(ActionContext, SimpleNamespace(player=player, run=ran.append))
    view = SimpleNamespace(result=None, layout_shown=None)
    overrides = CliOverrides(source="a.png", snapshot=tmp_path / "b.png", copy=True)
    start_up = StartUp(context, cast(FrameView, view), overrides)
    start_up.run()
    assert ran == []
    view.result, view.layout_shown = object(), Layout.SINGLE
    pictures.painted.emit()
    assert [type(action) for action in ran] == [Snapshot, CopyPicture]


class InThisThread:
    """A thread that runs within :meth:`start`."""

    def __init__(self, target: Callable[[], None], **how: object) -> None:
        self.start = target

    def join(self, timeout: float | None = None) -> None:
        pass


def test_end_waits_for_every_recording(
    qtbot: QtBot, photo: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write = VideoWriter.write

    def write_slowly(writer: VideoWriter, image: np.ndarray, source_time: float) -> None:
        if writer.path.stem == "first":
            time.sleep(0.1)
        write(writer, image, source_time)

    monkeypatch.setattr(VideoWriter, "write", write_slowly)
    recordings = Recordings()
    for name in ("first", "second"):
        recordings.start(tmp_path / f"{name}.mp4", RecordingKind.CLEAN, ModelChoice())
        for captured_at in range(5):
            frame = Frame(photo, captured_at=captured_at, source_time=captured_at)
            recordings.add_result(Result(frame, [], IBUG_68, "", "", 0.5, 0.0, 0.0, captured_at))
    recordings.stop()
    recordings.join()
    assert {path.stem for path in tmp_path.glob("*.mp4")} == {"first", "second"}


def test_recording_that_fails_at_once_ends_with_an_error(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(path: Path, **how: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("livefan.live.recorder.VideoWriter", full)
    monkeypatch.setattr("livefan.live.recorder.threading", SimpleNamespace(Thread=InThisThread))
    recordings, errors = Recordings(), []
    recordings.error.connect(errors.append)
    recordings.start(tmp_path / "a.mp4", RecordingKind.SHOWN, RAW)
    assert recordings.kind is None
    assert len(errors) == 1
    assert "No space left" in errors[0]


@pytest.mark.parametrize(
    ("n_frames", "left_out", "text"),
    [
        (1, 0, "(1 frame, 0.5 s)"),
        (12, 0, "(12 frames, 0.5 s)"),
        (12, 1, "(12 frames, 0.5 s, 1 frame dropped)"),
        (1, 3, "(1 frame, 0.5 s, 3 frames dropped)"),
    ],
)
def test_message_of_a_recording_counts_its_frames(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_frames: int, left_out: int, text: str
):
    path, messages = tmp_path / "a.mp4", []

    class Ended:
        """A recorder that ends at once."""

        def __init__(self, path: Path, *, on_end: Callable[[Recorded], None], **how: object) -> None:
            self.start = lambda: on_end(Recorded(path, n_frames, 0.5, left_out))
            self.stop = lambda: None

    monkeypatch.setattr("livefan.gui.recordings.Recorder", Ended)
    recordings = Recordings()
    recordings.saved.connect(lambda path, message: messages.append(message))
    recordings.start(path, RecordingKind.SHOWN, RAW)
    assert messages == [f"Recorded {path} {text}"]


class TestSaving:
    def test_place_that_cannot_be_written_is_named_with_the_mend(self, drive: Driven, tmp_path: Path):
        (tmp_path / "file").touch()
        window = drive.open()
        frame = Frame(np.zeros((8, 8, 3), np.uint8))
        window.player.pictures.painter.see_first(Result(frame, [], IBUG_68, "", "", 0.0, 0.0, 0.0, 0.0))
        for action, message in (
            (Snapshot(tmp_path / "file/a/b.png"), "Snapshot not saved"),
            (Record(RecordingKind.SHOWN, path=tmp_path / "file/a/b.mp4"), "Cannot record"),
        ):
            window.context.run(action)
            drive.until(lambda message=message: window.player.messages.shown.text.startswith(message))
            text = window.player.messages.shown.text
            assert text.startswith(f"{message}: {tmp_path / 'file'}")
            assert text.endswith("; check the place, its permissions and free space")

    @pytest.mark.slow
    def test_snapshot_is_the_picture_on_the_screen(self, drive: Driven, images: Path, photo: np.ndarray):
        window = drive.open()
        window.context.run(Snapshot())
        assert window.status_bar.message.text() == "Nothing to save: no picture is shown."
        window.player.watch(str(images))
        drive.until(lambda: shows(window) and window.player.paused)
        drive.until(window.controls.snapshot.isEnabled)
        window.controls.snapshot.trigger()
        drive.until(lambda: "Saved" in window.status_bar.message.text())
        (path,) = drive.pictures.iterdir()
        saved = cv2.imread(str(path))
        assert saved.shape == photo.shape
        assert np.array_equal(saved, full_size(window))
        assert str(path) in window.status_bar.message.text()

    @pytest.mark.slow
    def test_picture_is_copied_to_the_clipboard(self, drive: Driven, images: Path, photo: np.ndarray):
        window = paused_at_end(drive, images)
        QApplication.clipboard().clear()
        drive.until(window.controls.copy.isEnabled)
        window.controls.copy.trigger()
        drive.until(lambda: not QApplication.clipboard().image().isNull())
        copied = QApplication.clipboard().image()
        assert (copied.width(), copied.height()) == (photo.shape[1], photo.shape[0])

    @pytest.mark.slow
    def test_saved_picture_flashes_and_its_folder_opens(
        self, drive: Driven, images: Path, monkeypatch: pytest.MonkeyPatch
    ):
        opened: list[str] = []
        monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
        window = paused_at_end(drive, images)
        button = window.status_bar.show_in_folder
        assert not button.isVisible()
        drive.until(window.controls.snapshot.isEnabled)
        before = window.view.grab().toImage().pixelColor(5, 5)
        window.controls.snapshot.trigger()
        assert window.view.grab().toImage().pixelColor(5, 5).lightness() > before.lightness() + 50
        drive.until(button.isVisible)
        drive.until(lambda: window.view.grab().toImage().pixelColor(5, 5) == before)
        button.click()
        assert opened == [str(drive.pictures)]
        beside_controls = window.transport.show_in_folder
        assert beside_controls.isHidden()
        window.controls.full_screen.trigger()  # which hides the status bar
        assert not beside_controls.isHidden()
        beside_controls.click()
        assert opened == 2 * [str(drive.pictures)]
        window.controls.full_screen.trigger()
        assert beside_controls.isHidden()
        window.player.messages.status.emit("another message")
        assert not button.isHidden()
        window.controls.home.trigger()
        assert button.isHidden()

    @pytest.mark.slow
    def test_one_press_records_the_picture_as_shown(self, drive: Driven, clip: Path):
        window = drive.open(source=str(clip))
        drive.until(lambda: shows(window))
        before = window.view.width()
        window.controls.record_shown.trigger()
        assert window.controls.record_shown.isChecked()
        at = index(window)
        drive.until(lambda: index(window) > at + 10)
        drive.until(lambda: window.transport.recording.text().startswith("● 0:"))
        window.controls.record_shown.trigger()
        assert not window.controls.record_shown.isChecked()
        drive.until(lambda: "Recorded" in window.status_bar.message.text())
        drive.until(lambda: not window.transport.recording.isVisible())
        (path,) = drive.videos.iterdir()
        with av.open(str(path)) as container:
            pictures = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
        assert len(pictures) > 1  # a slow machine does not draw every frame
        widths_px = np.array([before, window.view.width()]) * window.view.devicePixelRatioF()
        assert abs(widths_px - pictures[0].shape[1]).min() <= 1  # it may become wider as its labels appear

    @pytest.mark.slow
    def test_clean_video_is_recorded_with_its_landmarks(self, drive: Driven, clip: Path):
        window = drive.open(source=str(clip))
        drive.until(lambda: shows(window))
        window.controls.record_clean.trigger()
        assert window.controls.record_clean.isChecked()
        at = index(window)
        drive.until(lambda: index(window) > at + 10)
        window.controls.stop.trigger()
        drive.until(lambda: "Recorded" in window.status_bar.message.text())
        (video,) = drive.videos.glob("*.mp4")
        table = livefan.load_annotations(video.with_suffix(".csv")).to_pydict()
        with av.open(str(video)) as container:
            assert sum(1 for _ in container.decode(video=0)) == len(set(table["frame"]))

    def test_paused_frame_that_is_processed_again_is_recorded_once(
        self, qtbot: QtBot, photo: np.ndarray, face: Face, tmp_path: Path
    ):
        recordings = Recordings()
        recordings.start(tmp_path / "a.mp4", RecordingKind.CLEAN, ModelChoice())
        for captured_at in (1.0, 1.0, 1.1):
            frame = Frame(photo, captured_at=captured_at)
            recordings.add_result(Result(frame, [face], IBUG_68, "", "", 0.5, 0.0, 0.0, captured_at))
        with qtbot.waitSignal(recordings.saved):
            recordings.stop()
        assert len(livefan.load_annotations(tmp_path / "a.csv").to_pydict()["frame"]) == 2

    def test_recording_to_unsupported_file_shows_a_message(self, drive: Driven, clip: Path, tmp_path: Path):
        window = drive.open(source=str(clip), record=tmp_path / "seen.avi")
        assert "seen.avi" in window.status_bar.message.text()
        assert window.player.recordings.kind is None

    @pytest.mark.slow
    def test_closing_finishes_the_recording(self, drive: Driven, clip: Path, tmp_path: Path):
        window = drive.open(source=str(clip), record=tmp_path / "seen.mp4")
        drive.until(lambda: index(window) > 10)
        window.close()
        with av.open(str(tmp_path / "seen.mp4")) as container:
            assert sum(1 for _ in container.decode(video=0)) > 5

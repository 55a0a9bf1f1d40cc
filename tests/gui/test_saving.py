"""Tests of snapshots and recordings."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PyQt6.QtWidgets import QApplication, QFileDialog, QMessageBox
from windows import Driven, full_size, index, paused_at_end, shows

import livefan
from livefan.gui.actions.saving import Snapshot
from livefan.gui.recordings import RecordingKind


class TestSaving:
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

    def test_picture_is_copied_to_the_clipboard(self, drive: Driven, images: Path, photo: np.ndarray):
        window = paused_at_end(drive, images)
        QApplication.clipboard().clear()
        drive.until(window.controls.copy.isEnabled)
        window.controls.copy.trigger()
        drive.until(lambda: not QApplication.clipboard().image().isNull())
        copied = QApplication.clipboard().image()
        assert (copied.width(), copied.height()) == (photo.shape[1], photo.shape[0])

    def test_picture_as_shown_is_recorded(
        self, drive: Driven, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        path = tmp_path / "seen.mp4"
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args, **more: (str(path), ""))
        window = drive.open(source=str(clip))
        drive.until(lambda: shows(window))
        window.controls.record_shown.trigger()
        assert window.controls.record_shown.isChecked()
        at = index(window)
        drive.until(lambda: index(window) > at + 20)
        drive.until(lambda: "recording" in window.status_bar.figures.text())
        window.controls.record_shown.trigger()
        assert not window.controls.record_shown.isChecked()
        drive.until(lambda: "Recorded" in window.status_bar.message.text())
        with av.open(str(path)) as container:
            pictures = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
        assert len(pictures) > 10
        assert abs(pictures[0].shape[1] - window.view.width() * window.view.devicePixelRatioF()) <= 1

    def test_clean_video_is_recorded_with_its_landmarks(
        self, drive: Driven, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(
            QFileDialog, "getSaveFileName", lambda *args, **more: (str(tmp_path / "clean.mp4"), "")
        )
        window = drive.open(source=str(clip))
        drive.until(lambda: shows(window))
        window.controls.record_clean.trigger()
        assert window.controls.record_clean.isChecked()
        at = index(window)
        drive.until(lambda: index(window) > at + 20)
        window.controls.stop.trigger()
        drive.until(lambda: "Recorded" in window.status_bar.message.text())
        table = livefan.load_annotations(tmp_path / "clean.csv").to_pydict()
        with av.open(str(tmp_path / "clean.mp4")) as container:
            assert sum(1 for _ in container.decode(video=0)) == len(set(table["frame"]))

    @pytest.mark.parametrize("there", [["a.csv"], ["a.livefan.json"], ["a.csv", "a.livefan.json"]])
    def test_data_files_are_replaced_after_confirmation_only(
        self, drive: Driven, clip: Path, tmp_path: Path, there: list[str], monkeypatch: pytest.MonkeyPatch
    ):
        answers = {"no": QMessageBox.StandardButton.No, "yes": QMessageBox.StandardButton.Yes}
        asked: list[str] = []
        video = tmp_path / "a.mp4"
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args, **more: (str(video), ""))
        monkeypatch.setattr(
            QMessageBox, "question", lambda window, title, text, *more: asked.append(text) or answers[answer]
        )
        for name in there:
            (tmp_path / name).write_text("mine")
        window = drive.open(source=str(clip), loop=True)
        drive.until(lambda: shows(window))
        answer = "no"
        window.controls.record_clean.trigger()
        assert " and ".join(there) in asked[0]
        assert not window.player.recording
        assert not window.controls.record_clean.isChecked()
        answer = "yes"
        window.controls.record_clean.trigger()
        assert window.player.recording is RecordingKind.CLEAN
        assert len(asked) == 2
        video = tmp_path / "a.mkv"
        window.controls.record_shown.trigger()  # which writes no data
        assert window.player.recording is RecordingKind.SHOWN
        assert len(asked) == 2

    def test_recording_to_unsupported_file_shows_a_message(self, drive: Driven, clip: Path, tmp_path: Path):
        window = drive.open(source=str(clip), record=tmp_path / "seen.avi")
        assert "seen.avi" in window.status_bar.message.text()
        assert window.player.recording is None

    def test_closing_finishes_the_recording(self, drive: Driven, clip: Path, tmp_path: Path):
        window = drive.open(source=str(clip), record=tmp_path / "seen.mp4")
        drive.until(lambda: index(window) > 10)
        window.close()
        with av.open(str(tmp_path / "seen.mp4")) as container:
            assert sum(1 for _ in container.decode(video=0)) > 5

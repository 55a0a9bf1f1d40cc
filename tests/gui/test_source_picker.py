"""Tests of the choice of the source, of cameras and of unreadable sources."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PyQt6.QtWidgets import QFileDialog, QInputDialog, QToolButton
from windows import Driven, index, paused_at_end, shows

from livefan.core.errors import LivefanError
from livefan.core.frame import Frame
from livefan.gui.picture_state import PictureState
from livefan.io.camera_list import CameraFormat, CameraInfo
from livefan.tracking.model_spec import ModelChoice


class TestSources:
    @pytest.mark.slow
    def test_source_list_opens_cameras_files_folders_and_streams(
        self, drive: Driven, images: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
    ):
        cameras = [CameraInfo(0, "Front camera"), CameraInfo(2, "USB camera")]
        monkeypatch.setattr("livefan.gui.source_picker.list_cameras", lambda: cameras)
        formats = (CameraFormat(640, 480, 60.0), CameraFormat(1280, 720, 30.0))
        monkeypatch.setattr(
            "livefan.gui.source_picker.list_camera_formats",
            lambda known: [known[0], replace(known[1], formats=formats)],
        )
        window = paused_at_end(drive, images)
        box = window.tool_bar.sources.sources
        box.opened.emit()
        drive.until(lambda: box.itemText(0) == "Front camera")
        names = [box.itemText(row) for row in range(box.count())]
        assert names[:2] == ["Front camera", "USB camera"]
        assert box.currentText() == images.name
        monkeypatch.setattr(QFileDialog, "exec", lambda dialog: True)
        monkeypatch.setattr(QFileDialog, "selectedFiles", lambda dialog: [str(clip)])
        box.activated.emit(box.findText("Open file …"))
        drive.until(lambda: window.player.config.source == str(clip))
        monkeypatch.setattr(QFileDialog, "selectedFiles", lambda dialog: [str(images)])
        window.controls.open_folder.trigger()
        drive.until(lambda: window.player.config.source == str(images))
        monkeypatch.setattr(QInputDialog, "getText", lambda *args, **more: ("http://127.0.0.1:9/none", True))
        window.controls.open_stream.trigger()
        drive.until(lambda: "127.0.0.1" in window.status_bar.message.text())
        assert window.player.config.source == str(images)  # it still plays
        drive.until(lambda: box.itemText(1) == "USB camera")
        box.activated.emit(1)
        assert window.player.config.source == 2
        sizes = window.tool_bar.sources.sizes
        offered = ["default size", "640 x 480, 60 fps", "1280 x 720, 30 fps"]
        drive.until(lambda: [sizes.itemText(row) for row in range(sizes.count())] == offered)
        sizes.setCurrentIndex(2)
        sizes.activated.emit(2)
        assert window.player.config.size == (1280, 720)

    @pytest.mark.parametrize("name", ["missing.mp4", "text.mp4", "empty.mp4", "emptyfolder"])
    def test_unreadable_source_shows_a_message(self, drive: Driven, tmp_path: Path, name: str):
        (tmp_path / "text.mp4").write_text("this is no video")
        (tmp_path / "empty.mp4").touch()
        (tmp_path / "emptyfolder").mkdir()
        window = drive.open(source=str(tmp_path / name))
        drive.until(lambda: not window.player.running)
        assert name in window.status_bar.message.text()
        assert window.isVisible()
        assert window.controls.start.isEnabled()

    def test_long_address_is_shown_whole(self, drive: Driven):
        address = f"http://127.0.0.1:9/{'long' * 100}"
        window = drive.open(source=address)
        assert window.tool_bar.sources.sources.currentText() == address
        drive.until(lambda: "127.0.0.1" in window.status_bar.message.text())
        assert window.player.running  # the connection is tried again

    @pytest.mark.slow
    @pytest.mark.parametrize("source", ["ftp://me:secret@host/x.mp4", "long" * 100, "~nobody-of-this-name/x"])
    def test_invalid_source_shows_a_message_and_keeps_the_running_one(
        self, drive: Driven, images: Path, source: str, monkeypatch: pytest.MonkeyPatch
    ):
        window = paused_at_end(drive, images)
        session, box = window.player.session, window.tool_bar.sources.sources
        before = [box.itemText(row) for row in range(box.count())]
        monkeypatch.setattr(QInputDialog, "getText", lambda *args, **more: (source, True))
        window.controls.open_stream.trigger()
        name = source.rpartition("/")[2]
        drive.until(lambda: name[:20] in window.status_bar.message.text())
        assert "secret" not in window.status_bar.message.text()
        if source.startswith("ftp"):
            assert window.status_bar.message.text().startswith(
                "ftp://host/x.mp4: addresses of this kind are not supported"
            )
        assert window.player.session is session
        assert index(window) == 5
        assert [box.itemText(row) for row in range(box.count())] == before

    @pytest.mark.slow
    def test_recent_sources_persist_without_cameras_and_secrets(self, drive: Driven, images: Path):
        window = paused_at_end(drive, images)
        window.context.preferences.add_recent("rtsp://me:secret@host/x")
        window.context.preferences.add_recent(0)
        window.close()
        box = drive.open().tool_bar.sources.sources
        names = [box.itemText(row) for row in range(box.count())]
        assert images.name in names
        assert not any("host" in name for name in names)

    def test_file_dialog_opens_in_the_last_folder_with_filters(
        self, drive: Driven, clip: Path, monkeypatch: pytest.MonkeyPatch
    ):
        asked: list[tuple[str, str]] = []
        model = ModelChoice("mobilefan-half-300w").file.path

        def choose(dialog: QFileDialog) -> bool:
            asked.append((dialog.directory().absolutePath(), " ".join(dialog.nameFilters())))
            return True

        monkeypatch.setattr(QFileDialog, "exec", choose)
        dialogs = drive.open().context.dialogs
        for ask, path, names in (
            (dialogs.choose_file, clip, {"*.mp4", "*.png"}),
            (dialogs.choose_model, model, {"*.onnx"}),
        ):
            monkeypatch.setattr(QFileDialog, "selectedFiles", lambda dialog, path=path: [str(path)])
            for _ in range(2):
                assert ask() == str(path)
            folder, filters = asked[-1]
            assert folder == str(path.parent)
            assert all(name in filters for name in names)

    def test_arrows_of_the_file_dialog_are_visible_in_the_dark_theme(
        self, drive: Driven, monkeypatch: pytest.MonkeyPatch
    ):
        seen: list[int] = []

        def look(dialog: QFileDialog) -> bool:
            arrow = dialog.findChild(QToolButton, "toParentButton").icon().pixmap(16).toImage()
            column = [arrow.pixelColor(arrow.width() // 2, y) for y in range(arrow.height())]
            seen.extend(pixel.lightness() for pixel in column if pixel.alpha() == 255)
            return False

        monkeypatch.setattr(QFileDialog, "exec", look)
        window = drive.open(theme="dark")
        drive.until(lambda: window.palette().window().color().lightness() < 128)
        window.context.dialogs.choose_folder()
        assert min(seen) > 200


class TestCamera:
    @pytest.fixture
    def camera(self, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch):
        """A camera in one of the states ``there``, ``taken`` (by another program) and ``lost``."""

        class Device:
            def __init__(self) -> None:
                self.state = "there"

            def open(self, spec, **asked):
                from numbered import Numbered

                device = self
                if device.state == "taken":
                    raise LivefanError("camera 0: is used by another program; close that one")

                class Source(Numbered):
                    def _read_frame(self) -> Frame | None:
                        while device.state == "lost":
                            self._report("camera 0 is away; waiting for it")
                            time.sleep(0.05)
                        if self.status:
                            self._report("")
                        time.sleep(0.03)
                        frame = super()._read_frame()
                        return frame and Frame(photo, frame.index, frame.captured_at, frame.captured_at)

                    status = ""
                    on_status = staticmethod(lambda text: None)

                    def _report(self, text: str) -> None:
                        if text != self.status:
                            self.status = text
                            self.on_status(text)

                source = Source(1_000_000, live=True)
                source.turns.release(1_000_000)
                return source

        device = Device()
        monkeypatch.setattr("livefan.live.session.open_source", device.open)
        monkeypatch.setattr("livefan.io.capture_thread.LiveSource", object)
        return device

    @pytest.mark.slow
    def test_lost_camera_shows_a_message_until_it_returns(self, drive: Driven, camera):
        window = drive.open(source=0)
        drive.until(lambda: index(window) > 3)
        drive.until(window.transport.isVisible)
        assert not window.transport.slider.isVisible()
        drive.until(lambda: window.transport.live.text() == "live")
        camera.state = "lost"
        drive.until(lambda: "away" in window.status_bar.message.text())
        drive.until(lambda: window.view.state == PictureState("lost", dimmed=True))
        at = index(window)
        camera.state = "there"
        drive.until(lambda: index(window) > at + 3)
        drive.until(lambda: window.status_bar.message.text() == "")
        drive.until(lambda: window.view.state.name == "")

    @pytest.mark.slow
    def test_camera_in_use_shows_a_message_and_can_start_later(self, drive: Driven, camera):
        camera.state = "taken"
        window = drive.open(source=0)
        drive.until(lambda: not window.player.running)
        assert "another program" in window.status_bar.message.text()
        camera.state = "there"
        window.controls.start.trigger()
        drive.until(lambda: shows(window))

    @pytest.mark.slow
    def test_camera_pauses_and_resumes(self, drive: Driven, camera):
        window = drive.open(source=0)
        drive.until(lambda: index(window) > 3)
        window.controls.play.trigger()
        drive.until_still(window)
        at = index(window)
        drive.until(lambda: window.view.state.name == "paused")
        window.controls.play.trigger()
        drive.until(lambda: index(window) > at)

    @pytest.mark.slow
    def test_dark_picture_shows_advice(self, drive: Driven, camera, photo: np.ndarray):
        before = photo.copy()
        try:
            photo[:] = 0
            window = drive.open(source=0)
            drive.until(
                lambda: (
                    "dark" in window.status_bar.message.text()
                    or "No face" in window.status_bar.message.text()
                )
            )
            drive.until(lambda: window.view.state.name == "dark")
        finally:
            photo[:] = before

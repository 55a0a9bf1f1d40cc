"""Tests of settings that persist between sessions."""

import time
from pathlib import Path

import pytest
from PyQt6.QtCore import QSettings, QThread
from pytestqt.qtbot import QtBot
from windows import RAW, Driven, paused_at_end

from livefan.gui.preferences import Preferences
from livefan.gui.session_config import CliOverrides
from livefan.live.view_state import Layout
from livefan.tracking.model_spec import ModelChoice


class TestPreferences:
    @pytest.mark.slow
    def test_settings_persist(self, drive: Driven, images: Path):
        first = paused_at_end(drive, images)
        first.tool_bar.smoothing.setValue(20)
        first.controls.mirror.trigger()
        first.controls.max_faces[2].trigger()
        first.controls.parts["numbers"].trigger()
        first.controls.loop.trigger()
        first.controls.themes["dark"].trigger()
        first.controls.compare.trigger()
        first.player.choose_second(RAW)
        first.player.choose_first(ModelChoice("mobilefan-half-300w", "openvino", "float32"))
        first.controls.layouts[Layout.OVERLAID].trigger()
        first.controls.close_up.trigger()
        first.panels.plots.show()
        first.close()
        second = drive.open()
        assert second.tool_bar.smoothing.value() == 20
        assert second.player.config.first == ModelChoice("mobilefan-half-300w", "openvino", "float32")
        assert second.player.view.mirror
        assert second.player.config.max_faces == 2
        assert second.controls.max_faces[2].isChecked()
        assert second.player.view.style.numbers
        assert second.player.config.loop
        assert second.controls.themes["dark"].isChecked()
        assert second.panels.plots.isVisible()
        second.controls.compare.trigger()
        assert second.player.config.second == RAW
        assert second.player.view.layout is Layout.OVERLAID
        assert not second.player.view.close_up  # as it was left; else the face is shown large

    @pytest.mark.slow
    def test_camera_resolution_persists(self, drive: Driven, images: Path):
        first = drive.open()
        first.player.watch(7, (1280, 720))
        first.close()
        second = drive.open()
        assert second.player.config.size == (1280, 720)
        second.player.watch(str(images))  # which has none
        second.close()
        assert drive.open().tool_bar.sources.sizes.currentText() == "1280 x 720"

    def test_options_override_remembered_settings(self, drive: Driven):
        first = drive.open()
        first.tool_bar.smoothing.setValue(20)
        first.close()
        assert drive.open(smoothing=0.7).player.config.smoothing == 0.7

    def test_unreadable_settings_count_as_absent(self, drive: Driven):
        for name in (
            "smoothing",
            "max_faces",
            "mirror",
            "layout",
            "theme",
            "first",
            "second",
            "size",
            "geometry",
            "docks",
            "style/points",
        ):
            drive.settings.setValue(name, "nonsense")
        window = drive.open()
        assert window.player.view.style.points
        assert not window.player.view.mirror


def test_relative_path_is_remembered_as_an_absolute_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "clip.mp4").touch()
    monkeypatch.chdir(tmp_path)
    preferences = Preferences(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))
    for source, kept in (("clip.mp4", str(tmp_path / "clip.mp4")), ("0", "0"), ("rtsp://a/b", "rtsp://a/b")):
        assert preferences.session_config(CliOverrides(source=source)).source == kept


def test_settings_are_written_soon_and_at_the_end(qtbot: QtBot, tmp_path: Path):
    path = str(tmp_path / "settings.ini")
    settings = QSettings(path, QSettings.Format.IniFormat)
    preferences = Preferences(settings)
    assert settings.thread() is not QThread.currentThread(), "the disk would delay the window"
    preferences.add_recent("a.mp4")
    preferences.add_recent("b.mp4")
    assert preferences.recent_sources == ["b.mp4", "a.mp4"]
    qtbot.waitUntil(lambda: Path(path).is_file() and "b.mp4" in Path(path).read_text(), timeout=90_000)
    preferences.add_recent("c.mp4")
    preferences.finish()
    assert "c.mp4" in Path(path).read_text()


def test_change_during_a_write_is_written_too(qtbot: QtBot, tmp_path: Path):
    for trial in range(60):
        file = tmp_path / f"{trial}.ini"
        preferences = Preferences(QSettings(str(file), QSettings.Format.IniFormat))
        preferences.add_recent("a.mp4")
        time.sleep(trial * 40e-6)
        preferences.add_recent("b.mp4")
        qtbot.waitUntil(lambda file=file: file.is_file() and "b.mp4" in file.read_text())

"""Tests of menus, shortcuts and help."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QDialog, QLabel, QMenu, QMessageBox
from windows import RAW, Driven, index, pane, paused_at_end, shows

import livefan
from livefan.gui.help import shortcut_sheet
from livefan.gui.window import MainWindow
from livefan.live.view_state import Layout


@pytest.fixture
def keyboard(drive: Driven, images: Path) -> tuple[MainWindow, Callable[..., None]]:
    """An active window that is paused at the end of a recording, and a function that presses a key."""
    window = paused_at_end(drive, images, second=RAW, close_up=False)
    with drive.qtbot.waitActive(window):
        window.activateWindow()

    def press(key: Qt.Key, held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        drive.qtbot.keyClick(window.view, key, held)

    return window, press


class TestKeys:
    @pytest.mark.slow
    def test_keys_change_layout_and_view(self, keyboard):
        window, press = keyboard
        player, keys = window.player, Qt.Key
        for key, layout in (
            (keys.Key_2, Layout.OVERLAID),
            (keys.Key_3, Layout.WIPE),
            (keys.Key_4, Layout.DIFFERENCE),
            (keys.Key_1, Layout.SIDE_BY_SIDE),
            (keys.Key_5, Layout.SINGLE),
        ):
            press(key)
            assert player.view.layout is layout
        press(keys.Key_M)
        assert player.view.mirror
        press(keys.Key_H)
        assert not player.view.overlay
        press(keys.Key_H, Qt.KeyboardModifier.ShiftModifier)
        assert player.view.heatmaps
        press(keys.Key_F)
        assert player.view.close_up
        press(keys.Key_0)
        assert not player.view.close_up
        press(keys.Key_Plus)
        assert player.view.zoom == pytest.approx(1.25)
        press(keys.Key_Minus)
        assert player.view.zoom == 1
        press(keys.Key_F2)
        assert not window.panels.models.isVisible()
        press(keys.Key_F3)
        assert window.panels.plots.isVisible()
        press(keys.Key_C)
        assert player.config.second is None

    @pytest.mark.slow
    def test_keys_control_playback(self, drive: Driven, keyboard):
        window, press = keyboard
        keys = Qt.Key
        press(keys.Key_L)
        assert window.player.config.loop
        press(keys.Key_L)
        press(keys.Key_Left)
        drive.until(lambda: index(window) == 4)
        press(keys.Key_Home)
        drive.until(lambda: index(window) == 0)
        press(keys.Key_Right)
        drive.until(lambda: index(window) == 1)
        press(keys.Key_Left)
        drive.until(lambda: index(window) == 0)
        press(keys.Key_Space)
        drive.until(lambda: index(window) > 1)

    @pytest.mark.slow
    def test_keys_control_the_window(self, drive: Driven, keyboard):
        window, press = keyboard
        control = Qt.KeyboardModifier.ControlModifier
        press(Qt.Key.Key_F11)
        assert window.isFullScreen()
        press(Qt.Key.Key_F11)
        assert not window.isFullScreen()
        drive.until(window.controls.snapshot.isEnabled)  # with the first picture
        press(Qt.Key.Key_S, control)
        drive.until(lambda: "Saved" in window.status_bar.message.text())
        press(Qt.Key.Key_Period, control)
        assert not window.player.running
        press(Qt.Key.Key_R, control)
        assert window.player.running
        press(Qt.Key.Key_Q, control)
        assert not window.isVisible()


class TestMenus:
    def test_shortcut_list_contains_every_shortcut(self, drive: Driven, monkeypatch: pytest.MonkeyPatch):
        window = drive.open()
        sheet = shortcut_sheet(window.menuBar())
        for action in window.actions():
            if action.shortcut().toString():
                assert action.text().replace("&", "").removesuffix(" …") in sheet
        window.controls.shortcuts.trigger()
        (shown,) = window.findChildren(QDialog)
        (label,) = shown.findChildren(QLabel)
        assert label.text() == sheet
        assert label.width() >= label.sizeHint().width()  # it is not cut
        assert label.height() >= label.sizeHint().height()
        shown.close()

    def test_about_shows_the_version(self, drive: Driven):
        window = drive.open()
        window.controls.about.trigger()
        (shown,) = window.findChildren(QMessageBox)
        assert livefan.__version__ in shown.text()
        shown.close()

    def test_shortcuts_are_unique(self, drive: Driven):
        window = drive.open()
        keys = [action.shortcut().toString() for action in window.actions() if action.shortcut().toString()]
        assert len(keys) == len(set(keys))

    def test_mnemonics_of_each_menu_are_unique(self, drive: Driven):
        for top in drive.open().menuBar().actions():
            texts = [action.text() for action in top.menu().actions()]
            letters = [text[text.index("&") + 1].lower() for text in texts if "&" in text]
            assert len(letters) == len(set(letters)), top.text()

    def test_every_action_is_in_a_menu(self, drive: Driven):
        window = drive.open()

        def within(menu: QMenu):
            for action in menu.actions():
                yield action
                if action.menu():
                    yield from within(action.menu())

        in_menus = {entry for top in window.menuBar().actions() for entry in within(top.menu())}
        assert set(window.actions()) <= in_menus

    @pytest.mark.slow
    def test_number_of_faces_changes_the_running_session(
        self, drive: Driven, tmp_path: Path, photo: np.ndarray
    ):
        folder = tmp_path / "two"
        folder.mkdir()
        for number in range(3):
            cv2.imwrite(str(folder / f"{number}.png"), np.hstack([photo, photo]))
        window = drive.open(source=str(folder), loop=True)
        drive.until(lambda: shows(window) and len(pane(window).result.faces) == 2)
        window.controls.max_faces[1].trigger()
        drive.until(lambda: len(pane(window).result.faces) == 1)
        window.controls.max_faces[5].trigger()
        drive.until(lambda: len(pane(window).result.faces) == 2)

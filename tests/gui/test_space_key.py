"""Tests of buttons without the mouse."""

from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QCheckBox, QMainWindow
from pytestqt.qtbot import QtBot
from windows import Driven

from livefan.gui.space_key import PressedBySpace


def test_space_presses_the_focused_button_and_else_runs_the_shortcut(qtbot: QtBot):
    window, button, played = QMainWindow(), QCheckBox("raw"), []
    qtbot.addWidget(window)
    PressedBySpace(button)
    window.setCentralWidget(button)
    play = QAction(window)
    play.setShortcut("Space")
    play.triggered.connect(played.append)
    window.addAction(play)
    window.show()
    with qtbot.waitActive(window):
        window.activateWindow()
    button.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(button, Qt.Key.Key_Space)
    assert button.isChecked()
    assert played == []
    button.clearFocus()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert not button.hasFocus()
    qtbot.keyClick(window, Qt.Key.Key_Space)
    assert len(played) == 1


@pytest.mark.slow
def test_keyboard_sorts_photographs_and_switches_the_smoothing_off(drive: Driven, photographs: Path):
    window = drive.open(source=str(photographs), sequence=False, panels=("models",))
    with drive.qtbot.waitActive(window):
        window.activateWindow()
    for button in (window.strip.sort, window.models.first.raw):
        drive.until(button.isVisible)
        button.setFocus(Qt.FocusReason.TabFocusReason)
        drive.qtbot.keyClick(button, Qt.Key.Key_Space)
        assert button.isChecked()

"""Tests of the tool bar."""

from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QApplication
from windows import Driven, pane, paused_at_end, shows


class TestToolBar:
    def test_smoothing_slider_changes_the_session(self, drive: Driven, clip: Path):
        window = drive.open(source=str(clip))
        drive.until(lambda: shows(window))
        window.tool_bar.smoothing.setValue(90)
        drive.until(lambda: pane(window).result.smoothing == 0.9)

    @pytest.mark.slow
    def test_drawing_menu_stays_open_while_parts_are_checked(self, drive: Driven, images: Path):
        window = paused_at_end(drive, images)
        window.tool_bar.drawing.click()
        menu, part = QApplication.activePopupWidget(), window.controls.parts["mesh"]
        before = part.isChecked()
        drive.qtbot.mouseMove(menu, menu.actionGeometry(part).center())
        drive.qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(part).center())
        assert part.isChecked() is not before
        assert menu.isVisible()
        menu.close()

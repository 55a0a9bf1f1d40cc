"""Tests of drop-down lists."""

from pathlib import Path

import pytest
from PyQt6.QtCore import QPoint, QPointF, Qt
from PyQt6.QtGui import QWheelEvent
from PyQt6.QtWidgets import QApplication, QComboBox
from windows import Driven, index, paused_at_end


def turn_wheel(box: QComboBox) -> None:
    place = QPointF(box.rect().center())
    buttons, keys = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    phase = Qt.ScrollPhase.NoScrollPhase
    event = QWheelEvent(place, box.mapToGlobal(place), QPoint(), QPoint(0, -120), buttons, keys, phase, False)
    QApplication.sendEvent(box, event)


@pytest.mark.slow
@pytest.mark.parametrize("box", ["sources", "layouts", "weights"])
def test_wheel_over_a_closed_list_changes_nothing(drive: Driven, images: Path, box: str):
    window = paused_at_end(drive, images)
    window.controls.compare.trigger()
    boxes = {
        "sources": window.tool_bar.sources.sources,
        "layouts": window.tool_bar.layouts,
        "weights": window.models.first.weights,
    }
    before = boxes[box].currentIndex()
    turn_wheel(boxes[box])
    assert boxes[box].currentIndex() == before


@pytest.mark.slow
def test_arrow_keys_step_after_the_source_list_closes(drive: Driven, images: Path):
    window = paused_at_end(drive, images)
    with drive.qtbot.waitActive(window):
        window.activateWindow()
    box = window.tool_bar.sources.sources
    source = window.player.config.source
    drive.qtbot.mouseClick(box, Qt.MouseButton.LeftButton)
    box.hidePopup()
    drive.qtbot.keyClick(QApplication.focusWidget() or window, Qt.Key.Key_Left)
    drive.until(lambda: index(window) == 4)
    assert window.player.config.source == source

"""Tests of the controller over a full-screen picture."""

import pytest
from PyQt6.QtCore import QPoint
from PyQt6.QtWidgets import QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from livefan.gui import full_screen_controller
from livefan.gui.full_screen_controller import FullScreenController


def test_controller_appears_when_the_mouse_moves_and_disappears_when_it_rests(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(full_screen_controller, "_REST_MS", 150)
    window, picture, controller = QWidget(), QWidget(), QPushButton("play")
    picture.setMouseTracking(True)
    qtbot.addWidget(window)
    column = QVBoxLayout(window)
    column.addWidget(picture, stretch=1)
    column.addWidget(controller)
    window.resize(600, 400)
    window.show()
    floating = FullScreenController(picture, controller, column)
    below = controller.geometry()
    qtbot.mouseMove(picture, QPoint(10, 10))
    assert controller.geometry() == below
    floating.show_full_screen(True)
    assert not controller.isVisible()
    qtbot.mouseMove(picture, QPoint(30, 30))
    qtbot.waitUntil(controller.isVisible)
    assert controller.parentWidget() is picture
    assert picture.rect().contains(controller.geometry())
    qtbot.waitUntil(lambda: not controller.isVisible())
    qtbot.mouseMove(picture, QPoint(60, 60))
    qtbot.waitUntil(controller.isVisible)
    floating.show_full_screen(False)
    qtbot.waitUntil(lambda: controller.parentWidget() is window)
    qtbot.waitUntil(lambda: controller.isVisible() and controller.y() > picture.geometry().bottom())

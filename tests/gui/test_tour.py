"""Tests of the tour at the first start."""

from PyQt6.QtWidgets import QLabel, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot
from windows import Driven

from livefan.gui.first_start import show_tour
from livefan.gui.tour import Hint, Tour


def test_tour_shows_its_hints_beside_their_widgets_and_ends_once(qtbot: QtBot):
    window = QWidget()
    qtbot.addWidget(window)
    column = QVBoxLayout(window)
    top, bottom, absent = QLabel("top"), QLabel("bottom"), QLabel("absent")
    for label in (top, bottom, absent):
        column.addWidget(label)
    absent.hide()
    window.resize(500, 400)
    window.show()
    tour = Tour(window, [Hint("first", top), Hint("second", bottom), Hint("third", absent)])
    ends: list[bool] = []
    tour.ended.connect(lambda: ends.append(True))
    assert (tour.text.text(), tour.count.text(), tour.next.text()) == ("first", "1 of 3", "Next")
    assert tour.y() > top.y() + top.height()
    tour.next.click()
    assert tour.text.text() == "second"
    assert tour.y() + tour.height() < bottom.y()  # there is no room below
    window.resize(600, 700)
    qtbot.waitUntil(lambda: tour.geometry().bottom() < bottom.y() or tour.y() > bottom.geometry().bottom())
    tour.next.click()
    assert (tour.next.text(), tour.skip.isVisible()) == ("Done", False)
    assert window.rect().contains(tour.geometry())
    tour.next.click()
    assert not tour.isVisible()
    assert ends == [True]


def test_window_shows_the_tour_at_the_first_start_only(drive: Driven):
    window = drive.open()
    tour = show_tour(window)
    assert tour is not None
    assert tour.isVisible()
    assert tour.count.text() == "1 of 3"
    window.close()
    assert show_tour(drive.open()) is None


def test_hint_hides_while_the_picture_fills_the_screen(drive: Driven, qtbot: QtBot):
    window = drive.open()
    tour = show_tour(window)
    assert tour is not None
    window.controls.full_screen.trigger()
    qtbot.waitUntil(lambda: window.isFullScreen() and not tour.isVisible())
    window.controls.full_screen.trigger()
    qtbot.waitUntil(lambda: not window.isFullScreen() and tour.isVisible())

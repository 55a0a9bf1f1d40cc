"""Tests of messages in the status bar."""

from pathlib import Path

import pytest
from PyQt6.QtCore import QRect, QTranslator
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot
from windows import Driven, index, paused_at_end

from livefan.gui.messages import Kind, Message
from livefan.gui.start_page import StartPage
from livefan.gui.status_bar import StatusBar


def test_message_has_the_room_of_outputs_and_figures_and_is_shortened_in_its_middle(qtbot: QtBot):
    bar = StatusBar(QLabel("→ vmc 25/s"))
    qtbot.addWidget(bar)
    bar.figures.setText("30 fps    latency 20 ms")
    bar.resize(900, bar.sizeHint().height())
    bar.show()
    bar.show_message(Message("", Kind.STATUS))
    assert bar.outputs.isVisible()
    assert bar.figures.isVisible()
    short = "clip.mp4: not found. " + "Choose another one. "
    while bar.figures.isVisible():
        short += "x"
        bar.show_message(Message(short, Kind.ERROR))
    assert bar.outputs.isVisible()
    qtbot.wait(1)  # lays out
    assert bar.message.width() >= bar.message.sizeHint().width()
    bar.progress.show()
    while bar.outputs.isVisible():
        short += "x"
        bar.show_message(Message(short, Kind.ERROR))
    qtbot.wait(1)
    assert bar.message.width() >= bar.message.sizeHint().width()
    text = 30 * "a long message <b> " + "with a remedy"
    bar.show_message(Message(text, Kind.ERROR))
    assert bar.message.text() == text
    assert "&lt;b&gt;" in bar.message.toolTip()
    start, end = (bar.message.grab().toImage().copy(QRect(*place)) for place in _ends(bar))
    assert _has_ink(start)
    assert _has_ink(end)


def test_angle_brackets_of_a_file_name_are_shown(qtbot: QtBot):
    bar, page = StatusBar(QLabel()), StartPage()
    for widget in (bar, page):
        qtbot.addWidget(widget)
    text = "<i>clip</i>.mp4: not found"
    for label in (bar.message, bar.figures, page.message):
        label.setWordWrap(False)
        label.setText(text)
        assert label.sizeHint().width() >= label.fontMetrics().horizontalAdvance(text)


def _ends(bar: StatusBar) -> list[tuple[int, int, int, int]]:
    width, height = bar.message.width(), bar.message.height()
    return [(0, 0, 60, height), (width - 60, 0, 60, height)]


def _has_ink(image: QImage) -> bool:
    seen = {image.pixel(x, y) for x in range(image.width()) for y in range(image.height())}
    return len(seen) > 1


def test_still_image_as_a_video_has_the_figures_of_a_recording(drive: Driven, images: Path):
    window = drive.open(source=str(images / "0.png"))
    drive.until(lambda: index(window) == 0 and window.player.paused)
    drive.until(lambda: window.status_bar.figures.text() == "frame 1 of 1")


class TestMessages:
    @pytest.mark.slow
    def test_long_message_hides_the_figures(self, drive: Driven, images: Path):
        window = paused_at_end(drive, images)
        drive.until(lambda: window.status_bar.figures.isVisible() and window.status_bar.figures.text())
        window.player.messages.status.emit("What is wrong, and what to do about it. " * 5)
        assert not window.status_bar.figures.isVisible()
        window.player.messages.status.emit("")
        assert window.status_bar.figures.isVisible()

    @pytest.mark.slow
    def test_messages_of_the_session_are_translated(self, drive: Driven, images: Path):
        class German(QTranslator):
            def translate(self, context: str, text: str, *rest: object) -> str:  # type: ignore[override]
                known = {("live", "Playback has ended."): "Die Wiedergabe ist beendet."}
                return known.get((context, text), "")

            def isEmpty(self) -> bool:  # noqa: N802
                return False

        translator = German()
        QApplication.installTranslator(translator)
        try:
            window = drive.open(source=str(images), sequence=True)
            drive.until(lambda: window.status_bar.message.text() == "Die Wiedergabe ist beendet.")
        finally:
            QApplication.removeTranslator(translator)


class TestFigures:
    @pytest.mark.slow
    def test_recording_shows_the_number_of_the_frame(self, drive: Driven, images: Path):
        window = paused_at_end(drive, images)
        drive.until(lambda: window.status_bar.figures.text() == "frame 6 of 6")
        window.controls.back.trigger()
        drive.until(lambda: window.status_bar.figures.text() == "frame 5 of 6")

    @pytest.mark.slow
    def test_error_stays_until_it_is_dismissed(self, drive: Driven, images: Path):
        window = paused_at_end(drive, images)
        bar, messages = window.status_bar, window.player.messages
        drive.until(lambda: "ended" in bar.message.text())
        assert not bar.dismiss.isVisible()
        messages.error.emit("a.mp4: not a video")
        window.controls.home.trigger()  # clears the status
        drive.until(lambda: index(window) == 0)
        assert bar.message.text() == "a.mp4: not a video"
        bar.dismiss.click()
        assert bar.message.text() != "a.mp4: not a video"
        assert not bar.dismiss.isVisible()

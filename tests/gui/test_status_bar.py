"""Tests of messages in the status bar."""

from pathlib import Path

import pytest
from PyQt6.QtCore import QTranslator
from PyQt6.QtWidgets import QApplication
from windows import Driven, index, paused_at_end


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
                known = {("live", "The recording has ended."): "Die Aufnahme ist zu Ende."}
                return known.get((context, text), "")

            def isEmpty(self) -> bool:  # noqa: N802
                return False

        translator = German()
        QApplication.installTranslator(translator)
        try:
            window = drive.open(source=str(images), sequence=True)
            drive.until(lambda: window.status_bar.message.text() == "Die Aufnahme ist zu Ende.")
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

"""Tests of the tool bar."""

from pathlib import Path

from windows import Driven, pane, shows


class TestToolBar:
    def test_smoothing_slider_changes_the_session(self, drive: Driven, clip: Path):
        window = drive.open(source=str(clip))
        drive.until(lambda: shows(window))
        window.tool_bar.smoothing.setValue(90)
        drive.until(lambda: pane(window).result.smoothing == 0.9)

"""The running time of a recording."""

from __future__ import annotations

from PyQt6.QtWidgets import QLabel

_COLOUR = "#d73232"


class RecordingTime(QLabel):
    """Shows the length of the present recording in red; hidden while nothing is recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.setStyleSheet(f"color: {_COLOUR}; font-weight: bold")
        self.setToolTip(self.tr("Length of the recording so far"))
        self.setAccessibleName(self.tr("length of the recording"))
        self.hide()

    def show_seconds(self, seconds: float | None) -> None:
        """Show a length in seconds; None while nothing is recorded."""
        if seconds is not None:
            self.setText(f"● {int(seconds) // 60}:{int(seconds) % 60:02}")
        self.setVisible(seconds is not None)

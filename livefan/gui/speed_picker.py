"""A list of speeds of playback."""

from __future__ import annotations

from PyQt6.QtCore import pyqtSignal

from livefan.gui.drop_down import DropDown

SPEEDS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
"""Speeds of a recording; 1.0 is real time."""


class SpeedPicker(DropDown):
    """Chooses the speed of a recording."""

    chosen = pyqtSignal(float)

    def __init__(self) -> None:
        super().__init__()
        self.setToolTip(self.tr("Speed of playback; slower where a model is slow, as no frame is left out"))
        self.setAccessibleName(self.tr("speed"))
        for speed in SPEEDS:
            self.addItem(speed_name(speed), speed)
        self.show_speed(1.0)
        self.activated.connect(lambda index: self.chosen.emit(self.itemData(index)))

    def show_speed(self, speed: float) -> None:
        """Show a speed."""
        self.setCurrentIndex(self.findData(speed))


def speed_name(speed: float) -> str:
    """Return a speed as text.

    >>> speed_name(0.25), speed_name(1.0)
    ('0.25 x', '1 x')
    """
    return f"{speed:g} x"

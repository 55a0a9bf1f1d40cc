"""A drop-down list that does not change by accident."""

from __future__ import annotations

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QStandardItemModel, QWheelEvent
from PyQt6.QtWidgets import QComboBox


class DropDown(QComboBox):
    """A list that ignores the wheel while closed, and does not keep the keyboard once a choice is made.

    The mouse gives it no focus: afterwards the arrow keys still step through the recording.
    """

    opened = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def enable(self, row: int, on: bool) -> None:
        """Make an entry selectable, or grey it out."""
        model = self.model()
        item = model.item(row) if isinstance(model, QStandardItemModel) else None
        if item is not None and item.isEnabled() is not on:
            item.setEnabled(on)

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802
        """Leave the wheel to the widget below."""
        if event is not None:
            event.ignore()

    def showPopup(self) -> None:  # noqa: N802
        """Open the list."""
        self.opened.emit()
        super().showPopup()

    def hidePopup(self) -> None:  # noqa: N802
        """Close the list and release the keyboard."""
        super().hidePopup()
        self.clearFocus()

"""Buttons that the keyboard presses although Space plays and pauses."""

from __future__ import annotations

from PyQt6.QtCore import QEvent, QObject, Qt
from PyQt6.QtGui import QKeyEvent
from PyQt6.QtWidgets import QAbstractButton


class PressedBySpace(QObject):
    """Lets Tab reach a button, and Space press it then; the mouse gives it no focus.

    Args:
        button: the button.
    """

    def __init__(self, button: QAbstractButton) -> None:
        super().__init__(button)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Keep Space from the shortcut of the window."""
        shortcut = event is not None and event.type() == QEvent.Type.ShortcutOverride
        if shortcut and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Space:
            event.accept()
            return True
        return False

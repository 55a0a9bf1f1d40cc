"""A menu of check boxes that stays open."""

from __future__ import annotations

from PyQt6.QtGui import QMouseEvent
from PyQt6.QtWidgets import QMenu


class StayOpenMenu(QMenu):
    """A menu that stays open when an entry is checked with the mouse; a click elsewhere closes it."""

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Check or uncheck the entry under the pointer."""
        entry = self.actionAt(event.position().toPoint()) if event is not None else None
        if entry is not None and entry.isCheckable() and entry.isEnabled():
            entry.trigger()
        else:
            super().mouseReleaseEvent(event)

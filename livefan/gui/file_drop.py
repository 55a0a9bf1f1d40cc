"""Files and addresses that are dropped on the window."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QEvent, QObject
from PyQt6.QtGui import QDragEnterEvent, QDropEvent
from PyQt6.QtWidgets import QWidget


class FileDrop(QObject):
    """Accepts files and addresses on a widget.

    Args:
        widget: the widget.
        on_drag: called with True when files are dragged over the widget, and with False afterwards.
        on_drop: called with the paths and addresses.
    """

    def __init__(
        self,
        widget: QWidget,
        on_drag: Callable[[bool], object],
        on_drop: Callable[[list[str]], object],
    ) -> None:
        super().__init__(widget)
        self._on_drag, self._on_drop = on_drag, on_drop
        widget.setAcceptDrops(True)
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Handle the events of dragging and dropping."""
        if isinstance(event, QDragEnterEvent):
            data = event.mimeData()
            if data is not None and data.hasUrls():
                event.acceptProposedAction()
                self._on_drag(True)
            return True
        if event is not None and event.type() == QEvent.Type.DragLeave:
            self._on_drag(False)
            return True
        if isinstance(event, QDropEvent) and event.type() == QEvent.Type.Drop:
            self._on_drag(False)
            data = event.mimeData()
            urls = data.urls() if data is not None else []
            if urls:
                self._on_drop([url.toLocalFile() or url.toString() for url in urls])
            return True
        return super().eventFilter(watched, event)

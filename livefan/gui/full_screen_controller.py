"""The controller over a full-screen picture: it fades in when the mouse moves, and out when it rests."""

from __future__ import annotations

from PyQt6.QtCore import QEvent, QObject, QPropertyAnimation, Qt, QTimer
from PyQt6.QtWidgets import QGraphicsOpacityEffect, QVBoxLayout, QWidget

_FADE_MS = 180
_REST_MS = 2500
"""Time without a movement of the mouse after which the controller fades out."""
_WIDEST_PX = 900
_GAP_PX = 24


class FullScreenController(QObject):
    """Moves the controller from below the picture onto it, and back.

    Args:
        picture: the widget of the picture.
        controller: the controller, in ``column``.
        column: the layout of picture and controller.
    """

    def __init__(self, picture: QWidget, controller: QWidget, column: QVBoxLayout) -> None:
        super().__init__(picture)
        self._picture, self._controller, self._column = picture, controller, column
        self._place_in_column = column.indexOf(controller)
        self._on = False
        self._opacity = QGraphicsOpacityEffect()
        self._opacity.setOpacity(0.0)
        self._opacity.setEnabled(False)
        controller.setGraphicsEffect(self._opacity)
        self._fade = QPropertyAnimation(self._opacity, b"opacity", self)
        self._fade.setDuration(_FADE_MS)
        self._fade.finished.connect(self._on_faded)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._hide)

    def show_full_screen(self, on: bool) -> None:
        """Put the controller onto the picture, hidden until the mouse moves, or back below the picture."""
        if on == self._on:
            return
        self._on = on
        for watched in (self._picture, self._controller):
            # A filter in Python delays each event of its widget.
            (watched.installEventFilter if on else watched.removeEventFilter)(self)
        self._fade.stop()
        self._rest.stop()
        if on:
            self._column.removeWidget(self._controller)
            self._controller.setParent(self._picture)
            self._controller.setAutoFillBackground(True)
            self._controller.hide()
        else:
            self._opacity.setEnabled(False)
            self._controller.setAutoFillBackground(False)
            self._column.insertWidget(self._place_in_column, self._controller)
            self._controller.show()
            self._picture.unsetCursor()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Show the controller when the mouse moves; keep it in place when the picture changes its size."""
        if self._on and event is not None:
            if event.type() in (QEvent.Type.MouseMove, QEvent.Type.Enter):
                self._reveal()
            elif event.type() == QEvent.Type.Resize and watched is self._picture:
                self._place()
        return False

    def _place(self) -> None:
        width = min(_WIDEST_PX, self._picture.width() - 2 * _GAP_PX)
        height = self._controller.sizeHint().height()
        left = (self._picture.width() - width) // 2
        self._controller.setGeometry(left, self._picture.height() - height - _GAP_PX, width, height)

    def _reveal(self) -> None:
        self._rest.start()
        if self._controller.isVisible() and self._fade.endValue() == 1.0:
            return
        self._picture.unsetCursor()
        self._place()
        self._controller.show()
        self._controller.raise_()
        self._fade_to(1.0)

    def _hide(self) -> None:
        if self._controller.underMouse():
            self._rest.start()
            return
        self._picture.setCursor(Qt.CursorShape.BlankCursor)
        self._fade_to(0.0)

    def _fade_to(self, opacity: float) -> None:
        self._fade.stop()
        self._opacity.setEnabled(True)
        self._fade.setStartValue(self._opacity.opacity())
        self._fade.setEndValue(opacity)
        self._fade.start()

    def _on_faded(self) -> None:
        if self._on and self._fade.endValue() == 0.0:
            self._controller.hide()
        else:
            self._opacity.setEnabled(False)  # the effect costs an image at each painting

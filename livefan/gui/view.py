"""The widget that shows the picture and handles the mouse on it."""

from __future__ import annotations

import math
import time

import numpy as np
from PyQt6.QtCore import QPointF, QSize, Qt, QTimer
from PyQt6.QtGui import (
    QColor,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QRegion,
    QResizeEvent,
    QWheelEvent,
)
from PyQt6.QtWidgets import QSizePolicy, QWidget

from livefan.core.rates import RateMeter
from livefan.gui.picture_labels import draw_drop, draw_message, draw_state
from livefan.gui.picture_mouse import PictureMouse
from livefan.gui.picture_state import PictureState
from livefan.gui.player import Player
from livefan.live.paint_thread import Painted
from livefan.live.result import Result
from livefan.live.view_state import Layout

_FLASH_MS = 120
_FLASH_COLOUR = QColor(255, 255, 255, 150)
_WHEEL_STEP = 1.25
_WHEEL_NOTCH = 120.0
_NEW_PIXELS = 800_000
"""Pixels that one painting adds after the view has become much larger: its new memory takes long to fill."""
_FILL_MS = 15
"""Time between such paintings. Qt waits in the next one until the display has taken the one before."""


class FrameView(QWidget):
    """Shows the pictures of a player.

    The wheel zooms; dragging moves the picture, or the edge of a wipe.

    Attributes:
        message: text in place of a picture, or over it in full screen.
        state: label on the picture.
    """

    def __init__(self, player: Player, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._player = player
        self._painted: Painted | None = None
        self._image = QImage()
        self._on_screen = True
        self._rows = 0
        """Rows that have been painted since the view has become much larger."""
        self._fill = QTimer(self)
        self._fill.setSingleShot(True)
        self._fill.setInterval(_FILL_MS)
        self._fill.timeout.connect(self._fill_further)
        self.message = ""
        self._rate = RateMeter()
        self._mouse = PictureMouse(player, lambda: self._painted)
        self._flashing = False
        self._drop = False
        self.state = PictureState()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(320, 200)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName(self.tr("video"))
        player.pictures.painted.connect(self._take)
        self._take()  # a picture from before the connection

    @property
    def fps(self) -> float:
        """Frames painted per second."""
        return self._rate.rate()

    @property
    def painted(self) -> Painted | None:
        """The picture on the screen, or None."""
        return self._painted

    @property
    def result(self) -> Result | None:
        """The result of the first model for the frame on the screen; None without a frame."""
        panes = self._painted.picture.panes if self._painted is not None else ()
        return panes[0].result if panes else None

    @property
    def layout_shown(self) -> Layout | None:
        """The layout on the screen; ``SINGLE`` until the second model has a result."""
        return self._painted.picture.layout if self._painted is not None and self.result else None

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return a size for the picture of a webcam."""
        return QSize(960, 540)

    def show_message(self, text: str) -> None:
        """Show a message in place of a picture, or over it in full screen; empty for none."""
        self.message = text
        self.update()

    def _take(self) -> None:
        painted = self._player.pictures.take()
        if painted is None:
            return
        pixels = painted.picture.image
        height, width = pixels.shape[:2]
        # QImage does not own its memory; self._painted keeps it.
        self._image = QImage(
            pixels.data,  # type: ignore[call-overload]  # any buffer will do
            width,
            height,
            3 * width,
            QImage.Format.Format_BGR888,
        )
        self._image.setDevicePixelRatio(self.devicePixelRatioF())
        self._painted, self._on_screen = painted, False
        if not self._fill.isActive():
            self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Draw the picture, then the message."""
        if self._rows < self.height():
            self._fill.start()  # after the last rows, too: the first ones may show an earlier picture
        ready = QRegion(0, 0, self.width(), self._add_rows())
        painter = QPainter(self)
        size = self._image.deviceIndependentSize()
        beside = ready - QRegion(0, 0, int(size.width()), int(size.height()))
        if not beside.isEmpty():
            painter.setClipRegion(beside)
            painter.fillRect(self.rect(), Qt.GlobalColor.black)
        painter.setClipRegion(ready)
        painter.drawImage(QPointF(0, 0), self._image)
        self._draw_labels(painter)
        painter.end()
        if self._rows == self.height() and not self._on_screen and self._painted is not None:
            self._on_screen = True
            if self._painted.is_new:
                self._rate.tick()
            self._player.gauges.see_painted(self._painted, time.perf_counter())

    def _add_rows(self) -> int:
        """Return how many rows to paint now: all, unless the view has become much larger."""
        pixels_a_row = max(1.0, self.width() * self.devicePixelRatioF() ** 2)
        self._rows = min(self.height(), self._rows + math.ceil(_NEW_PIXELS / pixels_a_row))
        return self._rows

    def _fill_further(self) -> None:
        """Paint further rows; at last all of them."""
        first = self._rows if self._rows < self.height() else 0
        self.update(self.rect().adjusted(0, first, 0, 0))

    def _draw_labels(self, painter: QPainter) -> None:
        """Draw message, state, highlight and flash over the picture."""
        window = self.window()
        alone = window is not None and window.isFullScreen()  # the status bar is hidden
        if self.message and (self.result is None or alone):
            draw_message(painter, self.rect(), self.message, at_bottom=self.result is not None)
        two = self.layout_shown not in (None, Layout.SINGLE)
        draw_state(painter, self.rect(), self.state, below_names=two)
        if self._drop:
            draw_drop(painter, self.rect(), self.palette().highlight().color())
        if self._flashing:
            painter.fillRect(self.rect(), _FLASH_COLOUR)

    def show_state(self, state: PictureState) -> None:
        """Show the state of the session on the picture."""
        if state != self.state:
            self.state = state
            self.update()

    def highlight_drop(self, on: bool) -> None:
        """Draw a frame while files are dragged over the window."""
        self._drop = on
        self.update()

    def flash(self) -> None:
        """Lighten the picture for a moment."""
        self._flashing = True
        self.update()
        QTimer.singleShot(_FLASH_MS, self._end_flash)

    def _end_flash(self) -> None:
        self._flashing = False
        self.update()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Request pictures of the new size."""
        ratio = self.devicePixelRatioF()
        if event is not None:
            before, now = event.oldSize(), event.size()
            grown = now.width() * now.height() - before.width() * before.height()
            self._rows = 0 if grown * ratio**2 > _NEW_PIXELS else self.height()
        self._player.change_view(letters=ratio)
        self._player.pictures.resize(round(self.width() * ratio), round(self.height() * ratio))

    # The mouse.

    def magnify(self, factor: float) -> None:
        """Multiply the magnification; the centre of the picture does not move."""
        self._mouse.magnify(factor)

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802
        """Zoom at the pointer."""
        if event is not None and event.angleDelta().y():
            factor = _WHEEL_STEP ** (event.angleDelta().y() / _WHEEL_NOTCH)
            self._mouse.magnify(factor, self._pixels(event.position()))
            event.accept()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Start to drag the picture or the edge of the wipe."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self._mouse.press(self._pixels(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """End dragging; a click on a face makes it the face of the close-up."""
        if event is not None:
            self._mouse.release(self._pixels(event.position()))

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Show the whole picture."""
        self._player.change_view(zoom=1.0, centre=(0.5, 0.5), close_up=False)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Drag the picture or the edge of the wipe; else mark the landmark under the pointer."""
        if event is not None:
            on_edge = self._mouse.move(self._pixels(event.position()))
            self.setCursor(Qt.CursorShape.SplitHCursor if on_edge else Qt.CursorShape.ArrowCursor)

    def _pixels(self, place: QPointF) -> np.ndarray:
        """Return a position in the widget as ``(2,)`` pixels of the picture."""
        return np.array([place.x(), place.y()]) * self.devicePixelRatioF()

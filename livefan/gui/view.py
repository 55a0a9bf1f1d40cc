"""The widget that shows the picture and handles the mouse on it."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, QTimer
from PyQt6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent, QWheelEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from livefan.core.rates import RateMeter
from livefan.gui.picture_state import PictureState
from livefan.gui.player import Player
from livefan.live.paint_thread import Painted
from livefan.live.pane import Pane
from livefan.live.result import Result
from livefan.live.view_state import LARGEST_ZOOM, Layout

_GRIP_PX = 14
_CLICK_PX = 4
_DROP_FRAME_PX = 4
_PLATE_COLOUR = QColor(20, 20, 20, 190)
_DIM_COLOUR = QColor(0, 0, 0, 130)
_FLASH_MS = 120
_FLASH_COLOUR = QColor(255, 255, 255, 150)
_WHEEL_STEP = 1.25
_WHEEL_NOTCH = 120.0


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
        self.message = ""
        self._rate = RateMeter()
        self._dragged: QPointF | None = None
        self._pressed: QPointF | None = None
        self._wiping = False
        self._flashing = False
        self._drop = False
        self.state = PictureState()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(320, 200)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName(self.tr("video"))
        player.painted.connect(self._take)
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
        return self._panes[0].result if self._panes else None

    @property
    def layout_shown(self) -> Layout | None:
        """The layout on the screen; ``SINGLE`` until the second model has a result."""
        return self._painted.picture.layout if self._painted is not None and self._panes else None

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return a size for the picture of a webcam."""
        return QSize(960, 540)

    def show_message(self, text: str) -> None:
        """Show a message in place of a picture, or over it in full screen; empty for none."""
        self.message = text
        self.update()

    def _take(self) -> None:
        painted = self._player.take()
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
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Draw the picture, then the message."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), Qt.GlobalColor.black)
        if not self._image.isNull():
            painter.drawImage(QPointF(0, 0), self._image)
        window = self.window()
        alone = window is not None and window.isFullScreen()  # the status bar is hidden
        if self.message and (self.result is None or alone):
            self._draw_message(painter)
        if self.result is not None:
            self._draw_state(painter)
        if self._drop:
            self._draw_drop(painter)
        if self._flashing:
            painter.fillRect(self.rect(), _FLASH_COLOUR)
        painter.end()
        if not self._on_screen and self._painted is not None:
            self._on_screen = True
            if self._painted.is_new:
                self._rate.tick()
            self._player.gauges.see_painted(self._painted, time.perf_counter())

    def show_state(self, state: PictureState) -> None:
        """Show the state of the session on the picture."""
        if state != self.state:
            self.state = state
            self.update()

    def highlight_drop(self, on: bool) -> None:
        """Draw a frame while files are dragged over the window."""
        self._drop = on
        self.update()

    def _draw_state(self, painter: QPainter) -> None:
        texts = {
            "paused": self.tr("Paused"),
            "lost": self.tr("Connection lost, trying again"),
            "dark": self.tr("Very dark"),
        }
        if self.state.dimmed:
            painter.fillRect(self.rect(), _DIM_COLOUR)
        text = texts.get(self.state.name)
        if text is not None:
            self._draw_plate(painter, text, Qt.AlignmentFlag.AlignTop)

    def _draw_plate(self, painter: QPainter, text: str, place: Qt.AlignmentFlag) -> None:
        """Write a text on a dark plate at the top, the centre or the bottom of the picture."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(40, 22, -40, -40)
        flags = Qt.AlignmentFlag.AlignHCenter | place | Qt.TextFlag.TextWordWrap
        box = painter.boundingRect(area, flags, text)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(_PLATE_COLOUR)
        painter.drawRoundedRect(box.adjusted(-14, -7, 14, 7), 8, 8)
        painter.setPen(Qt.GlobalColor.white)
        painter.drawText(area, flags, text)

    def _draw_drop(self, painter: QPainter) -> None:
        painter.fillRect(self.rect(), _DIM_COLOUR)
        painter.setPen(QPen(self.palette().highlight().color(), _DROP_FRAME_PX))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(self.rect().adjusted(2, 2, -2, -2))
        self._draw_plate(painter, self.tr("Drop to play"), Qt.AlignmentFlag.AlignVCenter)

    def flash(self) -> None:
        """Lighten the picture for a moment."""
        self._flashing = True
        self.update()
        QTimer.singleShot(_FLASH_MS, self._end_flash)

    def _end_flash(self) -> None:
        self._flashing = False
        self.update()

    def _draw_message(self, painter: QPainter) -> None:
        font = painter.font()
        font.setPointSizeF(font.pointSizeF() * 1.3)
        painter.setFont(font)
        at_bottom = self.result is not None
        place = Qt.AlignmentFlag.AlignBottom if at_bottom else Qt.AlignmentFlag.AlignVCenter
        self._draw_plate(painter, self.message, place)

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Request pictures of the new size."""
        ratio = self.devicePixelRatioF()
        self._player.change_view(letters=ratio)
        self._player.resize(round(self.width() * ratio), round(self.height() * ratio))

    # The mouse.

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802
        """Zoom at the pointer."""
        if event is not None and event.angleDelta().y():
            self.magnify(_WHEEL_STEP ** (event.angleDelta().y() / _WHEEL_NOTCH), event.position())
            event.accept()

    def magnify(self, factor: float, about: QPointF | None = None) -> None:
        """Multiply the magnification; the image at a position, by default at the centre, does not move.

        Args:
            factor: factor on the magnification.
            about: position in the widget.
        """
        pane = self._pane(self._pixels(about)) if about else next(iter(self._panes), None)
        if pane is None:
            return
        zoom = float(np.clip(self._zoom * factor, 1.0, LARGEST_ZOOM))
        factor = zoom / self._zoom
        middle = np.array([pane.left + pane.width / 2, pane.top + pane.height / 2])
        place = self._pixels(about) if about else middle
        kept = pane.to_image(*place)
        centre = kept + np.linalg.solve(pane.matrix[:, :2] * factor, middle - place)
        self._centre_on(pane, centre, zoom)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Start to drag the picture or the edge of the wipe."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self._dragged = self._pressed = event.position()
            self._wiping = self._is_on_edge(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """End dragging; a click on a face makes it the face of the close-up."""
        if event is not None and self._pressed is not None and not self._wiping:
            place = event.position()
            if (place - self._pressed).manhattanLength() < _CLICK_PX:
                self._choose_face(self._pixels(place))
        self._dragged, self._pressed, self._wiping = None, None, False

    def _choose_face(self, pixels: np.ndarray) -> None:
        pane = self._pane(pixels)
        if pane is None or len(pane.result.faces) < 2:
            return
        x, y = pane.to_image(*pixels)
        for face in pane.result.faces:
            left, top, right, bottom = face.box_px
            if left <= x <= right and top <= y <= bottom:
                self._player.follow_face(face.track_id)
                return

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Show the whole picture."""
        self._player.change_view(zoom=1.0, centre=(0.5, 0.5), close_up=False)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Drag the picture or the edge of the wipe; else mark the landmark under the pointer."""
        if event is None:
            return
        place = event.position()
        if self._wiping:
            self._player.change_view(wipe=float(np.clip(place.x() / max(1, self.width()), 0.0, 1.0)))
        elif self._dragged is not None:
            self._drag(place - self._dragged)
            self._dragged = place
        else:
            on_edge = self._is_on_edge(place)
            self.setCursor(Qt.CursorShape.SplitHCursor if on_edge else Qt.CursorShape.ArrowCursor)
            pixels = self._pixels(place)
            pane = self._pane(pixels)
            self._player.change_view(spot=pane.spot_at(*pixels) if pane else None)

    def _drag(self, moved: QPointF) -> None:
        pane = self._pane(self._pixels(self._dragged or QPointF()))
        if pane is not None and self._zoom > 1:
            middle = np.array([pane.left + pane.width / 2, pane.top + pane.height / 2])
            self._centre_on(pane, pane.to_image(*(middle - self._pixels(moved))), self._zoom)

    def _centre_on(self, pane: Pane, centre_px: np.ndarray, zoom: float) -> None:
        height, width = pane.result.frame.image.shape[:2]
        share = np.clip((centre_px + 0.5) / (width, height), 0.0, 1.0)
        self._player.change_view(zoom=zoom, centre=(float(share[0]), float(share[1])), close_up=False)

    @property
    def _zoom(self) -> float:
        """The magnification on the screen; a close-up chooses its own."""
        view = self._player.view
        return self._painted.view.zoom if self._painted is not None and view.close_up else view.zoom

    def _is_on_edge(self, place: QPointF) -> bool:
        if self._painted is None or self._painted.picture.layout is not Layout.WIPE:
            return False
        return abs(place.x() - self._player.view.wipe * self.width()) <= _GRIP_PX

    def _pixels(self, place: QPointF) -> np.ndarray:
        """Return a position in the widget as ``(2,)`` pixels of the picture."""
        return np.array([place.x(), place.y()]) * self.devicePixelRatioF()

    @property
    def _panes(self) -> Sequence[Pane]:
        return self._painted.picture.panes if self._painted else ()

    def _pane(self, pixels: np.ndarray) -> Pane | None:
        x, y = pixels
        for pane in self._panes:
            if pane.left <= x < pane.left + pane.width and pane.top <= y < pane.top + pane.height:
                return pane
        return None

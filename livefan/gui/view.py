"""The picture in the window, and what the mouse does on it."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from livefan.core.rates import RateMeter
from livefan.gui.player import Player
from livefan.live.painter import Painted
from livefan.live.render import Pane
from livefan.live.result import Result
from livefan.live.view_state import LARGEST_ZOOM, Layout

_GRIP_PX = 14
_WHEEL_STEP = 1.25
_WHEEL_NOTCH = 120.0


class FrameView(QWidget):
    """Shows a player's pictures; the wheel magnifies, dragging moves, and a wipe is taken by its edge."""

    def __init__(self, player: Player, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._player = player
        self._painted: Painted | None = None
        self._image = QImage()
        self._on_screen = True
        self._message = ""
        self._rate = RateMeter()
        self._dragged: QPointF | None = None
        self._wiping = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(320, 200)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName(self.tr("video"))
        player.painted.connect(self._take)
        self._take()  # a picture that was there before, which is not told of again

    @property
    def fps(self) -> float:
        """Frames painted a second."""
        return self._rate.rate()

    @property
    def painted(self) -> Painted | None:
        """What is shown, or None."""
        return self._painted

    @property
    def result(self) -> Result | None:
        """What the first model made of the frame that is shown; None while there is none."""
        return self._panes[0].result if self._panes else None

    @property
    def layout_shown(self) -> Layout | None:
        """How it is shown, which is not as is wanted while a second model has nothing to show."""
        return self._painted.picture.layout if self._painted is not None and self._panes else None

    def sizeHint(self) -> QSize:  # noqa: N802
        """Large enough for a webcam's picture."""
        return QSize(960, 540)

    def show_message(self, text: str) -> None:
        """Say something in place of a picture, or over it on a full screen; empty for nothing."""
        self._message = text
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
        alone = window is not None and window.isFullScreen()  # where words have no other place
        if self._message and (self.result is None or alone):
            self._draw_message(painter)
        painter.end()
        if not self._on_screen and self._painted is not None:
            self._on_screen = True
            if self._painted.is_new:
                self._rate.tick()
            self._player.gauges.see_painted(self._painted, time.perf_counter())

    def _draw_message(self, painter: QPainter) -> None:
        font = painter.font()
        font.setPointSizeF(font.pointSizeF() * 1.3)
        painter.setFont(font)
        area = QRectF(self.rect()).adjusted(40, 40, -40, -40)
        place = Qt.AlignmentFlag.AlignBottom if self.result is not None else Qt.AlignmentFlag.AlignVCenter
        flags = Qt.AlignmentFlag.AlignHCenter | place | Qt.TextFlag.TextWordWrap
        text = painter.boundingRect(area, flags, self._message)
        painter.fillRect(text.adjusted(-18, -12, 18, 12), Qt.GlobalColor.black)
        painter.setPen(Qt.GlobalColor.white)
        painter.drawText(area, flags, self._message)

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Have pictures of the new size."""
        ratio = self.devicePixelRatioF()
        self._player.change_view(letters=ratio)
        self._player.resize(round(self.width() * ratio), round(self.height() * ratio))

    # The mouse.

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802
        """Magnify about the place under the mouse."""
        if event is not None and event.angleDelta().y():
            self.magnify(_WHEEL_STEP ** (event.angleDelta().y() / _WHEEL_NOTCH), event.position())
            event.accept()

    def magnify(self, factor: float, about: QPointF | None = None) -> None:
        """Change the magnification; what is under a place, or else in a pane's middle, stays where it is."""
        pane = self._pane(self._pixels(about)) if about else next(iter(self._panes), None)
        if pane is None:
            return
        zoom = float(np.clip(self._zoom * factor, 1.0, LARGEST_ZOOM))
        factor = zoom / self._zoom
        middle = np.array([pane.left + pane.width / 2, pane.height / 2])
        place = self._pixels(about) if about else middle
        kept = pane.to_image(*place)
        centre = kept + np.linalg.solve(pane.matrix[:, :2] * factor, middle - place)
        self._centre_on(pane, centre, zoom)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Take hold of the picture, or of the wipe's edge."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self._dragged = event.position()
            self._wiping = self._is_on_edge(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Let go."""
        self._dragged, self._wiping = None, False

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Show the whole picture."""
        self._player.change_view(zoom=1.0, centre=(0.5, 0.5), close_up=False)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Move what is held, or point at a landmark."""
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
            middle = np.array([pane.left + pane.width / 2, pane.height / 2])
            self._centre_on(pane, pane.to_image(*(middle - self._pixels(moved))), self._zoom)

    def _centre_on(self, pane: Pane, centre_px: np.ndarray, zoom: float) -> None:
        height, width = pane.result.frame.image.shape[:2]
        share = np.clip((centre_px + 0.5) / (width, height), 0.0, 1.0)
        self._player.change_view(zoom=zoom, centre=(float(share[0]), float(share[1])), close_up=False)

    @property
    def _zoom(self) -> float:
        """The magnification of what is shown, which in a close-up is not the one that was asked for last."""
        view = self._player.view
        return self._painted.view.zoom if self._painted is not None and view.close_up else view.zoom

    def _is_on_edge(self, place: QPointF) -> bool:
        if self._painted is None or self._painted.picture.layout is not Layout.WIPE:
            return False
        return abs(place.x() - self._player.view.wipe * self.width()) <= _GRIP_PX

    def _pixels(self, place: QPointF) -> np.ndarray:
        """``(2,)`` the picture's pixels of a place of the widget."""
        return np.array([place.x(), place.y()]) * self.devicePixelRatioF()

    @property
    def _panes(self) -> Sequence[Pane]:
        return self._painted.picture.panes if self._painted else ()

    def _pane(self, pixels: np.ndarray) -> Pane | None:
        return next((pane for pane in self._panes if pane.left <= pixels[0] < pane.left + pane.width), None)

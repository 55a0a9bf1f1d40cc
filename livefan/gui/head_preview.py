"""A small window with a drawn head that moves as the receivers of the outputs see the face."""

from __future__ import annotations

import numpy as np
from PyQt6.QtCore import QPointF, Qt, QTimer
from PyQt6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QPen, QPolygonF
from PyQt6.QtWidgets import QWidget

from livefan.gui.head_shape import HeadShape, head_shape
from livefan.gui.player import Player

_SIZE_PX = 240
_UPDATE_MS = 50
_HEIGHT_MM = 250.0
"""Height of the drawn part of the world, with a margin around the head."""
_CENTRE_MM = np.array([0.0, 30.0])
_SKIN, _LINE, _LIPS = QColor("#f1c9a5"), QColor("#5a3a2a"), QColor("#c2605c")
_INSIDE, _WHITE = QColor("#5b1f22"), QColor("#ffffff")


class HeadPreview(QWidget):
    """Shows the face with the lowest id, mirrored as the picture is.

    Args:
        player: plays the session.
        parent: the window above which the head stays.
    """

    def __init__(self, player: Player, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Tool)
        self.setWindowTitle(self.tr("Head as sent"))
        self.setFixedSize(_SIZE_PX, _SIZE_PX)
        self._player = player
        self.shape: HeadShape | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_UPDATE_MS)
        self._timer.timeout.connect(self.refresh)

    def setVisible(self, visible: bool) -> None:  # noqa: N802
        """Show or hide the head; the head of the network that it needs runs while it is shown."""
        super().setVisible(visible)
        self._player.outputs.previewed = visible
        self._timer.start() if visible else self._timer.stop()

    def refresh(self) -> None:
        """Show the newest face."""
        newest = self._player.outputs.newest
        face = None if newest is None else newest.first
        self.shape = None if face is None else head_shape(face)
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Draw the head, or a line while there is no face."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.shape is None:
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.tr("no face"))
        else:
            self._draw(painter, self.shape)

    def _draw(self, painter: QPainter, shape: HeadShape) -> None:
        line = QPen(_LINE, 2.0)
        self._fill(painter, shape.head, _SKIN, line)
        for eye, pupil in zip(shape.eyes, shape.pupils, strict=True):
            self._fill(painter, eye, _WHITE, QPen(Qt.PenStyle.NoPen))
            painter.save()
            clip = self._polygon(eye)
            inside = QPainterPath()
            inside.addPolygon(clip)
            painter.setClipPath(inside)
            painter.setBrush(_LINE)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawEllipse(self._polygon(pupil[None]).at(0), 5.5, 5.5)
            painter.restore()
            painter.setPen(QPen(_LINE, 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPolygon(clip)
        self._fill(painter, shape.lips, _LIPS, QPen(Qt.PenStyle.NoPen))
        self._fill(painter, shape.mouth, _INSIDE, QPen(Qt.PenStyle.NoPen))
        painter.setPen(line)
        for nose in shape.nose:
            painter.drawPolyline(self._polygon(nose))
        painter.setPen(QPen(_LINE, 4.0))
        for brow in shape.brows:
            painter.drawPolyline(self._polygon(brow))

    def _fill(self, painter: QPainter, points_mm: np.ndarray, colour: QColor, line: QPen) -> None:
        painter.setPen(line)
        painter.setBrush(colour)
        painter.drawPolygon(self._polygon(points_mm))

    def _polygon(self, points_mm: np.ndarray) -> QPolygonF:
        """Return ``(n, 2)`` places in millimetres as pixels of the widget."""
        scale = _SIZE_PX / _HEIGHT_MM
        places = (points_mm - _CENTRE_MM) * scale
        if self._player.view.mirror:
            places = places * [-1, 1]
        return QPolygonF([QPointF(x + _SIZE_PX / 2, y + _SIZE_PX / 2) for x, y in places.tolist()])

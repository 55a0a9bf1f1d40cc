"""A light plot of curves over the last seconds, drawn with QPainter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen, QPixmap, QPolygonF
from PyQt6.QtWidgets import QSizePolicy, QWidget

from livefan.gui.deferred import Deferred

_LEFT_PX, _BOTTOM_PX, _TOP_PX, _RIGHT_PX = 34, 19, 7, 8
_LETTERS = 0.8
"""Size of the labels, as a share of the font of the window."""
_BESIDE_AXIS = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_BELOW_CENTRE = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop
_BELOW_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop


class CurveArea(QWidget):
    """Draws curves with axes. The newest time lies at the right edge; a NaN value breaks a curve.

    The curves are drawn into memory. After a new size or theme they are drawn anew in the next turn of the
    event loop, so that a change of the whole window does not wait for all plots.

    Args:
        colours: colours of the curves.
        seconds: length of the horizontal axis.
        ticks: labels of the horizontal axis, by times before the right edge in seconds.

    Attributes:
        curves: for each curve times before the right edge, which are negative, and values; both ``(n,)``.
        top: value at the highest tick of the vertical axis.
    """

    def __init__(self, colours: Sequence[str], seconds: float, ticks: dict[int, str]) -> None:
        super().__init__()
        self._pens = [QPen(QColor(colour)) for colour in colours]
        self._seconds, self._ticks = seconds, ticks
        self.curves: list[tuple[np.ndarray, np.ndarray]] = [(np.empty(0), np.empty(0)) for _ in colours]
        self.top = 0.0
        self._drawn = QPixmap()
        self._drawn_for: tuple[QSize, int] | None = None  # size, and number of the palette
        self._draw_later = Deferred(self, self._draw)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return a size at which the labels are readable."""
        return QSize(200, 90)

    def show_curves(self, curves: list[tuple[np.ndarray, np.ndarray]], top: float) -> None:
        """Draw the curves up to a value of the vertical axis."""
        self.curves, self.top = curves, top
        self._draw()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Show the curves as drawn last."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.palette().color(QPalette.ColorRole.Base))
        painter.drawPixmap(0, 0, self._drawn)
        painter.end()
        if self._drawn_for != (self.size(), self.palette().cacheKey()):
            self._draw_later.request()

    def _draw(self) -> None:
        """Draw the axes and the curves into memory."""
        ratio = self.devicePixelRatioF()
        self._drawn = QPixmap(self.size() * ratio)
        self._drawn.setDevicePixelRatio(ratio)
        self._drawn_for = self.size(), self.palette().cacheKey()
        self._drawn.fill(self.palette().color(QPalette.ColorRole.Base))
        painter = QPainter(self._drawn)
        painter.setFont(self.font())
        area = QRectF(self.rect()).adjusted(_LEFT_PX, _TOP_PX, -_RIGHT_PX, -_BOTTOM_PX)
        if area.width() > 1 and area.height() > 1:
            self._draw_axes(painter, area)
            painter.setClipRect(area.adjusted(0, -2, 0, 1))
            for pen, (times, values) in zip(self._pens, self.curves, strict=True):
                painter.setPen(pen)
                for run in self._runs(times, values, area):
                    if run.size() > 1:
                        painter.drawPolyline(run)
                    else:
                        painter.drawEllipse(run[0], 1.0, 1.0)
        painter.end()
        self.update()

    def _draw_axes(self, painter: QPainter, area: QRectF) -> None:
        font = painter.font()
        font.setPointSizeF(_LETTERS * font.pointSizeF())
        painter.setFont(font)
        text, line = (
            self.palette().color(role) for role in (QPalette.ColorRole.Text, QPalette.ColorRole.Mid)
        )
        values = (0.0, self.top / 2, self.top) if self.top else (0.0,)
        for value in values:
            y = area.bottom() - area.height() * (value / self.top if self.top else 0.0)
            painter.setPen(line)
            painter.drawLine(QPointF(area.left() - 3, y), QPointF(area.right(), y))
            painter.setPen(text)
            label = QRectF(0, y - 8, _LEFT_PX - 5, 16)
            painter.drawText(label, _BESIDE_AXIS, f"{value:g}")
        for seconds, name in self._ticks.items():
            x = area.right() - area.width() * seconds / self._seconds
            label = QRectF(min(x - 30, self.width() - 62), area.bottom() + 4, 60, _BOTTOM_PX - 4)
            right = x + 30 > self.width()
            painter.drawText(label, _BELOW_RIGHT if right else _BELOW_CENTRE, name)

    def _runs(self, times: np.ndarray, values: np.ndarray, area: QRectF) -> list[QPolygonF]:
        """Return the unbroken parts of a curve in pixels, with one point for each column of pixels."""
        columns, highest = highest_by_column(area.width() * times / self._seconds, values)
        x = area.right() + columns
        y = area.bottom() - area.height() * highest / (self.top or 1.0)
        known = np.flatnonzero(np.isfinite(y))
        parts = np.split(known, np.flatnonzero(np.diff(known) > 1) + 1)
        return [
            QPolygonF(list(map(QPointF, x[part].tolist(), y[part].tolist()))) for part in parts if len(part)
        ]


def highest_by_column(x: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns of pixels that have a value, and the highest value of each.

    The time to draw a curve then depends on the width of the plot rather than on the number of frames.

    Args:
        x: ``(n,)`` positions in pixels, ascending.
        values: ``(n,)`` values; a NaN makes its column NaN.

    >>> highest_by_column(np.array([-3.2, -3.1, -1.0]), np.array([2.0, 5.0, 1.0]))
    (array([-4., -1.]), array([5., 1.]))
    """
    if not len(x):
        return x, values
    columns = np.floor(x)
    first = np.flatnonzero(np.diff(columns, prepend=-np.inf))
    return columns[first], np.maximum.reduceat(values, first)
